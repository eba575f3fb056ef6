/* Resource limits and what happens at them; priorities. man 2 setrlimit, man 2 setpriority, man 2 sched_setscheduler */
#include "guest.h"

static void set_limit(int resource, unsigned long soft, unsigned long hard) {
  struct rlimit64 limit = {soft, hard};
  CHECK_QUIET(SYS(prlimit64, 0, resource, &limit, 0) == 0);
}

static void files_body(void) {
  set_limit(RLIMIT_NOFILE, 10, 20);
  int fd, last = 0;
  while ((fd = (int)SYS(dup, 0)) >= 0) last = fd;
  CHECK_EQ(fd, -EMFILE);
  CHECK_EQ(last, 9);
  int ends[2];
  CHECK_EQ(SYS(pipe, ends), -EMFILE);
  CHECK_EQ(SYS(open, ".", O_RDONLY), -EMFILE);
  CHECK_EQ(SYS(dup2, 0, 10), -EBADF);
  CHECK_EQ(SYS(dup2, 0, 9), 9);
  CHECK_EQ(SYS(fcntl, 0, F_DUPFD, 10), -EINVAL);
}

static void size_body(void) {
  set_handler(SIGXFSZ, SIG_IGN, 0);
  set_limit(RLIMIT_FSIZE, 100, RLIM64_INFINITY);
  char data[150];
  int fd = (int)SYS(open, "limited", O_RDWR | O_CREAT | O_TRUNC, 0644);
  CHECK_EQ(SYS(write, fd, data, 150), 100);
  CHECK_EQ(SYS(write, fd, data, 1), -EFBIG);
  CHECK_EQ(SYS(ftruncate, fd, 200), -EFBIG);
  CHECK_EQ(SYS(ftruncate, fd, 50), 0);
  set_handler(SIGXFSZ, SIG_DFL, 0);
  set_limit(RLIMIT_CORE, 0, 0);
  SYS(lseek, fd, 200, SEEK_SET);
  SYS(write, fd, data, 1);
}

static void memory_body(void) {
  set_limit(RLIMIT_AS, 16 << 20, RLIM64_INFINITY);
  CHECK_EQ(SYS(mmap, 0, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -ENOMEM);
  CHECK(SYS(mmap, 0, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) > 0);
  long now = SYS(brk, 0);
  CHECK(SYS(brk, now + (64 << 20)) == now);
}

static void data_body(void) {
  set_limit(RLIMIT_DATA, 1 << 20, RLIM64_INFINITY);
  long now = SYS(brk, 0);
  CHECK(SYS(brk, now + (2 << 20)) == now);
  CHECK(SYS(brk, now + 4096) == now + 4096);
}

static void cpu_body(void) {
  set_limit(RLIMIT_CORE, 0, 0);
  set_limit(RLIMIT_CPU, 1, 3);
  for (;;) {}
}

static void processes_body(void) {
  /* As another user it must be, or kill(-1) reaches more than its children. */
  if (SYS(setresuid, 12345, 12345, 12345) != 0) exit_group(3);
  set_limit(RLIMIT_NPROC, 3, 3);
  int made = 0;
  long pid;
  while ((pid = SYS(fork)) > 0 && made < 10) made++;
  if (pid == 0)
    for (;;) SYS(pause);
  CHECK_EQ(pid, -EAGAIN);
  CHECK_EQ(made, 2);
  SYS(kill, -1, SIGKILL);
}

static void lower_body(void) {
  SYS(setresuid, 1000, 1000, 1000);
  struct rlimit64 limit = {5, 20};
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0), 0);
  limit.rlim_max = 21;
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0), -EPERM);
  limit = (struct rlimit64){20, 20};
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0), 0);
  CHECK_EQ(SYS(prlimit64, 1, RLIMIT_NOFILE, 0, &limit), -EPERM);
  CHECK_EQ(SYS(setpriority, 0, 0, 5), 0);
  CHECK_EQ(SYS(getpriority, 0, 0), 15);
  CHECK_EQ(SYS(setpriority, 0, 0, 0), -EACCES);
  CHECK_EQ(SYS(setpriority, 0, 1, 7), -EPERM);
}

