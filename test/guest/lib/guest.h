/*
 * The runtime of the guest test programs: no C library, only the kernel's own headers and its system calls. The same binary
 * runs on Linux and in the guest; what it prints must be equal, so it prints no addresses, process ids or times.
 *
 * A program defines test_main(). CHECK prints one line each; the exit status is 0 if all of them held.
 */
#pragma once

#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/prctl.h>
#include <asm/sigcontext.h>
#include <asm/stat.h>
#include <asm/termbits.h>
#include <asm/unistd.h>
#include <linux/auxvec.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/limits.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <linux/times.h>
#include <linux/uio.h>
#include <linux/utsname.h>
#include <linux/wait.h>
/* After the signal types. */
#include <asm/ucontext.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* System calls: SYS(read, fd, buffer, length) is the result, or -errno. */

#ifdef __i386__
long raw_syscall(long nr, long a, long b, long c, long d, long e, long f);
#else
static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#endif

#define SYS(...) SYS_PICK(__VA_ARGS__, SYS6, SYS5, SYS4, SYS3, SYS2, SYS1, SYS0, 0)(__VA_ARGS__)
#define SYS_PICK(n, a, b, c, d, e, f, pick, ...) pick
#define SYS0(n) raw_syscall(__NR_##n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a) raw_syscall(__NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b) raw_syscall(__NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c) raw_syscall(__NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) raw_syscall(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e) raw_syscall(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f) \
  raw_syscall(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Strings and memory. The compiler may call the first four by itself. */

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
const char *strstr(const char *text, const char *part);
char *strcpy(char *to, const char *from);
long parse_number(const char *text);

/* Output: %d %u %x (int), %ld %lu %lx, %s, %c, %%. One write each. */

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void format_into(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "EINVAL" for -22, "0" for 0; in a buffer that the next call overwrites. */
const char *result_name(long result);

/* Checks. */

#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

extern int nr_failures;

void report(int ok, const char *file, int line, const char *what);
void report_eq(long got, long expected, const char *file, int line, const char *what, const char *than);

/* The condition holds; prints its text. */
#define CHECK(condition) report((condition) != 0, __FILE_NAME__, __LINE__, #condition)
/* Both are equal numbers (or -errno); prints the texts, and the values when they differ. */
#define CHECK_EQ(got, expected) \
  report_eq((long)(got), (long)(expected), __FILE_NAME__, __LINE__, #got, #expected)
/* As CHECK, but silent when it holds: for loops. */
#define CHECK_QUIET(condition) \
  do { \
    if (!(condition)) report(0, __FILE_NAME__, __LINE__, #condition); \
  } while (0)
/* A heading. */
#define SECTION(name) print("# %s\n", name)

/* Ends the process; with 1 if a check failed in it. */
__attribute__((noreturn)) void finish(void);
__attribute__((noreturn)) void exit_group(int status);

/* Processes. */

/* fork(2); the child begins with no failures. */
int fork_child(void);
/* Status of the child as of wait4(2), or -errno. */
int wait_for(int pid);
/* Runs `body` in a child and returns its wait status. */
int in_child(void (*body)(void));
#define EXITED(code) ((code) << 8)
#define SIGNALED(sig) (sig)
#define STOPPED(sig) (((sig) << 8) | 0x7f)
#define CONTINUED 0xffff

/* Time. */

void sleep_ms(long ms);
long now_ms(void);
/* Waits until the condition holds, at most ten seconds. */
#define WAIT_UNTIL(condition) \
  do { \
    for (long deadline_ms = now_ms() + 10000; !(condition) && now_ms() < deadline_ms;) sleep_ms(1); \
  } while (0)

/* Signals. sigset bit of a signal; sigaction with a handler; block and unblock. */

#define BIT(sig) (1ul << ((sig) - 1))
typedef void (*handler_fn)(int);
typedef void (*info_handler_fn)(int, struct siginfo *, void *);
long set_handler(int sig, handler_fn handler, unsigned long flags);
long set_info_handler(int sig, info_handler_fn handler, unsigned long flags);
long set_action(int sig, void *handler, unsigned long flags, unsigned long mask);
long block(unsigned long set);
long unblock(unsigned long set);
unsigned long blocked(void);
unsigned long pending(void);

/* Memory. */

#define PAGE 4096ul
/* Anonymous private (or shared) zeroed pages. */
void *map_pages(size_t nr);
void *map_shared(size_t nr);

/* Files. */

/* Writes a file of this content, mode 0644 (or `mode`). */
long write_file(const char *path, const char *content, int mode);
/* Reads up to size-1 bytes and a NUL; returns the number of bytes or -errno. */
long read_file(const char *path, char *to, size_t size);
long file_size(const char *path);
/* All bytes, or the first error. */
long read_all(int fd, void *to, size_t length);
long write_all(int fd, const void *from, size_t length);

/* Another thread: clone(2) with everything shared. The word at `alive` is cleared and woken when it has ended. */

struct thread {
  volatile int alive;
  char *stack;
  int tid;
};
int start_thread(struct thread *thread, void (*body)(void *), void *argument);
int start_thread_tls(struct thread *thread, void (*body)(void *), void *argument, void *tls);
void join_thread(struct thread *thread);
long futex_wait(volatile int *word, int value);
long futex_wake(volatile int *word, int nr);

/* Program entry: argv, environment and auxiliary vector are kept here. */

extern char **environment;
extern unsigned long *auxiliary;
/* The value of an entry of the auxiliary vector; 0 if there is none. */
unsigned long auxiliary_value(unsigned long type);
void test_main(int argc, char **argv);
