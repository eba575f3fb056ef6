/* An interpreter of a stack machine, by switch: indirect jumps. */
#include "bench.h"

enum { PUSH, ADD, SUB, MUL, XOR, SHIFT, LOAD, STORE, LESS, JUMP_IF, JUMP, DUP, HALT };

static uint64_t run(const int32_t *code, uint64_t *variables) {
  uint64_t stack[64], *sp = stack;
  for (const int32_t *pc = code;;) {
    switch (*pc++) {
      case PUSH: *sp++ = *pc++; break;
      case ADD: sp--; sp[-1] += sp[0]; break;
      case SUB: sp--; sp[-1] -= sp[0]; break;
      case MUL: sp--; sp[-1] *= sp[0]; break;
      case XOR: sp--; sp[-1] ^= sp[0]; break;
      case SHIFT: sp[-1] >>= *pc++; break;
      case LOAD: *sp++ = variables[*pc++]; break;
      case STORE: variables[*pc++] = *--sp; break;
      case LESS: sp--; sp[-1] = sp[-1] < sp[0]; break;
      case JUMP_IF: if (*--sp) pc = code + *pc; else pc++; break;
      case JUMP: pc = code + *pc; break;
      case DUP: sp[0] = sp[-1]; sp++; break;
      case HALT: return sp[-1];
    }
  }
}

uint64_t work(uint32_t scale) {
  static const int32_t code[] = {
    PUSH, 0, STORE, 0, PUSH, 1, STORE, 1,
    /* 8: */ LOAD, 1, PUSH, 1103515245, MUL, PUSH, 12345, ADD, STORE, 1,
    /* 18: */ LOAD, 1, DUP, SHIFT, 7, XOR, STORE, 2,
    /* 26: */ LOAD, 3, LOAD, 2, XOR, PUSH, 3, MUL, STORE, 3,
    /* 36: */ LOAD, 0, PUSH, 1, ADD, DUP, STORE, 0, LOAD, 4, LESS, JUMP_IF, 8, LOAD, 3, HALT,
  };
  uint64_t variables[8] = {0};
  variables[4] = 1000000ull * scale;
  return run(code, variables);
}
