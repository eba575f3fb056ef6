/*
 * Code that changes: by itself, by its neighbour, through another mapping, by the kernel, by another thread. SDM vol 3A
 * "Handling Self- and Cross-Modifying Code": a store to the code that is executed next takes effect at once; one made through
 * another linear address, or by another processor, after a serializing instruction.
 */
#include "guest.h"

/* Machine code to be copied to where it can be written: TEMPLATE(name, "asm"), then place(name). */
#define TEMPLATE(name, text) \
  asm(".pushsection .text\n" #name ": " text "\n" #name "_end: .popsection"); \
  extern char name[], name##_end[]

typedef long (*code_fn)(long a, long b, long c);

/* Pages that can be written and executed. */
static char *pages;

static void *place_at(char *to, const char *from, const char *end) {
  memcpy(to, from, (size_t)(end - from));
  return to;
}
#define PLACE(to, name) ((code_fn)place_at(to, name, name##_end))

static void *map_code(size_t nr) {
  return (void *)SYS(mmap, 0, nr * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Each overwrites the immediate of a MOV that follows, by another kind of store; the MOV must have the new one. */
TEMPLATE(store_8, "movb $2, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_16, "movw $0x0202, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_32, "movl $0x02020202, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_64, "movabs $0x9090909002020202, %rcx; mov %rcx, 1f+1(%rip); 1: mov $1, %eax; nop; nop; nop; nop; ret");
TEMPLATE(store_xmm, "movups 2f(%rip), %xmm0; movups %xmm0, 1f(%rip); 1: mov $1, %eax; .fill 11, 1, 0x90; ret\n"
                    "2: .byte 0xb8, 2, 2, 2, 2; .fill 11, 1, 0x90");
TEMPLATE(store_non_temporal, "mov $0x02020202, %ecx; movnti %ecx, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_string, "lea 1f+1(%rip), %rdi; mov $2, %al; stosb; 1: mov $1, %eax; ret");
TEMPLATE(store_rep, "lea 1f+1(%rip), %rdi; mov $2, %al; mov $4, %ecx; rep stosb; 1: mov $1, %eax; ret");
TEMPLATE(store_movs, "lea 1f+1(%rip), %rdi; lea 2f(%rip), %rsi; mov $4, %ecx; rep movsb; 1: mov $1, %eax; ret; 2: .long 0x02020202");
TEMPLATE(store_add, "incb 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_xchg, "mov $2, %cl; xchg %cl, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_xadd, "mov $1, %cl; lock xadd %cl, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_cmpxchg, "mov $1, %eax; mov $2, %cl; lock cmpxchg %cl, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_bts, "btsl $1, 1f+1(%rip); 1: mov $1, %eax; ret");
TEMPLATE(store_setcc, "stc; setc 1f+1(%rip); 1: mov $2, %eax; ret");
TEMPLATE(store_x87, "fildl 2f(%rip); fistpl 1f+1(%rip); 1: mov $1, %eax; ret; 2: .long 2");
TEMPLATE(store_mmx, "movd 2f(%rip), %mm0; movd %mm0, 1f+1(%rip); emms; 1: mov $1, %eax; ret; 2: .long 2");
TEMPLATE(store_shift, "shll $1, 1f+1(%rip); 1: mov $1, %eax; ret");
/* PUSH with the stack in the code. */
TEMPLATE(store_push, "mov %rsp, %rcx; lea 1f+9(%rip), %rsp; movabs $0x9090909000000002, %rdx; push %rdx;"
                     "1: mov $1, %eax; nop; nop; nop; nop; mov %rcx, %rsp; ret");

static void next_instruction(void) {
  SECTION("a store to the next instruction");
  static const struct {
    const char *name, *from, *end;
    long expected;
  } cases[] = {
#define CASE(name, expected) {#name, name, name##_end, expected}
    CASE(store_8, 2), CASE(store_16, 0x0202), CASE(store_32, 0x02020202), CASE(store_64, 0x02020202),
    CASE(store_xmm, 0x02020202), CASE(store_non_temporal, 0x02020202), CASE(store_string, 2),
    CASE(store_rep, 0x02020202), CASE(store_movs, 0x02020202), CASE(store_add, 2), CASE(store_xchg, 2),
    CASE(store_xadd, 2), CASE(store_cmpxchg, 2), CASE(store_bts, 3), CASE(store_setcc, 1), CASE(store_x87, 2),
    CASE(store_mmx, 2), CASE(store_shift, 2), CASE(store_push, 2),
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    /* In the middle of a page, and with the MOV across the end of one. */
    static const size_t places[] = {64, PAGE - 16, PAGE - 12, PAGE - 9};
    for (size_t j = 0; j < 4; j++) {
      code_fn code = (code_fn)place_at(pages + places[j], cases[i].from, cases[i].end);
      long got = code(0, 0, 0);
      if (got != cases[i].expected) print("%s at %lu: %lx, not %lx\n", cases[i].name, places[j], got, cases[i].expected);
      CHECK_QUIET(got == cases[i].expected);
    }
    print("%s\n", cases[i].name);
  }
}

/* The imm of the ADD counts its own executions. */
TEMPLATE(count_loop, "xor %eax, %eax; mov %edi, %ecx; 1: add $0, %eax; incb 1b+2(%rip); dec %ecx; jnz 1b; ret");
/* A loop body that a store turns from ADD into SUB and back, in the same block. */
TEMPLATE(flip_loop, "mov %edi, %eax; mov %esi, %ecx; 1: xorb $0x28, 2f(%rip); 2: add %edx, %eax; dec %ecx; jnz 1b; ret");
/* An instruction that becomes RET after it is executed. */
TEMPLATE(own_bytes, "mov $7, %eax; 1: movb $0xc3, 1b(%rip); dec %eax; jmp 1b");
/* Each iteration moves the displacement of the loop's branch: the last one leaves. */
TEMPLATE(branch, "xor %eax, %eax; 1: inc %eax; cmp %edi, %eax; jne 2f; movb $3f-4f, 4f-1(%rip); 2: nop; jmp 1b; 4: nop; 3: ret");
/* Code behind a jump that jumps back, changed before each pass. */
TEMPLATE(behind, "xor %eax, %eax; 1: mov %edi, 2f+1(%rip); jmp 2f; .fill 40, 1, 0xcc; 2: add $0x11111111, %eax; dec %edi; jnz 1b; ret");

static void same_block(void) {
  SECTION("stores to the same block");
  for (size_t at = 0; at < 2; at++) {
    char *to = pages + (at ? PAGE - 14 : 256);
    CHECK_EQ(PLACE(to, count_loop)(100, 0, 0), 99 * 100 / 2);
    CHECK_EQ(PLACE(to, flip_loop)(1000, 7, 10), 1000 - 10);
    CHECK_EQ(PLACE(to, own_bytes)(0, 0, 0), 6);
    CHECK_EQ(PLACE(to, branch)(50, 0, 0), 50);
    CHECK_EQ(PLACE(to, behind)(60, 0, 0), 60 * 61 / 2);
  }
}

/* Writes NOPs over all that follows, RET excepted, one element at a time, while it runs there. */
TEMPLATE(sled, "lea 1f(%rip), %rdi; mov $0x90, %al; mov $32, %ecx; rep stosb; 1: .fill 32, 1, 0xcc; mov $5, %eax; ret");
/* The target begins before and ends after the REP MOVSB itself, which is overwritten with itself. */
TEMPLATE(itself, "lea 1f-8(%rip), %rdi; mov %rdi, %rsi; mov $24, %ecx; nop; nop; nop; nop; nop; 1: rep movsb; mov %ecx, %eax; ret; .fill 24, 1, 0x90");

/* REP STOSB and REP MOVSB overwrite themselves with NOPs and go on. */
TEMPLATE(over_itself, "lea 1f-4(%rip), %rdi; mov $0x90, %al; mov %esi, %ecx; nop; nop; nop; nop; 1: rep stosb; mov %ecx, %eax; ret; .fill 8, 1, 0x90");
TEMPLATE(move_over, "lea 1f-4(%rip), %rdi; lea 2f(%rip), %rsi; mov $6, %ecx; nop; nop; nop; nop; 1: rep movsb; mov %ecx, %eax; ret; 2: .fill 24, 1, 0x90");

static void strings(void) {
  SECTION("string instructions");
  CHECK_EQ(PLACE(pages + 512, over_itself)(0, 6, 0), 0);
  CHECK_EQ(PLACE(pages + 512, move_over)(0, 0, 0), 0);
  CHECK_EQ(PLACE(pages + 512, sled)(0, 0, 0), 5);
  CHECK_EQ(PLACE(pages + PAGE - 40, sled)(0, 0, 0), 5);
  CHECK_EQ(PLACE(pages + 512, itself)(0, 0, 0), 0);
  CHECK_EQ(PLACE(pages + PAGE - 22, itself)(0, 0, 0), 0);
}

TEMPLATE(constant, "mov $1, %eax; ret");
/* Stores and executes a serializing instruction before the code. */
TEMPLATE(patch_and_serialize, "mov %esi, (%rdi); mov %rbx, %r8; mov %rdx, %r9; xor %eax, %eax; cpuid; mov %r8, %rbx; jmp *%r9");

static void serialize(void) {
  unsigned a = 0, b, c = 0, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static void aliases(void) {
  SECTION("through another mapping");
  int fd = (int)SYS(memfd_create, "code", 0);
  SYS(ftruncate, fd, 2 * PAGE);
  char *writable = (char *)SYS(mmap, 0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *executable = (char *)SYS(mmap, 0, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  code_fn patch = PLACE(pages, patch_and_serialize);
  /* In a page, and with the MOV across its end. */
  for (long at = 100; at < (long)PAGE; at += PAGE - 3 - 100) {
    place_at(writable + at, constant, constant_end);
    code_fn code = (code_fn)(executable + at);
    CHECK_EQ(code(0, 0, 0), 1);
    long sum = 0;
    for (int i = 0; i < 200; i++) {
      memcpy(writable + at + 1, &i, 4);
      serialize();
      sum += code(0, 0, 0);
      sum -= patch((long)writable + at + 1, i + 1000, (long)code) - 1000;
    }
    CHECK_EQ(sum, 0);
  }
  /* The kernel writes. */
  int pipe[2];
  SYS(pipe2, pipe, 0);
  char *at = executable + 64;
  place_at(writable + 64, constant, constant_end);
  CHECK_EQ(((code_fn)at)(0, 0, 0), 1);
  int value = 77;
  SYS(write, pipe[1], &value, 4);
  SYS(read, pipe[0], writable + 65, 4);
  CHECK_EQ(((code_fn)at)(0, 0, 0), 77);
  value = 78;
  SYS(pwrite64, fd, &value, 4, 65);
  CHECK_EQ(((code_fn)at)(0, 0, 0), 78);
  place_at(pages + 64, constant, constant_end);
  CHECK_EQ(((code_fn)(pages + 64))(0, 0, 0), 1);
  SYS(pread64, fd, pages + 65, 4, 65);
  CHECK_EQ(((code_fn)(pages + 64))(0, 0, 0), 78);
}

static void mappings(void) {
  SECTION("other pages at the same address");
  char *at = map_code(1);
  for (int i = 0; i < 20; i++) {
    SYS(mmap, at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    place_at(at, constant, constant_end);
    at[1] = (char)i;
    SYS(mprotect, at, PAGE, PROT_READ | PROT_EXEC);
    CHECK_QUIET(((code_fn)at)(0, 0, 0) == i);
    SYS(mprotect, at, PAGE, PROT_READ | PROT_WRITE);
    at[1] = (char)(i + 100);
    SYS(mprotect, at, PAGE, PROT_READ | PROT_EXEC);
    CHECK_QUIET(((code_fn)at)(0, 0, 0) == i + 100);
  }
  char *moved = (char *)SYS(mremap, at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map_code(1));
  CHECK_EQ(((code_fn)moved)(0, 0, 0), 119);

  SECTION("a child changes its copy");
  char *code = map_code(1);
  PLACE(code, constant)(0, 0, 0);
  int pid = fork_child();
  if (pid == 0) {
    code[1] = 9;
    exit_group((int)((code_fn)code)(0, 0, 0));
  }
  CHECK_EQ(wait_for(pid), EXITED(9));
  CHECK_EQ(((code_fn)code)(0, 0, 0), 1);
  pid = fork_child();
  if (pid == 0) exit_group((int)((code_fn)code)(0, 0, 0));
  code[1] = 4;
  CHECK_EQ(wait_for(pid), EXITED(1));
  CHECK_EQ(((code_fn)code)(0, 0, 0), 4);
}

/* A compiler: functions one after another in the same bytes, and in pages that are executing. */
static void generated(void) {
  SECTION("generated code");
  long sum = 0;
  for (int i = 0; i < 3000; i++) {
    char *to = pages + (i * 37) % (2 * (int)PAGE - 64);
    place_at(to, constant, constant_end);
    memcpy(to + 1, &i, 4);
    sum += ((code_fn)to)(0, 0, 0);
  }
  CHECK_EQ(sum, 3000L * 2999 / 2);
}

static char *patched;

static void patch_in_handler(int sig) {
  (void)sig;
  /* INT3 becomes NOP, and the MOV behind it another. */
  patched[0] = (char)0x90;
  patched[2] = 6;
}

TEMPLATE(breakpoint, "int3; mov $1, %eax; ret");

static void handler(void) {
  SECTION("by a signal handler");
  set_handler(SIGTRAP, patch_in_handler, 0);
  patched = pages + 900;
  CHECK_EQ(PLACE(patched, breakpoint)(0, 0, 0), 6);
  CHECK_EQ(((code_fn)patched)(0, 0, 0), 6);
  set_handler(SIGTRAP, SIG_DFL, 0);
}

static volatile int turn;

static void other_thread(void *argument) {
  for (int i = 1; i <= 50; i++) {
    while (turn != 2 * i - 1) futex_wait(&turn, 2 * i - 2);
    *(volatile int *)((char *)argument + 1) = i;
    turn = 2 * i;
    futex_wake(&turn, 1);
  }
}

static void cross_modifying(void) {
  SECTION("by another thread");
  /* The immediate is aligned: it changes in one piece. */
  char *code = pages + 1023;
  place_at(code, constant, constant_end);
  struct thread thread;
  start_thread(&thread, other_thread, code);
  int wrong = 0;
  for (int i = 1; i <= 50; i++) {
    wrong += ((code_fn)code)(0, 0, 0) != (i == 1 ? 1 : i - 1);
    turn = 2 * i - 1;
    futex_wake(&turn, 1);
    while (turn != 2 * i) futex_wait(&turn, 2 * i - 1);
    serialize();
    wrong += ((code_fn)code)(0, 0, 0) != i;
  }
  join_thread(&thread);
  CHECK_EQ(wrong, 0);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  pages = map_code(3);
  next_instruction();
  same_block();
  strings();
  aliases();
  mappings();
  generated();
  handler();
  cross_modifying();
}
