/* Processes, threads, segments and memory of i386 programs. */
#include "guest.h"

struct user_desc_32 {
  uint32_t entry_number, base_addr, limit, bits;
};

#define SEG_32BIT 1u
#define CONTENTS(n) ((n) << 1)
#define READ_EXEC_ONLY 8u
#define LIMIT_IN_PAGES 16u
#define SEG_NOT_PRESENT 32u
#define USEABLE 64u

#define SELECTOR(reg) ({ uint16_t s; asm volatile("mov %%" #reg ", %0" : "=r"(s)); s; })
#define LOAD(reg, value) asm volatile("mov %0, %%" #reg : : "r"((uint32_t)(value)))
#define READ_AT(reg, offset) ({ uint32_t v; asm volatile("mov %%" #reg ":(%1), %0" : "=r"(v) : "r"(offset)); v; })

static void test_start(int argc) {
  SECTION("start");
  CHECK_EQ(argc, 1);
  CHECK(SELECTOR(cs) == 0x23 && SELECTOR(ss) == 0x2b && SELECTOR(ds) == 0x2b && SELECTOR(es) == 0x2b);
  CHECK(SELECTOR(fs) == 0 && SELECTOR(gs) == 0);
  CHECK_EQ(auxiliary_value(AT_PHENT), 32);
  CHECK_EQ(auxiliary_value(AT_PAGESZ), 4096);
  CHECK(strcmp((char *)auxiliary_value(AT_PLATFORM), "i686") == 0);
  CHECK((uint32_t)auxiliary > 0xff000000);
  struct new_utsname name;
  CHECK_EQ(SYS(uname, &name), 0);
  CHECK(strcmp(name.machine, "x86_64") == 0);
  CHECK(strcmp(name.sysname, "Linux") == 0);
  CHECK_EQ(SYS(vm86, 0, 0), -ENOSYS);
  CHECK_EQ(SYS(arch_prctl, 0x1002, 0x1000), -EINVAL);
  CHECK_EQ(raw_syscall(5000, 0, 0, 0, 0, 0, 0), -ENOSYS);
  CHECK_EQ(raw_syscall(-1, 0, 0, 0, 0, 0, 0), -ENOSYS);
}

