/* Waiting for several files: poll(2), select(2), epoll(7), eventfd(2), timerfd_create(2). */
#include "guest.h"

static int ends[2];

static void polls(void) {
  SECTION("poll");
  struct pollfd fds[3] = {{ends[0], POLLIN, 0}, {-1, POLLIN, 7}, {99, POLLIN, 0}};
  CHECK_EQ(SYS(poll, fds, 2, 0), 0);
  CHECK_EQ(fds[1].revents, 0);
  CHECK_EQ(SYS(poll, fds, 3, -1), 1);
  CHECK_EQ(fds[2].revents, POLLNVAL);
  long start = now_ms();
  CHECK_EQ(SYS(poll, fds, 1, 30), 0);
  CHECK(now_ms() - start >= 29);
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(20);
    SYS(write, ends[1], "x", 1);
    exit_group(0);
  }
  CHECK_EQ(SYS(poll, fds, 1, 10000), 1);
  wait_for(pid);
  int file = (int)SYS(open, "regular", O_RDWR | O_CREAT, 0644);
  fds[1] = (struct pollfd){file, POLLIN | POLLOUT | POLLPRI, 0};
  CHECK_EQ(SYS(poll, fds, 2, 0), 2);
  CHECK_EQ(fds[1].revents, POLLIN | POLLOUT);
  struct __kernel_timespec bad = {0, -1};
  CHECK_EQ(SYS(ppoll, fds, 1, &bad, 0, 8), -EINVAL);
  CHECK_EQ(SYS(poll, fds, 1u << 30, 0), -EINVAL);
  CHECK_EQ(SYS(poll, 8, 1, 0), -EFAULT);

  SECTION("select");
  unsigned long in[16] = {1ul << ends[0]}, out[16] = {1ul << ends[1]}, except[16] = {0};
  struct __kernel_old_timeval time = {5, 0};
  CHECK_EQ(SYS(select, 64, in, out, except, &time), 2);
  CHECK(in[0] == 1ul << ends[0] && out[0] == 1ul << ends[1]);
  char byte;
  SYS(read, ends[0], &byte, 1);
  CHECK_EQ(SYS(select, 64, in, out, except, &time), 1);
  CHECK_EQ(in[0], 0);
  in[0] = 1ul << ends[0];
  time = (struct __kernel_old_timeval){0, 20000};
  CHECK_EQ(SYS(select, 64, in, 0, 0, &time), 0);
  CHECK_EQ(time.tv_usec, 0);
  in[0] = 1ul << 50;
  CHECK_EQ(SYS(select, 64, in, 0, 0, &time), -EBADF);
  CHECK_EQ(SYS(select, -1, in, 0, 0, &time), -EINVAL);
  time = (struct __kernel_old_timeval){0, 1000};
  CHECK_EQ(SYS(select, 0, 0, 0, 0, &time), 0);
  SYS(close, file);
}

static void epolls(void) {
  SECTION("epoll");
  int epoll = (int)SYS(epoll_create1, EPOLL_CLOEXEC);
  struct epoll_event event = {EPOLLIN, 11}, got[4];
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], &event), -EEXIST);
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_MOD, ends[1], &event), -ENOENT);
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_DEL, ends[1], &event), -ENOENT);
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, 99, &event), -EBADF);
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, epoll, &event), -EINVAL);
  CHECK_EQ(SYS(epoll_ctl, ends[0], EPOLL_CTL_ADD, ends[1], &event), -EINVAL);
  int file = (int)SYS(open, "regular", O_RDWR | O_CREAT, 0644);
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, file, &event), -EPERM);
  SYS(close, file);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 0);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 0, 0), -EINVAL);
  SYS(write, ends[1], "abc", 3);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, -1), 1);
  CHECK_EQ(got[0].events, EPOLLIN);
  CHECK_EQ(got[0].data, 11);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  event = (struct epoll_event){EPOLLIN | EPOLLET, 12};
  CHECK_EQ(SYS(epoll_ctl, epoll, EPOLL_CTL_MOD, ends[0], &event), 0);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 0);
  SYS(write, ends[1], "d", 1);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  event.events = EPOLLIN | EPOLLONESHOT;
  SYS(epoll_ctl, epoll, EPOLL_CTL_MOD, ends[0], &event);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  SYS(write, ends[1], "e", 1);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 0);
  SYS(epoll_ctl, epoll, EPOLL_CTL_MOD, ends[0], &event);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  event = (struct epoll_event){EPOLLOUT, 13};
  SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[1], &event);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  CHECK_EQ(got[0].data, 13);
  /* An epoll is itself a file that can be waited for. */
  struct pollfd fd = {epoll, POLLIN, 0};
  CHECK_EQ(SYS(poll, &fd, 1, 0), 1);
  SYS(epoll_ctl, epoll, EPOLL_CTL_DEL, ends[1], 0);
  CHECK_EQ(SYS(poll, &fd, 1, 0), 0);
  int other[2];
  SYS(pipe, other);
  event.events = EPOLLIN;
  SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, other[0], &event);
  SYS(close, other[1]);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 1);
  CHECK_EQ(got[0].events, EPOLLHUP);
  SYS(close, other[0]);
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 0), 0);
  int pid = fork_child();
  if (pid == 0) {
    sleep_ms(20);
    SYS(write, other[0], "x", 1);
    SYS(kill, SYS(getppid), 0);
    exit_group(0);
  }
  long start = now_ms();
  CHECK_EQ(SYS(epoll_wait, epoll, got, 4, 40), 0);
  CHECK(now_ms() - start >= 39);
  wait_for(pid);
  CHECK_EQ(SYS(epoll_create, 0), -EINVAL);
  SYS(close, epoll);
}

