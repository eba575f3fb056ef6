/* Wild pointers: every system call that takes a pointer answers EFAULT, whatever the pointer, and changes nothing. */
#include "guest.h"

/* Stands for the pointer under test; the other arguments are such that the call gets as far as using it. */
#define BAD 0x7ead
/* Stands for a page that can be written, and a path that exists. */
#define GOOD 0x600d
#define FILE_PATH 0xf11e

static int fd, directory, ends[2], epoll, event, timer_fd, timer_id;
#define FD 0xfd00
#define DIR_FD 0xfd01
#define PIPE_IN 0xfd02
#define PIPE_OUT 0xfd03
#define EPOLL_FD 0xfd04
#define EVENT_FD 0xfd05
#define TIMER_FD 0xfd06
#define TIMER_ID 0xfd07
#define OWN_PID 0xfd08

struct row {
  const char *name;
  int nr;
  long args[6];
};

#define ROW(name, ...) {#name, __NR_##name, {__VA_ARGS__}}

static const struct row rows[] = {
    ROW(read, FD, BAD, 100),
    ROW(write, FD, BAD, 100),
    ROW(write, PIPE_OUT, BAD, 100),
    ROW(write, EVENT_FD, BAD, 8),
    ROW(open, BAD, O_RDONLY),
    ROW(stat, BAD, GOOD),
    ROW(stat, FILE_PATH, BAD),
    ROW(fstat, FD, BAD),
    ROW(lstat, BAD, GOOD),
    ROW(lstat, FILE_PATH, BAD),
    ROW(poll, BAD, 1, 0),
    ROW(rt_sigaction, SIGUSR1, BAD, 0, 8),
    ROW(rt_sigaction, SIGUSR1, 0, BAD, 8),
    ROW(rt_sigprocmask, SIG_BLOCK, BAD, 0, 8),
    ROW(rt_sigprocmask, SIG_BLOCK, 0, BAD, 8),
    ROW(ioctl, PIPE_IN, FIONREAD, BAD),
    ROW(pread64, FD, BAD, 100, 0),
    ROW(pwrite64, FD, BAD, 100, 0),
    ROW(readv, FD, BAD, 1),
    ROW(writev, FD, BAD, 1),
    ROW(preadv, FD, BAD, 1, 0),
    ROW(pwritev, FD, BAD, 1, 0),
    ROW(access, BAD, 0),
    ROW(pipe, BAD),
    ROW(pipe2, BAD, 0),
    ROW(select, 10, BAD, 0, 0, 0),
    ROW(select, 0, 0, 0, 0, BAD),
    ROW(pselect6, 10, 0, BAD, 0, 0, 0),
    ROW(pselect6, 0, 0, 0, 0, BAD, 0),
    ROW(pselect6, 0, 0, 0, 0, 0, BAD),
    ROW(ppoll, BAD, 1, 0, 0, 8),
    ROW(ppoll, 0, 0, BAD, 0, 8),
    ROW(mincore, GOOD, PAGE, BAD),
    ROW(nanosleep, BAD, 0),
    ROW(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, 0),
    ROW(getitimer, ITIMER_REAL, BAD),
    ROW(setitimer, ITIMER_VIRTUAL, BAD, 0),
    ROW(sendfile, PIPE_OUT, FD, BAD, 1),
    ROW(execve, BAD, 0, 0),
    ROW(execveat, AT_FDCWD, BAD, 0, 0, 0),
    ROW(uname, BAD),
    ROW(truncate, BAD, 0),
    ROW(getdents64, DIR_FD, BAD, 1000),
    ROW(getdents, DIR_FD, BAD, 1000),
    ROW(getcwd, BAD, 4096),
    ROW(chdir, BAD),
    ROW(rename, BAD, FILE_PATH),
    ROW(rename, FILE_PATH, BAD),
    ROW(renameat2, AT_FDCWD, FILE_PATH, AT_FDCWD, BAD, 0),
    ROW(mkdir, BAD, 0755),
    ROW(mkdirat, AT_FDCWD, BAD, 0755),
    ROW(rmdir, BAD),
    ROW(creat, BAD, 0644),
    ROW(link, FILE_PATH, BAD),
    ROW(link, BAD, FILE_PATH),
    ROW(linkat, AT_FDCWD, BAD, AT_FDCWD, FILE_PATH, 0),
    ROW(unlink, BAD),
    ROW(unlinkat, AT_FDCWD, BAD, 0),
    ROW(symlink, FILE_PATH, BAD),
    ROW(symlink, BAD, FILE_PATH),
    ROW(readlink, BAD, GOOD, 100),
    ROW(chmod, BAD, 0644),
    ROW(fchmodat, AT_FDCWD, BAD, 0644),
    ROW(chown, BAD, 0, 0),
    ROW(lchown, BAD, 0, 0),
    ROW(fchownat, AT_FDCWD, BAD, 0, 0, 0),
    ROW(gettimeofday, BAD, 0),
    ROW(getrlimit, RLIMIT_NOFILE, BAD),
    ROW(setrlimit, RLIMIT_NOFILE, BAD),
    ROW(prlimit64, 0, RLIMIT_NOFILE, BAD, 0),
    ROW(prlimit64, 0, RLIMIT_NOFILE, 0, BAD),
    ROW(getrusage, RUSAGE_SELF, BAD),
    ROW(sysinfo, BAD),
    ROW(times, BAD),
    ROW(getgroups, 1, BAD),
    ROW(setgroups, 1, BAD),
    ROW(getresuid, BAD, GOOD, GOOD),
    ROW(getresgid, GOOD, BAD, GOOD),
    ROW(capget, BAD, GOOD),
    ROW(rt_sigpending, BAD, 8),
    ROW(rt_sigtimedwait, BAD, 0, 0, 8),
    ROW(rt_sigqueueinfo, OWN_PID, SIGUSR1, BAD),
    ROW(rt_sigsuspend, BAD, 8),
    ROW(sigaltstack, BAD, 0),
    ROW(sigaltstack, 0, BAD),
    ROW(utime, BAD, 0),
    ROW(utime, FILE_PATH, BAD),
    ROW(utimes, FILE_PATH, BAD),
    ROW(utimensat, AT_FDCWD, BAD, 0, 0),
    ROW(utimensat, AT_FDCWD, FILE_PATH, BAD, 0),
    ROW(mknod, BAD, S_IFIFO | 0644, 0),
    ROW(mknodat, AT_FDCWD, BAD, S_IFIFO | 0644, 0),
    ROW(statfs, BAD, GOOD),
    ROW(statfs, FILE_PATH, BAD),
    ROW(fstatfs, FD, BAD),
    ROW(sched_getparam, 0, BAD),
    ROW(sched_setparam, 0, BAD),
    ROW(sched_setscheduler, 0, SCHED_NORMAL, BAD),
    ROW(sched_rr_get_interval, 0, BAD),
    ROW(sched_getaffinity, 0, 128, BAD),
    ROW(sched_setaffinity, 0, 128, BAD),
    ROW(prctl, PR_SET_NAME, BAD, 0, 0, 0),
    ROW(prctl, PR_GET_NAME, BAD, 0, 0, 0),
    ROW(arch_prctl, ARCH_GET_FS, BAD),
    ROW(chroot, BAD),
    ROW(sethostname, BAD, 5),
    ROW(time, BAD),
    ROW(futex, BAD, FUTEX_WAIT, 0, 0, 0, 0),
    ROW(futex, GOOD, FUTEX_WAIT, 0, BAD, 0, 0),
    ROW(epoll_ctl, EPOLL_FD, EPOLL_CTL_ADD, PIPE_IN, BAD),
    ROW(timer_create, CLOCK_MONOTONIC, BAD, GOOD),
    ROW(timer_create, CLOCK_MONOTONIC, 0, BAD),
    ROW(timer_settime, TIMER_ID, 0, BAD, 0),
    ROW(timer_gettime, TIMER_ID, BAD),
    ROW(clock_gettime, CLOCK_REALTIME, BAD),
    ROW(clock_getres, CLOCK_REALTIME, BAD),
    ROW(clock_settime, CLOCK_REALTIME, BAD),
    ROW(timerfd_settime, TIMER_FD, 0, BAD, 0),
    ROW(timerfd_gettime, TIMER_FD, BAD),
    ROW(openat, AT_FDCWD, BAD, O_RDONLY),
    ROW(openat2, AT_FDCWD, FILE_PATH, BAD, 24),
    ROW(newfstatat, AT_FDCWD, BAD, GOOD, 0),
    ROW(newfstatat, AT_FDCWD, FILE_PATH, BAD, 0),
    ROW(readlinkat, AT_FDCWD, BAD, GOOD, 100),
    ROW(faccessat, AT_FDCWD, BAD, 0),
    ROW(statx, AT_FDCWD, BAD, 0, STATX_SIZE, GOOD),
    ROW(statx, AT_FDCWD, FILE_PATH, 0, STATX_SIZE, BAD),
    ROW(splice, FD, BAD, PIPE_OUT, 0, 1, 0),
    ROW(vmsplice, PIPE_OUT, BAD, 1, 0),
    ROW(copy_file_range, FD, BAD, FD, 0, 1, 0),
    ROW(getcpu, BAD, 0, 0),
    ROW(getrandom, BAD, 16, 0),
    ROW(memfd_create, BAD, 0),
    ROW(clone3, BAD, 88),
    ROW(mount, 0, BAD, 0, 0, 0),
    ROW(umount2, BAD, 0),
    ROW(capset, BAD, GOOD),
    ROW(adjtimex, BAD),
};

