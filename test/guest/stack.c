/* The main stack grows on demand, down to RLIMIT_STACK and not into other memory. man 2 setrlimit */
#include "guest.h"

__attribute__((noinline)) static long grow(int depth, volatile char *above) {
  volatile char here[4000];
  here[0] = (char)depth;
  here[3999] = above[0];
  if (depth == 0) return 0;
  long below = grow(depth - 1, here);
  return below + (here[0] == (char)depth);
}

static void deep_body(void) {
  char start = 1;
  exit_group(grow(500, &start) == 500 ? 0 : 1);
}

static void too_deep_body(void) {
  char start = 1;
  grow(1 << 20, &start);
}

static void limited_body(void) {
  struct rlimit64 limit = {1 << 20, 1 << 20};
  SYS(prlimit64, 0, RLIMIT_STACK, &limit, 0);
  char start = 1;
  exit_group(grow(200, &start) == 200 ? 0 : 1);
}

static void limited_too_deep_body(void) {
  struct rlimit64 limit = {1 << 20, 1 << 20};
  SYS(prlimit64, 0, RLIMIT_STACK, &limit, 0);
  char start = 1;
  grow(400, &start);
}

static void far_below_body(void) {
  /* Far below the stack pointer, but within the limit: grows. */
  volatile char *here = __builtin_frame_address(0);
  here[-1000000] = 1;
  exit_group(here[-1000000]);
}

static void system_call_body(void) {
  /* The kernel writes below what has been touched. */
  char *here = __builtin_frame_address(0);
  exit_group(SYS(clock_gettime, CLOCK_MONOTONIC, here - 400000) == 0 ? 0 : 1);
}

static void handler(int sig) {
  char start = (char)sig;
  exit_group(grow(100, &start) == 100 ? 21 : 22);
}

static void in_handler_body(void) {
  set_handler(SIGUSR1, handler, 0);
  SYS(kill, SYS(getpid), SIGUSR1);
}

static void execute_body(void) {
  /* The stack is not executable: PT_GNU_STACK. */
  volatile unsigned char code[16] = {0xc3};
  asm volatile("call *%0" : : "r"(code) : "memory");
  exit_group(0);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  struct rlimit64 limit = {8 << 20, RLIM64_INFINITY}, none = {0, 0};
  SYS(prlimit64, 0, RLIMIT_STACK, &limit, 0);
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  CHECK_EQ(in_child(deep_body), EXITED(0));
  CHECK_EQ(in_child(too_deep_body), SIGNALED(SIGSEGV));
  CHECK_EQ(in_child(limited_body), EXITED(0));
  CHECK_EQ(in_child(limited_too_deep_body), SIGNALED(SIGSEGV));
  CHECK_EQ(in_child(far_below_body), EXITED(1));
  CHECK_EQ(in_child(system_call_body), EXITED(0));
  CHECK_EQ(in_child(in_handler_body), EXITED(21));
  CHECK_EQ(in_child(execute_body), SIGNALED(SIGSEGV));
}
