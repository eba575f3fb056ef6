/* Pipes and FIFOs: capacity, atomicity, blocking, end of file, EPIPE and SIGPIPE, poll states. man 7 pipe, man 7 fifo */
#include "guest.h"

static char block_of[70000];

static void basics(void) {
  SECTION("basics");
  int ends[2], count;
  char buffer[64];
  CHECK_EQ(SYS(pipe, ends), 0);
  CHECK_EQ(SYS(write, ends[1], "hello", 5), 5);
  CHECK_EQ(SYS(write, ends[1], "world", 5), 5);
  CHECK_EQ(SYS(ioctl, ends[0], FIONREAD, &count), 0);
  CHECK_EQ(count, 10);
  CHECK_EQ(SYS(read, ends[0], buffer, 7), 7);
  CHECK_EQ(SYS(read, ends[0], buffer, 64), 3);
  CHECK_EQ(SYS(read, ends[0], buffer, 0), 0);
  CHECK_EQ(SYS(write, ends[1], buffer, 0), 0);
  CHECK_EQ(SYS(read, ends[1], buffer, 1), -EBADF);
  CHECK_EQ(SYS(write, ends[0], buffer, 1), -EBADF);
  struct stat st;
  SYS(fstat, ends[0], &st);
  CHECK_EQ(st.st_mode, 010600);
  SYS(close, ends[1]);
  CHECK_EQ(SYS(read, ends[0], buffer, 64), 0);
  SYS(close, ends[0]);
  CHECK_EQ(SYS(pipe2, ends, O_NONBLOCK | O_CLOEXEC), 0);
  CHECK_EQ(SYS(fcntl, ends[0], F_GETFL), O_NONBLOCK);
  CHECK_EQ(SYS(fcntl, ends[1], F_GETFL), O_NONBLOCK | O_WRONLY);
  CHECK_EQ(SYS(fcntl, ends[1], F_GETFD), FD_CLOEXEC);
  CHECK_EQ(SYS(pipe2, ends, 1), -EINVAL);
  int file = (int)SYS(open, "plain", O_RDWR | O_CREAT, 0600);
  CHECK_EQ(SYS(fcntl, file, F_GETPIPE_SZ), -EBADF);
  CHECK_EQ(SYS(fcntl, file, F_SETPIPE_SZ, 4096), -EBADF);
  SYS(close, file);
}

static void capacity(void) {
  SECTION("capacity");
  int ends[2];
  SYS(pipe2, ends, O_NONBLOCK);
  CHECK_EQ(SYS(read, ends[0], block_of, 1), -EAGAIN);
  CHECK_EQ(SYS(write, ends[1], block_of, 70000), 65536);
  CHECK_EQ(SYS(write, ends[1], block_of, 1), -EAGAIN);
  CHECK_EQ(SYS(read, ends[0], block_of, 4095), 4095);
  CHECK_EQ(SYS(write, ends[1], block_of, 1), -EAGAIN);
  CHECK_EQ(SYS(read, ends[0], block_of, 1), 1);
  CHECK_EQ(SYS(write, ends[1], block_of, 4096), 4096);
  CHECK_EQ(SYS(write, ends[1], block_of, 4096), -EAGAIN);
  CHECK_EQ(SYS(read, ends[0], block_of, 4096), 4096);
  /* More than PIPE_BUF may be written in part. */
  CHECK_EQ(SYS(write, ends[1], block_of, 8192), 4096);
  CHECK_EQ(SYS(fcntl, ends[1], F_GETPIPE_SZ), 65536);
  CHECK_EQ(read_all(ends[0], block_of, 65536), 65536);
  CHECK_EQ(SYS(fcntl, ends[1], F_SETPIPE_SZ, 4096), 4096);
  CHECK_EQ(SYS(write, ends[1], block_of, 10000), 4096);
  CHECK_EQ(SYS(fcntl, ends[1], F_SETPIPE_SZ, 10000), 16384);
  CHECK_EQ(SYS(write, ends[1], block_of, 20000), 12288);
  CHECK_EQ(SYS(fcntl, ends[1], F_SETPIPE_SZ, 4096), -EBUSY);
}

static void blocking(void) {
  SECTION("blocking");
  int ends[2], *seen = map_shared(1);
  char buffer[16];
  SYS(pipe, ends);
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(20);
    SYS(write, ends[1], "late", 4);
    exit_group(0);
  }
  CHECK_EQ(SYS(read, ends[0], buffer, 16), 4);
  wait_for(pid);
  pid = fork_child();
  if (pid == 0) {
    seen[0] = (int)SYS(write, ends[1], block_of, 70000);
    exit_group(0);
  }
  sleep_ms(20);
  CHECK_EQ(seen[0], 0);
  CHECK_EQ(read_all(ends[0], block_of, 70000), 70000);
  wait_for(pid);
  CHECK_EQ(seen[0], 70000);
  pid = fork_child();
  if (pid == 0) {
    SYS(close, ends[1]);
    exit_group((int)SYS(read, ends[0], buffer, 16) + 1);
  }
  sleep_ms(10);
  SYS(close, ends[1]);
  CHECK_EQ(wait_for(pid), EXITED(1));
  SYS(close, ends[0]);
}

static volatile int nr_signals;

static void count(int sig) {
  (void)sig;
  nr_signals++;
}