static long substitute(long argument, long bad, char *good, const char *path) {
  switch (argument) {
    case BAD: return bad;
    case GOOD: return (long)good;
    case FILE_PATH: return (long)path;
    case FD: return fd;
    case DIR_FD: return directory;
    case PIPE_IN: return ends[0];
    case PIPE_OUT: return ends[1];
    case EPOLL_FD: return epoll;
    case EVENT_FD: return event;
    case TIMER_FD: return timer_fd;
    case TIMER_ID: return timer_id;
    case OWN_PID: return SYS(getpid);
    default: return argument;
  }
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  char *good = map_pages(1);
  char *unmapped = map_pages(2);
  SYS(munmap, unmapped, 2 * PAGE);
  char *guard = map_pages(2);
  SYS(mprotect, guard, PAGE, PROT_NONE);
  SYS(munmap, guard + PAGE, PAGE);
  const long pointers[] = {8, (long)unmapped, (long)guard, 0x7ffffffff000, (long)0x8000000000000000, (long)0xffff888000000000,
                           (long)0xffffffff81000000, -16};
  SYS(setgroups, 1, &(int){5});
  write_file("file", "some content", 0644);
  fd = (int)SYS(open, "file", O_RDWR);
  directory = (int)SYS(open, ".", O_RDONLY);
  SYS(pipe, ends);
  epoll = (int)SYS(epoll_create1, 0);
  event = (int)SYS(eventfd2, 1, 0);
  timer_fd = (int)SYS(timerfd_create, CLOCK_MONOTONIC, 0);
  SYS(timer_create, CLOCK_MONOTONIC, 0, &timer_id);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct row *row = &rows[i];
    int position = 0;
    while (row->args[position] != BAD) position++;
    int nr_wrong = 0;
    long got = 0;
    for (size_t p = 0; p < sizeof pointers / sizeof pointers[0]; p++) {
      memset(good, 0, PAGE);
      long a[6];
      for (int k = 0; k < 6; k++) a[k] = substitute(row->args[k], pointers[p], good, "file");
      SYS(lseek, fd, 0, SEEK_SET);
      long result = raw_syscall(row->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
      if (result != -EFAULT) nr_wrong++, got = result;
    }
    print("%s %s argument %d", nr_wrong ? "FAIL" : "ok", row->name, position + 1);
    if (nr_wrong) print(": %d wrong, last %s", nr_wrong, result_name(got)), nr_failures++;
    print("\n");
  }
  SECTION("partly good");
  /* A buffer whose second page is missing: what fits is transferred. */
  char *edge = map_pages(2);
  SYS(munmap, edge + PAGE, PAGE);
  int big = (int)SYS(open, "big", O_RDWR | O_CREAT | O_TRUNC, 0644);
  SYS(ftruncate, big, 10000);
  CHECK_EQ(SYS(read, big, edge + PAGE - 100, 200), 100);
  CHECK_EQ(SYS(write, big, edge + PAGE - 100, 200), 100);
  CHECK_EQ(SYS(write, ends[1], edge + PAGE - 100, 200), -EFAULT);
  memcpy(edge + PAGE - 4, "file", 4);
  CHECK_EQ(SYS(open, edge + PAGE - 4, O_RDONLY), -EFAULT);
  memcpy(edge + PAGE - 5, "file", 5);
  CHECK(SYS(open, edge + PAGE - 5, O_RDONLY) >= 0);
  CHECK_EQ(SYS(uname, edge + PAGE - 100), -EFAULT);
  CHECK_EQ(SYS(getrandom, edge + PAGE - 8, 16, 0), 8);
  SYS(mprotect, edge, PAGE, PROT_READ);
  CHECK_EQ(SYS(read, big, edge, 100), -EFAULT);
  CHECK_EQ(SYS(write, big, edge, 100), 100);
  struct iovec vector[2] = {{good, 10}, {(void *)8, 10}};
  CHECK_EQ(SYS(writev, big, vector, 2), 10);
  SYS(lseek, big, 0, SEEK_SET);
  CHECK_EQ(SYS(readv, big, vector, 2), 10);
}
