/* Handlers, masks and flags: sigaction(2), sigprocmask(2), sigsuspend(2), sigaltstack(2), siginfo. man 7 signal */
#include "guest.h"

static volatile int nr_calls, last_signal;
static volatile unsigned long mask_inside, address_inside;
static struct siginfo last_info;

static void count(int sig) {
  nr_calls++;
  last_signal = sig;
  mask_inside = blocked();
  address_inside = (unsigned long)__builtin_frame_address(0);
}

static void keep_info(int sig, struct siginfo *info, void *context) {
  (void)context;
  nr_calls++;
  last_signal = sig;
  last_info = *info;
}

static int me;

static void basic(void) {
  SECTION("handlers and masks");
  CHECK_EQ(set_handler(SIGUSR1, count, 0), 0);
  CHECK_EQ(SYS(kill, me, SIGUSR1), 0);
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(last_signal, SIGUSR1);
  CHECK_EQ(mask_inside, BIT(SIGUSR1));
  CHECK_EQ(blocked(), 0);

  CHECK_EQ(set_action(SIGUSR1, count, 0, BIT(SIGUSR2) | BIT(SIGKILL) | BIT(SIGSTOP)), 0);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(mask_inside, BIT(SIGUSR1) | BIT(SIGUSR2));
  CHECK_EQ(set_handler(SIGUSR1, count, SA_NODEFER), 0);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(mask_inside, 0);

  struct sigaction action;
  CHECK_EQ(SYS(rt_sigaction, SIGUSR1, 0, &action, 8), 0);
  CHECK(action.sa_handler == count);
  CHECK_EQ(action.sa_flags, SA_NODEFER | SA_RESTORER);
  CHECK_EQ(set_handler(SIGUSR1, count, SA_RESETHAND), 0);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(nr_calls, 4);
  SYS(rt_sigaction, SIGUSR1, 0, &action, 8);
  CHECK(action.sa_handler == SIG_DFL);

  SECTION("blocked signals wait");
  set_handler(SIGUSR1, count, 0);
  nr_calls = 0;
  block(BIT(SIGUSR1));
  SYS(kill, me, SIGUSR1);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(nr_calls, 0);
  CHECK_EQ(pending(), BIT(SIGUSR1));
  unblock(BIT(SIGUSR1));
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(pending(), 0);
  block(BIT(SIGUSR1));
  SYS(kill, me, SIGUSR1);
  set_handler(SIGUSR1, SIG_IGN, 0);
  CHECK_EQ(pending(), 0);
  unblock(BIT(SIGUSR1));
  block(BIT(SIGKILL) | BIT(SIGSTOP));
  CHECK_EQ(blocked(), 0);

  SECTION("errors");
  CHECK_EQ(set_handler(SIGKILL, count, 0), -EINVAL);
  CHECK_EQ(set_handler(SIGSTOP, SIG_IGN, 0), -EINVAL);
  CHECK_EQ(set_handler(0, count, 0), -EINVAL);
  CHECK_EQ(set_handler(65, count, 0), -EINVAL);
  CHECK_EQ(set_handler(64, SIG_DFL, 0), 0);
  CHECK_EQ(SYS(rt_sigaction, SIGUSR1, 0, &action, 4), -EINVAL);
  CHECK_EQ(SYS(rt_sigprocmask, 9, &action, 0, 8), -EINVAL);
  CHECK_EQ(SYS(rt_sigprocmask, 9, 0, 0, 8), 0);
  CHECK_EQ(SYS(kill, me, 65), -EINVAL);
  CHECK_EQ(SYS(kill, me, -1), -EINVAL);
  CHECK_EQ(SYS(kill, 0x7ffffff, 0), -ESRCH);
  CHECK_EQ(SYS(kill, -0x7ffffff, 0), -ESRCH);
  CHECK_EQ(SYS(tkill, 0, SIGUSR1), -EINVAL);
  CHECK_EQ(SYS(tgkill, me, 0x7ffffff, 0), -ESRCH);
  CHECK_EQ(SYS(tgkill, me, me, 0), 0);
}

