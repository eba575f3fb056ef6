/* Clocks and sleeping: clock_gettime(2), nanosleep(2), clock_nanosleep(2), setitimer(2), alarm(2), timer_create(2), times(2). man 7 time */
#include "guest.h"

typedef struct __kernel_timespec timespec;

static long ns_between(timespec a, timespec b) {
  return (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
}

static void clocks(void) {
  SECTION("clocks");
  timespec before, now, resolution;
  static const int ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                            CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
  for (int i = 0; i < 8; i++) {
    int id = ids[i];
    CHECK_QUIET(SYS(clock_gettime, id, &before) == 0);
    int backwards = 0, bad = 0;
    for (int n = 0; n < 2000; n++) {
      SYS(clock_gettime, id, &now);
      backwards += ns_between(before, now) < 0;
      bad += now.tv_nsec < 0 || now.tv_nsec >= 1000000000;
      before = now;
    }
    print("clock %d: backwards %d bad %d\n", id, backwards, bad);
    CHECK_QUIET(SYS(clock_getres, id, &resolution) == 0);
    CHECK_QUIET(resolution.tv_sec == 0 && resolution.tv_nsec > 0 && resolution.tv_nsec <= 10000000);
  }
  CHECK_EQ(SYS(clock_gettime, 77, &now), -EINVAL);
  CHECK_EQ(SYS(clock_getres, 77, &now), -EINVAL);
  CHECK_EQ(SYS(clock_gettime, CLOCK_REALTIME, 8), -EFAULT);
  struct __kernel_old_timeval day;
  SYS(clock_gettime, CLOCK_REALTIME, &now);
  CHECK_EQ(SYS(gettimeofday, &day, 0), 0);
  CHECK(day.tv_sec - now.tv_sec >= 0 && day.tv_sec - now.tv_sec <= 1);
  long seconds = SYS(time, 0), stored;
  CHECK(seconds - now.tv_sec >= 0 && seconds - now.tv_sec <= 1);
  CHECK_EQ(SYS(time, &stored) - stored, 0);
  CHECK(now.tv_sec > 1700000000);
  SYS(clock_gettime, CLOCK_MONOTONIC, &before);
  sleep_ms(50);
  SYS(clock_gettime, CLOCK_MONOTONIC, &now);
  CHECK(ns_between(before, now) >= 50000000);
  CHECK(ns_between(before, now) < 5000000000);
}

static volatile int nr_alarms;

static void count(int sig) {
  (void)sig;
  nr_alarms++;
}

static void sleeping(void) {
  SECTION("sleeping");
  timespec time = {0, 20000000}, left = {7, 7}, before, after;
  SYS(clock_gettime, CLOCK_MONOTONIC, &before);
  CHECK_EQ(SYS(nanosleep, &time, &left), 0);
  SYS(clock_gettime, CLOCK_MONOTONIC, &after);
  CHECK(ns_between(before, after) >= 20000000);
  CHECK_EQ(left.tv_sec, 7);
  time = (timespec){0, 0};
  CHECK_EQ(SYS(nanosleep, &time, 0), 0);
  time = (timespec){0, 1000000000};
  CHECK_EQ(SYS(nanosleep, &time, 0), -EINVAL);
  time = (timespec){-1, 0};
  CHECK_EQ(SYS(nanosleep, &time, 0), -EINVAL);
  CHECK_EQ(SYS(nanosleep, 0, 0), -EFAULT);
  SYS(clock_gettime, CLOCK_MONOTONIC, &time);
  time.tv_nsec += 20000000;
  if (time.tv_nsec >= 1000000000) time.tv_sec++, time.tv_nsec -= 1000000000;
  CHECK_EQ(SYS(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, 0), 0);
  SYS(clock_gettime, CLOCK_MONOTONIC, &after);
  CHECK(ns_between(time, after) >= 0);
  CHECK_EQ(SYS(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, 0), 0);
  CHECK_EQ(SYS(clock_nanosleep, 77, 0, &time, 0), -EINVAL);
  CHECK_EQ(SYS(clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, 0), -EOPNOTSUPP);
  set_handler(SIGALRM, count, 0);
  struct __kernel_old_itimerval timer = {{0, 0}, {0, 30000}}, old;
  SYS(setitimer, ITIMER_REAL, &timer, 0);
  time = (timespec){5, 0};
  CHECK_EQ(SYS(nanosleep, &time, &left), -EINTR);
  CHECK_EQ(nr_alarms, 1);
  CHECK(left.tv_sec == 4 && left.tv_nsec > 500000000);
  SYS(getitimer, ITIMER_REAL, &old);
  CHECK_EQ(old.it_value.tv_usec, 0);
}

static void timers(void) {
  SECTION("interval timers and alarm");
  struct __kernel_old_itimerval timer = {{0, 10000}, {0, 10000}}, old;
  nr_alarms = 0;
  CHECK_EQ(SYS(setitimer, ITIMER_REAL, &timer, 0), 0);
  while (nr_alarms < 5) SYS(pause);
  timer = (struct __kernel_old_itimerval){{0, 0}, {0, 0}};
  CHECK_EQ(SYS(setitimer, ITIMER_REAL, &timer, &old), 0);
  CHECK_EQ(old.it_interval.tv_usec, 10000);
  CHECK_EQ(nr_alarms, 5);
  timer.it_value.tv_usec = 1000000;
  CHECK_EQ(SYS(setitimer, ITIMER_REAL, &timer, 0), -EINVAL);
  CHECK_EQ(SYS(setitimer, 7, &timer, 0), -EINVAL);
  CHECK_EQ(SYS(getitimer, 7, &timer), -EINVAL);
  CHECK_EQ(SYS(alarm, 10), 0);
  CHECK_EQ(SYS(alarm, 20), 10);
  CHECK_EQ(SYS(alarm, 0), 20);
  CHECK_EQ(SYS(alarm, 0), 0);

  SECTION("CPU time timers");
  nr_alarms = 0;
  set_handler(SIGVTALRM, count, 0);
  set_handler(SIGPROF, count, 0);
  timer = (struct __kernel_old_itimerval){{0, 0}, {0, 20000}};
  SYS(setitimer, ITIMER_VIRTUAL, &timer, 0);
  for (long end = now_ms() + 20000; !nr_alarms && now_ms() < end;)
    for (volatile int i = 0; i < 10000; i++) {}
  CHECK_EQ(nr_alarms, 1);
  SYS(setitimer, ITIMER_PROF, &timer, 0);
  for (long end = now_ms() + 20000; nr_alarms < 2 && now_ms() < end;)
    for (volatile int i = 0; i < 10000; i++) {}
  CHECK_EQ(nr_alarms, 2);
  SYS(setitimer, ITIMER_VIRTUAL, &timer, 0);
  sleep_ms(60);
  CHECK_EQ(nr_alarms, 2);
  timer.it_value.tv_usec = 0;
  SYS(setitimer, ITIMER_VIRTUAL, &timer, 0);
}

static volatile int last_code, last_value;

static void note(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)context;
  nr_alarms++;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
}

