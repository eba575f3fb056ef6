/* Times of 32 and of 64 bits, timers, and waiting with a timeout, by i386's system calls. */
#include "guest.h"

static long passed_ms(const int64_t *from) {
  int64_t now[2];
  SYS(clock_gettime64, 1, now);
  return (long)((now[0] - from[0]) * 1000 + (int32_t)(now[1] - from[1]) / 1000000);
}

static void test_clocks(void) {
  int32_t small[2], tv[2];
  int64_t large[2];
  SECTION("clocks");
  CHECK_EQ(SYS(clock_gettime, 0, small), 0);
  CHECK_EQ(SYS(clock_gettime64, 0, large), 0);
  CHECK(large[0] - small[0] < 5 && large[0] > 1000000000);
  CHECK_EQ(SYS(gettimeofday, tv, 0), 0);
  CHECK(tv[0] - small[0] < 5 && tv[1] < 1000000);
  int32_t seconds = 0;
  CHECK_EQ(SYS(time, &seconds) - seconds, 0);
  CHECK(seconds - small[0] < 5);
  CHECK_EQ(SYS(clock_getres, 1, small), 0);
  CHECK(small[0] == 0 && small[1] == 1);
  CHECK_EQ(SYS(clock_getres_time64, 1, large), 0);
  CHECK(large[0] == 0 && large[1] == 1);
  CHECK_EQ(SYS(clock_gettime, 99, small), -EINVAL);
  CHECK_EQ(SYS(clock_gettime, 0, 8), -EFAULT);
  uint32_t ticks[4];
  CHECK(SYS(times, ticks) != 0);
  CHECK(ticks[2] < 1000 && ticks[3] < 1000);
  uint32_t info[16];
  memset(info, 0, sizeof info);
  CHECK_EQ(SYS(sysinfo, info), 0);
  CHECK(info[4] > 1000 && info[5] <= info[4]);
  CHECK(info[13] == 1 || info[13] == 4096);
}

static void test_sleep(void) {
  int64_t start[2], span64[2] = {0, 30000000};
  int32_t span[2] = {0, 30000000}, bad[2] = {0, 1000000000};
  SECTION("sleeping");
  SYS(clock_gettime64, 1, start);
  CHECK_EQ(SYS(nanosleep, span, 0), 0);
  CHECK(passed_ms(start) >= 30);
  CHECK_EQ(SYS(nanosleep, bad, 0), -EINVAL);
  SYS(clock_gettime64, 1, start);
  CHECK_EQ(SYS(clock_nanosleep, 1, 0, span, 0), 0);
  CHECK_EQ(SYS(clock_nanosleep_time64, 1, 0, span64, 0), 0);
  CHECK(passed_ms(start) >= 60);
  /* The upper half of tv_nsec is padding. */
  span64[1] |= 0x1234567800000000;
  CHECK_EQ(SYS(clock_nanosleep_time64, 1, 0, span64, 0), 0);
}

static void test_timeouts(void) {
  int fds[2];
  int64_t start[2];
  SECTION("timeouts");
  SYS(clock_gettime64, 1, start);
  CHECK_EQ(SYS(pipe, fds), 0);
  struct {
    int fd;
    short events, revents;
  } poll = {fds[0], 1, 0};
  CHECK_EQ(SYS(poll, &poll, 1, 10), 0);
  int32_t brief[2] = {0, 10000000}, tv[2] = {0, 10000};
  int64_t brief64[2] = {0, 10000000};
  CHECK_EQ(SYS(ppoll, &poll, 1, brief, 0, 8), 0);
  CHECK(brief[0] == 0 && brief[1] == 0);
  CHECK_EQ(SYS(ppoll_time64, &poll, 1, brief64, 0, 8), 0);
  CHECK(brief64[0] == 0 && brief64[1] == 0);
  /* Bits of an fd_set beyond the words that nfds needs stay as they are. */
  uint32_t set[3] = {0, 0, 0xeeeeeeee};
  set[fds[0] / 32] |= 1u << (fds[0] % 32);
  CHECK_EQ(SYS(_newselect, fds[0] + 1, set, 0, 0, tv), 0);
  CHECK(set[0] == 0 && set[1] == 0 && set[2] == 0xeeeeeeee);
  CHECK_EQ(SYS(write, fds[1], "x", 1), 1);
  set[0] = 1u << fds[0], set[1] = 0x77777777;
  CHECK_EQ(SYS(_newselect, fds[0] + 1, set, 0, 0, 0), 1);
  CHECK(set[0] == 1u << fds[0] && set[1] == 0x77777777);
  tv[1] = 0;
  uint32_t args[5] = {(uint32_t)fds[0] + 1, (uint32_t)set, 0, 0, (uint32_t)tv};
  CHECK_EQ(SYS(select, args), 1);
  CHECK_EQ(SYS(select, 8), -EFAULT);
  uint32_t mask[2] = {0, 0};
  struct {
    void *mask;
    uint32_t size;
  } sigmask = {mask, 8};
  brief[0] = 1;
  CHECK_EQ(SYS(pselect6, fds[0] + 1, set, 0, 0, brief, &sigmask), 1);
  brief64[0] = 1;
  CHECK_EQ(SYS(pselect6_time64, fds[0] + 1, set, 0, 0, brief64, &sigmask), 1);
  sigmask.size = 4;
  CHECK_EQ(SYS(pselect6, fds[0] + 1, set, 0, 0, brief, &sigmask), -EINVAL);
  int epoll = (int)SYS(epoll_create1, 0);
  struct {
    uint32_t events;
    uint64_t data;
  } __attribute__((packed)) event = {1, 0x123456789abcdef0}, got;
  CHECK_EQ(SYS(epoll_ctl, epoll, 1, fds[0], &event), 0);
  CHECK_EQ(SYS(epoll_wait, epoll, &got, 1, 1000), 1);
  CHECK(got.events == 1 && got.data == 0x123456789abcdef0);
  CHECK_EQ(SYS(epoll_pwait2, epoll, &got, 1, brief64, 0, 8), 1);
}

