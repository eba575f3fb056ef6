/*
 * Instructions and data across the end of a page of which either side is missing, cannot be written or cannot be executed:
 * address and error code of the fault, nothing done before it, and the instruction again after it. And the limit of 15 bytes
 * there. SDM vol 3A "Page-Fault Exception (#PF)"; vol 2 "Instruction Format".
 */
#include "guest.h"

/* Two pages; what is tested lies about their border. */
static char *pages;
static char *border;

/* The faults of one run: the handler repairs the page and the instruction goes on, or leaves by a jump. */
static struct fault {
  int signal;
  long trap, error, address, rip;
} faults[8];
static volatile int nr_faults;
static volatile int repair_prot;
static long leave_rip, leave_rsp;

static void handle(int sig, struct siginfo *info, void *context) {
  struct sigcontext *registers = &((struct ucontext *)context)->uc_mcontext;
  if (nr_faults < 8) {
    struct fault *fault = &faults[nr_faults];
    fault->signal = sig;
    fault->trap = (long)registers->trapno;
    fault->error = (long)registers->err;
    fault->address = (long)info->si_addr - (long)border;
    fault->rip = (long)registers->rip - (long)border;
  }
  nr_faults++;
  if (sig == SIGSEGV && info->si_addr && repair_prot && nr_faults <= 4) {
    SYS(mprotect, (unsigned long)info->si_addr & ~(PAGE - 1), PAGE, repair_prot);
    return;
  }
  registers->rip = (unsigned long)leave_rip;
  registers->rsp = (unsigned long)leave_rsp;
}

static void protect(int first, int second) {
  SYS(mprotect, pages, PAGE, first);
  SYS(mprotect, border, PAGE, second);
}

/* Calls `code` with RDI = a, RSI = b; the result is RAX, or what it was when the handler left. RSP may point anywhere inside. */
static long call(void *code, long a, long b) {
  long result = -1;
  asm volatile(
    "mov %%rsp, %[rsp]\n lea 1f(%%rip), %%rcx\n mov %%rcx, %[rip]\n push %%rbp\n push %%rbx\n mov %%rsp, %[rsp]\n"
    "call *%[code]\n 1: pop %%rbx\n pop %%rbp"
    : [rsp] "=m"(leave_rsp), [rip] "=m"(leave_rip), "+a"(result), "+D"(a), "+S"(b)
    : [code] "r"(code)
    : "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "mm0", "st", "memory", "cc");
  return result;
}

static void show(void) {
  for (int i = 0; i < nr_faults && i < 8; i++) {
    struct fault *fault = &faults[i];
    if (fault->signal != SIGSEGV) print(" [signal %d at %ld]", fault->signal, fault->rip);
    else if (fault->trap != 14) print(" [trap %ld error %lx at %ld]", fault->trap, fault->error, fault->rip);
    else print(" [#PF %lx address %ld at %ld]", fault->error, fault->address, fault->rip);
  }
}

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define RX (PROT_READ | PROT_EXEC)
#define RW (PROT_READ | PROT_WRITE)

/* Puts the bytes so that `before` of them lie before the border, and executes them with these protections. */
static void execute(const char *name, const char *code, size_t length, size_t before, int first, int second, int repair) {
  protect(RWX, RWX);
  memset(pages, 0x90, 2 * PAGE);
  char *at = border - before;
  memcpy(at, code, length);
  at[length] = (char)0xc3;
  repair_prot = repair;
  nr_faults = 0;
  protect(first, second);
  long result = call(at, 0x1111, 0x2222);
  print("%s -%lu:", name, before);
  show();
  print(" %lx\n", result);
}

#define CODE(text, ...) {text, (const char[]){__VA_ARGS__}, sizeof((const char[]){__VA_ARGS__})}
static const struct {
  const char *name, *code;
  size_t length;
} instructions[] = {
  CODE("mov eax, imm32", 0xb8, 0x78, 0x56, 0x34, 0x12),
  CODE("movabs rax, imm64", 0x48, 0xb8, 8, 7, 6, 5, 4, 3, 2, 1),
  CODE("lea rax, [rdi+rsi*2+disp32]", 0x48, 0x8d, 0x84, 0x77, 4, 3, 2, 1),
  CODE("imul eax, edi, imm32", 0x69, 0xc7, 0, 1, 0, 0),
  CODE("movd xmm0, edi; movd eax, xmm0", 0x66, 0x0f, 0x6e, 0xc7, 0x66, 0x0f, 0x7e, 0xc0),
  CODE("jmp +0", 0xe9, 0, 0, 0, 0),
  CODE("15 bytes", 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x89, 0xf8, 0x90),
  CODE("rep movsb of none", 0x31, 0xc9, 0xf3, 0xa4, 0x89, 0xf8),
};

static void code_across(void) {
  for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
    const char *name = instructions[i].name, *code = instructions[i].code;
    size_t length = instructions[i].length;
    SECTION(name);
    for (size_t before = 1; before <= length; before++) {
      execute(name, code, length, before, RX, PROT_NONE, RX);
      execute(name, code, length, before, PROT_NONE, RX, RX);
      execute(name, code, length, before, PROT_NONE, PROT_NONE, RX);
      execute(name, code, length, before, RX, PROT_READ, RX);
      execute(name, code, length, before, RW, RX, RX);
    }
  }
}

