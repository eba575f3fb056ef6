/*
 * For programs that print more than can be kept: printf() feeds its format and the values to a digest, which is printed once for so
 * many calls. Included before the program's own first line. Conversions of x86's integers, of %c and of long double.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CALLS_PER_LINE 1024

static uint64_t digest;
static unsigned nr_calls;

static inline void feed(uint64_t word) {
  digest = (digest ^ word) * 0x9e3779b97f4a7c15;
  digest ^= digest >> 29;
}

__attribute__((destructor)) static void print_digest(void) {
  printf("%u calls: %016llx\n", nr_calls, (unsigned long long)digest);
}

static int digest_printf(const char *format, ...) {
  va_list list;
  va_start(list, format);
  feed((uintptr_t)format); /* The program is not position-independent. */
  for (const char *at = format; *at; at++) {
    if (*at != '%') continue;
    int longs = 0;
    for (at++; strchr("0123456789.lL", *at); at++) longs += *at == 'l';
    if (*at == 'e') {
      union {
        long double value;
        struct {
          uint64_t mantissa;
          uint16_t exponent;
        };
      } real = {va_arg(list, long double)};
      feed(real.mantissa);
      feed(real.exponent);
    } else if (*at != '%') {
      feed(longs == 2 ? va_arg(list, unsigned long long) : va_arg(list, unsigned));
    }
  }
  va_end(list);
  if (++nr_calls % CALLS_PER_LINE == 0) print_digest();
  return 0;
}

#define printf digest_printf
#define fflush(stream) ((void)(stream))