static void test_timers(void) {
  int32_t value[4] = {0, 0, 100, 500000}, old[4];
  SECTION("timers");
  CHECK_EQ(SYS(setitimer, 0, value, 0), 0);
  CHECK_EQ(SYS(getitimer, 0, old), 0);
  CHECK(old[0] == 0 && old[1] == 0 && (old[2] == 100 || old[2] == 99) && old[3] < 1000000);
  memset(value, 0, sizeof value);
  CHECK_EQ(SYS(setitimer, 0, value, old), 0);
  CHECK(old[2] == 100 || old[2] == 99);
  /* sigev_value, sigev_signo, sigev_notify. */
  int32_t event[16] = {77, SIGUSR1, 0}, id;
  CHECK_EQ(SYS(timer_create, 1, event, &id), 0);
  uint32_t block[2] = {1u << (SIGUSR1 - 1), 0};
  SYS(rt_sigprocmask, SIG_BLOCK, block, 0, 8);
  value[3] = 10000000;
  CHECK_EQ(SYS(timer_settime, id, 0, value, 0), 0);
  int32_t info[32], limit[2] = {5, 0};
  CHECK_EQ(SYS(rt_sigtimedwait, block, info, limit, 8), SIGUSR1);
  CHECK(info[2] == -2 && info[3] == id && info[5] == 77);
  int64_t large[4] = {0, 0, 200, 5}, now[4];
  CHECK_EQ(SYS(timer_settime64, id, 0, large, now), 0);
  CHECK(now[2] == 0 && now[3] == 0);
  CHECK_EQ(SYS(timer_gettime64, id, now), 0);
  CHECK(now[0] == 0 && now[2] >= 199 && now[2] <= 200);
  CHECK_EQ(SYS(timer_gettime, id, value), 0);
  CHECK(value[0] == 0 && value[2] >= 199 && value[2] <= 200);
  CHECK_EQ(SYS(timer_delete, id), 0);
  int fd = (int)SYS(timerfd_create, 1, 0);
  value[0] = value[1] = value[2] = 0, value[3] = 5000000;
  CHECK_EQ(SYS(timerfd_settime, fd, 0, value, 0), 0);
  uint64_t count = 0;
  CHECK_EQ(SYS(read, fd, &count, 8), 8);
  CHECK(count == 1);
  CHECK_EQ(SYS(timerfd_settime64, fd, 0, large, 0), 0);
  CHECK_EQ(SYS(timerfd_gettime64, fd, now), 0);
  CHECK(now[2] >= 199 && now[2] <= 200);
  int32_t slice[2];
  CHECK_EQ(SYS(sched_rr_get_interval, 0, slice), 0);
  CHECK(slice[0] == 0);
  uint32_t usage[18];
  CHECK_EQ(SYS(getrusage, 0, usage), 0);
  CHECK(usage[0] < 10 && usage[1] < 1000000 && usage[4] > 10);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  test_clocks();
  test_sleep();
  test_timeouts();
  test_timers();
}
