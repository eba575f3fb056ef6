/* Recursive Fibonacci numbers: calls and returns. */
#include "bench.h"

__attribute__((noinline, noclone)) static uint64_t fib(uint64_t n) {
  __asm__ volatile("");
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t work(uint32_t scale) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < scale; i++) sum += fib(32 + (i & 1));
  return sum;
}
