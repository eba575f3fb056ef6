/* Signals of i386 programs: both kinds of frame, the registers in them, and getting them back. */
#include "guest.h"

struct context {
  uint16_t gs, gsh, fs, fsh, es, esh, ds, dsh;
  uint32_t di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip;
  uint16_t cs, csh;
  uint32_t flags, sp_at_signal;
  uint16_t ss, ssh;
  uint32_t fpstate, oldmask, cr2;
};

struct info {
  int signo, error, code;
  union {
    uint32_t addr;
    struct {
      int pid;
      uint32_t uid;
      union {
        int value;
        int status;
      };
    };
    int pad[29];
  };
};

struct user_context {
  uint32_t flags, link, stack_sp, stack_flags, stack_size;
  struct context context;
  uint32_t mask[2];
};

struct old_action {
  void *handler;
  uint32_t mask, flags;
  void *restorer;
};

struct rt_action {
  void *handler;
  uint32_t flags;
  void *restorer;
  uint32_t mask[2];
};

void restore(void), rt_restore(void);
asm(".globl restore, rt_restore\n"
    "restore:\n"
    "  pop %eax\n"
    "  mov $119, %eax\n"
    "  int $0x80\n"
    "rt_restore:\n"
    "  mov $173, %eax\n"
    "  int $0x80\n");

static long old_handler(int sig, void *handler, uint32_t flags) {
  struct old_action action = {handler, 0, flags | SA_RESTORER, restore};
  return SYS(sigaction, sig, &action, 0);
}

static long rt_handler(int sig, void *handler, uint32_t flags) {
  struct rt_action action = {handler, flags | SA_RESTORER | SA_SIGINFO, rt_restore, {0, 0}};
  return SYS(rt_sigaction, sig, &action, 0, 8);
}

#define CALLS(sig) SYS(kill, SYS(getpid), sig)

static volatile int nr_calls, last_sig;
static struct context seen;
static struct info seen_info;
static struct user_context *seen_uc;

static void simple(int sig) {
  nr_calls++;
  last_sig = sig;
}

/* The context lies on the stack behind the signal number. */
static void with_context(int sig, struct context context) {
  nr_calls++;
  last_sig = sig;
  memcpy(&seen, &context, sizeof seen);
}

static void with_info(int sig, struct info *info, struct user_context *uc) {
  nr_calls++;
  last_sig = sig;
  seen_info = *info;
  seen = uc->context;
  seen_uc = uc;
}

static void test_old(void) {
  struct old_action old;
  SECTION("sigaction, sigreturn");
  CHECK_EQ(old_handler(SIGUSR1, simple, 0), 0);
  CHECK_EQ(SYS(sigaction, SIGUSR1, 0, &old), 0);
  CHECK(old.handler == simple && old.flags == SA_RESTORER && old.restorer == restore && old.mask == 0);
  CHECK_EQ(CALLS(SIGUSR1), 0);
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(last_sig, SIGUSR1);
  CHECK_EQ(SYS(sigaction, SIGKILL, &old, 0), -EINVAL);
  CHECK_EQ(SYS(sigaction, 65, 0, &old), -EINVAL);
  CHECK_EQ(SYS(signal, SIGUSR2, SIG_IGN), 0);
  CHECK_EQ(SYS(signal, SIGUSR2, SIG_DFL), 1);
  CHECK_EQ(old_handler(SIGUSR1, with_context, 0), 0);
  uint32_t after[6];
  asm volatile(
      "push %%ebp\n"
      "mov $0x11111111, %%ebx\n"
      "mov $0x22222222, %%ecx\n"
      "mov $0x33333333, %%edx\n"
      "mov $0x66666666, %%ebp\n"
      "mov %%esp, (%%esi)\n"
      "push %%ebx; push %%ecx\n"
      "mov $20, %%eax; int $0x80\n" /* getpid */
      "mov %%eax, %%ebx; mov $10, %%ecx; mov $37, %%eax\n"
      "mov $0x77777777, %%edi\n"
      "stc\n"
      "int $0x80\n" /* kill */
      "pushf; pop %%edx\n"
      "mov %%ebp, 4(%%esi); mov %%edi, 8(%%esi); mov %%ecx, 12(%%esi); mov %%edx, 16(%%esi); mov %%eax, 20(%%esi)\n"
      "pop %%ecx; pop %%ebx\n"
      "cmp %%esp, (%%esi)\n"
      "sete %%al\n"
      "movzx %%al, %%eax\n"
      "mov %%eax, (%%esi)\n"
      "pop %%ebp\n"
      :
      : "S"(after)
      : "eax", "ebx", "ecx", "edx", "edi", "memory", "cc");
  CHECK_EQ(nr_calls, 2);
  CHECK(after[0] == 1 && after[1] == 0x66666666 && after[2] == 0x77777777 && after[3] == 10 && after[5] == 0);
  CHECK(after[4] & 1);
  CHECK(seen.bp == 0x66666666 && seen.di == 0x77777777 && seen.cx == 10 && seen.ax == 0);
  CHECK(seen.flags & 1);
  CHECK_EQ(seen.cs, 0x23);
  CHECK(seen.ss == 0x2b && seen.ds == 0x2b && seen.es == 0x2b && seen.fs == 0 && seen.gs == 0);
  CHECK_EQ(seen.sp, seen.sp_at_signal);
  CHECK(seen.fpstate < seen.sp);
}