static void test_memory(void) {
  SECTION("memory");
  char *page = (void *)SYS(mmap2, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK((uint32_t)page > 0x1000 && (uint32_t)page < 0xfffff000);
  page[0] = 1, page[8191] = 2;
  uint32_t args[6] = {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0};
  char *other = (void *)SYS(mmap, args);
  CHECK((uint32_t)other < 0xfffff000);
  other[4095] = 3;
  args[5] = 1;
  CHECK_EQ(SYS(mmap, args), -EINVAL);
  CHECK_EQ(SYS(munmap, other, 4096), 0);
  page = (void *)SYS(mremap, page, 8192, 65536, MREMAP_MAYMOVE);
  CHECK((uint32_t)page < 0xfffff000 && page[8191] == 2 && page[65535] == 0);
  CHECK_EQ(SYS(mprotect, page, 4096, PROT_READ), 0);
  CHECK_EQ(SYS(mmap2, 0xffffe000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM);
  CHECK_EQ(SYS(mmap2, 0xffffd000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM);
  CHECK_EQ(SYS(mmap2, 0, 0xfffff000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -ENOMEM);
  int fd = (int)SYS(open, "paged", O_RDWR | O_CREAT | O_LARGEFILE, 0600);
  CHECK_EQ(SYS(pwrite64, fd, "deep", 4, 0x40001000, 1), 4);
  char *mapped = (void *)SYS(mmap2, 0, 4096, PROT_READ, MAP_SHARED, fd, 0x140001);
  CHECK(memcmp(mapped, "deep", 4) == 0);
  CHECK_EQ(SYS(munmap, mapped, 4096), 0);
  SYS(close, fd);
  SYS(unlink, "paged");
  char *end = (char *)SYS(brk, 0);
  CHECK_EQ(SYS(brk, end + 10000) - (long)end, 10000);
  end[9999] = 4;
  CHECK_EQ(SYS(brk, end) - (long)end, 0);
}

static volatile uint32_t words[4] = {0xaaaa, 0xbbbb, 0xcccc, 0xdddd};

static void test_thread_area(void) {
  struct user_desc_32 desc = {-1, (uint32_t)words, 0xfffff, SEG_32BIT | LIMIT_IN_PAGES | USEABLE}, got;
  SECTION("set_thread_area");
  CHECK_EQ(SYS(set_thread_area, &desc), 0);
  CHECK_EQ(desc.entry_number, 12);
  got.entry_number = 12;
  CHECK_EQ(SYS(get_thread_area, &got), 0);
  CHECK(got.base_addr == (uint32_t)words && got.limit == 0xfffff && got.bits == (SEG_32BIT | LIMIT_IN_PAGES | USEABLE));
  LOAD(gs, 0x63);
  CHECK(READ_AT(gs, 0) == 0xaaaa && READ_AT(gs, 8) == 0xcccc);
  desc.base_addr += 4;
  CHECK_EQ(SYS(set_thread_area, &desc), 0);
  CHECK_EQ(READ_AT(gs, 0), 0xbbbb);
  int pid = (int)SYS(fork);
  if (pid == 0) {
    CHECK_EQ(READ_AT(gs, 0), 0xbbbb);
    desc.base_addr += 4;
    CHECK_EQ(SYS(set_thread_area, &desc), 0);
    CHECK_EQ(READ_AT(gs, 0), 0xcccc);
    for (int i = 0; i < 20; i++) {
      SYS(sched_yield);
      CHECK_QUIET(READ_AT(gs, 0) == 0xcccc);
    }
    finish();
  }
  for (int i = 0; i < 20; i++) {
    SYS(sched_yield);
    CHECK_QUIET(READ_AT(gs, 0) == 0xbbbb);
  }
  int status = -1;
  CHECK_EQ(SYS(waitpid, pid, &status, 0), pid);
  CHECK_EQ(status, 0);
  desc.entry_number = -1;
  CHECK_EQ(SYS(set_thread_area, &desc), 0);
  CHECK_EQ(desc.entry_number, 13);
  desc.entry_number = 15;
  CHECK_EQ(SYS(set_thread_area, &desc), -EINVAL);
  CHECK_EQ(SYS(get_thread_area, &desc), -EINVAL);
  desc = (struct user_desc_32){14, 0, 0xfffff, CONTENTS(2) | SEG_32BIT};
  CHECK_EQ(SYS(set_thread_area, &desc), -EINVAL);
  desc.bits = 0;
  CHECK_EQ(SYS(set_thread_area, &desc), -EINVAL);
  desc = (struct user_desc_32){13, 0, 0, READ_EXEC_ONLY | SEG_NOT_PRESENT};
  CHECK_EQ(SYS(set_thread_area, &desc), 0);
  got.entry_number = 13;
  CHECK_EQ(SYS(get_thread_area, &got), 0);
  CHECK_EQ(got.bits, READ_EXEC_ONLY | SEG_NOT_PRESENT);
}

/* A thread by clone(2); it sees its own words through %gs. */

static volatile int cleared, started;
static volatile uint32_t thread_words[1] = {0x5555};
static char stack[16384];

__attribute__((noreturn, used)) static void thread_main(void) {
  started = READ_AT(gs, 0) == 0x5555 ? 1 : -1;
  SYS(futex, &started, FUTEX_WAKE, 1, 0, 0, 0);
  for (;;) SYS(exit, 0);
}

static void test_clone(void) {
  SECTION("clone");
  struct user_desc_32 desc = {12, (uint32_t)thread_words, 0xfffff, SEG_32BIT | LIMIT_IN_PAGES | USEABLE};
  int parent_tid = 0, tid;
  cleared = 1;
  asm volatile(
      "push %%ebp\n"
      "mov %[flags], %%ebx\n"
      "xor %%ebp, %%ebp\n"
      "int $0x80\n"
      "test %%eax, %%eax\n"
      "jnz 1f\n"
      "call thread_main\n"
      "1: pop %%ebp\n"
      : "=a"(tid)
      : "a"(__NR_clone), [flags] "i"(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                                     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID),
        "c"(stack + sizeof stack - 16), "d"(&parent_tid), "S"(&desc), "D"(&cleared)
      : "ebx", "memory");
  CHECK(tid > 0);
  CHECK_EQ(parent_tid, tid);
  int32_t second[2] = {5, 0};
  while (cleared) SYS(futex, &cleared, FUTEX_WAIT, 1, second, 0, 0);
  CHECK_EQ(started, 1);
  CHECK_EQ(READ_AT(gs, 0), 0xbbbb);
  desc.entry_number = 20;
  CHECK_EQ(SYS(clone, CLONE_VM | CLONE_SETTLS | SIGCHLD, stack + 8192, 0, &desc, 0), -EINVAL);
  CHECK_EQ(SYS(clone, CLONE_VM | CLONE_SETTLS | SIGCHLD, stack + 8192, 0, 8, 0), -EFAULT);
  int word = 7;
  int32_t brief[2] = {0, 10000000};
  CHECK_EQ(SYS(futex, &word, FUTEX_WAIT, 7, brief, 0, 0), -ETIMEDOUT);
  int64_t brief64[2] = {0, 10000000};
  CHECK_EQ(SYS(futex_time64, &word, FUTEX_WAIT, 7, brief64, 0, 0), -ETIMEDOUT);
  CHECK_EQ(SYS(futex, &word, FUTEX_WAIT, 8, brief, 0, 0), -EAGAIN);
}

/* A robust futex held by a thread that ends. */

static struct {
  struct {
    void *next;
  } list;
  int futex;
} held;
static struct {
  void *list;
  int32_t offset;
  void *pending;
} robust_head = {&held.list, 4, 0};

static void test_robust(void) {
  SECTION("robust futexes");
  held.list.next = &robust_head;
  CHECK_EQ(SYS(set_robust_list, &robust_head, 24), -EINVAL);
  int shared_pid = (int)SYS(vfork);
  if (shared_pid == 0) {
    SYS(set_robust_list, &robust_head, 12);
    held.futex = (int)SYS(gettid);
    exit_group(0);
  }
  int status;
  CHECK_EQ(SYS(waitpid, shared_pid, &status, 0), shared_pid);
  CHECK_EQ(held.futex, 0x40000000);
  CHECK_EQ(SYS(set_robust_list, &robust_head, 12), 0);
  void *head = 0;
  uint32_t length = 0;
  CHECK_EQ(SYS(get_robust_list, 0, &head, &length), 0);
  CHECK(head == &robust_head && length == 12);
  SYS(set_robust_list, 0, 12);
}

static uint32_t in_ldt[4] = {0x1111, 0x2222, 0x3333, 0x4444};
uint32_t far_target[2];

static void test_ldt(void) {
  struct user_desc_32 desc = {3, (uint32_t)in_ldt, 15, SEG_32BIT | USEABLE};
  uint32_t table[8];
  SECTION("modify_ldt");
  CHECK_EQ(SYS(modify_ldt, 0, table, sizeof table), 0);
  CHECK_EQ(SYS(modify_ldt, 0x11, &desc, sizeof desc), 0);
  LOAD(fs, 0x1f);
  CHECK(READ_AT(fs, 0) == 0x1111 && READ_AT(fs, 12) == 0x4444);
  CHECK_EQ(SYS(modify_ldt, 0, table, sizeof table), sizeof table);
  CHECK(table[0] == 0 && table[5] == 0);
  CHECK_EQ(table[6], 15 | (uint32_t)in_ldt << 16);
  CHECK_EQ(table[7] & 0x00ffff00, 0x0050f300);
  uint32_t limit = 0;
  asm volatile("lsl %1, %0" : "=r"(limit) : "r"(0x1f));
  CHECK_EQ(limit, 15);
  int pid = (int)SYS(fork);
  if (pid == 0) {
    CHECK_EQ(READ_AT(fs, 4), 0x2222);
    LOAD(fs, 0x1f);
    CHECK_EQ(READ_AT(fs, 4), 0x2222);
    READ_AT(fs, 16);
    finish();
  }
  int status = 0;
  CHECK_EQ(SYS(waitpid, pid, &status, 0), pid);
  CHECK_EQ(status & 0x7f, SIGSEGV);
  /* Code of 32 bits behind a far jump, and back. */
  desc = (struct user_desc_32){4, 0, 0xfffff, SEG_32BIT | CONTENTS(2) | LIMIT_IN_PAGES};
  CHECK_EQ(SYS(modify_ldt, 0x11, &desc, sizeof desc), 0);
  uint32_t cs = 0;
  far_target[1] = 0x27;
  asm volatile(
      "movl $1f, far_target\n"
      "push %%cs\n"
      "push $2f\n"
      "ljmp *far_target\n"
      "1: mov %%cs, %0\n"
      "lret\n"
      "2:\n"
      : "=&r"(cs)
      :
      : "memory");
  CHECK_EQ(cs & 0xffff, 0x27);
  CHECK_EQ(SELECTOR(cs), 0x23);
  desc = (struct user_desc_32){8192, 0, 0, 0};
  CHECK_EQ(SYS(modify_ldt, 0x11, &desc, sizeof desc), -EINVAL);
  CHECK_EQ(SYS(modify_ldt, 0x11, &desc, 8), -EINVAL);
  CHECK_EQ(SYS(modify_ldt, 0x11, 8, sizeof desc), -EFAULT);
  CHECK_EQ(SYS(modify_ldt, 0x55, 0, 0), -ENOSYS);
  LOAD(fs, 0);
}

static void test_limits(void) {
  uint32_t limit[2];
  uint64_t wide[2];
  SECTION("limits");
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_NOFILE, 0, wide), 0);
  CHECK_EQ(SYS(ugetrlimit, RLIMIT_NOFILE, limit), 0);
  CHECK(limit[0] == wide[0] && limit[1] == wide[1]);
  wide[0] = 5000000000ull, wide[1] = ~0ull;
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_DATA, wide, 0), 0);
  CHECK_EQ(SYS(ugetrlimit, RLIMIT_DATA, limit), 0);
  CHECK(limit[0] == 0xffffffff && limit[1] == 0xffffffff);
  CHECK_EQ(SYS(getrlimit, RLIMIT_DATA, limit), 0);
  CHECK(limit[0] == 0x7fffffff && limit[1] == 0x7fffffff);
  limit[0] = 0xffffffff, limit[1] = 0xffffffff;
  CHECK_EQ(SYS(setrlimit, RLIMIT_DATA, limit), 0);
  CHECK_EQ(SYS(prlimit64, 0, RLIMIT_DATA, 0, wide), 0);
  CHECK(wide[0] == ~0ull && wide[1] == ~0ull);
  uint32_t mask[8] = {0};
  long length = SYS(sched_getaffinity, 0, sizeof mask, mask);
  CHECK(length >= 4 && length % 4 == 0 && (mask[0] & 1));
  CHECK_EQ(SYS(sched_getaffinity, 0, 3, mask), -EINVAL);
  CHECK_EQ(SYS(getpriority, 0, 0), 20);
  CHECK_EQ(SYS(nice, 3), 0);
  CHECK_EQ(SYS(getpriority, 0, 0), 17);
}