static void eventfds(void) {
  SECTION("eventfd");
  uint64_t value = 5;
  int fd = (int)SYS(eventfd2, 3, O_NONBLOCK);
  CHECK_EQ(SYS(read, fd, &value, 8), 8);
  CHECK_EQ(value, 3);
  CHECK_EQ(SYS(read, fd, &value, 8), -EAGAIN);
  CHECK_EQ(SYS(read, fd, &value, 4), -EINVAL);
  CHECK_EQ(SYS(pread64, fd, &value, 8, 0), -ESPIPE);
  value = 10;
  SYS(write, fd, &value, 8);
  SYS(write, fd, &value, 8);
  SYS(read, fd, &value, 8);
  CHECK_EQ(value, 20);
  value = -1ul;
  CHECK_EQ(SYS(write, fd, &value, 8), -EINVAL);
  value = -2ul;
  CHECK_EQ(SYS(write, fd, &value, 8), 8);
  value = 1;
  CHECK_EQ(SYS(write, fd, &value, 8), -EAGAIN);
  struct pollfd poll = {fd, POLLIN | POLLOUT, 0};
  SYS(poll, &poll, 1, 0);
  CHECK_EQ(poll.revents, POLLIN);
  SYS(close, fd);
  fd = (int)SYS(eventfd2, 2, 1 /* EFD_SEMAPHORE */ | O_NONBLOCK);
  SYS(read, fd, &value, 8);
  CHECK_EQ(value, 1);
  CHECK_EQ(SYS(read, fd, &value, 8), 8);
  CHECK_EQ(SYS(read, fd, &value, 8), -EAGAIN);
  SYS(close, fd);
}

static void timerfds(void) {
  SECTION("timerfd");
  uint64_t value = 0;
  int fd = (int)SYS(timerfd_create, CLOCK_MONOTONIC, 0);
  struct __kernel_itimerspec timer = {{0, 0}, {0, 20000000}}, left;
  CHECK_EQ(SYS(timerfd_settime, fd, 0, &timer, 0), 0);
  SYS(timerfd_gettime, fd, &left);
  CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 20000000);
  CHECK_EQ(SYS(read, fd, &value, 8), 8);
  CHECK_EQ(value, 1);
  timer.it_interval.tv_nsec = 10000000;
  SYS(timerfd_settime, fd, 0, &timer, 0);
  sleep_ms(65);
  SYS(read, fd, &value, 8);
  CHECK(value >= 4);
  timer = (struct __kernel_itimerspec){{0, 0}, {0, 0}};
  SYS(timerfd_settime, fd, 0, &timer, &left);
  CHECK_EQ(left.it_interval.tv_nsec, 10000000);
  struct pollfd poll = {fd, POLLIN, 0};
  CHECK_EQ(SYS(poll, &poll, 1, 30), 0);
  timer.it_value.tv_nsec = 1000000000;
  CHECK_EQ(SYS(timerfd_settime, fd, 0, &timer, 0), -EINVAL);
  CHECK_EQ(SYS(timerfd_create, 77, 0), -EINVAL);
  SYS(close, fd);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  SYS(pipe, ends);
  polls();
  epolls();
  eventfds();
  timerfds();
}
