/* clone(2) with shared memory, thread-local storage, futex(2), exit of threads and of the group, signals to threads, robust lists. */
#include "guest.h"

static volatile int shared, lock_word, nr_waiting;

/* A futex mutex: 0 free, 1 taken, 2 taken and waited for. */
static void lock(volatile int *word) {
  int expected = 0;
  if (__atomic_compare_exchange_n(word, &expected, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
  while (__atomic_exchange_n(word, 2, __ATOMIC_SEQ_CST) != 0) futex_wait(word, 2);
}

static void unlock(volatile int *word) {
  if (__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST) == 2) futex_wake(word, 1);
}

static void add_many(void *argument) {
  for (int i = 0; i < 2000; i++) {
    lock(&lock_word);
    shared += (int)(long)argument;
    unlock(&lock_word);
    if (i % 50 == 0) SYS(sched_yield);
  }
}

static void mutual_exclusion(void) {
  SECTION("threads and a mutex");
  struct thread threads[4];
  for (long i = 0; i < 4; i++) CHECK(start_thread(&threads[i], add_many, (void *)(i + 1)) > 0);
  for (int i = 0; i < 4; i++) join_thread(&threads[i]);
  CHECK_EQ(shared, 20000);
}

static unsigned long read_tls(void) {
  unsigned long value;
  asm volatile("mov %%fs:0, %0" : "=r"(value));
  return value;
}

static volatile unsigned long tls_seen[4];

static void look_at_tls(void *argument) {
  for (int i = 0; i < 10; i++) {
    SYS(sched_yield);
    tls_seen[(long)argument] = read_tls();
  }
}

static void thread_local_storage(void) {
  SECTION("thread-local storage");
  static unsigned long blocks[4] = {100, 101, 102, 103};
  struct thread threads[3];
  CHECK_EQ(SYS(arch_prctl, ARCH_SET_FS, &blocks[3]), 0);
  for (long i = 0; i < 3; i++) start_thread_tls(&threads[i], look_at_tls, (void *)i, &blocks[i]);
  for (int i = 0; i < 3; i++) join_thread(&threads[i]);
  CHECK(tls_seen[0] == 100 && tls_seen[1] == 101 && tls_seen[2] == 102);
  CHECK_EQ(read_tls(), 103);
  unsigned long base;
  CHECK_EQ(SYS(arch_prctl, ARCH_GET_FS, &base), 0);
  CHECK(base == (unsigned long)&blocks[3]);
  CHECK_EQ(SYS(arch_prctl, ARCH_SET_GS, &blocks[1]), 0);
  unsigned long value;
  asm volatile("mov %%gs:0, %0" : "=r"(value));
  CHECK_EQ(value, 101);
  CHECK_EQ(SYS(arch_prctl, ARCH_SET_FS, 1ul << 63), -EPERM);
  CHECK_EQ(SYS(arch_prctl, 99, 0), -EINVAL);
  int pid = fork_child();
  if (pid == 0) {
    asm volatile("mov %%gs:0, %0" : "=r"(value));
    exit_group(read_tls() == 103 && value == 101 ? 0 : 1);
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
}

static volatile int word, woken;

static void wait_on_word(void *argument) {
  (void)argument;
  __atomic_fetch_add(&nr_waiting, 1, __ATOMIC_SEQ_CST);
  futex_wait(&word, 0);
  __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
}

static void futexes(void) {
  SECTION("futex");
  struct __kernel_timespec soon = {0, 20000000};
  CHECK_EQ(futex_wait(&word, 1), -EAGAIN);
  CHECK_EQ(SYS(futex, &word, FUTEX_WAIT, 0, &soon, 0, 0), -ETIMEDOUT);
  CHECK_EQ(futex_wake(&word, 1), 0);
  CHECK_EQ(SYS(futex, (char *)&word + 1, FUTEX_WAIT, 0, &soon, 0, 0), -EINVAL);
  CHECK_EQ(SYS(futex, 8, FUTEX_WAIT, 0, &soon, 0, 0), -EFAULT);
  CHECK_EQ(SYS(futex, &word, 63, 0, &soon, 0, 0), -ENOSYS);
  struct thread threads[3];
  for (int i = 0; i < 3; i++) start_thread(&threads[i], wait_on_word, 0);
  WAIT_UNTIL(nr_waiting == 3);
  sleep_ms(20);
  CHECK_EQ(futex_wake(&word, 1), 1);
  WAIT_UNTIL(woken == 1);
  CHECK_EQ(woken, 1);
  static volatile int other;
  CHECK_EQ(SYS(futex, &word, FUTEX_CMP_REQUEUE, 0, 1, &other, 5), -EAGAIN);
  CHECK_EQ(SYS(futex, &word, FUTEX_CMP_REQUEUE, 0, 1, &other, 0), 1);
  CHECK_EQ(futex_wake(&other, 10), 1);
  CHECK_EQ(futex_wake(&word, 10), 1);
  for (int i = 0; i < 3; i++) join_thread(&threads[i]);
  CHECK_EQ(SYS(futex, &word, FUTEX_WAIT_BITSET, 0, 0, 0, 0), -EINVAL);
  nr_waiting = woken = 0;
  /* Between processes, through shared memory. */
  volatile int *far = map_shared(1);
  int pid = fork_child();
  if (pid == 0) {
    far[1] = 1;
    futex_wait(far, 0);
    exit_group(0);
  }
  WAIT_UNTIL(far[1]);
  sleep_ms(20);
  far[0] = 1;
  CHECK_EQ(futex_wake(far, 1), 1);
  CHECK_EQ(wait_for(pid), EXITED(0));
}

static volatile int pids[4];

static void note_pids(void *argument) {
  (void)argument;
  pids[0] = (int)SYS(getpid);
  pids[1] = (int)SYS(gettid);
  pids[2] = (int)SYS(getppid);
  SYS(chdir, "/");
  pids[3] = (int)SYS(dup, 0);
}

static void sleep_long(void *argument) {
  (void)argument;
  sleep_ms(100000);
}

static void exit_alone_body(void) {
  struct thread thread;
  start_thread(&thread, note_pids, 0);
  join_thread(&thread);
  start_thread(&thread, sleep_long, 0);
  exit_group(12);
}

static void last_one(void *argument) {
  (void)argument;
  sleep_ms(30);
  SYS(exit, 34);
}

static void leader_first_body(void) {
  struct thread thread;
  start_thread(&thread, last_one, 0);
  SYS(exit, 33);
}

static void crash(void *argument) {
  (void)argument;
  *(volatile int *)8 = 1;
}

static void crash_body(void) {
  struct rlimit64 none = {0, 0};
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  struct thread thread;
  start_thread(&thread, crash, 0);
  join_thread(&thread);
}

static void do_exec(void *argument) {
  (void)argument;
  char *argv[] = {"x", "exec", NULL};
  SYS(execve, "/proc/self/exe", argv, environment);
}

static void exec_body(void) {
  struct thread thread, other;
  start_thread(&other, sleep_long, 0);
  start_thread(&thread, do_exec, 0);
  sleep_ms(100000);
}

static void group(void) {
  SECTION("the thread group");
  struct thread thread;
  int fd = (int)SYS(open, ".", O_RDONLY);
  start_thread(&thread, note_pids, 0);
  int tid = thread.tid;
  join_thread(&thread);
  CHECK(pids[0] == SYS(getpid));
  CHECK(pids[1] == tid && tid != pids[0]);
  CHECK(pids[2] == SYS(getppid));
  CHECK(SYS(fcntl, pids[3], F_GETFD) == 0);
  char here[64];
  SYS(getcwd, here, sizeof here);
  CHECK(strcmp(here, "/") == 0);
  SYS(fchdir, fd);
  CHECK_EQ(SYS(tgkill, SYS(getpid), tid, 0), -ESRCH);
  CHECK_EQ(in_child(exit_alone_body), EXITED(12));
  CHECK_EQ(in_child(leader_first_body), EXITED(34));
  CHECK_EQ(in_child(crash_body), SIGNALED(SIGSEGV));
  CHECK_EQ(in_child(exec_body), EXITED(77));
}

static volatile int handled_by, handled;

static void note_thread(int sig) {
  (void)sig;
  handled_by = (int)SYS(gettid);
  handled++;
}

static volatile int go;

static void wait_for_signal(void *argument) {
  (void)argument;
  unblock(BIT(SIGUSR1));
  go = 1;
  while (!handled) sleep_ms(1);
}

static void signals(void) {
  SECTION("signals to threads");
  set_handler(SIGUSR1, note_thread, 0);
  block(BIT(SIGUSR1));
  struct thread thread;
  start_thread(&thread, wait_for_signal, 0);
  WAIT_UNTIL(go);
  SYS(kill, SYS(getpid), SIGUSR1);
  join_thread(&thread);
  CHECK(handled_by == thread.tid);
  handled = go = 0;
  start_thread(&thread, wait_for_signal, 0);
  WAIT_UNTIL(go);
  SYS(tgkill, SYS(getpid), thread.tid, SIGUSR1);
  join_thread(&thread);
  CHECK(handled_by == thread.tid);
  SYS(tgkill, SYS(getpid), SYS(gettid), SIGUSR1);
  CHECK_EQ(pending(), BIT(SIGUSR1));
  handled_by = 0;
  unblock(BIT(SIGUSR1));
  CHECK(handled_by == SYS(getpid));
}

static struct robust_list_head head;
static struct {
  struct robust_list link;
  volatile int word;
} robust;

static void die_holding(void *argument) {
  (void)argument;
  head.list.next = &robust.link;
  head.futex_offset = (char *)&robust.word - (char *)&robust.link;
  head.list_op_pending = 0;
  robust.link.next = &head.list;
  robust.word = (int)SYS(gettid);
  SYS(set_robust_list, &head, sizeof head);
}

static void robust_futexes(void) {
  SECTION("robust futexes");
  struct thread thread;
  start_thread(&thread, die_holding, 0);
  join_thread(&thread);
  CHECK_EQ(robust.word & FUTEX_OWNER_DIED, FUTEX_OWNER_DIED);
  CHECK_EQ(SYS(set_robust_list, &head, 5), -EINVAL);
}

void test_main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "exec") == 0) exit_group(SYS(getpid) == SYS(gettid) ? 77 : 78);
  mutual_exclusion();
  thread_local_storage();
  futexes();
  group();
  signals();
  robust_futexes();
}