static void length_limit(void) {
  SECTION("15 bytes and more");
  char code[24];
  /* 14, 15 and 16 bytes: prefixes and MOV EAX, EDI. */
  for (size_t length = 14; length <= 16; length++) {
    memset(code, 0x3e, sizeof code);
    code[length - 2] = (char)0x89;
    code[length - 1] = (char)0xf8;
    for (size_t before = length - 4; before <= length; before++) {
      char name[16];
      format_into(name, sizeof name, "%lu bytes", length);
      execute(name, code, length, before, RX, RX, 0);
      execute(name, code, length, before, RX, PROT_NONE, 0);
      execute(name, code, length, before, RX, PROT_NONE, RX);
    }
  }
  /* Nothing but prefixes. */
  memset(code, 0x66, sizeof code);
  for (size_t before = 12; before <= 17; before++) execute("prefixes", code, 24, before, RX, PROT_NONE, RX);
}

static void undefined(void) {
  SECTION("no instruction, at the end of a page");
  execute("06", "\x06", 1, 1, RX, PROT_NONE, 0);
  execute("UD2", "\x0f\x0b", 2, 2, RX, PROT_NONE, 0);
  execute("UD2 cut", "\x0f\x0b", 2, 1, RX, PROT_NONE, 0);
  execute("UD2 cut", "\x0f\x0b", 2, 1, RX, PROT_NONE, RX);
  execute("LOCK NOP", "\xf0\x90", 2, 2, RX, PROT_NONE, 0);
  execute("LEA with a register", "\x8d\xc0", 2, 2, RX, PROT_NONE, 0);
  execute("FE /7", "\xfe\xf8", 2, 2, RX, PROT_NONE, 0);
  execute("HLT", "\xf4", 1, 1, RX, PROT_NONE, 0);
  execute("INT3", "\xcc", 1, 1, RX, PROT_NONE, 0);
  execute("RET", "\xc3", 1, 1, RX, PROT_NONE, 0);
}

