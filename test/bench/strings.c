/* Words counted in a chained hash table, then looked up: byte loops, short strings, scattered loads. */
#include "bench.h"

struct word { struct word *next; uint32_t count, length; char text[16]; };
enum { BUCKETS = 4096, WORDS = 20000, CHARACTERS = 1 << 20 };
static struct word *buckets[BUCKETS];
static struct word pool[WORDS];
static int used;

static struct word *find(const char *text, uint32_t length) {
  uint32_t h = 5381;
  for (uint32_t i = 0; i < length; i++) h = h * 33 ^ (uint8_t)text[i];
  struct word **bucket = &buckets[h % BUCKETS];
  for (struct word *w = *bucket; w; w = w->next)
    if (w->length == length && memcmp(w->text, text, length) == 0) return w;
  if (used == WORDS) return pool;
  struct word *w = &pool[used++];
  w->next = *bucket;
  w->length = length;
  w->count = 0;
  for (uint32_t i = 0; i < length; i++) w->text[i] = text[i];
  return *bucket = w;
}

uint64_t work(uint32_t scale) {
  char *text = memory_of(CHARACTERS);
  uint64_t seed = 6;
  for (int i = 0; i < CHARACTERS; i++) {
    uint64_t r = next_random(&seed) >> 58;
    text[i] = r < 12 ? ' ' : 'a' + r % 7;
  }
  for (uint32_t round = 0; round < 6 * scale; round++) {
    for (int i = 0; i < CHARACTERS;) {
      while (i < CHARACTERS && text[i] == ' ') i++;
      int start = i;
      while (i < CHARACTERS && text[i] != ' ' && i - start < 15) i++;
      if (i > start) find(text + start, i - start)->count++;
    }
  }
  uint64_t sum = used;
  for (int i = 0; i < used; i++) sum = sum * 31 + pool[i].count * 7 + pool[i].text[0];
  return sum;
}