uint32_t page_fault_ip;

static void skip_fault(int sig, struct info *info, struct user_context *uc) {
  with_info(sig, info, uc);
  uc->context.ip = page_fault_ip;
  uc->context.ax = 0x12345678;
}

#define TRY(instruction) \
  ({ \
    uint32_t result; \
    asm volatile("movl $1f, page_fault_ip\n" instruction "\n1:" : "=a"(result) : : "ebx", "ecx", "edx", "memory", "cc"); \
    result; \
  })

static void test_faults(void) {
  SECTION("faults");
  CHECK_EQ(rt_handler(SIGSEGV, skip_fault, 0), 0);
  CHECK_EQ(rt_handler(SIGFPE, skip_fault, 0), 0);
  CHECK_EQ(rt_handler(SIGILL, skip_fault, 0), 0);
  CHECK_EQ(rt_handler(SIGTRAP, with_info, 0), 0);
  CHECK_EQ(rt_handler(SIGBUS, skip_fault, 0), 0);
  CHECK_EQ(TRY("movl %%eax, 0x123"), 0x12345678);
  CHECK(seen_info.signo == SIGSEGV && seen_info.code == 1 && seen_info.addr == 0x123);
  CHECK(seen.trapno == 14 && seen.err == 6 && seen.cr2 == 0x123);
  CHECK_EQ(TRY("movl 0xfffffff0, %%eax"), 0x12345678);
  CHECK(seen_info.signo == SIGSEGV && seen_info.addr == 0xfffffff0);
  CHECK_EQ(TRY("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx"), 0x12345678);
  CHECK(seen_info.signo == SIGFPE && seen_info.code == 1 && seen.trapno == 0);
  CHECK_EQ(TRY("ud2"), 0x12345678);
  CHECK(seen_info.signo == SIGILL && seen_info.code == 2 && seen.trapno == 6);
  CHECK_EQ(TRY("hlt"), 0x12345678);
  CHECK(seen_info.signo == SIGSEGV && seen_info.code == 128 && seen.trapno == 13);
  CHECK_EQ(TRY("mov $0x43, %%eax; mov %%eax, %%es"), 0x12345678);
  CHECK(seen_info.signo == SIGSEGV && seen.trapno == 13);
  CHECK_EQ(TRY("movb $0x7f, %%al; addb $1, %%al; into"), 0x12345678);
  CHECK(seen_info.signo == SIGSEGV && seen.trapno == 4);
  static const int32_t bounds[2] = {0, 10};
  CHECK_EQ(({
             uint32_t result = 11;
             asm volatile("movl $1f, page_fault_ip\nbound %%eax, %1\n1:" : "+a"(result) : "m"(bounds) : "memory");
             result;
           }),
           0x12345678);
  CHECK(seen_info.signo == SIGSEGV && seen.trapno == 5);
  nr_calls = 0;
  asm volatile("int3");
  CHECK(nr_calls == 1 && seen_info.signo == SIGTRAP && seen.trapno == 3);
  asm volatile("int $0x03");
  CHECK_EQ(nr_calls, 2);
}