static void defaults(void) {
  SECTION("default actions");
  set_handler(SIGUSR1, SIG_DFL, 0);
  static const unsigned char ignored[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
  static const unsigned char fatal[] = {SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
                                        SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, 34, 64};
  for (size_t i = 0; i < sizeof ignored; i++) CHECK_EQ(SYS(kill, me, ignored[i]), 0);
  for (size_t i = 0; i < sizeof fatal; i++) {
    int pid = fork_child();
    if (pid == 0) {
      SYS(kill, SYS(getpid), fatal[i]);
      exit_group(0);
    }
    CHECK_EQ(wait_for(pid), SIGNALED(fatal[i]));
  }
  struct rlimit64 none = {0, 0};
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  static const unsigned char with_core[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
  for (size_t i = 0; i < sizeof with_core; i++) {
    int pid = fork_child();
    if (pid == 0) {
      SYS(kill, SYS(getpid), with_core[i]);
      exit_group(0);
    }
    CHECK_EQ(wait_for(pid), SIGNALED(with_core[i]));
  }
}

static void information(void) {
  SECTION("siginfo");
  set_info_handler(SIGUSR1, keep_info, 0);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(last_info.si_signo, SIGUSR1);
  CHECK_EQ(last_info.si_errno, 0);
  CHECK_EQ(last_info.si_code, SI_USER);
  CHECK(last_info.si_pid == me);
  CHECK(last_info.si_uid == (unsigned)SYS(getuid));
  SYS(tgkill, me, me, SIGUSR1);
  CHECK_EQ(last_info.si_code, SI_TKILL);
  CHECK(last_info.si_pid == me);
  siginfo_t queued = {0};
  queued.si_signo = SIGUSR1;
  queued.si_code = SI_QUEUE;
  queued.si_value.sival_int = 4711;
  CHECK_EQ(SYS(rt_sigqueueinfo, me, SIGUSR1, &queued), 0);
  CHECK_EQ(last_info.si_code, SI_QUEUE);
  CHECK_EQ(last_info.si_value.sival_int, 4711);
  queued.si_code = SI_USER;
  CHECK_EQ(SYS(rt_sigqueueinfo, SYS(getppid), 0, &queued), -EPERM);

  set_info_handler(SIGCHLD, keep_info, 0);
  int pid = fork_child();
  if (pid == 0) exit_group(33);
  wait_for(pid);
  CHECK_EQ(last_info.si_signo, SIGCHLD);
  CHECK_EQ(last_info.si_code, CLD_EXITED);
  CHECK_EQ(last_info.si_status, 33);
  CHECK(last_info.si_pid == pid);
  pid = fork_child();
  if (pid == 0) SYS(kill, SYS(getpid), SIGKILL);
  wait_for(pid);
  CHECK_EQ(last_info.si_code, CLD_KILLED);
  CHECK_EQ(last_info.si_status, SIGKILL);
  set_handler(SIGCHLD, SIG_DFL, 0);
}

/* Rank of each real-time signal handled, in order. */
static int order[16], nr_order;

static void remember(int sig, struct siginfo *info, void *context) {
  (void)context;
  if (nr_order < 16) order[nr_order++] = sig * 1000 + info->si_value.sival_int;
}

static void queueing(void) {
  SECTION("real-time signals queue, in order");
  unsigned long set = BIT(40) | BIT(41) | BIT(SIGUSR1) | BIT(SIGUSR2);
  block(set);
  set_action(40, (void *)remember, SA_SIGINFO, set);
  set_action(41, (void *)remember, SA_SIGINFO, set);
  set_action(SIGUSR1, (void *)remember, SA_SIGINFO, set);
  set_action(SIGUSR2, (void *)remember, SA_SIGINFO, set);
  static const int sent[][2] = {{41, 1}, {40, 1}, {SIGUSR2, 5}, {41, 2}, {40, 2}, {SIGUSR1, 7}, {SIGUSR1, 8}, {40, 3}};
  for (int i = 0; i < 8; i++) {
    siginfo_t info = {0};
    info.si_code = SI_QUEUE;
    info.si_value.sival_int = sent[i][1];
    CHECK_QUIET(SYS(rt_sigqueueinfo, me, sent[i][0], &info) == 0);
  }
  CHECK_EQ(pending(), set);
  unblock(set);
  /* All frames are pushed before any handler starts, so the one pushed last runs first; each blocks the rest. */
  CHECK_EQ(nr_order, 7);
  for (int i = 0; i < nr_order; i++) print("signal %d value %d\n", order[i] / 1000, order[i] % 1000);

  SECTION("sigtimedwait");
  block(set);
  nr_order = 0;
  struct siginfo info;
  struct __kernel_timespec none = {0, 0}, soon = {0, 20000000}, bad = {0, 2000000000};
  CHECK_EQ(SYS(rt_sigtimedwait, &set, &info, &none, 8), -EAGAIN);
  CHECK_EQ(SYS(rt_sigtimedwait, &set, &info, &soon, 8), -EAGAIN);
  CHECK_EQ(SYS(rt_sigtimedwait, &set, &info, &bad, 8), -EINVAL);
  SYS(kill, me, 41);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(SYS(rt_sigtimedwait, &set, &info, &none, 8), SIGUSR1);
  CHECK_EQ(info.si_code, SI_USER);
  CHECK_EQ(SYS(rt_sigtimedwait, &set, 0, 0, 8), 41);
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(20);
    SYS(kill, me, 40);
    exit_group(0);
  }
  CHECK_EQ(SYS(rt_sigtimedwait, &set, &info, 0, 8), 40);
  CHECK(info.si_pid == pid);
  wait_for(pid);
  CHECK_EQ(nr_order, 0);
  unblock(set);
}

static void suspending(void) {
  SECTION("sigsuspend and pause");
  nr_calls = 0;
  set_handler(SIGUSR1, count, 0);
  block(BIT(SIGUSR1) | BIT(SIGUSR2));
  SYS(kill, me, SIGUSR1);
  unsigned long none = 0, other = BIT(SIGHUP);
  CHECK_EQ(SYS(rt_sigsuspend, &none, 8), -EINTR);
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(blocked(), BIT(SIGUSR1) | BIT(SIGUSR2));
  CHECK_EQ(mask_inside, BIT(SIGUSR1));
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(SYS(rt_sigsuspend, &other, 8), -EINTR);
  CHECK_EQ(mask_inside, BIT(SIGUSR1) | BIT(SIGHUP));
  CHECK_EQ(SYS(rt_sigsuspend, &none, 4), -EINVAL);
  unblock(BIT(SIGUSR1) | BIT(SIGUSR2));
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(20);
    SYS(kill, me, SIGUSR1);
    exit_group(0);
  }
  CHECK_EQ(SYS(pause), -EINTR);
  wait_for(pid);
}

