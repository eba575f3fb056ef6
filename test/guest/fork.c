/* fork(2), vfork(2), exit_group(2), wait4(2), waitid(2): zombies, orphans, statuses. man 2 wait */
#include "guest.h"

static int shared_value = 1;

static void nothing(void) {}
static void exit_42(void) { exit_group(42); }
static void exit_256(void) { exit_group(256 + 7); }
static void die_by_kill(void) { SYS(kill, SYS(getpid), SIGKILL); }
static void die_by_term(void) { SYS(kill, SYS(getpid), SIGTERM); }

static void abort_without_core(void) {
  struct rlimit64 none = {0, 0};
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  SYS(kill, SYS(getpid), SIGABRT);
}

static void change_value(void) {
  shared_value = 2;
  CHECK(shared_value == 2);
}

static void statuses(void) {
  SECTION("exit statuses");
  CHECK_EQ(in_child(nothing), EXITED(0));
  CHECK_EQ(in_child(exit_42), EXITED(42));
  CHECK_EQ(in_child(exit_256), EXITED(7));
  CHECK_EQ(in_child(die_by_kill), SIGNALED(SIGKILL));
  CHECK_EQ(in_child(die_by_term), SIGNALED(SIGTERM));
  CHECK_EQ(in_child(abort_without_core), SIGNALED(SIGABRT));
  CHECK_EQ(in_child(change_value), EXITED(0));
  CHECK_EQ(shared_value, 1);
}

static void identity(void) {
  SECTION("identity");
  int parent = (int)SYS(getpid);
  int *seen = map_shared(1);
  int pid = fork_child();
  if (pid == 0) {
    seen[0] = (int)SYS(getpid);
    seen[1] = (int)SYS(getppid);
    seen[2] = (int)SYS(gettid);
    seen[3] = (int)SYS(getpgid, 0);
    seen[4] = (int)SYS(getsid, 0);
    exit_group(0);
  }
  CHECK(pid > 0);
  CHECK_EQ(wait_for(pid), EXITED(0));
  CHECK(seen[0] == pid);
  CHECK(seen[1] == parent);
  CHECK(seen[2] == pid);
  CHECK(seen[3] == SYS(getpgid, 0));
  CHECK(seen[4] == SYS(getsid, 0));
}

static void zombies(void) {
  SECTION("zombies");
  int status = 0;
  CHECK_EQ(SYS(wait4, -1, &status, 0, 0), -ECHILD);
  CHECK_EQ(SYS(wait4, 1, &status, 0, 0), -ECHILD);
  CHECK_EQ(SYS(wait4, -1, &status, 0x40000, 0), -EINVAL);
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(30);
    exit_group(5);
  }
  CHECK_EQ(SYS(wait4, pid, &status, WNOHANG, 0), 0);
  struct siginfo info;
  memset(&info, 0xff, sizeof info);
  CHECK_EQ(SYS(waitid, P_PID, pid, &info, WEXITED | WNOHANG, 0), 0);
  CHECK_EQ(info.si_pid, 0);
  CHECK_EQ(SYS(waitid, P_PID, pid, &info, WEXITED | WNOWAIT, 0), 0);
  CHECK_EQ(info.si_signo, SIGCHLD);
  CHECK_EQ(info.si_code, CLD_EXITED);
  CHECK_EQ(info.si_status, 5);
  CHECK(info.si_pid == pid);
  CHECK_EQ(SYS(kill, pid, 0), 0);
  CHECK_EQ(SYS(kill, pid, SIGKILL), 0);
  char path[64], text[512];
  format_into(path, sizeof path, "/proc/%d/stat", pid);
  if (read_file(path, text, sizeof text) > 0) {
    CHECK(strstr(text, ") Z ") != NULL);
  }
  CHECK(SYS(wait4, pid, &status, 0, 0) == pid);
  CHECK_EQ(status, EXITED(5));
  CHECK_EQ(SYS(wait4, pid, &status, 0, 0), -ECHILD);
  CHECK_EQ(SYS(kill, pid, 0), -ESRCH);
  CHECK_EQ(SYS(waitid, P_PID, 1, &info, WEXITED, 0), -ECHILD);
  CHECK_EQ(SYS(waitid, P_PID, 1, &info, 0, 0), -EINVAL);
  CHECK_EQ(SYS(waitid, 99, 1, &info, WEXITED, 0), -EINVAL);
}

