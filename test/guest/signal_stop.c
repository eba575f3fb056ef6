/* Stop and continue: SIGSTOP, SIGTSTP, SIGTTIN, SIGCONT, and what the parent is told of it. */
#include "guest.h"

static volatile int nr_children, nr_continues;
static volatile int codes[8];

static void child_news(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)context;
  if (nr_children < 8) codes[nr_children] = info->si_code;
  nr_children++;
}

static void continued(int sig) {
  (void)sig;
  nr_continues++;
}

static void loop_forever(void) {
  for (;;) SYS(pause);
}

static int stopped_by(int sig) {
  int pid = fork_child();
  if (pid == 0) {
    /* A group of its own whose parent is in another one: not orphaned, so terminal stops work. */
    SYS(setpgid, 0, 0);
    SYS(kill, SYS(getpid), sig);
    exit_group(7);
  }
  int status = 0;
  SYS(wait4, pid, &status, WUNTRACED, 0);
  if ((status & 0xff) == 0x7f) {
    SYS(kill, pid, SIGCONT);
    wait_for(pid);
  }
  return status;
}

static void stops(void) {
  SECTION("stops");
  CHECK_EQ(stopped_by(SIGSTOP), STOPPED(SIGSTOP));
  CHECK_EQ(stopped_by(SIGTSTP), STOPPED(SIGTSTP));
  CHECK_EQ(stopped_by(SIGTTIN), STOPPED(SIGTTIN));
  CHECK_EQ(stopped_by(SIGTTOU), STOPPED(SIGTTOU));
  CHECK_EQ(stopped_by(SIGWINCH), EXITED(7));
}

static void life(void) {
  SECTION("stop, continue, kill");
  int status = 0;
  int pid = fork_child();
  if (pid == 0) loop_forever();
  SYS(kill, pid, SIGSTOP);
  CHECK(SYS(wait4, pid, &status, WUNTRACED, 0) == pid);
  CHECK_EQ(status, STOPPED(SIGSTOP));
  CHECK_EQ(SYS(wait4, pid, &status, WUNTRACED | WNOHANG, 0), 0);
  SYS(kill, pid, SIGSTOP);
  sleep_ms(10);
  CHECK_EQ(SYS(wait4, pid, &status, WUNTRACED | WNOHANG, 0), 0);
  SYS(kill, pid, SIGCONT);
  CHECK(SYS(wait4, pid, &status, WCONTINUED, 0) == pid);
  CHECK_EQ(status, CONTINUED);
  CHECK_EQ(SYS(wait4, pid, &status, WCONTINUED | WNOHANG, 0), 0);
  SYS(kill, pid, SIGSTOP);
  SYS(wait4, pid, &status, WUNTRACED, 0);
  SYS(kill, pid, SIGTERM);
  sleep_ms(20);
  CHECK_EQ(SYS(wait4, pid, &status, WNOHANG, 0), 0);
  SYS(kill, pid, SIGCONT);
  CHECK_EQ(wait_for(pid), SIGNALED(SIGTERM));
  pid = fork_child();
  if (pid == 0) loop_forever();
  SYS(kill, pid, SIGSTOP);
  SYS(wait4, pid, &status, WUNTRACED, 0);
  SYS(kill, pid, SIGKILL);
  CHECK_EQ(wait_for(pid), SIGNALED(SIGKILL));
}

static void news(void) {
  SECTION("SIGCHLD");
  set_info_handler(SIGCHLD, child_news, SA_RESTART);
  int pid = fork_child();
  if (pid == 0) loop_forever();
  SYS(kill, pid, SIGSTOP);
  WAIT_UNTIL(nr_children == 1);
  CHECK_EQ(codes[0], CLD_STOPPED);
  SYS(kill, pid, SIGCONT);
  WAIT_UNTIL(nr_children == 2);
  CHECK_EQ(codes[1], CLD_CONTINUED);
  SYS(kill, pid, SIGKILL);
  WAIT_UNTIL(nr_children == 3);
  CHECK_EQ(codes[2], CLD_KILLED);
  wait_for(pid);
  nr_children = 0;
  set_info_handler(SIGCHLD, child_news, SA_RESTART | SA_NOCLDSTOP);
  pid = fork_child();
  if (pid == 0) loop_forever();
  int status;
  SYS(kill, pid, SIGSTOP);
  SYS(wait4, pid, &status, WUNTRACED, 0);
  SYS(kill, pid, SIGCONT);
  SYS(wait4, pid, &status, WCONTINUED, 0);
  CHECK_EQ(nr_children, 0);
  SYS(kill, pid, SIGKILL);
  wait_for(pid);
  CHECK_EQ(nr_children, 1);
  set_handler(SIGCHLD, SIG_DFL, 0);
}

static void handler_of_cont(void) {
  SECTION("SIGCONT: handler, and pending stops");
  int pid = fork_child();
  if (pid == 0) {
    set_handler(SIGCONT, continued, 0);
    SYS(kill, SYS(getpid), SIGSTOP);
    CHECK_EQ(nr_continues, 1);
    block(BIT(SIGTSTP));
    SYS(kill, SYS(getpid), SIGTSTP);
    CHECK_EQ(pending(), BIT(SIGTSTP));
    SYS(kill, SYS(getpid), SIGCONT);
    CHECK_EQ(pending(), 0);
    block(BIT(SIGCONT));
    SYS(kill, SYS(getpid), SIGCONT);
    CHECK_EQ(pending(), BIT(SIGCONT));
    SYS(kill, SYS(getpid), SIGTSTP);
    CHECK_EQ(pending(), BIT(SIGTSTP));
    finish();
  }
  int status;
  SYS(wait4, pid, &status, WUNTRACED, 0);
  SYS(kill, pid, SIGCONT);
  CHECK_EQ(wait_for(pid), EXITED(0));
}

static void threads_body(void *argument) {
  volatile int *counter = argument;
  for (;;) ++*counter;
}

static void all_threads(void) {
  SECTION("a stop stops all threads");
  volatile int *counter = map_shared(1);
  int pid = fork_child();
  if (pid == 0) {
    struct thread thread;
    start_thread(&thread, threads_body, (void *)counter);
    loop_forever();
  }
  WAIT_UNTIL(*counter > 0);
  int status;
  SYS(kill, pid, SIGSTOP);
  SYS(wait4, pid, &status, WUNTRACED, 0);
  int before = *counter;
  sleep_ms(30);
  CHECK(*counter == before);
  SYS(kill, pid, SIGCONT);
  WAIT_UNTIL(*counter != before);
  CHECK(*counter != before);
  SYS(kill, pid, SIGKILL);
  CHECK_EQ(wait_for(pid), SIGNALED(SIGKILL));
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  stops();
  life();
  news();
  handler_of_cont();
  all_threads();
}
