/* hog KIND: takes all of something until it is refused or killed. Ends by itself and leaves nothing running. */
#include "fuzz.h"

static void limit_all(void) {
  struct rlimit64 none = {RLIM64_INFINITY, RLIM64_INFINITY}, no_core = {0, 0};
  SYS(prlimit64, 0, RLIMIT_NPROC, &none, 0);
  SYS(prlimit64, 0, RLIMIT_CORE, &no_core, 0);
}

/* Every child forks on, as long as it can. */
static void fork_for_ever(void) {
  for (;;) {
    long pid = SYS(fork);
    if (pid < 0) sleep_ms(1);
  }
}

static void hog_forks(void) {
  int pid = fork_child();
  if (pid == 0) {
    become_nobody();
    fork_for_ever();
  }
  sleep_ms(1500);
  /* Killed again and again: a child may be born between two rounds. */
  for (int i = 0; i < 200; i++) {
    sweep();
    if (SYS(kill, pid, 0) == -ESRCH) break;
  }
}

/* Sleeping children: until there is no more memory or process id. */
static void hog_processes(void) {
  int pid = fork_child();
  if (pid == 0) {
    become_nobody();
    long made = 0;
    for (;;) {
      long child = SYS(fork);
      if (child == 0)
        for (;;) SYS(pause);
      if (child < 0 || ++made > 3000) break;
    }
    SYS(kill, -1, SIGKILL);
    exit_group(0);
  }
  wait_for(pid);
  sweep();
}

static void hog_brk(void) {
  for (long end = SYS(brk, 0);; end += 1 << 20) {
    if (SYS(brk, end + (1 << 20)) != end + (1 << 20)) exit_group(3);
    for (long at = end; at < end + (1 << 20); at += PAGE) *(volatile char *)at = 1;
  }
}

static void hog_mmap(void) {
  for (;;) {
    long pages = SYS(mmap, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages < 0) exit_group(3);
    for (long at = 0; at < 1 << 20; at += PAGE) *(volatile char *)(pages + at) = 1;
  }
}

/* Address space and page tables: pages far apart. */
static void hog_tables(void) {
  for (unsigned long at = 1ul << 32; at < 1ul << 46; at += 1ul << 30) {
    long page = SYS(mmap, at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (page < 0) exit_group(3);
    *(volatile char *)page = 1;
  }
}

static void hog_areas(void) {
  for (long i = 0; i < 20000; i++) {
    long page = SYS(mmap, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page < 0 || SYS(mprotect, page, PAGE, PROT_NONE) < 0) exit_group(3);
  }
}

static void hog_shared(void) {
  for (;;) {
    long pages = SYS(mmap, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages < 0) exit_group(3);
    for (long at = 0; at < 1 << 20; at += PAGE) *(volatile char *)(pages + at) = 1;
  }
}

static void hog_files(void) {
  struct rlimit64 limit = {1 << 20, 1 << 20};
  SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0);
  for (long i = 0; i < 20000; i++)
    if (SYS(open, "/dev/null", O_RDWR) < 0) exit_group(3);
}

static void hog_pipes(void) {
  static char block_of[65536];
  struct rlimit64 limit = {1 << 20, 1 << 20};
  SYS(prlimit64, 0, RLIMIT_NOFILE, &limit, 0);
  for (long i = 0; i < 20000; i++) {
    int ends[2];
    if (SYS(pipe2, ends, O_NONBLOCK) < 0) exit_group(3);
    if (SYS(write, ends[1], block_of, sizeof block_of) < 0) exit_group(3);
  }
}

static void hog_signals(void) {
  block(BIT(40));
  siginfo_t info = {0};
  info.si_code = SI_QUEUE;
  for (long i = 0; i < 200000; i++)
    if (SYS(rt_sigqueueinfo, SYS(getpid), 40, &info) < 0) exit_group(3);
}

static void hog_timers(void) {
  struct __kernel_itimerspec timer = {{0, 1000}, {0, 1000}};
  block(BIT(SIGALRM));
  for (long i = 0; i < 50000; i++) {
    int id;
    if (SYS(timer_create, CLOCK_MONOTONIC, 0, &id) < 0) exit_group(3);
    if (i < 50) SYS(timer_settime, id, 0, &timer, 0);
  }
}

__attribute__((noinline)) static long recurse(volatile char *last) {
  volatile char here[1000];
  here[0] = *last;
  if (here[0] == 2) return 0;
  return recurse(here) + here[0];
}

static void hog_stack(void) {
  char start = 1;
  recurse(&start);
}

static void sleep_in_thread(void *argument) {
  (void)argument;
  for (;;) SYS(pause);
}

static void hog_threads(void) {
  for (long i = 0; i < 5000; i++) {
    struct thread *thread = map_pages(1);
    if (start_thread(thread, sleep_in_thread, 0) < 0) exit_group(3);
  }
}

/* Names, directories and links until the file system is full. */
static void hog_names(void) {
  SYS(mkdir, "names", 0777);
  char name[64];
  for (long i = 0; i < 100000; i++) {
    format_into(name, sizeof name, "names/%ld", i);
    if (SYS(mkdir, name, 0755) < 0) exit_group(3);
  }
}

static void hog_deep(void) {
  for (long i = 0; i < 3000; i++)
    if (SYS(mkdir, "deep", 0755) < 0 || SYS(chdir, "deep") < 0) exit_group(3);
}

static const struct {
  const char *name;
  void (*body)(void);
} kinds[] = {
    {"forks", hog_forks},     {"processes", hog_processes}, {"brk", hog_brk},         {"mmap", hog_mmap},
    {"tables", hog_tables},   {"areas", hog_areas},         {"shared", hog_shared},   {"files", hog_files},
    {"pipes", hog_pipes},     {"signals", hog_signals},     {"timers", hog_timers},   {"stack", hog_stack},
    {"threads", hog_threads}, {"names", hog_names},         {"deep", hog_deep},
};

void test_main(int argc, char **argv) {
  limit_all();
  for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(argv[1], kinds[i].name) != 0) continue;
    int pid = fork_child();
    if (pid == 0) {
      kinds[i].body();
      exit_group(0);
    }
    int status = wait_for(pid);
    print("%s: status %d\n", argv[1], status);
    exit_group(0);
  }
  exit_group(2);
}