static void posix_timers(void) {
  SECTION("POSIX timers");
  struct sigevent event = {0};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  event.sigev_value.sival_int = 321;
  set_info_handler(SIGUSR1, note, 0);
  int id = -1;
  nr_alarms = 0;
  CHECK_EQ(SYS(timer_create, CLOCK_MONOTONIC, &event, &id), 0);
  struct __kernel_itimerspec timer = {{0, 10000000}, {0, 10000000}}, left;
  CHECK_EQ(SYS(timer_settime, id, 0, &timer, 0), 0);
  while (nr_alarms < 3) SYS(pause);
  CHECK_EQ(last_code, SI_TIMER);
  CHECK_EQ(last_value, 321);
  block(BIT(SIGUSR1));
  sleep_ms(65);
  unblock(BIT(SIGUSR1));
  CHECK(SYS(timer_getoverrun, id) >= 3);
  CHECK_EQ(SYS(timer_gettime, id, &left), 0);
  CHECK_EQ(left.it_interval.tv_nsec, 10000000);
  CHECK_EQ(SYS(timer_delete, id), 0);
  CHECK_EQ(SYS(timer_delete, id), -EINVAL);
  CHECK_EQ(SYS(timer_settime, 99, 0, &timer, 0), -EINVAL);
  CHECK_EQ(SYS(timer_create, 77, &event, &id), -EINVAL);
}

static void burn(long ms) {
  for (long end = now_ms() + ms; now_ms() < end;)
    for (volatile int i = 0; i < 1000; i++) {}
}

static void burn_body(void) {
  burn(150);
}

static void usage(void) {
  SECTION("getrusage and times");
  struct rusage before, after, children;
  struct tms tms;
  SYS(getrusage, RUSAGE_SELF, &before);
  burn(300);
  SYS(getrusage, RUSAGE_SELF, &after);
  long used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec - before.ru_utime.tv_usec +
              (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
  CHECK(used > 20000 && used < 5000000);
  in_child(burn_body);
  SYS(getrusage, RUSAGE_CHILDREN, &children);
  CHECK(children.ru_utime.tv_sec * 1000000 + children.ru_utime.tv_usec + children.ru_stime.tv_usec > 10000);
  CHECK(SYS(times, &tms) > 0);
  CHECK(tms.tms_utime + tms.tms_stime > 0);
  CHECK(tms.tms_cutime + tms.tms_cstime > 0);
  CHECK_EQ(SYS(getrusage, 7, &after), -EINVAL);
  CHECK_EQ(SYS(getrusage, RUSAGE_SELF, 8), -EFAULT);
  char *pages = map_pages(50);
  SYS(getrusage, RUSAGE_SELF, &before);
  for (int i = 0; i < 50; i++) pages[i * PAGE] = 1;
  SYS(getrusage, RUSAGE_SELF, &after);
  CHECK(after.ru_minflt - before.ru_minflt >= 1);
  CHECK(after.ru_maxrss > 0);
  sleep_ms(5);
  SYS(getrusage, RUSAGE_SELF, &before);
  CHECK(before.ru_nvcsw > after.ru_nvcsw);
  timespec cpu1, cpu2;
  SYS(clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &cpu1);
  sleep_ms(50);
  SYS(clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &cpu2);
  CHECK(ns_between(cpu1, cpu2) < 40000000);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  clocks();
  sleeping();
  timers();
  posix_timers();
  usage();
}