static void waitid_codes(void) {
  SECTION("waitid codes");
  struct siginfo info;
  CHECK_EQ(SYS(waitid, P_PIDFD, 99, &info, WEXITED, 0), -EBADF);
  CHECK_EQ(SYS(waitid, 77, 1, &info, WEXITED, 0), -EINVAL);
  int pid = fork_child();
  if (pid == 0) SYS(kill, SYS(getpid), SIGUSR1);
  CHECK_EQ(SYS(waitid, P_PID, pid, &info, WEXITED, 0), 0);
  CHECK_EQ(info.si_code, CLD_KILLED);
  CHECK_EQ(info.si_status, SIGUSR1);

  pid = fork_child();
  if (pid == 0) {
    SYS(kill, SYS(getpid), SIGSTOP);
    /* Alive until the parent has seen it continue. */
    SYS(kill, SYS(getpid), SIGSTOP);
    exit_group(0);
  }
  CHECK_EQ(SYS(waitid, P_PID, pid, &info, WSTOPPED, 0), 0);
  CHECK_EQ(info.si_code, CLD_STOPPED);
  CHECK_EQ(info.si_status, SIGSTOP);
  SYS(kill, pid, SIGCONT);
  CHECK_EQ(SYS(waitid, P_PID, pid, &info, WCONTINUED, 0), 0);
  CHECK_EQ(info.si_code, CLD_CONTINUED);
  CHECK_EQ(info.si_status, SIGCONT);
  SYS(waitid, P_PID, pid, &info, WSTOPPED, 0);
  SYS(kill, pid, SIGCONT);
  CHECK_EQ(wait_for(pid), EXITED(0));
}

static void many(void) {
  SECTION("many children");
  int seen[20] = {0};
  for (int i = 0; i < 20; i++) {
    if (fork_child() == 0) exit_group(i);
  }
  for (int i = 0; i < 20; i++) {
    int status = 0;
    CHECK_QUIET(SYS(wait4, -1, &status, 0, 0) > 0);
    CHECK_QUIET((status & 0xff) == 0 && status >> 8 < 20);
    seen[status >> 8 & 31]++;
  }
  int once = 1;
  for (int i = 0; i < 20; i++) once &= seen[i] == 1;
  CHECK(once);
  CHECK_EQ(SYS(wait4, -1, 0, 0, 0), -ECHILD);
}

static void groups(void) {
  SECTION("waiting for a group");
  int leader = fork_child();
  if (leader == 0) {
    SYS(setpgid, 0, 0);
    exit_group(1);
  }
  SYS(setpgid, leader, leader);
  int other = fork_child();
  if (other == 0) exit_group(2);
  int status = 0;
  CHECK(SYS(wait4, -leader, &status, 0, 0) == leader);
  CHECK_EQ(status, EXITED(1));
  CHECK_EQ(SYS(wait4, -leader, &status, 0, 0), -ECHILD);
  CHECK(SYS(wait4, 0, &status, 0, 0) == other);
  CHECK_EQ(status, EXITED(2));
}