static void alternate_stack(void) {
  SECTION("alternate stack");
  char *memory = map_pages(4);
  stack_t stack = {memory, 0, 4 * PAGE}, old;
  CHECK_EQ(SYS(sigaltstack, 0, &old), 0);
  CHECK_EQ(old.ss_flags, SS_DISABLE);
  CHECK_EQ(SYS(sigaltstack, &stack, &old), 0);
  set_handler(SIGUSR1, count, SA_ONSTACK);
  SYS(kill, me, SIGUSR1);
  CHECK(address_inside > (unsigned long)memory && address_inside < (unsigned long)memory + 4 * PAGE);
  set_handler(SIGUSR1, count, 0);
  SYS(kill, me, SIGUSR1);
  CHECK(address_inside < (unsigned long)memory || address_inside > (unsigned long)memory + 4 * PAGE);
  stack.ss_size = 100;
  CHECK_EQ(SYS(sigaltstack, &stack, 0), -ENOMEM);
  stack.ss_flags = 77;
  CHECK_EQ(SYS(sigaltstack, &stack, 0), -EINVAL);
  stack.ss_flags = SS_DISABLE;
  CHECK_EQ(SYS(sigaltstack, &stack, &old), 0);
  CHECK_EQ(old.ss_size, 4 * PAGE);
  CHECK_EQ(old.ss_flags, 0);
}

