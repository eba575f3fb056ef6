/* Signals that the CPU raises: codes and addresses of SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP. man 2 sigaction */
#include "guest.h"

static struct siginfo info;
static struct sigcontext seen;
static volatile int skip_bytes;

/* Notes everything and goes on behind the instruction. */
static void note(int sig, struct siginfo *from, void *context) {
  (void)sig;
  struct sigcontext *registers = &((struct ucontext *)context)->uc_mcontext;
  info = *from;
  seen = *registers;
  registers->rip += (unsigned long)skip_bytes;
}

static void show(const char *what, unsigned long base) {
  print("%s: signal %d code %d", what, info.si_signo, info.si_code);
  print(" trap %ld error %lx", (long)seen.trapno, (long)seen.err);
  if (base) print(" offset %ld", (long)((unsigned long)info.si_addr - base));
  print("\n");
}

#define FAULT(name, length, base, ...) \
  do { \
    skip_bytes = length; \
    memset(&info, 0, sizeof info); \
    asm volatile(__VA_ARGS__); \
    show(name, (unsigned long)(base)); \
  } while (0)

static void memory_faults(void) {
  SECTION("SIGSEGV and SIGBUS");
  char *pages = map_pages(3);
  SYS(munmap, pages + PAGE, PAGE);
  FAULT("read unmapped", 2, pages, "mov (%0), %%al" : : "c"(pages + PAGE) : "rax", "memory");
  CHECK(seen.cr2 == (unsigned long)pages + PAGE);
  FAULT("write unmapped", 2, pages, "mov %%al, (%0)" : : "c"(pages + PAGE + 5) : "memory");
  FAULT("read across the edge", 3, pages, "mov (%0), %%rax" : : "c"(pages + PAGE - 3) : "rax", "memory");
  SYS(mprotect, pages, PAGE, PROT_READ);
  FAULT("write read-only", 2, pages, "mov %%al, (%0)" : : "c"(pages + 7) : "memory");
  SYS(mprotect, pages, PAGE, PROT_NONE);
  FAULT("read PROT_NONE", 2, pages, "mov (%0), %%al" : : "c"(pages + 8) : "rax", "memory");
  FAULT("null", 2, 0, "mov (%0), %%al" : : "c"(0ul) : "rax", "memory");
  CHECK(info.si_addr == 0);
  FAULT("non-canonical", 2, 0, "mov (%0), %%al" : : "c"(0x8000000000000000ul) : "rax", "memory");
  CHECK(info.si_addr == 0);
  FAULT("kernel half", 2, 0, "mov (%0), %%al" : : "c"(0xffffffff81000000ul) : "rax", "memory");
  CHECK(info.si_addr == (void *)0xffffffff81000000ul);
  FAULT("misaligned MOVAPS", 3, 0, "movaps (%0), %%xmm0" : : "c"((unsigned long)&info | 8) : "xmm0", "memory");

  int fd = (int)SYS(open, "short", O_RDWR | O_CREAT | O_TRUNC, 0644);
  SYS(ftruncate, fd, 100);
  char *file = (char *)SYS(mmap, 0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK_EQ(file[99], 0);
  CHECK_EQ(file[4095], 0);
  FAULT("beyond the end of a file", 2, file, "mov (%0), %%al" : : "c"(file + PAGE) : "rax", "memory");
  SYS(close, fd);
}

/* Jumps to an address that cannot be executed and returns here. */
static void execute(const char *what, void *address) {
  skip_bytes = 0;
  memset(&info, 0, sizeof info);
  int pid = fork_child();
  if (pid == 0) {
    set_info_handler(SIGSEGV, note, SA_RESETHAND);
    asm volatile("jmp *%0" : : "r"(address));
  }
  print("%s: status %d\n", what, wait_for(pid));
}

static unsigned long resume;

static void note_and_resume(int sig, struct siginfo *from, void *context) {
  note(sig, from, context);
  struct sigcontext *registers = &((struct ucontext *)context)->uc_mcontext;
  registers->rip = resume;
}

static void execute_faults(void) {
  SECTION("execution");
  struct rlimit64 none = {0, 0};
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  char *page = map_pages(1);
  page[0] = 0;
  execute("data page", page);
  execute("nothing", (void *)16);
  set_info_handler(SIGSEGV, note_and_resume, 0);
  asm volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n jmp *%1\n1:" : "=m"(resume) : "c"(page) : "rax", "memory");
  show("data page", (unsigned long)page);
  CHECK(seen.rip == (unsigned long)page);
  set_info_handler(SIGSEGV, note, 0);
  SYS(mprotect, page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  page[0] = (char)0xc3;
  asm volatile("call *%0" : : "c"(page) : "memory");
  CHECK(page[0] == (char)0xc3);
  FAULT("HLT", 1, 0, "hlt");
  FAULT("CLI", 1, 0, "cli");
  FAULT("IN", 2, 0, "in $0x60, %%al" : : : "rax");
  FAULT("RDMSR", 2, 0, "rdmsr" : : : "rax", "rdx");
  FAULT("MOV CR3", 3, 0, "mov %%cr3, %%rax" : : : "rax");
  FAULT("INT 0x21", 2, 0, "int $0x21");
  FAULT("INT 0x0e", 2, 0, "int $0x0e");
  FAULT("bad selector", 2, 0, "mov %%ax, %%ds" : : "a"(0x1234));
}

static void arithmetic_faults(void) {
  SECTION("SIGFPE");
  FAULT("divide by zero", 2, 0, "div %%ecx" : : "a"(1), "d"(0), "c"(0));
  CHECK((unsigned long)info.si_addr == seen.rip);
  FAULT("quotient too big", 2, 0, "div %%ecx" : : "a"(1), "d"(5), "c"(2));
  FAULT("INT_MIN / -1", 2, 0, "idiv %%ecx" : : "a"(0x80000000), "d"(-1), "c"(-1));

  unsigned mxcsr = 0x1f80 & ~0x200u, normal = 0x1f80;
  double one = 1, zero = 0;
  asm volatile("ldmxcsr %0; movsd %1, %%xmm0; movsd %2, %%xmm1" : : "m"(mxcsr), "m"(one), "m"(zero) : "xmm0", "xmm1");
  FAULT("SSE divide by zero", 4, 0, "divsd %%xmm1, %%xmm0" : : : "xmm0", "xmm1");
  mxcsr = 0x1f80 & ~0x80u;
  asm volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0" : : "m"(mxcsr) : "xmm0");
  FAULT("SSE invalid", 4, 0, "divsd %%xmm0, %%xmm0" : : : "xmm0");
  asm volatile("ldmxcsr %0" : : "m"(normal));

  unsigned short control = 0x37b, usual = 0x37f;
  asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(control));
  /* The pending exception of the division is raised by the next waiting instruction. */
  skip_bytes = 1;
  memset(&info, 0, sizeof info);
  asm volatile("fwait");
  show("x87 divide by zero", 0);
  asm volatile("fnclex; fninit; fldcw %0" : : "m"(usual));
}

static void other_faults(void) {
  SECTION("SIGILL and SIGTRAP");
  FAULT("UD2", 2, 0, "ud2");
  CHECK((unsigned long)info.si_addr == seen.rip);
  FAULT("LOCK on NOP", 2, 0, ".byte 0xf0, 0x90");
  FAULT("invalid in 64 bits", 1, 0, ".byte 0x06");
  FAULT("INT3", 0, 0, "int3");
  FAULT("single step", 0, 0, "pushf; orl $0x100, (%%rsp); popf; nop; nop" : : : "memory", "cc");
  unsigned long flags;
  asm volatile("pushf; pop %0" : "=r"(flags));
  print("trap flag still set: %d\n", (int)(flags >> 8 & 1));
  asm volatile("pushf; andl $~0x100, (%%rsp); popf" : : : "memory", "cc");
}

static void fatal(void) {
  SECTION("a fault cannot be blocked or ignored");
  int pid = fork_child();
  if (pid == 0) {
    block(BIT(SIGSEGV));
    *(volatile int *)8 = 1;
  }
  CHECK_EQ(wait_for(pid), SIGNALED(SIGSEGV));
  pid = fork_child();
  if (pid == 0) {
    set_handler(SIGFPE, SIG_IGN, 0);
    asm volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0));
    exit_group(0);
  }
  CHECK_EQ(wait_for(pid), SIGNALED(SIGFPE));
  pid = fork_child();
  if (pid == 0) {
    /* No stack to push the frame on. */
    asm volatile("mov $64, %%rsp; ud2" : : : "memory");
  }
  CHECK_EQ(wait_for(pid), SIGNALED(SIGSEGV));
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++) set_info_handler(signals[i], note, 0);
  memory_faults();
  execute_faults();
  arithmetic_faults();
  other_faults();
  fatal();
}