static void broken(void) {
  SECTION("no readers");
  int ends[2];
  SYS(pipe, ends);
  SYS(close, ends[0]);
  set_handler(SIGPIPE, count, 0);
  CHECK_EQ(SYS(write, ends[1], "x", 1), -EPIPE);
  CHECK_EQ(nr_signals, 1);
  set_handler(SIGPIPE, SIG_IGN, 0);
  CHECK_EQ(SYS(write, ends[1], "x", 1), -EPIPE);
  set_handler(SIGPIPE, SIG_DFL, 0);
  int pid = fork_child();
  if (pid == 0) SYS(write, ends[1], "x", 1);
  CHECK_EQ(wait_for(pid), SIGNALED(SIGPIPE));
  SYS(close, ends[1]);
  /* The last reader goes while a writer sleeps. */
  SYS(pipe, ends);
  pid = fork_child();
  if (pid == 0) {
    set_handler(SIGPIPE, SIG_IGN, 0);
    SYS(close, ends[0]);
    exit_group(SYS(write, ends[1], block_of, 70000) == 65536 ? 0 : 1);
  }
  sleep_ms(20);
  SYS(close, ends[0]);
  SYS(close, ends[1]);
  CHECK_EQ(wait_for(pid), EXITED(0));
}

static void atomic(void) {
  SECTION("writes of up to 4096 bytes are not mixed");
  int ends[2];
  SYS(pipe, ends);
  for (int i = 0; i < 4; i++) {
    if (fork_child() == 0) {
      static char line[1000];
      memset(line, 'a' + i, sizeof line);
      for (int n = 0; n < 50; n++) SYS(write, ends[1], line, sizeof line);
      exit_group(0);
    }
  }
  SYS(close, ends[1]);
  static char line[1000];
  int mixed = 0, nr = 0;
  while (read_all(ends[0], line, sizeof line) == sizeof line) {
    nr++;
    for (int i = 1; i < 1000; i++) mixed += line[i] != line[0];
  }
  CHECK_EQ(nr, 200);
  CHECK_EQ(mixed, 0);
  while (SYS(wait4, -1, 0, 0, 0) > 0) {}
  SYS(close, ends[0]);
}

static void polling(void) {
  SECTION("poll");
  int ends[2];
  SYS(pipe2, ends, O_NONBLOCK);
  struct pollfd fds[2] = {{ends[0], POLLIN | POLLOUT, 0}, {ends[1], POLLIN | POLLOUT, 0}};
  CHECK_EQ(SYS(poll, fds, 2, 0), 1);
  CHECK_EQ(fds[0].revents, 0);
  CHECK_EQ(fds[1].revents, POLLOUT);
  SYS(write, ends[1], block_of, 70000);
  CHECK_EQ(SYS(poll, fds, 2, 0), 1);
  CHECK_EQ(fds[0].revents, POLLIN);
  CHECK_EQ(fds[1].revents, 0);
  int other = (int)SYS(dup, ends[1]);
  SYS(close, ends[1]);
  CHECK_EQ(SYS(poll, fds, 1, 0), 1);
  CHECK_EQ(fds[0].revents, POLLIN);
  SYS(close, other);
  SYS(poll, fds, 1, 0);
  CHECK_EQ(fds[0].revents, POLLIN | POLLHUP);
  SYS(read, ends[0], block_of, 70000);
  SYS(poll, fds, 1, 0);
  CHECK_EQ(fds[0].revents, POLLHUP);
  SYS(close, ends[0]);
  SYS(pipe, ends);
  SYS(close, ends[0]);
  fds[0] = (struct pollfd){ends[1], POLLOUT, 0};
  SYS(poll, fds, 1, 0);
  CHECK_EQ(fds[0].revents, POLLOUT | POLLERR);
}

static void fifos(void) {
  SECTION("FIFOs");
  char buffer[16];
  CHECK_EQ(SYS(mknod, "fifo", S_IFIFO | 0644, 0), 0);
  CHECK_EQ(SYS(mknod, "fifo", S_IFIFO | 0644, 0), -EEXIST);
  struct stat st;
  SYS(stat, "fifo", &st);
  CHECK_EQ(st.st_mode, 010644);
  CHECK_EQ(SYS(open, "fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
  int reader = (int)SYS(open, "fifo", O_RDONLY | O_NONBLOCK);
  CHECK(reader >= 0);
  CHECK_EQ(SYS(read, reader, buffer, 1), 0);
  struct pollfd fd = {reader, POLLIN, 0};
  CHECK_EQ(SYS(poll, &fd, 1, 0), 0);
  int writer = (int)SYS(open, "fifo", O_WRONLY | O_NONBLOCK);
  CHECK(writer >= 0);
  CHECK_EQ(SYS(read, reader, buffer, 1), -EAGAIN);
  SYS(write, writer, "fifo", 4);
  CHECK_EQ(SYS(read, reader, buffer, 16), 4);
  SYS(close, writer);
  CHECK_EQ(SYS(read, reader, buffer, 1), 0);
  CHECK_EQ(SYS(poll, &fd, 1, 0), 1);
  CHECK_EQ(fd.revents, POLLHUP);
  SYS(close, reader);
  int pid = fork_child();
  if (pid == 0) {
    int end = (int)SYS(open, "fifo", O_WRONLY);
    SYS(write, end, "meet", 4);
    exit_group(0);
  }
  reader = (int)SYS(open, "fifo", O_RDONLY);
  CHECK_EQ(read_all(reader, buffer, 4), 4);
  CHECK_EQ(SYS(read, reader, buffer, 1), 0);
  CHECK_EQ(wait_for(pid), EXITED(0));
  SYS(close, reader);
  int both = (int)SYS(open, "fifo", O_RDWR);
  SYS(write, both, "self", 4);
  CHECK_EQ(SYS(read, both, buffer, 16), 4);
  SYS(close, both);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  basics();
  capacity();
  blocking();
  broken();
  atomic();
  polling();
  fifos();
}