static void test_rt(void) {
  struct rt_action old;
  SECTION("rt_sigaction, rt_sigreturn");
  CHECK_EQ(rt_handler(SIGUSR1, with_info, 0), 0);
  CHECK_EQ(SYS(rt_sigaction, SIGUSR1, 0, &old, 8), 0);
  CHECK(old.handler == with_info && old.flags == (SA_RESTORER | SA_SIGINFO) && old.restorer == rt_restore);
  CHECK_EQ(SYS(rt_sigaction, SIGUSR1, 0, &old, 4), -EINVAL);
  CHECK_EQ(CALLS(SIGUSR1), 0);
  CHECK(seen_info.signo == SIGUSR1 && seen_info.code == 0 && seen_info.pid == SYS(getpid));
  struct info queued = {SIGRTMIN + 1, 0, -1, .pid = 77, .uid = 88, .value = 99};
  CHECK_EQ(rt_handler(SIGRTMIN + 1, with_info, 0), 0);
  CHECK_EQ(SYS(rt_sigqueueinfo, SYS(getpid), SIGRTMIN + 1, &queued), 0);
  CHECK(seen_info.code == -1 && seen_info.pid == 77 && seen_info.uid == 88 && seen_info.value == 99);
  uint32_t set[2] = {0, 0}, pending[2];
  set[0] = 1u << (SIGUSR1 - 1);
  set[1] = 1u << (SIGRTMIN + 1 - 33);
  CHECK_EQ(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
  CHECK_EQ(SYS(rt_sigqueueinfo, SYS(getpid), SIGRTMIN + 1, &queued), 0);
  CHECK_EQ(CALLS(SIGUSR1), 0);
  CHECK_EQ(SYS(rt_sigpending, pending, 8), 0);
  CHECK(pending[0] == set[0] && pending[1] == set[1]);
  uint32_t low;
  CHECK_EQ(SYS(sigpending, &low), 0);
  CHECK_EQ(low, set[0]);
  int32_t zero[2] = {0, 0};
  struct info got;
  CHECK_EQ(SYS(rt_sigtimedwait, set, &got, zero, 8), SIGUSR1);
  CHECK_EQ(SYS(rt_sigtimedwait, set, &got, zero, 8), SIGRTMIN + 1);
  CHECK(got.code == -1 && got.pid == 77 && got.uid == 88 && got.value == 99);
  int64_t zero64[2] = {0, 0};
  CHECK_EQ(SYS(rt_sigtimedwait_time64, set, &got, zero64, 8), -EAGAIN);
  CHECK_EQ(SYS(rt_sigprocmask, SIG_UNBLOCK, set, 0, 8), 0);
  uint32_t mask = 1u << (SIGUSR2 - 1), previous;
  CHECK_EQ(SYS(sigprocmask, SIG_BLOCK, &mask, &previous), 0);
  CHECK_EQ(previous, 0);
  CHECK_EQ(SYS(sgetmask), mask);
  CHECK_EQ(SYS(ssetmask, 1u << (SIGALRM - 1)), mask);
  CHECK_EQ(SYS(sigprocmask, 7, &mask, 0), -EINVAL);
  mask = 0;
  CHECK_EQ(SYS(sigprocmask, SIG_SETMASK, &mask, &previous), 0);
  CHECK_EQ(previous, 1u << (SIGALRM - 1));
}

static void test_suspend(void) {
  SECTION("sigsuspend, restarts");
  nr_calls = 0;
  CHECK_EQ(old_handler(SIGALRM, simple, 0), 0);
  uint32_t block = 1u << (SIGALRM - 1), old;
  SYS(sigprocmask, SIG_BLOCK, &block, 0);
  CALLS(SIGALRM);
  CHECK_EQ(nr_calls, 0);
  CHECK_EQ(SYS(sigsuspend, 0, 0, 0), -EINTR);
  CHECK_EQ(nr_calls, 1);
  SYS(sigprocmask, SIG_SETMASK, &(uint32_t){0}, &old);
  CHECK_EQ(old, block);
  int fds[2];
  char byte = 0;
  CHECK_EQ(SYS(pipe, fds), 0);
  int32_t soon[4] = {0, 0, 0, 20000};
  CHECK_EQ(SYS(setitimer, 0, soon, 0), 0);
  CHECK_EQ(SYS(read, fds[0], &byte, 1), -EINTR);
  CHECK_EQ(nr_calls, 2);
  CHECK_EQ(old_handler(SIGALRM, simple, SA_RESTART), 0);
  int pid = (int)SYS(fork);
  if (pid == 0) {
    int32_t later[2] = {0, 100000000};
    SYS(nanosleep, later, 0);
    SYS(write, fds[1], "x", 1);
    finish();
  }
  CHECK_EQ(SYS(setitimer, 0, soon, 0), 0);
  CHECK_EQ(SYS(read, fds[0], &byte, 1), 1);
  CHECK_EQ(nr_calls, 3);
  SYS(waitpid, pid, 0, 0);
  /* A stop: nanosleep goes on by restart_syscall. */
  pid = (int)SYS(fork);
  if (pid == 0) {
    int32_t span[2] = {0, 150000000}, left[2];
    CHECK_EQ(SYS(nanosleep, span, left), 0);
    finish();
  }
  int32_t little[2] = {0, 30000000};
  int status;
  SYS(nanosleep, little, 0);
  CHECK_EQ(SYS(kill, pid, SIGSTOP), 0);
  CHECK_EQ(SYS(waitpid, pid, &status, 2), pid);
  CHECK_EQ(SYS(kill, pid, SIGCONT), 0);
  CHECK_EQ(SYS(waitpid, pid, &status, 0), pid);
  CHECK_EQ(status, 0);
}

static char stack[16384];
static uint32_t handler_sp;

static void on_stack(int sig) {
  (void)sig;
  handler_sp = (uint32_t)__builtin_frame_address(0);
  uint32_t now[3];
  CHECK_EQ(SYS(sigaltstack, 0, now), 0);
  CHECK_EQ(now[1], SS_ONSTACK);
  CHECK_EQ(SYS(sigaltstack, now, 0), -EPERM);
}

static void test_altstack(void) {
  SECTION("sigaltstack");
  uint32_t wanted[3] = {(uint32_t)stack, 0, sizeof stack}, old[3];
  CHECK_EQ(SYS(sigaltstack, wanted, old), 0);
  CHECK(old[0] == 0 && old[1] == SS_DISABLE && old[2] == 0);
  CHECK_EQ(old_handler(SIGUSR1, on_stack, SA_ONSTACK), 0);
  CALLS(SIGUSR1);
  CHECK(handler_sp > (uint32_t)stack && handler_sp < (uint32_t)stack + sizeof stack);
  CHECK_EQ(rt_handler(SIGUSR1, with_info, SA_ONSTACK), 0);
  CALLS(SIGUSR1);
  CHECK((uint32_t)seen_uc > (uint32_t)stack && (uint32_t)seen_uc < (uint32_t)stack + sizeof stack);
  CHECK(seen_uc->stack_sp == wanted[0] && seen_uc->stack_flags == 0 && seen_uc->stack_size == wanted[2]);
  CHECK_EQ(SYS(sigaltstack, 0, old), 0);
  CHECK(old[0] == wanted[0] && old[1] == 0 && old[2] == wanted[2]);
  wanted[1] = SS_DISABLE;
  CHECK_EQ(SYS(sigaltstack, wanted, 0), 0);
  wanted[1] = 0, wanted[2] = 100;
  CHECK_EQ(SYS(sigaltstack, wanted, 0), -ENOMEM);
}

static uint16_t handler_control;

static void uses_fpu(int sig) {
  (void)sig;
  nr_calls++;
  asm volatile("fnstcw %0" : "=m"(handler_control));
  asm volatile("fninit; fldpi; fldpi; pxor %%xmm1, %%xmm1" : : : "xmm1", "memory");
}

static void test_fpu(void) {
  SECTION("floating point");
  nr_calls = 0;
  CHECK_EQ(old_handler(SIGUSR1, uses_fpu, 0), 0);
  uint16_t control = 0x0c7f, after, status;
  int32_t top, in = 42, x[4] = {1, 2, 3, 4}, y[4];
  asm volatile(
      "fninit; fldcw %[control]; fildl %[in]; fld1\n"
      "movups %[x], %%xmm1\n"
      "mov $20, %%eax; int $0x80\n"
      "mov %%eax, %%ebx; mov $10, %%ecx; mov $37, %%eax; int $0x80\n"
      "fnstcw %[after]; fnstsw %[status]; movups %%xmm1, %[y]; fstp %%st; fistpl %[top]"
      : [after] "=m"(after), [status] "=m"(status), [y] "=m"(y), [top] "=m"(top)
      : [control] "m"(control), [in] "m"(in), [x] "m"(x)
      : "eax", "ebx", "ecx", "xmm1", "memory");
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(handler_control, 0x037f);
  CHECK_EQ(after, 0x0c7f);
  CHECK_EQ((status >> 11) & 7, 6);
  CHECK_EQ(top, 42);
  CHECK(memcmp(x, y, sizeof x) == 0);
  asm volatile("fninit");
}

struct fpstate {
  uint32_t cw, sw, tag, ipoff, cssel, dataoff, datasel;
  uint8_t st[8][10];
  uint16_t status, magic;
  uint16_t fx_control, fx_status;
} __attribute__((packed));

static void change_fpu(int sig, struct context context) {
  (void)sig;
  struct fpstate *state = (void *)context.fpstate;
  nr_calls++;
  CHECK_EQ(state->cw, 0xffff037f);
  CHECK_EQ(state->tag & 0xffff, 0x3fff);
  CHECK_EQ(state->status, state->sw & 0xffff);
  CHECK_EQ(state->magic, 0);
  CHECK_EQ(state->fx_control, 0x037f);
  CHECK(state->st[0][9] == 0x3f && state->st[0][8] == 0xff && state->st[0][7] == 0x80);
  /* 1.0 becomes 2.0, by FSAVE's half of the image. */
  state->st[0][8] = 0x00, state->st[0][9] = 0x40;
}

static void test_fpstate(void) {
  SECTION("floating point in the frame");
  nr_calls = 0;
  CHECK_EQ(old_handler(SIGUSR1, change_fpu, 0), 0);
  int32_t value;
  asm volatile("fninit; fld1");
  CALLS(SIGUSR1);
  asm volatile("fistpl %0" : "=m"(value));
  CHECK_EQ(nr_calls, 1);
  CHECK_EQ(value, 2);
}

static void test_child_info(void) {
  struct info info;
  int status;
  SECTION("SIGCHLD, waitid");
  CHECK_EQ(rt_handler(SIGCHLD, with_info, 0), 0);
  int pid = (int)SYS(fork);
  if (pid == 0) exit_group(3);
  while (SYS(waitid, 1, pid, &info, 4 | 0x1000000, 0) == -EINTR) {}
  CHECK(info.signo == SIGCHLD && info.code == 1 && info.pid == pid && info.status == 3);
  uint32_t usage[18];
  memset(usage, 0xff, sizeof usage);
  CHECK_EQ(SYS(wait4, pid, &status, 0, usage), pid);
  CHECK_EQ(status, 3 << 8);
  CHECK(usage[0] == 0 && usage[17] < 1000);
  CHECK(seen_info.signo == SIGCHLD && seen_info.pid == pid && seen_info.status == 3);
  SYS(signal, SIGCHLD, SIG_DFL);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  test_old();
  test_faults();
  test_rt();
  test_suspend();
  test_altstack();
  test_fpu();
  test_fpstate();
  test_child_info();
}
