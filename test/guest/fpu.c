/* x87, SSE and integer registers across context switches: several processes and threads compute at once, with results of their own. */
#include "guest.h"

/* A computation whose state lives in vector, x87 and general registers for a long time. */
static unsigned long compute(unsigned seed, unsigned rounds) {
  unsigned long sum = 0;
  unsigned short control = (unsigned short)(0x037f | (seed & 3) << 10), control_after;
  unsigned mxcsr = 0x1f80 | (seed & 3) << 13, mxcsr_after;
  static const double step = 1.0 / 3;
  double value = seed, result;
  unsigned long vector[2] = {seed * 0x9e3779b97f4a7c15ul, ~(unsigned long)seed}, vector_after[2];
  asm volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(control), "m"(mxcsr));
  for (unsigned i = 0; i < rounds; i++) {
    asm volatile("fldl %[value]\n"
                 "fldl %[step]\n"
                 "movdqu %[vector], %%xmm7\n"
                 "movdqu %[vector], %%xmm13\n"
                 "mov $2000, %%ecx\n"
                 "1: fadd %%st, %%st(1)\n"
                 "paddq %%xmm7, %%xmm13\n"
                 "pxor %%xmm13, %%xmm7\n"
                 "dec %%ecx\n"
                 "jnz 1b\n"
                 "fstp %%st(0)\n"
                 "fstpl %[result]\n"
                 "movdqu %%xmm7, %[after]\n"
                 : [result] "=m"(result), [after] "=m"(vector_after)
                 : [value] "m"(value), [step] "m"(step), [vector] "m"(vector)
                 : "rcx", "xmm7", "xmm13", "memory");
    union {
      double number;
      unsigned long bits;
    } pun = {result};
    sum = sum * 31 + pun.bits + vector_after[0] + vector_after[1];
    value = result;
    vector[0] ^= vector_after[1];
    if (i % 16 == 0) SYS(sched_yield);
  }
  asm volatile("fnstcw %0; stmxcsr %1" : "=m"(control_after), "=m"(mxcsr_after));
  if (control_after != control || (mxcsr_after & 0x7f80) != (mxcsr & 0x7f80)) sum = 0;
  unsigned short usual = 0x37f;
  unsigned usual_mxcsr = 0x1f80;
  asm volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(usual), "m"(usual_mxcsr));
  return sum;
}

static unsigned long results[8];

static void in_thread(void *argument) {
  results[(long)argument] = compute((unsigned)(long)argument + 1, 300);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  unsigned long expected[8];
  for (unsigned i = 0; i < 8; i++) {
    expected[i] = compute(i + 1, 300);
    print("result %u: %lx\n", i, expected[i]);
    CHECK_QUIET(expected[i] != 0);
  }
  SECTION("processes");
  unsigned long *shared = map_shared(1);
  for (unsigned i = 0; i < 8; i++) {
    if (fork_child() == 0) {
      shared[i] = compute(i + 1, 300);
      exit_group(0);
    }
  }
  while (SYS(wait4, -1, 0, 0, 0) > 0) {}
  CHECK(memcmp(shared, expected, sizeof expected) == 0);
  SECTION("threads");
  struct thread threads[8];
  for (long i = 0; i < 8; i++) start_thread(&threads[i], in_thread, (void *)i);
  for (int i = 0; i < 8; i++) join_thread(&threads[i]);
  CHECK(memcmp(results, expected, sizeof expected) == 0);
  SECTION("a child inherits the registers");
  unsigned long marker[2] = {0x1122334455667788, 0x99aabbccddeeff00}, seen[2];
  double pi;
  long pid;
  asm volatile("movdqu %[marker], %%xmm9; fldpi; mov $57, %%eax; syscall; movdqu %%xmm9, %[seen]; fstpl %[pi]"
               : "=a"(pid), [seen] "=m"(seen), [pi] "=m"(pi)
               : [marker] "m"(marker)
               : "rcx", "r11", "xmm9", "memory");
  if (pid == 0) exit_group(memcmp(seen, marker, 16) == 0 && pi > 3.14 && pi < 3.15 ? 0 : 1);
  CHECK(memcmp(seen, marker, 16) == 0);
  CHECK_EQ(wait_for((int)pid), EXITED(0));
}