static stack_t seen_inside;
static long change_inside;

static void look_at_stack(int sig) {
  (void)sig;
  SYS(sigaltstack, 0, &seen_inside);
  change_inside = SYS(sigaltstack, &seen_inside, 0);
}

static void overflow_handler(int sig, struct siginfo *info, void *context) {
  (void)context;
  exit_group(sig == SIGSEGV && info->si_code == SEGV_MAPERR ? 55 : 56);
}

__attribute__((noinline)) static int recurse(volatile char *last) {
  if (*last == 2) return 0;
  volatile char block[2048];
  block[0] = *last;
  return recurse(block) + block[0];
}

static void overflow_body(void) {
  struct rlimit64 small = {256 * 1024, 256 * 1024};
  SYS(prlimit64, 0, RLIMIT_STACK, &small, 0);
  stack_t stack = {map_pages(4), 0, 4 * PAGE};
  SYS(sigaltstack, &stack, 0);
  set_info_handler(SIGSEGV, overflow_handler, SA_ONSTACK);
  char start = 1;
  exit_group(recurse(&start) & 1);
}

static void on_stack(void) {
  char *memory = map_pages(4);
  stack_t stack = {memory, 0, 4 * PAGE};
  SYS(sigaltstack, &stack, 0);
  set_handler(SIGUSR1, look_at_stack, SA_ONSTACK);
  SYS(kill, me, SIGUSR1);
  CHECK_EQ(seen_inside.ss_flags, SS_ONSTACK);
  CHECK_EQ(change_inside, -EPERM);
  CHECK_EQ(in_child(overflow_body), EXITED(55));
}

static volatile int depth, deepest;

static void nested(int sig) {
  (void)sig;
  if (++depth > deepest) deepest = depth;
  if (depth < 5) SYS(kill, me, SIGUSR2);
  depth--;
}

/* A handler that interrupts a loop of string instructions and arithmetic must not be noticed. */
static void asynchronous(void) {
  SECTION("asynchronous delivery");
  set_handler(SIGUSR2, nested, SA_NODEFER);
  SYS(kill, me, SIGUSR2);
  CHECK_EQ(deepest, 5);
  CHECK_EQ(depth, 0);
  nr_calls = 0;
  set_handler(SIGALRM, count, SA_RESTART);
  struct __kernel_old_itimerval timer = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  SYS(setitimer, ITIMER_REAL, &timer, 0);
  unsigned long sum = 0, expected = 0;
  static char a[4096], b[4096];
  int wrong = 0;
  long end = now_ms() + 60;
  for (unsigned round = 1; nr_calls < 20 || now_ms() < end; round++) {
    memset(a, (int)round, sizeof a);
    memcpy(b, a, sizeof b);
    wrong |= memcmp(a, b, sizeof a) != 0 || b[4095] != (char)round;
    sum += round * 3 + (round >> 1);
    expected += round * 3;
    expected += round >> 1;
    if (now_ms() > end + 8000) break;
  }
  SYS(setitimer, ITIMER_REAL, &off, 0);
  CHECK(nr_calls >= 20);
  CHECK_EQ(wrong, 0);
  CHECK(sum == expected);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  me = (int)SYS(getpid);
  basic();
  defaults();
  information();
  queueing();
  suspending();
  alternate_stack();
  on_stack();
  asynchronous();
}
