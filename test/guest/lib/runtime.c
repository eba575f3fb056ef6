/* Entry point, strings, output and checks of the guest test programs. */
#include "guest.h"
#ifdef __PIE__
#include <elf.h>
#endif

char **environment;
unsigned long *auxiliary;
int nr_failures;

/* The kernel enters with RSP at argc. */
#ifdef __i386__
asm(".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  mov %esp, %eax\n"
    "  and $-16, %esp\n"
    "  sub $12, %esp\n"
    "  push %eax\n"
    "  call start_c\n"
    "  hlt\n");

asm(".globl raw_syscall\n"
    "raw_syscall:\n"
    "  push %ebx\n"
    "  push %esi\n"
    "  push %edi\n"
    "  push %ebp\n"
    "  mov 20(%esp), %eax\n"
    "  mov 24(%esp), %ebx\n"
    "  mov 28(%esp), %ecx\n"
    "  mov 32(%esp), %edx\n"
    "  mov 36(%esp), %esi\n"
    "  mov 40(%esp), %edi\n"
    "  mov 44(%esp), %ebp\n"
    "  int $0x80\n"
    "  pop %ebp\n"
    "  pop %edi\n"
    "  pop %esi\n"
    "  pop %ebx\n"
    "  ret\n");
#else
asm(".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call start_c\n"
    "  hlt\n");
#endif

#ifdef __PIE__
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* A position-independent program without an interpreter relocates itself; only R_X86_64_RELATIVE occurs. */
static void relocate(void) {
  unsigned long base = (unsigned long)__ehdr_start, table = 0, size = 0;
  for (const Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
    if (entry->d_tag == DT_RELA) table = base + entry->d_un.d_ptr;
    if (entry->d_tag == DT_RELASZ) size = entry->d_un.d_val;
  }
  for (const Elf64_Rela *rela = (void *)table; (unsigned long)rela < table + size; rela++)
    *(unsigned long *)(base + rela->r_offset) = base + (unsigned long)rela->r_addend;
}
#endif

__attribute__((noreturn, used)) void start_c(unsigned long *stack) {
#ifdef __PIE__
  relocate();
#endif
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  environment = argv + argc + 1;
  char **end = environment;
  while (*end) end++;
  auxiliary = (unsigned long *)(end + 1);
  test_main(argc, argv);
  finish();
}

unsigned long auxiliary_value(unsigned long type) {
  for (unsigned long *entry = auxiliary; entry[0] != AT_NULL; entry += 2)
    if (entry[0] == type) return entry[1];
  return 0;
}

void *memcpy(void *to, const void *from, size_t length) {
  void *result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
  return result;
}

void *memmove(void *to, const void *from, size_t length) {
  if ((uintptr_t)to - (uintptr_t)from >= length) return memcpy(to, from, length);
  char *d = to;
  const char *s = from;
  while (length--) d[length] = s[length];
  return to;
}

void *memset(void *to, int byte, size_t length) {
  void *result = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(byte) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t length) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < length; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t length) {
  for (; length; length--, a++, b++)
    if (!*a || *a != *b) return (unsigned char)*a - (unsigned char)*b;
  return 0;
}

const char *strstr(const char *text, const char *part) {
  size_t length = strlen(part);
  for (; *text; text++)
    if (strncmp(text, part, length) == 0) return text;
  return length ? NULL : text;
}

char *strcpy(char *to, const char *from) {
  memcpy(to, from, strlen(from) + 1);
  return to;
}

long parse_number(const char *text) {
  long value = 0, sign = 1;
  while (*text == ' ' || *text == '\t') text++;
  if (*text == '-') sign = -1, text++;
  while (*text >= '0' && *text <= '9') value = value * 10 + (*text++ - '0');
  return sign * value;
}