static void orphans(void) {
  SECTION("orphans");
  int *seen = map_shared(1);
  SYS(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  int me = (int)SYS(getpid);
  int pid = fork_child();
  if (pid == 0) {
    int parent = (int)SYS(getpid);
    if (fork_child() == 0) {
      WAIT_UNTIL(SYS(getppid) != parent);
      seen[0] = (int)SYS(getppid);
      exit_group(9);
    }
    exit_group(0);
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
  int status = 0;
  CHECK(SYS(wait4, -1, &status, 0, 0) > 0);
  CHECK_EQ(status, EXITED(9));
  CHECK(seen[0] == me);
  SYS(prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void death_signal(void) {
  SECTION("PR_SET_PDEATHSIG");
  int ends[2];
  SYS(pipe, ends);
  int pid = fork_child();
  if (pid == 0) {
    int ready[2];
    char byte;
    SYS(pipe, ready);
    if (fork_child() == 0) {
      SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      SYS(close, ends[0]);
      SYS(write, ready[1], "x", 1);
      for (;;) SYS(pause);
    }
    SYS(read, ready[0], &byte, 1);
    exit_group(0);
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
  SYS(close, ends[1]);
  char byte;
  CHECK_EQ(SYS(read, ends[0], &byte, 1), 0);
  SYS(close, ends[0]);
}

static void vforks(void) {
  SECTION("vfork");
  /* CLONE_VM | CLONE_VFORK with the same stack: the parent sleeps until the child has ended. */
  volatile int *step = map_shared(1);
  long pid;
  asm volatile("mov $58, %%eax\n"
               "syscall\n"
               "test %%rax, %%rax\n"
               "jnz 1f\n"
               "movl $1, (%1)\n"
               "mov $231, %%eax\n"
               "mov $3, %%edi\n"
               "syscall\n"
               "1:\n"
               : "=&a"(pid)
               : "b"(step)
               : "rcx", "r11", "rdi", "memory");
  CHECK_EQ(*step, 1);
  CHECK(pid > 0);
  CHECK_EQ(wait_for((int)pid), EXITED(3));
}

static void no_zombies(void) {
  SECTION("SIGCHLD ignored");
  set_handler(SIGCHLD, SIG_IGN, 0);
  int pid = fork_child();
  if (pid == 0) exit_group(0);
  CHECK_EQ(SYS(wait4, pid, 0, 0, 0), -ECHILD);
  set_handler(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
  pid = fork_child();
  if (pid == 0) exit_group(0);
  CHECK_EQ(SYS(wait4, -1, 0, 0, 0), -ECHILD);
  set_handler(SIGCHLD, SIG_DFL, 0);
}

static void inherited(void) {
  SECTION("what a child inherits");
  block(BIT(SIGUSR1));
  SYS(kill, SYS(getpid), SIGUSR1);
  SYS(alarm, 100);
  int fd = (int)SYS(open, "inherited", O_RDWR | O_CREAT | O_TRUNC, 0644);
  SYS(write, fd, "abcdef", 6);
  SYS(umask, 027);
  int pid = fork_child();
  if (pid == 0) {
    CHECK_EQ(pending(), 0);
    CHECK_EQ(blocked(), BIT(SIGUSR1));
    CHECK_EQ(SYS(alarm, 0), 0);
    CHECK_EQ(SYS(lseek, fd, 2, SEEK_SET), 2);
    CHECK_EQ(SYS(umask, 0), 027);
    finish();
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_CUR), 2);
  CHECK_EQ(SYS(umask, 022), 027);
  CHECK_EQ(pending(), BIT(SIGUSR1));
  set_handler(SIGUSR1, SIG_IGN, 0);
  CHECK_EQ(pending(), 0);
  unblock(BIT(SIGUSR1));
  CHECK(SYS(alarm, 0) > 90);
}

/* clone(2) takes any byte as the exit signal: one that is no signal is not sent, and only __WALL and __WCLONE see the child. */
static void no_signal(void) {
  SECTION("exit signal that is none");
  int pid = SYS(clone, 200, 0, 0, 0, 0);
  if (pid == 0) exit_group(3);
  int status = 0;
  CHECK_EQ(SYS(wait4, pid, &status, 0, 0), -ECHILD);
  CHECK_EQ(SYS(wait4, pid, &status, 0x40000000, 0), pid);
  CHECK_EQ(status, EXITED(3));
}

static int depth_reached(int depth) {
  int pid = fork_child();
  if (pid == 0) exit_group(depth == 0 ? 1 : depth_reached(depth - 1) + 1);
  return wait_for(pid) >> 8;
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  statuses();
  identity();
  zombies();
  waitid_codes();
  many();
  groups();
  orphans();
  death_signal();
  vforks();
  no_zombies();
  inherited();
  no_signal();
  SECTION("nested");
  CHECK_EQ(depth_reached(10), 11);
  CHECK_EQ(SYS(clone, CLONE_THREAD, 0, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(clone, CLONE_SIGHAND, 0, 0, 0, 0), -EINVAL);
}