/* Data: RDI is the address, RSI a value. */
#define DATA_CODE(name, bytes, text) \
  asm(".pushsection .text\n data_" #name ": " text "; ret\n data_" #name "_end: .popsection"); \
  extern char data_##name[];
#define DATA_ACCESSES(X) \
  X(load16, 2, "movzwl (%rdi), %eax") \
  X(load32, 4, "mov (%rdi), %eax") \
  X(load64, 8, "mov (%rdi), %rax") \
  X(load_xmm, 16, "movups (%rdi), %xmm0; movq %xmm0, %rax") \
  X(load_x87, 10, "fninit; fldt (%rdi); fstp %st; mov $1, %eax") \
  X(load_float, 8, "fninit; fldl (%rdi); fstp %st; mov $1, %eax") \
  X(store16, 2, "mov %si, (%rdi)") \
  X(store32, 4, "mov %esi, (%rdi)") \
  X(store64, 8, "mov %rsi, (%rdi)") \
  X(store_immediate, 8, "movq $-5, (%rdi)") \
  X(store_xmm, 16, "movq %rsi, %xmm0; movups %xmm0, (%rdi)") \
  X(store_low, 8, "movq %rsi, %xmm0; movlps %xmm0, (%rdi)") \
  X(store_mmx, 8, "movq %rsi, %mm0; movq %mm0, (%rdi); emms") \
  X(store_x87, 8, "fninit; fld1; fstl (%rdi); fstp %st") \
  X(store_control, 2, "fninit; fnstcw (%rdi)") \
  X(store_mxcsr, 4, "stmxcsr (%rdi)") \
  X(add16, 2, "add %si, (%rdi)") \
  X(add64, 8, "add %rsi, (%rdi)") \
  X(increment, 4, "incl (%rdi)") \
  X(negate, 8, "negq (%rdi)") \
  X(shift, 4, "shll $3, (%rdi)") \
  X(exchange, 8, "mov %rsi, %rax; xchg %rax, (%rdi)") \
  X(exchange_add, 4, "mov %esi, %eax; xadd %eax, (%rdi)") \
  X(compare_exchange, 8, "mov $1, %eax; cmpxchg %rsi, (%rdi)") \
  X(compare_exchange_8b, 8, "mov %rbx, %r8; xor %eax, %eax; xor %edx, %edx; cmpxchg8b (%rdi); mov %r8, %rbx") \
  X(bit_set, 4, "btsl $31, (%rdi)") \
  X(double_shift, 8, "shld $4, %rsi, (%rdi)") \
  X(move_be, 8, "bswap %rsi; mov %rsi, (%rdi)") \
  X(push, 8, "mov %rsp, %rcx; lea 8(%rdi), %rsp; push %rsi; mov %rcx, %rsp") \
  X(push16, 2, "mov %rsp, %rcx; lea 2(%rdi), %rsp; pushw %si; mov %rcx, %rsp") \
  X(push_flags, 8, "mov %rsp, %rcx; lea 8(%rdi), %rsp; xor %eax, %eax; pushf; mov %rcx, %rsp") \
  X(pop, 8, "mov %rsp, %rcx; mov %rdi, %rsp; pop %rax; mov %rcx, %rsp") \
  X(pop_memory, 8, "push %rsi; popq (%rdi)") \
  X(push_memory, 8, "pushq (%rdi); pop %rax") \
  X(string_store, 8, "mov %rsi, %rax; stosq") \
  X(string_move, 8, "lea 8(%rsp), %rsi; movsq; xor %eax, %eax") \
  X(string_load, 8, "mov %rdi, %rsi; lodsq") \
  X(string_scan, 8, "mov %rsi, %rax; scasq; setc %al") \
  X(store_x87_extended, 10, "fninit; fld1; fstpt (%rdi)") \
  X(store_bcd, 10, "fninit; fld1; fbstp (%rdi)") \
  X(store_masked, 16, "pcmpeqd %xmm1, %xmm1; movq %rsi, %xmm0; maskmovdqu %xmm1, %xmm0") \
  X(load_operand, 8, "movq %rsi, %mm0; paddb (%rdi), %mm0; movq %mm0, %rax; emms") \
  X(enter, 8, "mov %rsp, %rcx; mov %rbp, %r8; lea 8(%rdi), %rsp; mov $5, %ebp; enter $0, $0; mov %rcx, %rsp; mov %r8, %rbp") \
  X(call_pushes, 8, "mov %rsp, %rcx; lea 1f(%rip), %r8; lea 8(%rdi), %rsp; call *%r8; 1: mov %rcx, %rsp; movq $0, (%rdi)") \
  X(leave, 8, "mov %rsp, %rcx; mov %rbp, %r8; mov %rdi, %rbp; leave; mov %rbp, %rax; mov %r8, %rbp; mov %rcx, %rsp") \
  X(exchange_16b, 16, "mov %rbx, %r8; xor %eax, %eax; xor %edx, %edx; and $-16, %rdi; cmpxchg16b (%rdi); mov %r8, %rbx") \
  X(environment, 28, "fninit; fnstenv (%rdi)") \
  X(fx_state, 512, "and $-16, %rdi; fninit; fxsave (%rdi)")

DATA_ACCESSES(DATA_CODE)

static const struct {
  const char *name, *code;
  size_t bytes;
} accesses[] = {
#define DATA_ROW(name, bytes, text) {#name, data_##name, bytes},
  DATA_ACCESSES(DATA_ROW)
};

static void fill(void) {
  protect(RW, RW);
  for (size_t i = 0; i < 2 * PAGE; i++) pages[i] = (char)(i * 7 + 1);
}

/* Which byte of an image is touched first is the processor's own business: of those the page is told. */
static void show_data(size_t bytes) {
  for (int n = 0; n < nr_faults && n < 8; n++) {
    long address = faults[n].address;
    print(" [%lx address %ld]", faults[n].error, bytes <= 16 ? address : address & -(long)PAGE);
  }
}

/* How many bytes about the border are not what they were. */
static int changed(void) {
  int nr = 0;
  protect(RW, RW);
  for (long i = -32; i < 32; i++) nr += border[i] != (char)((unsigned long)(i + (long)PAGE) * 7 + 1);
  return nr;
}

static unsigned long sum(void) {
  unsigned long sum = 0;
  protect(RW, RW);
  for (long i = -32; i < 32; i++) sum = sum * 31 + (unsigned char)border[i];
  return sum;
}

static void data_across(void) {
  for (size_t i = 0; i < sizeof accesses / sizeof *accesses; i++) {
    SECTION(accesses[i].name);
    size_t bytes = accesses[i].bytes;
    for (size_t before = 1; before < bytes; before += before >= 32 ? 48 : before >= 4 ? 3 : 1) {
      static const int sides[][2] = {{RW, PROT_NONE}, {PROT_NONE, RW}, {RW, PROT_READ}, {PROT_READ, RW}, {PROT_NONE, PROT_NONE}};
      for (size_t side = 0; side < (bytes <= 16 ? 5 : 4); side++) {
        /* It is left at the fault: nothing has changed. */
        fill();
        repair_prot = 0;
        nr_faults = 0;
        protect(sides[side][0], sides[side][1]);
        call((void *)accesses[i].code, (long)border - (long)before, 0x0102030405060708);
        print("-%lu %lu:", before, side);
        show_data(bytes);
        if (nr_faults) CHECK_QUIET(changed() == 0);
        /* It is repaired as often as needed: it has happened once. */
        fill();
        call((void *)accesses[i].code, (long)border - (long)before, 0x0102030405060708);
        unsigned long whole = sum();
        fill();
        repair_prot = RW;
        nr_faults = 0;
        protect(sides[side][0], sides[side][1]);
        call((void *)accesses[i].code, (long)border - (long)before, 0x0102030405060708);
        show_data(bytes);
        CHECK_QUIET(sum() == whole);
        print("\n");
      }
    }
  }
}

/* Instruction and data both missing: the fetch comes first, then the read, then the write. */
static void order(void) {
  SECTION("one fault after another");
  char *data = map_pages(2);
  protect(RWX, RWX);
  memset(pages, 0x90, 2 * PAGE);
  /* mov rax, [rdi]; mov [rsi], rax; ret, the first across the border */
  memcpy(border - 1, "\x48\x8b\x07\x48\x89\x06\xc3", 7);
  protect(RX, PROT_NONE);
  SYS(mprotect, data, 2 * PAGE, PROT_NONE);
  repair_prot = RWX;
  nr_faults = 0;
  call(border - 1, (long)data + 8, (long)data + (long)PAGE);
  for (int i = 0; i < nr_faults && i < 8; i++)
    print("%lx %s\n", faults[i].error, faults[i].address == 0 ? "fetch" : faults[i].address == data + 8 - border ? "read" : "write");
  CHECK_EQ(nr_faults, 3);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  pages = map_pages(2);
  border = pages + PAGE;
  static char stack[1 << 16] __attribute__((aligned(16)));
  struct sigaltstack alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  SYS(sigaltstack, &alternate, 0);
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 4; i++) set_info_handler(signals[i], handle, SA_ONSTACK | SA_NODEFER);
  code_across();
  length_limit();
  undefined();
  data_across();
  order();
}
