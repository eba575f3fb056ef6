/* Sessions and process groups: setsid(2), setpgid(2), a controlling terminal, background reads and writes, orphaned groups. man 7 credentials */
#include "guest.h"

static int master, slave;

/* A new pseudo terminal; both ends open. */
static void open_terminal(void) {
  int zero = 0;
  master = (int)SYS(open, "/dev/ptmx", O_RDWR | O_NOCTTY);
  CHECK(master >= 0);
  CHECK_EQ(SYS(ioctl, master, TIOCSPTLCK, &zero), 0);
  slave = (int)SYS(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  CHECK(slave >= 0);
}

static void close_terminal(void) {
  SYS(close, slave);
  SYS(close, master);
}

static void ids_body(void) {
  int me = (int)SYS(getpid);
  CHECK(SYS(setsid) == me);
  CHECK(SYS(getsid, 0) == me);
  CHECK(SYS(getpgid, 0) == me);
  CHECK(SYS(getpgrp) == me);
  CHECK_EQ(SYS(setsid), -EPERM);
  CHECK_EQ(SYS(setpgid, 0, 0), -EPERM);
  int ready[2], go[2];
  char byte;
  SYS(pipe, ready);
  SYS(pipe, go);
  int a = fork_child();
  if (a == 0) {
    SYS(read, go[0], &byte, 1);
    exit_group(0);
  }
  int b = fork_child();
  if (b == 0) {
    SYS(read, go[0], &byte, 1);
    exit_group(0);
  }
  CHECK(SYS(getpgid, a) == me);
  CHECK_EQ(SYS(setpgid, a, 0), 0);
  CHECK(SYS(getpgid, a) == a);
  CHECK_EQ(SYS(setpgid, b, a), 0);
  CHECK(SYS(getpgid, b) == a);
  CHECK(SYS(getsid, b) == me);
  CHECK_EQ(SYS(setpgid, b, me), 0);
  CHECK_EQ(SYS(setpgid, b, 0x7ffffff), -EPERM);
  CHECK_EQ(SYS(setpgid, b, -1), -EINVAL);
  CHECK_EQ(SYS(setpgid, 0x7ffffff, 0), -ESRCH);
  CHECK_EQ(SYS(getpgid, 0x7ffffff), -ESRCH);
  CHECK_EQ(SYS(getsid, 0x7ffffff), -ESRCH);
  SYS(write, go[1], "xx", 2);
  CHECK_EQ(wait_for(a), EXITED(0));
  CHECK_EQ(wait_for(b), EXITED(0));
  char *argv[] = {"x", "hold", NULL};
  int c = fork_child();
  if (c == 0) {
    SYS(dup2, ready[1], 60);
    SYS(dup2, go[0], 61);
    SYS(execve, "/proc/self/exe", argv, environment);
  }
  SYS(read, ready[0], &byte, 1);
  CHECK_EQ(SYS(setpgid, c, 0), -EACCES);
  SYS(write, go[1], "x", 1);
  CHECK_EQ(wait_for(c), EXITED(0));
}

static void group_kill_body(void) {
  SYS(setsid);
  int children[3];
  for (int i = 0; i < 3; i++) {
    children[i] = fork_child();
    if (children[i] == 0)
      for (;;) SYS(pause);
    SYS(setpgid, children[i], children[0]);
  }
  CHECK_EQ(SYS(kill, -children[0], SIGTERM), 0);
  for (int i = 0; i < 3; i++) CHECK_EQ(wait_for(children[i]), SIGNALED(SIGTERM));
  CHECK_EQ(SYS(kill, -children[0], SIGTERM), -ESRCH);
  set_handler(SIGUSR1, SIG_IGN, 0);
  CHECK_EQ(SYS(kill, 0, SIGUSR1), 0);
}

static volatile int nr_calls, last_signal;

static void note(int sig) {
  nr_calls++;
  last_signal = sig;
}

static void controlling_body(void) {
  open_terminal();
  int group = 0, me;
  CHECK_EQ(SYS(ioctl, slave, TIOCGPGRP, &group), -ENOTTY);
  CHECK_EQ(SYS(open, "/dev/tty", O_RDWR), -ENXIO);
  me = (int)SYS(setsid);
  CHECK_EQ(SYS(ioctl, slave, TIOCSCTTY, 0), 0);
  CHECK_EQ(SYS(ioctl, slave, TIOCGPGRP, &group), 0);
  CHECK(group == me);
  CHECK_EQ(SYS(ioctl, slave, TIOCGSID, &group), 0);
  CHECK(group == me);
  int tty = (int)SYS(open, "/dev/tty", O_RDWR);
  CHECK(tty >= 0);
  SYS(close, tty);

  SECTION("keys signal the foreground group");
  int child = fork_child();
  if (child == 0) {
    SYS(setpgid, 0, 0);
    for (;;) SYS(pause);
  }
  SYS(setpgid, child, child);
  set_handler(SIGTTOU, SIG_IGN, 0);
  CHECK_EQ(SYS(ioctl, slave, TIOCSPGRP, &child), 0);
  SYS(write, master, "\x03", 1);
  CHECK_EQ(wait_for(child), SIGNALED(SIGINT));
  child = fork_child();
  if (child == 0) {
    SYS(setpgid, 0, 0);
    SYS(ioctl, slave, TIOCSPGRP, &(int){(int)SYS(getpid)});
    SYS(write, slave, "go", 2);
    for (;;) SYS(pause);
  }
  char buffer[64];
  SYS(read, master, buffer, 2);
  int status;
  WAIT_UNTIL(SYS(read, master, buffer, 64) > 0);
  SYS(write, master, "\x1a", 1);
  SYS(wait4, child, &status, WUNTRACED, 0);
  CHECK_EQ(status, STOPPED(SIGTSTP));
  SYS(kill, child, SIGCONT);
  SYS(write, master, "\x1c", 1);
  CHECK_EQ(wait_for(child) & 0x7f, SIGQUIT);

  SECTION("background reads and writes");
  SYS(ioctl, slave, TIOCSPGRP, &me);
  child = fork_child();
  if (child == 0) {
    SYS(setpgid, 0, 0);
    SYS(read, slave, buffer, 1);
    exit_group(buffer[0]);
  }
  SYS(wait4, child, &status, WUNTRACED, 0);
  CHECK_EQ(status, STOPPED(SIGTTIN));
  SYS(ioctl, slave, TIOCSPGRP, &child);
  SYS(kill, child, SIGCONT);
  SYS(write, master, "K\n", 2);
  CHECK_EQ(wait_for(child), EXITED('K'));
  SYS(ioctl, slave, TIOCSPGRP, &me);
  struct termios termios;
  SYS(ioctl, slave, TCGETS, &termios);
  termios.c_lflag |= TOSTOP;
  SYS(ioctl, slave, TCSETS, &termios);
  child = fork_child();
  if (child == 0) {
    set_handler(SIGTTOU, SIG_DFL, 0);
    SYS(setpgid, 0, 0);
    exit_group((int)SYS(write, slave, "hello", 5));
  }
  SYS(wait4, child, &status, WUNTRACED, 0);
  CHECK_EQ(status, STOPPED(SIGTTOU));
  SYS(ioctl, slave, TIOCSPGRP, &child);
  SYS(kill, child, SIGCONT);
  CHECK_EQ(wait_for(child), EXITED(5));
  child = fork_child();
  if (child == 0) {
    SYS(setpgid, 0, 0);
    set_handler(SIGTTIN, SIG_IGN, 0);
    CHECK_EQ(SYS(read, slave, buffer, 1), -EIO);
    finish();
  }
  SYS(ioctl, slave, TIOCSPGRP, &me);
  CHECK_EQ(wait_for(child), EXITED(0));

  SECTION("window size");
  struct winsize {
    unsigned short rows, columns, x, y;
  } size = {50, 132, 0, 0}, got;
  set_handler(SIGWINCH, note, 0);
  nr_calls = 0;
  CHECK_EQ(SYS(ioctl, master, TIOCSWINSZ, &size), 0);
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(SYS(ioctl, slave, TIOCGWINSZ, &got), 0);
  CHECK(got.rows == 50 && got.columns == 132);
  CHECK_EQ(SYS(ioctl, slave, TIOCSWINSZ, &size), 0);
  CHECK_EQ(nr_calls, 1);

  SECTION("hangup");
  set_handler(SIGHUP, note, 0);
  set_handler(SIGCONT, SIG_IGN, 0);
  nr_calls = 0;
  SYS(close, master);
  WAIT_UNTIL(nr_calls > 0);
  CHECK_EQ(last_signal, SIGHUP);
  CHECK_EQ(SYS(read, slave, buffer, 1), 0);
  CHECK_EQ(SYS(write, slave, "x", 1), -EIO);
  SYS(close, slave);
}

static void leader_exit_body(void) {
  int *seen = map_shared(1);
  open_terminal();
  int leader = fork_child();
  if (leader == 0) {
    SYS(setsid);
    SYS(ioctl, slave, TIOCSCTTY, 0);
    int child = fork_child();
    if (child == 0) {
      set_handler(SIGHUP, note, 0);
      seen[0] = 1;
      WAIT_UNTIL(nr_calls > 0);
      seen[1] = last_signal;
      seen[2] = (int)SYS(open, "/dev/tty", O_RDWR);
      seen[3] = 1;
      exit_group(0);
    }
    WAIT_UNTIL(seen[0]);
    exit_group(0);
  }
  wait_for(leader);
  WAIT_UNTIL(seen[3]);
  CHECK_EQ(seen[1], SIGHUP);
  CHECK_EQ(seen[2], -ENXIO);
  close_terminal();
}

static void detach_body(void) {
  open_terminal();
  SYS(setsid);
  SYS(ioctl, slave, TIOCSCTTY, 0);
  set_handler(SIGHUP, note, 0);
  set_handler(SIGCONT, note, 0);
  int tty = (int)SYS(open, "/dev/tty", O_RDWR);
  nr_calls = 0;
  CHECK_EQ(SYS(ioctl, tty, TIOCNOTTY), 0);
  CHECK_EQ(nr_calls, 2);
  CHECK_EQ(SYS(open, "/dev/tty", O_RDWR), -ENXIO);
  SYS(close, tty);
  close_terminal();
}

static void orphaned_body(void) {
  int *seen = map_shared(1);
  int leader = fork_child();
  if (leader == 0) {
    SYS(setpgid, 0, 0);
    int child = fork_child();
    if (child == 0) {
      set_handler(SIGHUP, note, 0);
      SYS(kill, SYS(getpid), SIGSTOP);
      seen[0] = last_signal;
      seen[1] = 1;
      /* In an orphaned group terminal stops do nothing. */
      SYS(kill, SYS(getpid), SIGTSTP);
      seen[2] = 1;
      exit_group(0);
    }
    int status;
    SYS(wait4, child, &status, WUNTRACED, 0);
    exit_group(0);
  }
  CHECK_EQ(wait_for(leader), EXITED(0));
  WAIT_UNTIL(seen[2]);
  CHECK_EQ(seen[0], SIGHUP);
  CHECK_EQ(seen[2], 1);
}

void test_main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "hold") == 0) {
    char byte;
    SYS(write, 60, "x", 1);
    SYS(read, 61, &byte, 1);
    return;
  }
  SECTION("sessions and groups");
  CHECK_EQ(in_child(ids_body), EXITED(0));
  SECTION("signals to groups");
  CHECK_EQ(in_child(group_kill_body), EXITED(0));
  SECTION("a controlling terminal");
  /* Of no session before: the test may be started from a terminal. */
  int pid = fork_child();
  if (pid == 0) {
    SYS(setsid);
    int inner = fork_child();
    if (inner == 0) {
      controlling_body();
      finish();
    }
    exit_group(wait_for(inner) != 0);
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
  SECTION("the session leader ends");
  CHECK_EQ(in_child(leader_exit_body), EXITED(0));
  SECTION("TIOCNOTTY");
  CHECK_EQ(in_child(detach_body), EXITED(0));
  SECTION("orphaned groups");
  SYS(prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
  CHECK_EQ(in_child(orphaned_body), EXITED(0));
}
