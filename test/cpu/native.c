/*
 * Runs single instructions on the real CPU: reads cases from stdin, writes results to stdout (test/cpu/native.ts is the
 * other end, and test/cpu/case.ts the layout of both).
 *
 * A case gives code bytes, general registers, flags, the FXSAVE image and 512 bytes of memory at DATA. The code runs at
 * CODE + 64 - length, so that it ends where the jump back begins; a fault comes back through a signal handler, which reports trap
 * number, error code and the state the kernel saved.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x00100000ul
#define DATA 0x00110000ul
#define DATA_PAGE 0x00110000ul
#define BLOCK 0x00120000ul

struct state {
  uint64_t regs[16]; /* 0: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15 */
  uint64_t rflags;   /* 128 */
  uint64_t rip;      /* 136: in: length of the code; out: address after it, relative to its start */
  uint8_t code[16];  /* 144 */
  uint32_t trap;     /* 160: out: 0xffffffff none */
  uint32_t error;    /* 164 */
  uint64_t cr2;      /* 168 */
  uint8_t pad[16];   /* 176 */
  uint8_t fx[512];   /* 192 */
  uint8_t memory[512]; /* 704 */
};                   /* 1216 */

/* BLOCK: a struct state, then the host's stack pointer at +4096. */
__asm__(
    ".text\n.globl run_case\nrun_case:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, 0x00121000\n"
    "  fxrstor64 0x001200c0\n"
    "  pushq 0x00120080\n  popfq\n"
    "  mov 0x00120008, %rcx\n  mov 0x00120010, %rdx\n  mov 0x00120018, %rbx\n  mov 0x00120020, %rsp\n"
    "  mov 0x00120028, %rbp\n  mov 0x00120030, %rsi\n  mov 0x00120038, %rdi\n  mov 0x00120040, %r8\n"
    "  mov 0x00120048, %r9\n  mov 0x00120050, %r10\n  mov 0x00120058, %r11\n  mov 0x00120060, %r12\n"
    "  mov 0x00120068, %r13\n  mov 0x00120070, %r14\n  mov 0x00120078, %r15\n  mov 0x00120000, %rax\n"
    "  jmp *0x00121008\n"
    ".globl case_done\ncase_done:\n"
    "  mov %rax, 0x00120000\n  mov %rcx, 0x00120008\n  mov %rdx, 0x00120010\n  mov %rbx, 0x00120018\n"
    "  mov %rsp, 0x00120020\n  mov %rbp, 0x00120028\n  mov %rsi, 0x00120030\n  mov %rdi, 0x00120038\n"
    "  mov %r8, 0x00120040\n  mov %r9, 0x00120048\n  mov %r10, 0x00120050\n  mov %r11, 0x00120058\n"
    "  mov %r12, 0x00120060\n  mov %r13, 0x00120068\n  mov %r14, 0x00120070\n  mov %r15, 0x00120078\n"
    "  mov 0x00121000, %rsp\n"
    "  pushfq\n  popq 0x00120080\n"
    "  fxsave64 0x001200c0\n"
    ".globl case_return\ncase_return:\n"
    "  mov 0x00121000, %rsp\n"
    "  cld\n  fninit\n  ldmxcsr 0x00121010\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n");

extern void run_case(void);
extern char case_done[], case_return[];

static struct state *const block = (struct state *)BLOCK;

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void on_signal(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *g = uc->uc_mcontext.gregs;
  (void)sig;
  for (int i = 0; i < 16; i++) block->regs[i] = g[order[i]];
  block->rflags = g[REG_EFL];
  block->rip = g[REG_RIP];
  block->trap = g[REG_TRAPNO];
  block->error = g[REG_ERR];
  block->cr2 = g[REG_CR2];
  (void)info;
  memcpy(block->fx, uc->uc_mcontext.fpregs, 416);
  uc->uc_mcontext.fpregs->swd = 0;
  uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
  g[REG_RIP] = (greg_t)case_return;
  g[REG_EFL] &= ~0x40500; /* AC, DF, TF */
}

static int read_all(void *buffer, size_t size) {
  char *p = buffer;
  while (size) {
    ssize_t n = read(0, p, size);
    if (n <= 0) return 0;
    p += n;
    size -= n;
  }
  return 1;
}

int main(void) {
  static char stack[65536];
  uint8_t *code = mmap((void *)CODE, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  /* One page of data with unmapped pages on both sides. */
  uint8_t *data = mmap((void *)DATA_PAGE, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  void *b = mmap((void *)BLOCK, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (code == MAP_FAILED || data == MAP_FAILED || b == MAP_FAILED) return 2;
  *(uint64_t *)(BLOCK + 0x1008) = CODE;
  *(uint32_t *)(BLOCK + 0x1010) = 0x1f80;
  /* The code ends at CODE + 64; there: jmp *0(%rip) to case_done. */
  memcpy(code + 64, "\xff\x25\x00\x00\x00\x00", 6);
  *(uint64_t *)(code + 70) = (uint64_t)case_done;

  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&ss, 0);
  struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS};
  for (unsigned i = 0; i < 5; i++) sigaction(signals[i], &sa, 0);

  static char out[1 << 20];
  setvbuf(stdout, out, _IOFBF, sizeof out);
  static struct state in;
  while (read_all(&in, sizeof in)) {
    uint64_t length = in.rip;
    memcpy(block, &in, sizeof in);
    memcpy(data, in.memory, sizeof in.memory);
    memset(data + sizeof in.memory, 0, 4096 - sizeof in.memory);
    memcpy(code + 64 - length, in.code, length);
    *(uint64_t *)(BLOCK + 0x1008) = CODE + 64 - length;
    block->rip = CODE + 64;
    block->trap = 0xffffffff;
    block->error = 0;
    block->cr2 = 0;
    run_case();
    block->rip -= CODE + 64 - length;
    memcpy(block->memory, data, sizeof in.memory);
    fwrite(block, sizeof *block, 1, stdout);
  }
  fflush(stdout);
  return 0;
}
