/* System calls that a handler interrupts: restarted with SA_RESTART, -EINTR without, and those that never restart. man 7 signal */
#include "guest.h"

static volatile int nr_calls;

static void count(int sig) {
  (void)sig;
  nr_calls++;
}

static int ends[2];

/* A child sends us SIGUSR1 after a while and, if `then_write`, something to read later. */
static int disturb(int then_write) {
  int parent = (int)SYS(getpid);
  nr_calls = 0;
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(30);
    SYS(kill, parent, SIGUSR1);
    sleep_ms(30);
    if (then_write) SYS(write, ends[1], "data", 4);
    exit_group(0);
  }
  return pid;
}

static void reads(void) {
  char buffer[16];
  SECTION("read");
  set_handler(SIGUSR1, count, SA_RESTART);
  int pid = disturb(1);
  CHECK_EQ(SYS(read, ends[0], buffer, sizeof buffer), 4);
  CHECK_EQ(nr_calls, 1);
  wait_for(pid);
  set_handler(SIGUSR1, count, 0);
  pid = disturb(0);
  CHECK_EQ(SYS(read, ends[0], buffer, sizeof buffer), -EINTR);
  CHECK_EQ(nr_calls, 1);
  wait_for(pid);

  SECTION("an ignored signal disturbs nothing");
  set_handler(SIGUSR1, SIG_IGN, 0);
  pid = disturb(1);
  CHECK_EQ(SYS(read, ends[0], buffer, sizeof buffer), 4);
  wait_for(pid);

  SECTION("write");
  static char block[65536 + 5000];
  set_handler(SIGUSR1, count, 0);
  pid = disturb(0);
  CHECK_EQ(SYS(write, ends[1], block, 65536 + 5000), 65536);
  CHECK_EQ(nr_calls, 1);
  wait_for(pid);
  CHECK_EQ(read_all(ends[0], block, 65536), 65536);
}

static void waits(void) {
  SECTION("wait4");
  set_handler(SIGUSR1, count, SA_RESTART);
  int pid = disturb(0);
  int status;
  CHECK(SYS(wait4, pid, &status, 0, 0) == pid);
  CHECK_EQ(nr_calls, 1);
  set_handler(SIGUSR1, count, 0);
  pid = disturb(0);
  CHECK_EQ(SYS(wait4, pid, &status, 0, 0), -EINTR);
  wait_for(pid);
}

static void sleeps(void) {
  SECTION("nanosleep, poll, select, epoll and pause never restart");
  set_handler(SIGUSR1, count, SA_RESTART);
  struct __kernel_timespec ten = {10, 0}, left = {0, 0};
  int pid = disturb(0);
  CHECK_EQ(SYS(nanosleep, &ten, &left), -EINTR);
  CHECK(left.tv_sec == 9 && left.tv_nsec > 0);
  wait_for(pid);
  pid = disturb(0);
  left.tv_sec = 0;
  CHECK_EQ(SYS(clock_nanosleep, CLOCK_MONOTONIC, 0, &ten, &left), -EINTR);
  CHECK_EQ(left.tv_sec, 9);
  wait_for(pid);
  struct pollfd fd = {ends[0], POLLIN, 0};
  pid = disturb(0);
  CHECK_EQ(SYS(poll, &fd, 1, 10000), -EINTR);
  wait_for(pid);
  pid = disturb(0);
  CHECK_EQ(SYS(ppoll, &fd, 1, &ten, 0, 8), -EINTR);
  CHECK(ten.tv_sec == 9);
  wait_for(pid);
  unsigned long set[16] = {1ul << ends[0]};
  struct __kernel_old_timeval time = {10, 0};
  pid = disturb(0);
  CHECK_EQ(SYS(select, ends[0] + 1, set, 0, 0, &time), -EINTR);
  wait_for(pid);
  int epoll = (int)SYS(epoll_create1, 0);
  struct epoll_event event = {EPOLLIN, 0};
  SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], &event);
  pid = disturb(0);
  CHECK_EQ(SYS(epoll_wait, epoll, &event, 1, 10000), -EINTR);
  wait_for(pid);
  SYS(close, epoll);
  pid = disturb(0);
  CHECK_EQ(SYS(pause), -EINTR);
  wait_for(pid);
  unsigned long wanted = BIT(SIGUSR2);
  pid = disturb(0);
  CHECK_EQ(SYS(rt_sigtimedwait, &wanted, 0, &ten, 8), -EINTR);
  wait_for(pid);
}

static void sleeps_stopped(void) {
  SECTION("stopping and continuing is not noticed by nanosleep, read and poll");
  for (int what = 0; what < 3; what++) {
    int pid = fork_child();
    if (pid == 0) {
      struct pollfd fd = {ends[0], POLLIN, 0};
      struct __kernel_timespec time = {0, 120 * 1000000};
      char buffer[8];
      long result = what == 0 ? SYS(nanosleep, &time, 0) : what == 1 ? SYS(poll, &fd, 1, 120) : SYS(read, ends[0], buffer, 4);
      exit_group(result == (what == 2 ? 4 : 0) ? 0 : 1);
    }
    sleep_ms(30);
    SYS(kill, pid, SIGSTOP);
    int status;
    SYS(wait4, pid, &status, WUNTRACED, 0);
    CHECK_EQ(status, STOPPED(SIGSTOP));
    SYS(kill, pid, SIGCONT);
    sleep_ms(20);
    if (what == 2) SYS(write, ends[1], "data", 4);
    CHECK_EQ(wait_for(pid), EXITED(0));
  }
}

static void masks(void) {
  SECTION("masks for the time of a wait: ppoll, pselect6, epoll_pwait");
  set_handler(SIGUSR1, count, 0);
  block(BIT(SIGUSR1));
  unsigned long none = 0;
  struct __kernel_timespec ten = {10, 0};
  int pid = disturb(0);
  CHECK_EQ(SYS(ppoll, 0, 0, &ten, &none, 8), -EINTR);
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(blocked(), BIT(SIGUSR1));
  wait_for(pid);
  ten.tv_sec = 10;
  struct {
    unsigned long *set;
    size_t size;
  } argument = {&none, 8};
  pid = disturb(0);
  CHECK_EQ(SYS(pselect6, 0, 0, 0, 0, &ten, &argument), -EINTR);
  CHECK_EQ(nr_calls, 1);
  wait_for(pid);
  int epoll = (int)SYS(epoll_create1, 0);
  struct epoll_event event;
  pid = disturb(0);
  CHECK_EQ(SYS(epoll_pwait, epoll, &event, 1, 10000, &none, 8), -EINTR);
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(blocked(), BIT(SIGUSR1));
  wait_for(pid);
  ten.tv_sec = 0;
  ten.tv_nsec = 1000000;
  SYS(kill, SYS(getpid), SIGUSR1);
  CHECK_EQ(SYS(ppoll, 0, 0, &ten, 0, 8), 0);
  CHECK_EQ(pending(), BIT(SIGUSR1));
  unblock(BIT(SIGUSR1));
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  SYS(pipe, ends);
  reads();
  waits();
  sleeps();
  sleeps_stopped();
  masks();
}
