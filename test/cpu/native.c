/*
 * Runs cases on the real CPU: reads them from stdin, writes results to stdout (native.ts is the other end, case.ts has
 * the layout of both).
 *
 * The program itself lies above 4 GiB (position-independent), so that 32-bit addresses reach nothing but the pages of the
 * case. A case is entered by a far jump, into 64-bit code or, through a 32- or 16-bit code segment, into compatibility
 * mode. It ends with a signal always: all around its code there is INT3.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x00100000ul
#define CODE_PAGES 0x2000ul
#define DATA 0x00110000ul
#define READONLY 0x00111000ul
#define PAGE 4096ul
#define CODE_BYTES 320
#define WINDOW 512
#define MAX_CHANGES 80

struct input {
  uint64_t regs[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8-R15 */
  uint32_t rflags;
  uint32_t code_offset;
  uint16_t code_length;
  uint8_t mode;
  uint8_t pad;
  uint16_t selectors[6]; /* ES CS SS DS FS GS */
  uint64_t fs_base, gs_base;
  uint8_t pad2[8];
  uint8_t fx[416];
  uint8_t code[CODE_BYTES];
  uint8_t memory[WINDOW];
};

struct output {
  uint64_t regs[16];
  uint64_t rip, cr2;
  uint32_t rflags, trap, error;
  uint16_t selectors[6];
  uint64_t fs_base, gs_base;
  uint32_t nr_changes, pad;
  uint8_t fx[416];
};

struct change {
  uint32_t offset;
  uint32_t low, high;
};

_Static_assert(sizeof(struct input) == 1424, "case.ts: INPUT_SIZE");
_Static_assert(sizeof(struct output) == 608, "case.ts: OUTPUT_SIZE");

/* What run_case loads; the names are those of the assembly below. */
uint64_t case_regs[16];
uint64_t case_rflags;
uint16_t case_selectors[6];
uint64_t case_fs_base, case_gs_base;
struct {
  uint32_t offset;
  uint16_t selector;
} __attribute__((packed)) case_target;
uint8_t case_fx[512] __attribute__((aligned(64)));
uint64_t host_rsp, host_fs_base;
uint8_t case_is_64;
uint16_t seen_selectors[4]; /* ES DS FS GS */
uint64_t seen_fs_base, seen_gs_base;

__asm__(
    ".text\n.globl run_case\nrun_case:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, host_rsp(%rip)\n  pushq $2\n  popfq\n"
    /* IRET serializes: the code was written through another mapping. */
    "  mov %rsp, %rax\n  mov %ss, %ecx\n  push %rcx\n  push %rax\n  pushfq\n  mov %cs, %ecx\n  push %rcx\n"
    "  lea 1f(%rip), %rcx\n  push %rcx\n  iretq\n1:\n"
    "  fxrstor64 case_fx(%rip)\n"
    "  mov case_selectors(%rip), %es\n  mov 6+case_selectors(%rip), %ds\n"
    "  mov 8+case_selectors(%rip), %fs\n  mov 10+case_selectors(%rip), %gs\n"
    "  cmpb $0, case_is_64(%rip)\n  je 1f\n"
    "  mov case_fs_base(%rip), %rax\n  wrfsbase %rax\n  mov case_gs_base(%rip), %rax\n  wrgsbase %rax\n"
    "1:\n"
    "  pushq case_rflags(%rip)\n"
    "  mov 4+case_selectors(%rip), %eax\n  mov %eax, %ss\n"
    "  popfq\n"
    "  mov 8+case_regs(%rip), %rcx\n  mov 16+case_regs(%rip), %rdx\n  mov 24+case_regs(%rip), %rbx\n"
    "  mov 32+case_regs(%rip), %rsp\n  mov 40+case_regs(%rip), %rbp\n  mov 48+case_regs(%rip), %rsi\n"
    "  mov 56+case_regs(%rip), %rdi\n  mov 64+case_regs(%rip), %r8\n  mov 72+case_regs(%rip), %r9\n"
    "  mov 80+case_regs(%rip), %r10\n  mov 88+case_regs(%rip), %r11\n  mov 96+case_regs(%rip), %r12\n"
    "  mov 104+case_regs(%rip), %r13\n  mov 112+case_regs(%rip), %r14\n  mov 120+case_regs(%rip), %r15\n"
    "  mov case_regs(%rip), %rax\n"
    "  ljmp *case_target(%rip)\n"
    /* Arguments as the kernel gives them; flags like AC and NT would fault here, and the thread pointer may be anywhere. */
    ".globl on_signal_entry\non_signal_entry:\n"
    "  pushq $2\n  popfq\n"
    "  mov %es, seen_selectors(%rip)\n  mov %ds, 2+seen_selectors(%rip)\n"
    "  mov %fs, 4+seen_selectors(%rip)\n  mov %gs, 6+seen_selectors(%rip)\n"
    "  rdfsbase %rax\n  mov %rax, seen_fs_base(%rip)\n  rdgsbase %rax\n  mov %rax, seen_gs_base(%rip)\n"
    "  mov host_fs_base(%rip), %rax\n  wrfsbase %rax\n"
    "  and $-16, %rsp\n  call on_signal\n"
    "  mov host_rsp(%rip), %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n");

extern void run_case(void);
extern void on_signal_entry(int, siginfo_t *, void *);

static struct output out;

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

