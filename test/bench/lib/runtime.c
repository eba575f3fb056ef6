/* Entry, system calls, the few functions that gcc calls by itself, and the line at the end. */
#include "bench.h"
#include <asm/unistd.h>

long system_call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

void *memory_of(size_t bytes) {
  long at = system_call(__NR_mmap, 0, bytes, 3, 0x22, -1, 0);
  if (at < 0) system_call(__NR_exit_group, 2, 0, 0, 0, 0, 0);
  return (void *)at;
}

void *memcpy(void *to, const void *from, size_t bytes) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  return result;
}

void *memset(void *to, int value, size_t bytes) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const uint8_t *p = a, *q = b;
  for (size_t i = 0; i < bytes; i++)
    if (p[i] != q[i]) return p[i] - q[i];
  return 0;
}

size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

double square_root(double x) {
  __asm__("sqrtsd %0, %0" : "+x"(x));
  return x;
}

__attribute__((used)) static void start(long *stack) {
  uint32_t scale = 1;
  if (stack[0] > 1) {
    scale = 0;
    for (const char *p = (const char *)stack[2]; *p; p++) scale = scale * 10 + (*p - '0');
  }
  uint64_t sum = work(scale);
  char line[17];
  for (int i = 0; i < 16; i++) line[i] = "0123456789abcdef"[(sum >> (60 - i * 4)) & 15];
  line[16] = '\n';
  system_call(__NR_write, 1, (long)line, 17, 0, 0, 0);
  system_call(__NR_exit_group, 0, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start\n");