static void format_list(char *to, size_t size, const char *format, va_list list) {
  char *end = to + size - 1;
#define PUT(c) \
  do { \
    if (to < end) *to++ = (c); \
  } while (0)
  for (; *format; format++) {
    if (*format != '%') {
      PUT(*format);
      continue;
    }
    int is_long = *++format == 'l';
    if (is_long) format++;
    if (*format == 's') {
      for (const char *text = va_arg(list, const char *); *text; text++) PUT(*text);
    } else if (*format == 'c') {
      PUT((char)va_arg(list, int));
    } else if (*format == '%') {
      PUT('%');
    } else {
      unsigned long value;
      unsigned base = *format == 'x' ? 16 : 10;
      if (*format == 'd') {
        long number = is_long ? va_arg(list, long) : va_arg(list, int);
        if (number < 0) PUT('-');
        value = number < 0 ? -(unsigned long)number : (unsigned long)number;
      } else {
        value = is_long ? va_arg(list, unsigned long) : va_arg(list, unsigned);
      }
      char digits[24];
      int n = 0;
      do digits[n++] = "0123456789abcdef"[value % base];
      while (value /= base);
      while (n) PUT(digits[--n]);
    }
  }
  *to = 0;
#undef PUT
}

void print(const char *format, ...) {
  char text[2048];
  va_list list;
  va_start(list, format);
  format_list(text, sizeof text, format, list);
  va_end(list);
  SYS(write, 1, text, strlen(text));
}

void format_into(char *to, size_t size, const char *format, ...) {
  va_list list;
  va_start(list, format);
  format_list(to, size, format, list);
  va_end(list);
}

const char *result_name(long result) {
  static const char names[][16] = {
      [EPERM] = "EPERM", [ENOENT] = "ENOENT", [ESRCH] = "ESRCH", [EINTR] = "EINTR", [EIO] = "EIO", [ENXIO] = "ENXIO",
      [E2BIG] = "E2BIG", [ENOEXEC] = "ENOEXEC", [EBADF] = "EBADF", [ECHILD] = "ECHILD", [EAGAIN] = "EAGAIN",
      [ENOMEM] = "ENOMEM", [EACCES] = "EACCES", [EFAULT] = "EFAULT", [ENOTBLK] = "ENOTBLK", [EBUSY] = "EBUSY",
      [EEXIST] = "EEXIST", [EXDEV] = "EXDEV", [ENODEV] = "ENODEV", [ENOTDIR] = "ENOTDIR", [EISDIR] = "EISDIR",
      [EINVAL] = "EINVAL", [ENFILE] = "ENFILE", [EMFILE] = "EMFILE", [ENOTTY] = "ENOTTY", [ETXTBSY] = "ETXTBSY",
      [EFBIG] = "EFBIG", [ENOSPC] = "ENOSPC", [ESPIPE] = "ESPIPE", [EROFS] = "EROFS", [EMLINK] = "EMLINK",
      [EPIPE] = "EPIPE", [EDOM] = "EDOM", [ERANGE] = "ERANGE", [EDEADLK] = "EDEADLK", [ENAMETOOLONG] = "ENAMETOOLONG",
      [ENOSYS] = "ENOSYS", [ENOTEMPTY] = "ENOTEMPTY", [ELOOP] = "ELOOP", [ENODATA] = "ENODATA",
      [EOVERFLOW] = "EOVERFLOW", [EOPNOTSUPP] = "EOPNOTSUPP", [ETIMEDOUT] = "ETIMEDOUT", [ECANCELED] = "ECANCELED",
  };
  static char text[32];
  if (result >= 0 || result < -4095) format_into(text, sizeof text, "%ld", result);
  else if ((size_t)-result < sizeof names / sizeof names[0] && names[-result][0]) return names[-result];
  else format_into(text, sizeof text, "errno %ld", -result);
  return text;
}

void report(int ok, const char *file, int line, const char *what) {
  if (ok) {
    print("ok %s\n", what);
  } else {
    nr_failures++;
    print("FAIL %s:%d: %s\n", file, line, what);
  }
}

void report_eq(long got, long expected, const char *file, int line, const char *what, const char *than) {
  if (got == expected) {
    print("ok %s == %s\n", what, than);
  } else {
    nr_failures++;
    print("FAIL %s:%d: %s == %s: got %s, ", file, line, what, than, result_name(got));
    print("expected %s\n", result_name(expected));
  }
}

void exit_group(int status) {
  for (;;) SYS(exit_group, status);
}

void finish(void) {
  exit_group(nr_failures ? 1 : 0);
}
