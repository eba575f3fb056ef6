/*
 * instructions SEED COUNT: random instruction bytes. Each case is a child of nobody that jumps into a page of them, with
 * registers that point to memory as often as not. Prints the number of each case before it runs.
 */
#include "fuzz.h"

#define CODE 512

static const unsigned char prefixes[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x40, 0x41, 0x44, 0x48, 0x49, 0x4c, 0x4f};

/* Something that looks like an instruction: prefixes, an opcode of some map, operands. */
static int put_instruction(unsigned char *at) {
  int n = 0;
  while (random_below(3) == 0 && n < 6) at[n++] = prefixes[random_below(sizeof prefixes)];
  switch (random_below(4)) {
    case 0: at[n++] = (unsigned char)random_next(); break;
    case 1: at[n++] = 0x0f, at[n++] = (unsigned char)random_next(); break;
    case 2: at[n++] = 0x0f, at[n++] = random_below(2) ? 0x38 : 0x3a, at[n++] = (unsigned char)random_next(); break;
    default: at[n++] = (unsigned char)(0xd8 + random_below(8)); break;
  }
  for (int rest = (int)random_below(8); rest > 0; rest--) at[n++] = (unsigned char)random_next();
  return n;
}

static void fill(unsigned char *code) {
  if (random_below(3) == 0) {
    for (int i = 0; i < CODE; i++) code[i] = (unsigned char)random_next();
    return;
  }
  for (int at = 0; at < CODE - 24;) at += put_instruction(code + at);
}

static unsigned long pointer(unsigned char *data) {
  switch (random_below(6)) {
    case 0: return random_next();
    case 1: return random_below(256);
    case 2: return 0xffffffff81000000ul + random_below(1 << 20);
    case 3: return (unsigned long)data + 2 * PAGE - random_below(16);
    default: return (unsigned long)data + random_below(2 * PAGE);
  }
}

static void run(void) {
  struct rlimit64 limit = {20, 20}, none = {0, 0}, memory = {64 << 20, 64 << 20};
  SYS(prlimit64, 0, RLIMIT_NPROC, &limit, 0);
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  SYS(prlimit64, 0, RLIMIT_AS, &memory, 0);
  unsigned char *code = (unsigned char *)SYS(mmap, 0, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *data = map_pages(3);
  SYS(munmap, data + 2 * PAGE, PAGE);
  /* Across the edge of two pages as often as not. */
  code += random_below(2) ? 0 : PAGE - CODE / 2;
  fill(code);
  unsigned long registers[15];
  for (int i = 0; i < 15; i++) registers[i] = pointer(data);
  int null = (int)SYS(open, "/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) SYS(dup2, null, fd);
  become_nobody();
  unsigned long flags = 0x202 | (random_next() & 0xcd5) | (random_below(16) == 0 ? 0x100 : 0) | (random_below(16) == 0 ? 0x40000 : 0);
  asm volatile("push %[flags]\n"
               "push %[code]\n"
               "mov %[registers], %%rax\n"
               "mov 0(%%rax), %%rbx; mov 8(%%rax), %%rcx; mov 16(%%rax), %%rdx; mov 24(%%rax), %%rsi; mov 32(%%rax), %%rdi\n"
               "mov 40(%%rax), %%rbp; mov 48(%%rax), %%r8; mov 56(%%rax), %%r9; mov 64(%%rax), %%r10; mov 72(%%rax), %%r11\n"
               "mov 80(%%rax), %%r12; mov 88(%%rax), %%r13; mov 96(%%rax), %%r14; mov 104(%%rax), %%r15; mov 112(%%rax), %%rax\n"
               "pushq 8(%%rsp)\n"
               "popf\n"
               "ret\n"
               :
               : [flags] "r"(flags), [code] "r"(code), [registers] "r"(registers)
               : "memory");
}

void test_main(int argc, char **argv) {
  if (argc != 3) exit_group(2);
  unsigned long seed = (unsigned long)parse_number(argv[1]);
  long count = parse_number(argv[2]);
  int ended[128] = {0}, exited = 0;
  for (long i = 0; i < count; i++) {
    print("%ld\n", i);
    int pid = fork_child();
    if (pid == 0) {
      random_seed(seed + (unsigned long)i);
      run();
      exit_group(0);
    }
    int status = wait_or_kill(pid, 40);
    if ((status & 0x7f) == 0) exited++;
    else ended[status & 0x7f]++;
    if (i % 16 == 0) sweep();
  }
  sweep();
  print("exited %d\n", exited);
  for (int sig = 1; sig < 128; sig++)
    if (ended[sig]) print("signal %d: %d\n", sig, ended[sig]);
}
