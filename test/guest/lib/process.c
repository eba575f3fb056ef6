/* Helpers of the guest test programs: children, signals, memory, files, threads, time. */
#include "guest.h"

int fork_child(void) {
  int pid = (int)SYS(fork);
  if (pid == 0) nr_failures = 0;
  return pid;
}

int wait_for(int pid) {
  int status = 0;
  long result;
  do result = SYS(wait4, pid, &status, 0, 0);
  while (result == -EINTR);
  return result < 0 ? (int)result : status;
}

int in_child(void (*body)(void)) {
  int pid = fork_child();
  if (pid == 0) {
    body();
    finish();
  }
  return wait_for(pid);
}

void sleep_ms(long ms) {
  struct __kernel_timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (SYS(nanosleep, &left, &left) == -EINTR) {}
}

long now_ms(void) {
  struct __kernel_timespec now;
  SYS(clock_gettime, CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* rt_sigreturn finds the frame above the return address that the handler popped. */
asm(".globl restorer\n"
    "restorer:\n"
    "  mov $15, %eax\n"
    "  syscall\n"
    "  hlt\n");
extern void restorer(void);

long set_action(int sig, void *handler, unsigned long flags, unsigned long mask) {
  struct sigaction action = {
      .sa_handler = handler, .sa_flags = flags | SA_RESTORER, .sa_restorer = restorer, .sa_mask = mask};
  return SYS(rt_sigaction, sig, &action, 0, 8);
}

long set_handler(int sig, handler_fn handler, unsigned long flags) {
  return set_action(sig, (void *)handler, flags, 0);
}

long set_info_handler(int sig, info_handler_fn handler, unsigned long flags) {
  return set_action(sig, (void *)handler, flags | SA_SIGINFO, 0);
}

long block(unsigned long set) {
  return SYS(rt_sigprocmask, SIG_BLOCK, &set, 0, 8);
}

long unblock(unsigned long set) {
  return SYS(rt_sigprocmask, SIG_UNBLOCK, &set, 0, 8);
}

unsigned long blocked(void) {
  unsigned long set = 0;
  SYS(rt_sigprocmask, SIG_BLOCK, 0, &set, 8);
  return set;
}

unsigned long pending(void) {
  unsigned long set = 0;
  SYS(rt_sigpending, &set, 8);
  return set;
}

static void *map(size_t nr, int flags) {
  long address = SYS(mmap, 0, nr * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (address < 0 && address > -4096) {
    print("FAIL no memory: %s\n", result_name(address));
    exit_group(1);
  }
  return (void *)address;
}

void *map_pages(size_t nr) {
  return map(nr, MAP_PRIVATE);
}

void *map_shared(size_t nr) {
  return map(nr, MAP_SHARED);
}

long write_file(const char *path, const char *content, int mode) {
  long fd = SYS(open, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (fd < 0) return fd;
  long result = write_all((int)fd, content, strlen(content));
  SYS(fchmod, fd, mode);
  SYS(close, fd);
  return result;
}

long read_file(const char *path, char *to, size_t size) {
  long fd = SYS(open, path, O_RDONLY);
  if (fd < 0) return fd;
  long length = read_all((int)fd, to, size - 1);
  if (length >= 0) to[length] = 0;
  SYS(close, fd);
  return length;
}

long file_size(const char *path) {
  struct stat st;
  long result = SYS(stat, path, &st);
  return result < 0 ? result : st.st_size;
}

long read_all(int fd, void *to, size_t length) {
  size_t done = 0;
  while (done < length) {
    long n = SYS(read, fd, (char *)to + done, length - done);
    if (n == -EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    done += (size_t)n;
  }
  return (long)done;
}

long write_all(int fd, const void *from, size_t length) {
  size_t done = 0;
  while (done < length) {
    long n = SYS(write, fd, (const char *)from + done, length - done);
    if (n == -EINTR) continue;
    if (n < 0) return n;
    done += (size_t)n;
  }
  return (long)done;
}

#define THREAD_STACK (16 * PAGE)

/* clone(flags, stack, parent_tid, child_tid, tls): the child returns on its own stack, where body and argument lie. */
long clone_thread(unsigned long flags, void *stack, volatile int *parent_tid, volatile int *child_tid, void *tls);
asm(".globl clone_thread\n"
    "clone_thread:\n"
    "  mov %rcx, %r10\n"
    "  mov $56, %eax\n"
    "  syscall\n"
    "  test %rax, %rax\n"
    "  jnz 1f\n"
    "  xor %ebp, %ebp\n"
    "  pop %rax\n"
    "  pop %rdi\n"
    "  call *%rax\n"
    "  mov $60, %eax\n"
    "  xor %edi, %edi\n"
    "  syscall\n"
    "1: ret\n");

int start_thread_tls(struct thread *thread, void (*body)(void *), void *argument, void *tls) {
  thread->stack = map_pages(THREAD_STACK / PAGE);
  thread->alive = 1;
  void **top = (void **)(thread->stack + THREAD_STACK) - 2;
  top[0] = (void *)body;
  top[1] = argument;
  unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                        CLONE_CHILD_CLEARTID | (tls ? CLONE_SETTLS : 0);
  thread->tid = (int)clone_thread(flags, top, 0, &thread->alive, tls);
  return thread->tid;
}

int start_thread(struct thread *thread, void (*body)(void *), void *argument) {
  return start_thread_tls(thread, body, argument, 0);
}

void join_thread(struct thread *thread) {
  while (thread->alive) SYS(futex, &thread->alive, FUTEX_WAIT, 1, 0, 0, 0);
  SYS(munmap, thread->stack, THREAD_STACK);
}

long futex_wait(volatile int *word, int value) {
  return SYS(futex, word, FUTEX_WAIT, value, 0, 0, 0);
}

long futex_wake(volatile int *word, int nr) {
  return SYS(futex, word, FUTEX_WAKE, nr, 0, 0, 0);
}