static void limits(void) {
  SECTION("limits");
  struct rlimit64 limit, old;
  CHECK_EQ(SYS(prlimit64, 0, 99, 0, &limit), -EINVAL);
  CHECK_EQ(SYS(getrlimit, RLIMIT_NOFILE, &limit), 0);
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_NOFILE, 0, &old), 0);
  CHECK(old.rlim_cur == limit.rlim_cur && old.rlim_max == limit.rlim_max);
  limit = (struct rlimit64){20, 10};
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0), -EINVAL);
  CHECK_EQ(SYS(prlimit64, 0x7ffffff, RLIMIT_NOFILE, 0, &old), -ESRCH);
  CHECK_EQ(in_child(files_body), EXITED(0));
  CHECK_EQ(in_child(size_body), SIGNALED(SIGXFSZ));
  CHECK_EQ(in_child(memory_body), EXITED(0));
  CHECK_EQ(in_child(data_body), EXITED(0));
  CHECK_EQ(in_child(cpu_body), SIGNALED(SIGXCPU));
  CHECK_EQ(in_child(processes_body), EXITED(0));
  CHECK_EQ(in_child(lower_body), EXITED(0));
}

static void scheduling_body(void) {
  int parameter = 0;
  CHECK_EQ(SYS(getpriority, 0, 0), 20);
  CHECK_EQ(SYS(setpriority, 0, 0, -5), 0);
  CHECK_EQ(SYS(getpriority, 0, 0), 25);
  CHECK_EQ(SYS(setpriority, 0, 0, 100), 0);
  CHECK_EQ(SYS(getpriority, 0, 0), 1);
  CHECK_EQ(SYS(getpriority, 0, 0x7ffffff), -ESRCH);
  CHECK_EQ(SYS(getpriority, 7, 0), -EINVAL);
  CHECK_EQ(SYS(sched_getscheduler, 0), SCHED_NORMAL);
  CHECK_EQ(SYS(sched_get_priority_max, SCHED_FIFO), 99);
  CHECK_EQ(SYS(sched_get_priority_min, SCHED_FIFO), 1);
  CHECK_EQ(SYS(sched_get_priority_max, SCHED_NORMAL), 0);
  CHECK_EQ(SYS(sched_get_priority_max, 99), -EINVAL);
  CHECK_EQ(SYS(sched_setscheduler, 0, SCHED_BATCH, &parameter), 0);
  CHECK_EQ(SYS(sched_getscheduler, 0), SCHED_BATCH);
  parameter = 10;
  CHECK_EQ(SYS(sched_setscheduler, 0, SCHED_NORMAL, &parameter), -EINVAL);
  CHECK_EQ(SYS(sched_setscheduler, 0, 99, &parameter), -EINVAL);
  CHECK_EQ(SYS(sched_getscheduler, 0x7ffffff), -ESRCH);
  CHECK_EQ(SYS(sched_yield), 0);
  unsigned long mask[16] = {0};
  CHECK(SYS(sched_getaffinity, 0, sizeof mask, mask) > 0);
  CHECK(mask[0] != 0);
  CHECK_EQ(SYS(sched_getaffinity, 0, 4, mask), -EINVAL);
}

/* Two loops of different nice values share a CPU unevenly, and neither starves. */
static void fair_body(void) {
  volatile long *counters = map_shared(1);
  unsigned long first = 1;
  SYS(sched_setaffinity, 0, 8, &first);
  int children[2];
  for (int i = 0; i < 2; i++) {
    children[i] = fork_child();
    if (children[i] == 0) {
      SYS(setpriority, 0, 0, i * 10);
      for (;;) counters[i * 8]++;
    }
  }
  sleep_ms(600);
  for (int i = 0; i < 2; i++) SYS(kill, children[i], SIGKILL), wait_for(children[i]);
  CHECK(counters[0] > 2 * counters[8]);
  CHECK(counters[8] > 0);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  limits();
  SECTION("scheduling");
  CHECK_EQ(in_child(scheduling_body), EXITED(0));
  CHECK_EQ(in_child(fair_body), EXITED(0));
}
