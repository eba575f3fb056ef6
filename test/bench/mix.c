/* Linked lists, a state machine over text and a bitwise CRC-16, in turn: branches that depend on data. */
#include "bench.h"

struct item {
  struct item *next;
  int16_t key, value;
};

static struct item items[400];
static struct item *sort(struct item *list) {
  for (int width = 1;; width *= 2) {
    struct item *p = list, *tail = 0;
    int merges = 0;
    list = 0;
    while (p) {
      struct item *q = p;
      int left = 0, right = width;
      merges++;
      for (int i = 0; i < width && q; i++, left++) q = q->next;
      while (left > 0 || (right > 0 && q)) {
        struct item *take;
        if (left == 0 || (right > 0 && q && q->key < p->key)) take = q, q = q->next, right--;
        else take = p, p = p->next, left--;
        if (tail) tail->next = take;
        else list = take;
        tail = take;
      }
      p = q;
    }
    tail->next = 0;
    if (merges <= 1) return list;
  }
}

static int states(const char *text, int *counts) {
  enum { START, INTEGER, FRACTION, EXPONENT, INVALID } state = START;
  for (; *text; text++) {
    char ch = *text;
    switch (state) {
      case START: state = ch >= '0' && ch <= '9' ? INTEGER : ch == '.' ? FRACTION : ch == '-' || ch == '+' ? INTEGER : INVALID; break;
      case INTEGER: state = ch == '.' ? FRACTION : ch >= '0' && ch <= '9' ? INTEGER : ch == ',' ? START : INVALID; break;
      case FRACTION: state = ch == 'e' ? EXPONENT : ch >= '0' && ch <= '9' ? FRACTION : ch == ',' ? START : INVALID; break;
      case EXPONENT: state = ch >= '0' && ch <= '9' ? EXPONENT : ch == ',' ? START : ch == '-' ? EXPONENT : INVALID; break;
      case INVALID: state = ch == ',' ? START : INVALID; break;
    }
    counts[state]++;
  }
  return state;
}

static uint16_t crc16(uint16_t crc, uint16_t value) {
  for (int i = 0; i < 16; i++, value >>= 1) {
    int bit = (crc ^ value) & 1;
    crc >>= 1;
    if (bit) crc ^= 0xa001;
  }
  return crc;
}

uint64_t work(uint32_t scale) {
  static char text[2000];
  uint64_t seed = 3;
  for (unsigned i = 0; i < sizeof text - 1; i++) text[i] = "0123456789.,e-x+"[next_random(&seed) >> 60];
  uint16_t crc = 0;
  int counts[5] = {0};
  for (uint32_t round = 0; round < 1000 * scale; round++) {
    for (int i = 0; i < 400; i++) {
      items[i].next = i < 399 ? &items[i + 1] : 0;
      items[i].key = next_random(&seed) >> 50;
      items[i].value = i;
    }
    for (struct item *p = sort(items); p; p = p->next) crc = crc16(crc, p->key ^ p->value);
    states(text, counts);
    text[round % 1999] = "0123456789.,e-x+"[crc & 15];
  }
  return (uint64_t)crc << 48 ^ checksum(counts, sizeof counts);
}