static void test_exec(void) {
  SECTION("exec");
  int pid = (int)SYS(fork);
  if (pid == 0) {
    const char *argv[] = {"sh", "-c", "exit 7", 0}, *envp[] = {"A=b", 0};
    exit_group((int)SYS(execve, "/bin/sh", argv, envp));
  }
  int status = 0;
  CHECK_EQ(SYS(wait4, pid, &status, 0, 0), pid);
  CHECK_EQ(status, 7 << 8);
  pid = (int)SYS(vfork);
  if (pid == 0) {
    const char *argv[] = {"again", "child", "of ours", 0}, *envp[] = {"X=y", 0};
    SYS(execve, "/proc/self/exe", argv, envp);
    exit_group(99);
  }
  CHECK_EQ(SYS(waitpid, pid, &status, 0), pid);
  CHECK_EQ(status, 42 << 8);
  const char *argv[] = {"x", 0};
  CHECK_EQ(SYS(execve, "/nowhere", argv, 0), -ENOENT);
  CHECK_EQ(SYS(execve, "/bin/sh", 8, 0), -EFAULT);
}

static void test_proc(void) {
  char text[4096];
  SECTION("/proc");
  int fd = (int)SYS(open, "/proc/self/auxv", O_RDONLY);
  long length = SYS(read, fd, text, sizeof text);
  CHECK(length > 0 && length % 8 == 0);
  int found = 0;
  for (uint32_t *entry = (void *)text; entry[0]; entry += 2) found |= entry[0] == AT_PHENT && entry[1] == 32;
  CHECK(found);
  SYS(close, fd);
  fd = (int)SYS(open, "/proc/self/maps", O_RDONLY);
  length = SYS(read, fd, text, sizeof text - 1);
  text[length < 0 ? 0 : length] = 0;
  CHECK(strncmp(text, "08048000-", 9) == 0);
  SYS(close, fd);
}

void test_main(int argc, char **argv) {
  if (argc == 3) exit_group(strcmp(argv[1], "child") == 0 && strcmp(environment[0], "X=y") == 0 ? 42 : 1);
  test_start(argc);
  test_memory();
  test_thread_area();
  test_clone();
  test_robust();
  test_ldt();
  test_exec();
  test_proc();
  test_limits();
}
