/* What a signal frame holds and what rt_sigreturn(2) restores: registers, flags, mask, x87 and SSE state. */
#include "guest.h"

static volatile int nr_calls;
static struct sigcontext seen;
static unsigned long seen_mask, seen_link;
static volatile int stack_aligned;

static void change_all(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)info;
  struct ucontext *user = context;
  nr_calls++;
  seen = user->uc_mcontext;
  seen_mask = user->uc_sigmask;
  seen_link = (unsigned long)user->uc_link;
  user->uc_mcontext.rax = 0x1111111111111111;
  user->uc_mcontext.r12 = 0x2222222222222222;
  user->uc_mcontext.rbx = 0x3333333333333333;
  user->uc_mcontext.eflags |= 1;
  user->uc_sigmask |= BIT(SIGUSR2);
  /* Clobber what the frame must protect. */
  asm volatile("pcmpeqb %%xmm0, %%xmm0; pcmpeqb %%xmm15, %%xmm15; fninit; fldz; fldz; fldz"
               :
               :
               : "xmm0", "xmm15", "rdi", "rsi", "r8", "r9", "r10", "r13", "r14", "r15");
}

static void modified(void) {
  SECTION("registers of the frame, changed by the handler");
  set_info_handler(SIGUSR1, change_all, 0);
  unsigned long rax, rbx, r12, r13, flags, rdi, rcx;
  unsigned long self = (unsigned long)SYS(getpid);
  asm volatile("mov $62, %%eax\n"
               "mov $10, %%esi\n"
               "mov $0x1234, %%r12d\n"
               "mov $0x77, %%r13d\n"
               "clc\n"
               "syscall\n"
               "pushf\n"
               "pop %3\n"
               "mov %%r12, %1\n"
               "mov %%r13, %2\n"
               : "=a"(rax), "=S"(r12), "=d"(r13), "=r"(flags), "=b"(rbx), "=D"(rdi), "=c"(rcx)
               : "D"(self)
               : "r8", "r9", "r10", "r11", "r12", "r13", "memory", "cc");
  CHECK_EQ(nr_calls, 1);
  CHECK(rax == 0x1111111111111111);
  CHECK(r12 == 0x2222222222222222);
  CHECK(rbx == 0x3333333333333333);
  CHECK_EQ(r13, 0x77);
  CHECK(rdi == self);
  CHECK_EQ(flags & 1, 1);
  CHECK_EQ(seen.rax, 0);
  CHECK_EQ(seen.r12, 0x1234);
  CHECK_EQ(seen.r13, 0x77);
  CHECK_EQ(seen.cs, 0x33);
  CHECK_EQ(seen_mask, 0);
  CHECK_EQ(seen_link, 0);
  CHECK(seen.rcx == seen.rip);
  CHECK_EQ(blocked(), BIT(SIGUSR2));
  unblock(BIT(SIGUSR2));
}

void check_entry(int sig);
asm(".globl check_entry\n"
    "check_entry:\n"
    "  mov %rsp, %rax\n"
    "  and $15, %eax\n"
    "  mov %eax, stack_aligned(%rip)\n"
    "  pushf\n"
    "  pop %rax\n"
    "  and $0x400, %eax\n"
    "  or %eax, stack_aligned(%rip)\n"
    "  ret\n");

static void entry(void) {
  SECTION("state at the handler's first instruction");
  set_handler(SIGUSR1, check_entry, 0);
  asm volatile("std; mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi; mov $62, %%eax; syscall; cld"
               :
               :
               : "rax", "rdi", "rsi", "rcx", "r11", "memory");
  CHECK_EQ(stack_aligned, 8);
}

static void floating(void) {
  SECTION("x87 and SSE survive a handler");
  set_info_handler(SIGUSR1, change_all, 0);
  static unsigned char before[16] __attribute__((aligned(16))) = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  static unsigned char after0[16] __attribute__((aligned(16))), after15[16] __attribute__((aligned(16)));
  long double left;
  unsigned short control = 0x27f, control_after, status;
  unsigned mxcsr = 0x1f80 | 0x2000, mxcsr_after;
  unsigned long self = (unsigned long)SYS(getpid);
  asm volatile("fninit; fldcw %[control]; fldpi; ldmxcsr %[mxcsr]\n"
               "movdqa %[before], %%xmm0\n"
               "movdqa %[before], %%xmm15\n"
               "mov $62, %%eax\n"
               "mov $10, %%esi\n"
               "syscall\n"
               "movdqa %%xmm0, %[after0]\n"
               "movdqa %%xmm15, %[after15]\n"
               "fnstsw %[status]\n"
               "fnstcw %[control_after]\n"
               "stmxcsr %[mxcsr_after]\n"
               "fstpt %[left]\n"
               : [after0] "=m"(after0), [after15] "=m"(after15), [status] "=m"(status),
                 [control_after] "=m"(control_after), [mxcsr_after] "=m"(mxcsr_after), [left] "=m"(left)
               : [control] "m"(control), [mxcsr] "m"(mxcsr), [before] "m"(before), "D"(self)
               : "rax", "rbx", "rsi", "rcx", "r11", "r12", "xmm0", "xmm15", "memory");
  CHECK(memcmp(after0, before, 16) == 0);
  CHECK(memcmp(after15, before, 16) == 0);
  CHECK_EQ(status >> 11 & 7, 7);
  CHECK_EQ(control_after, 0x27f);
  CHECK_EQ(mxcsr_after, 0x1f80 | 0x2000);
  static const unsigned char pi[10] = {0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40};
  CHECK(memcmp(&left, pi, 10) == 0);
  asm volatile("fninit");
  unblock(BIT(SIGUSR2));
}