__attribute__((used)) void on_signal(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *g = uc->uc_mcontext.gregs;
  (void)sig;
  (void)info;
  for (int i = 0; i < 16; i++) out.regs[i] = g[order[i]];
  out.rflags = g[REG_EFL];
  out.rip = g[REG_RIP];
  out.trap = g[REG_TRAPNO];
  out.error = g[REG_ERR];
  out.cr2 = g[REG_CR2];
  out.selectors[0] = seen_selectors[0];
  out.selectors[1] = g[REG_CSGSFS];
  out.selectors[2] = (uint64_t)g[REG_CSGSFS] >> 48;
  out.selectors[3] = seen_selectors[1];
  out.selectors[4] = seen_selectors[2];
  out.selectors[5] = seen_selectors[3];
  out.fs_base = seen_fs_base;
  out.gs_base = seen_gs_base;
  memcpy(out.fx, uc->uc_mcontext.fpregs, sizeof out.fx);
}

static void read_all(void *buffer, size_t size) {
  char *p = buffer;
  while (size) {
    ssize_t n = read(0, p, size);
    if (n <= 0) exit(p == (char *)buffer && n == 0 ? 0 : 3);
    p += n;
    size -= n;
  }
}

/* One page of memory at `address` with protection `prot`, and a second mapping of it to write through. */
static uint8_t *map_twice(unsigned long address, size_t size, int prot) {
  int fd = memfd_create("case", 0);
  if (ftruncate(fd, size)) exit(4);
  if (mmap((void *)address, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != (void *)address) exit(5);
  uint8_t *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) exit(6);
  close(fd);
  return p;
}

/* The chunks of 8 bytes of the data page that differ from the pattern it was filled with, or a hash if there are many. */
static uint32_t find_changes(const uint8_t *page, const uint8_t *window, struct change *changes) {
  uint32_t n = 0;
  for (uint32_t at = 0; at < PAGE; at += 8) {
    uint64_t now, before;
    memcpy(&now, page + at, 8);
    memcpy(&before, window + at % WINDOW, 8);
    if (now == before) continue;
    if (n < MAX_CHANGES) changes[n] = (struct change){at, now, now >> 32};
    n++;
  }
  if (n <= MAX_CHANGES) return n;
  uint32_t a = 0x811c9dc5, b = n;
  for (uint32_t at = 0; at < PAGE; at += 4) {
    uint32_t word;
    memcpy(&word, page + at, 4);
    a = (a ^ word) * 0x01000193;
    b = (b + word) * 0x85ebca6b;
    b ^= b >> 15;
  }
  changes[0] = (struct change){0xffffffff, a, b};
  return 1;
}

int main(void) {
  static char stack[65536], buffer[1 << 20];
  static struct input in;
  static struct change changes[MAX_CHANGES];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  __asm__("rdfsbase %0" : "=r"(host_fs_base));

  uint8_t *code = map_twice(CODE, CODE_PAGES, PROT_READ | PROT_EXEC);
  uint8_t *readonly = map_twice(READONLY, PAGE, PROT_READ);
  uint8_t *data = mmap((void *)DATA, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (data != (uint8_t *)DATA) return 7;
  memset(code, 0xcc, CODE_PAGES);

  uint32_t nr_descriptors;
  read_all(&nr_descriptors, 4);
  for (uint32_t i = 0; i < nr_descriptors; i++) {
    struct user_desc descriptor;
    read_all(&descriptor, sizeof descriptor);
    if (syscall(SYS_modify_ldt, 0x11, &descriptor, sizeof descriptor)) return 8;
  }
  read_all(readonly, PAGE);
  /* A page that was never touched is not present, which error codes tell. */
  for (unsigned i = 0; i < CODE_PAGES; i += PAGE) (void)*(volatile uint8_t *)(CODE + i);
  (void)*(volatile uint8_t *)READONLY;
  *(volatile uint8_t *)DATA = 0;

  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&ss, 0);
  struct sigaction sa = {.sa_sigaction = on_signal_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS};
  for (unsigned i = 0; i < 5; i++) sigaction(signals[i], &sa, 0);

  for (uint32_t n = 0;; n++) {
    read_all(&in, sizeof in);
    memcpy(case_regs, in.regs, sizeof case_regs);
    case_rflags = in.rflags;
    memcpy(case_selectors, in.selectors, sizeof case_selectors);
    case_fs_base = in.fs_base;
    case_gs_base = in.gs_base;
    case_is_64 = in.mode == 2;
    memcpy(case_fx, in.fx, sizeof in.fx);
    for (unsigned i = 0; i < PAGE; i += WINDOW) memcpy(data + i, in.memory, WINDOW);
    memcpy(code + in.code_offset, in.code, in.code_length);
    /* The offset within the code segment: 64-bit and flat segments begin at 0, the others at CODE. */
    case_target.selector = in.selectors[1];
    case_target.offset = in.selectors[1] & 4 ? in.code_offset : CODE + in.code_offset;
    if (n % 1024 == 0) alarm(60); /* a case that does not end */
    run_case();
    memset(code + in.code_offset, 0xcc, in.code_length);
    out.nr_changes = find_changes(data, in.memory, changes);
    fwrite(&out, sizeof out, 1, stdout);
    fwrite(changes, sizeof *changes, out.nr_changes, stdout);
  }
}
