/*
 * syscalls SEED COUNT root|nobody: system calls with wild arguments. Each case is a child, in a root directory of its own,
 * that makes some calls of random numbers; it owns files of all kinds. Not called as root: what ends the machine by right.
 * Prints the number of each case before it runs.
 */
#include "fuzz.h"

#define NR_CALLS 470
#define CALLS_PER_CASE 12

static char *buffer, *edge;

/* What may stand where a path is expected. */
static const char *const paths[] = {"f", "d", "d/x", "l", "loop", "fifo", ".", "..", "/", "", "d/../f", "missing", "f/x", "null"};

static long argument(void) {
  switch (random_below(14)) {
    case 0: return (long)random_next();
    case 1: return (long)(int)random_next();
    case 2: return (long)random_below(16);
    case 3: return -(long)random_below(4096);
    case 4: return 1l << random_below(64);
    case 5: return (1l << random_below(64)) - 1;
    case 6: return (long)buffer + (long)random_below(2 * PAGE);
    case 7: return (long)edge - (long)random_below(64);
    case 8: return (long)0xffff888000000000 + (long)random_below(1 << 24);
    case 9: return (long)0xffffffff81000000 + (long)random_below(1 << 20);
    case 10: return (long)paths[random_below(sizeof paths / sizeof paths[0])];
    case 11: return 0x7ffffffff000 - (long)random_below(4096);
    case 12: return (long)random_below(12);
    default: return (long)buffer;
  }
}

static int harmful(long nr, const long *a, int is_root) {
  if (nr == __NR_reboot || nr == __NR_kexec_load) return is_root;
  /* Init and the test's own processes. */
  if (nr == __NR_kill || nr == __NR_tkill || nr == __NR_tgkill || nr == __NR_rt_sigqueueinfo || nr == __NR_rt_tgsigqueueinfo)
    return is_root && (int)a[0] != (int)SYS(getpid);
  if (nr == __NR_prlimit64) return is_root && a[0] != 0;
  if (nr == __NR_setpriority || nr == __NR_sched_setscheduler || nr == __NR_sched_setparam || nr == __NR_sched_setattr || nr == __NR_sched_setaffinity)
    return is_root && a[nr == __NR_setpriority ? 1 : 0] != 0;
  return 0;
}

static void prepare(void) {
  buffer = map_pages(3);
  edge = buffer + 2 * PAGE;
  SYS(munmap, edge, PAGE);
  for (unsigned long i = 0; i < 2 * PAGE; i++) buffer[i] = (char)(random_below(4) ? 0 : random_next());
  int ends[2];
  int null = (int)SYS(open, "null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) SYS(dup2, null, fd);
  if (null > 2) SYS(close, null);
  SYS(pipe, ends);
  SYS(open, "f", O_RDWR);
  SYS(open, "d", O_RDONLY);
  SYS(epoll_create1, 0);
  SYS(eventfd2, 0, 0);
  SYS(timerfd_create, CLOCK_MONOTONIC, 0);
  SYS(open, "ptmx", O_RDWR | O_NOCTTY);
  SYS(memfd_create, "m", 0);
}

static void run(int is_root) {
  struct rlimit64 none = {0, 0}, memory = {48 << 20, 48 << 20}, processes = {20, 20}, file = {1 << 20, 1 << 20};
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  SYS(prlimit64, 0, RLIMIT_AS, &memory, 0);
  SYS(prlimit64, 0, RLIMIT_NPROC, &processes, 0);
  SYS(prlimit64, 0, RLIMIT_FSIZE, &file, 0);
  prepare();
  if (!is_root) become_nobody();
  for (int i = 0; i < CALLS_PER_CASE; i++) {
    long nr = (long)random_below(NR_CALLS), a[6];
    for (int k = 0; k < 6; k++) a[k] = argument();
    if (!harmful(nr, a, is_root)) raw_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
}

/* A root directory with some of everything; each run of the program has a new one. */
static void make_root(void) {
  SYS(mkdir, "root", 0777);
  SYS(chmod, "root", 0777);
  SYS(chdir, "root");
  SYS(chroot, ".");
  SYS(mkdir, "d", 0777);
  SYS(chmod, "d", 0777);
  write_file("f", "some content", 0666);
  write_file("d/x", "more", 0666);
  SYS(symlink, "f", "l");
  SYS(symlink, "loop", "loop");
  SYS(mknod, "fifo", S_IFIFO | 0666, 0);
  SYS(mknod, "null", S_IFCHR | 0666, 0x103);
  SYS(mknod, "ptmx", S_IFCHR | 0666, 0x502);
}

void test_main(int argc, char **argv) {
  if (argc != 4) exit_group(2);
  unsigned long seed = (unsigned long)parse_number(argv[1]);
  long count = parse_number(argv[2]);
  int is_root = strcmp(argv[3], "root") == 0;
  int ended[128] = {0}, exited = 0;
  SYS(umask, 0);
  make_root();
  for (long i = 0; i < count; i++) {
    print("%ld\n", i);
    int pid = fork_child();
    if (pid == 0) {
      /* Without a terminal: vhangup(2) would end the test's own. */
      SYS(setsid);
      random_seed(seed + (unsigned long)i);
      run(is_root);
      exit_group(0);
    }
    int status = wait_or_kill(pid, 40);
    SYS(kill, -pid, SIGKILL);
    if (status < 0 || (status & 0x7f) == 0) exited++;
    else ended[status & 0x7f]++;
    if (i % 16 == 0) {
      sweep();
      make_root();
    }
  }
  sweep();
  print("exited %d\n", exited);
  for (int sig = 1; sig < 128; sig++)
    if (ended[sig]) print("signal %d: %d\n", sig, ended[sig]);
}