/* The handler changes the saved vector state: struct _fpstate is what fxsave writes. */
static void change_vector(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)info;
  struct _fpstate_64 *state = (void *)((struct ucontext *)context)->uc_mcontext.fpstate;
  memset((char *)state->xmm_space + 16, 0x5a, 16);
  state->mxcsr = 0x1f80 | 0x4000;
}

static void changed_vector(void) {
  SECTION("vector state of the frame, changed by the handler");
  set_info_handler(SIGUSR1, change_vector, 0);
  static unsigned char after[16] __attribute__((aligned(16)));
  unsigned mxcsr, normal = 0x1f80;
  unsigned long self = (unsigned long)SYS(getpid);
  asm volatile("pxor %%xmm1, %%xmm1; mov $62, %%eax; mov $10, %%esi; syscall; movdqa %%xmm1, %0; stmxcsr %1; ldmxcsr %2"
               : "=m"(after), "=m"(mxcsr)
               : "m"(normal), "D"(self)
               : "rax", "rsi", "rcx", "r11", "xmm1", "memory");
  CHECK_EQ(after[0], 0x5a);
  CHECK_EQ(after[15], 0x5a);
  CHECK_EQ(mxcsr, 0x1f80 | 0x4000);
}

/* The frame goes on with an XSAVE area: struct _fpx_sw_bytes says so, and XSTATE_BV what of it counts. */
static unsigned frame_xfeatures, frame_ends_well, frame_flags;

static void drop_vectors(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)info;
  struct ucontext *uc = context;
  unsigned char *state = (void *)uc->uc_mcontext.fpstate;
  unsigned *software = (unsigned *)(state + 464);
  unsigned *xstate_bv = (unsigned *)(state + 512);
  frame_flags = (unsigned)uc->uc_flags & 1;
  frame_xfeatures = software[0] == FP_XSTATE_MAGIC1 ? xstate_bv[0] & software[2] & 3 : 0;
  frame_ends_well = software[1] == software[4] + 4 && *(unsigned *)(state + software[4]) == FP_XSTATE_MAGIC2;
  *xstate_bv &= ~2u;
}

static void xsave_frame(void) {
  SECTION("the XSAVE area of the frame: magic numbers, and a component that the handler leaves out");
  unsigned eax = 1, ecx;
  asm volatile("cpuid" : "+a"(eax), "=c"(ecx) : : "ebx", "edx");
  if (!(ecx & 1 << 27)) return;
  set_info_handler(SIGUSR1, drop_vectors, 0);
  static unsigned char after[16] __attribute__((aligned(16)));
  unsigned long self = (unsigned long)SYS(getpid);
  asm volatile("pcmpeqd %%xmm1, %%xmm1; mov $62, %%eax; mov $10, %%esi; syscall; movdqa %%xmm1, %0"
               : "=m"(after)
               : "D"(self)
               : "rax", "rsi", "rcx", "r11", "xmm1", "memory");
  CHECK_EQ(frame_flags, 1);
  CHECK_EQ(frame_xfeatures, 3);
  CHECK_EQ(frame_ends_well, 1);
  CHECK_EQ(after[0], 0);
  CHECK_EQ(after[15], 0);
}

static unsigned long go_on;

static void elsewhere(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)info;
  ((struct ucontext *)context)->uc_mcontext.rip = go_on;
}

static void bad_frames(void) {
  SECTION("frames that rt_sigreturn refuses");
  set_info_handler(SIGSEGV, elsewhere, 0);
  asm volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n movb $1, (16)\n ud2\n1:" : "=m"(go_on) : : "rax", "memory");
  CHECK(go_on != 0);
  int pid = fork_child();
  if (pid == 0) {
    set_handler(SIGSEGV, SIG_DFL, 0);
    asm volatile("mov $0x1000, %%rsp; mov $15, %%eax; syscall" : : : "memory");
  }
  CHECK_EQ(wait_for(pid), SIGNALED(SIGSEGV));
}

static void privileged(int sig, struct siginfo *info, void *context) {
  (void)sig, (void)info;
  struct sigcontext *registers = &((struct ucontext *)context)->uc_mcontext;
  registers->eflags |= 0x3000 | 0x20000 | 0x4000;
  registers->eflags &= ~0x200ul;
}

static void flags_protected(void) {
  SECTION("a handler cannot change IOPL, IF, NT or VM");
  set_info_handler(SIGUSR1, privileged, 0);
  SYS(kill, SYS(getpid), SIGUSR1);
  unsigned long flags;
  asm volatile("pushf; pop %0" : "=r"(flags));
  CHECK_EQ(flags & 0x27200, 0x200);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  modified();
  entry();
  floating();
  changed_vector();
  xsave_frame();
  bad_frames();
  flags_protected();
}
