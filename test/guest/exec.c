/* execve(2), execveat(2): arguments, environment, auxiliary vector, scripts, what is kept and what is reset, bad files. */
#include "guest.h"
#include <elf.h>

static const char *const self = "/proc/self/exe";
static char *no_environment[] = {NULL};

/* Runs argv[0]=path with these arguments in a child; its status, or 0x10000 + errno if execve failed. */
static int run_with(const char *path, char **argv, char **envp) {
  int *error = map_shared(1);
  int pid = fork_child();
  if (pid == 0) {
    *error = (int)-SYS(execve, path, argv, envp);
    exit_group(99);
  }
  int status = wait_for(pid);
  int result = *error ? -*error : status;
  SYS(munmap, error, PAGE);
  return result;
}

static int run(const char *path, const char *first, const char *second) {
  char *argv[] = {(char *)path, (char *)first, first ? (char *)second : NULL, NULL};
  return run_with(path, argv, no_environment);
}

/* The child programs: this one with a word as first argument. */

static void show(int argc, char **argv) {
  for (int i = 0; i < argc; i++) print("arg %d [%s]\n", i, argv[i]);
  for (int i = 0; environment[i]; i++) print("env [%s]\n", environment[i]);
}

static void check_auxiliary(void) {
  CHECK_EQ(auxiliary_value(AT_PAGESZ), 4096);
  CHECK_EQ(auxiliary_value(AT_CLKTCK), 100);
  CHECK_EQ(auxiliary_value(AT_PHENT), sizeof(Elf64_Phdr));
  CHECK(auxiliary_value(AT_PHNUM) > 0);
  CHECK(auxiliary_value(AT_PHDR) != 0);
  CHECK(auxiliary_value(AT_ENTRY) != 0);
  CHECK_EQ(auxiliary_value(AT_SECURE), 0);
  CHECK_EQ(auxiliary_value(AT_FLAGS), 0);
  CHECK(auxiliary_value(AT_UID) == (unsigned long)SYS(getuid));
  CHECK(auxiliary_value(AT_EUID) == (unsigned long)SYS(geteuid));
  CHECK(auxiliary_value(AT_GID) == (unsigned long)SYS(getgid));
  CHECK(auxiliary_value(AT_EGID) == (unsigned long)SYS(getegid));
  CHECK(auxiliary_value(AT_RANDOM) != 0);
  CHECK(auxiliary_value(AT_HWCAP) != 0);
  CHECK(strcmp((char *)auxiliary_value(AT_PLATFORM), "x86_64") == 0);
  CHECK(strcmp((char *)auxiliary_value(AT_EXECFN), self) == 0);
  const Elf64_Phdr *header = (void *)auxiliary_value(AT_PHDR);
  CHECK(header->p_type >= PT_LOAD && header->p_type <= PT_PHDR);
}

static void check_reset(void) {
  struct sigaction action;
  SYS(rt_sigaction, SIGUSR1, 0, &action, 8);
  CHECK(action.sa_handler == SIG_DFL);
  SYS(rt_sigaction, SIGUSR2, 0, &action, 8);
  CHECK(action.sa_handler == SIG_IGN);
  CHECK_EQ(blocked(), BIT(SIGHUP));
  CHECK_EQ(pending(), BIT(SIGHUP));
  stack_t stack;
  SYS(sigaltstack, 0, &stack);
  CHECK_EQ(stack.ss_flags, SS_DISABLE);
  CHECK(SYS(alarm, 0) > 50);
  CHECK_EQ(SYS(fcntl, 50, F_GETFD), 0);
  CHECK_EQ(SYS(fcntl, 51, F_GETFD), -EBADF);
  CHECK_EQ(SYS(umask, 022), 077);
  char name[16] = "";
  SYS(prctl, PR_GET_NAME, name, 0, 0, 0);
  CHECK(strcmp(name, "exe") == 0);
  unsigned mxcsr;
  unsigned short control;
  asm volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
  CHECK_EQ(mxcsr, 0x1f80);
  CHECK_EQ(control, 0x37f);
  char text[64];
  CHECK(SYS(getcwd, text, sizeof text) > 0);
}

static void arguments(void) {
  SECTION("arguments and environment");
  char *envp[] = {"A=1", "EMPTY=", "noequals", NULL};
  char *with_name[] = {"prog", "show", "two", NULL};
  CHECK_EQ(run_with(self, with_name, envp), EXITED(0));
  char *odd[] = {"prog", "show", "", "three words here", "tab\there", NULL};
  CHECK_EQ(run_with(self, odd, no_environment), EXITED(0));
  CHECK_EQ(run(self, "auxv", NULL), EXITED(0));

  char *big = map_pages(32);
  memset(big, 'x', 32 * PAGE - 1);
  char *fits[] = {"prog", "length", big + PAGE, NULL};
  CHECK_EQ(run_with(self, fits, no_environment), EXITED(31));
  char *too_big[] = {"prog", "length", big, NULL};
  CHECK_EQ(run_with(self, too_big, no_environment), EXITED(32));
  char *bigger = map_pages(33);
  memset(bigger, 'x', 33 * PAGE - 1);
  too_big[2] = bigger;
  CHECK_EQ(run_with(self, too_big, no_environment), -E2BIG);
  char **many = map_pages(1200);
  many[0] = "prog", many[1] = "count";
  for (int i = 2; i < 20000; i++) many[i] = "argument";
  CHECK_EQ(run_with(self, many, no_environment), EXITED(20000 / 100));
  for (int i = 2; i < 600000; i++) many[i] = "argument";
  CHECK_EQ(run_with(self, many, no_environment), -E2BIG);
}

static void preserved(void) {
  SECTION("kept and reset");
  int pid = fork_child();
  if (pid == 0) {
    set_handler(SIGUSR1, (handler_fn)exit_group, 0);
    set_handler(SIGUSR2, SIG_IGN, 0);
    block(BIT(SIGHUP));
    SYS(kill, SYS(getpid), SIGHUP);
    stack_t stack = {map_pages(4), 0, 4 * PAGE};
    SYS(sigaltstack, &stack, 0);
    SYS(alarm, 60);
    SYS(dup2, 1, 50);
    SYS(dup3, 1, 51, O_CLOEXEC);
    SYS(umask, 077);
    unsigned mxcsr = 0x1f80 | 0x6000;
    unsigned short control = 0x27f;
    asm volatile("ldmxcsr %0; fldcw %1; fld1; fld1" : : "m"(mxcsr), "m"(control));
    char *argv[] = {"x", "reset", NULL};
    SYS(execve, self, argv, no_environment);
    exit_group(98);
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
}

static void scripts(void) {
  SECTION("scripts");
  char here[256];
  long length = SYS(readlink, self, here, sizeof here - 1);
  here[length] = 0;
  char *argv[] = {"ignored", "a", "b", NULL};
  SYS(symlink, here, "me");
  write_file("plain", "#!./me show\n", 0755);
  CHECK_EQ(run_with("./plain", argv, no_environment), EXITED(0));
  write_file("spaces", "#!   ./me   show  two words \t\n", 0755);
  CHECK_EQ(run_with("./spaces", argv, no_environment), EXITED(1));
  write_file("no_newline", "#!./me show", 0755);
  CHECK_EQ(run_with("./no_newline", argv, no_environment), EXITED(0));
  write_file("nested", "#!./plain\n", 0755);
  CHECK_EQ(run_with("./nested", argv, no_environment), EXITED(0));
  write_file("loop", "#!./loop\n", 0755);
  CHECK_EQ(run("./loop", NULL, NULL), -ELOOP);
  write_file("nowhere", "#!/no/such/interpreter\n", 0755);
  CHECK_EQ(run("./nowhere", NULL, NULL), -ENOENT);
  write_file("nothing", "#!\n", 0755);
  CHECK_EQ(run("./nothing", NULL, NULL), -ENOEXEC);
  write_file("blank", "#!   \n", 0755);
  CHECK_EQ(run("./blank", NULL, NULL), -ENOEXEC);
  write_file("directory", "#!/\n", 0755);
  CHECK_EQ(run("./directory", NULL, NULL), -EACCES);
}

static void errors(void) {
  SECTION("errors");
  CHECK_EQ(run("", NULL, NULL), -ENOENT);
  CHECK_EQ(run("./missing", NULL, NULL), -ENOENT);
  CHECK_EQ(run("./plain/x", NULL, NULL), -ENOTDIR);
  CHECK_EQ(run(".", NULL, NULL), -EACCES);
  write_file("private", "#!./me show\n", 0644);
  CHECK_EQ(run("./private", NULL, NULL), -EACCES);
  write_file("empty", "", 0755);
  CHECK_EQ(run("./empty", NULL, NULL), -ENOEXEC);
  write_file("text", "echo hello\n", 0755);
  CHECK_EQ(run("./text", NULL, NULL), -ENOEXEC);
  CHECK_EQ(SYS(execve, 1, 0, 0), -EFAULT);
  char *argv[] = {(char *)1, NULL};
  CHECK_EQ(SYS(execve, self, argv, no_environment), -EFAULT);
  CHECK_EQ(SYS(execve, self, 1, no_environment), -EFAULT);
  CHECK_EQ(SYS(execve, self, no_environment, 1), -EFAULT);
}

/* Writes a copy of `header` and `program` as an ELF file and runs it. */
static int run_elf(const Elf64_Ehdr *header, const Elf64_Phdr *program) {
  struct {
    Elf64_Ehdr header;
    Elf64_Phdr program;
    unsigned char code[16];
  } file = {*header, *program, {0xb8, 60, 0, 0, 0, 0xbf, 17, 0, 0, 0, 0x0f, 0x05}};
  SYS(unlink, "elf");
  int fd = (int)SYS(open, "elf", O_WRONLY | O_CREAT | O_TRUNC, 0755);
  SYS(write, fd, &file, sizeof file);
  SYS(close, fd);
  return run("./elf", NULL, NULL);
}

static void elf_files(void) {
  SECTION("ELF files");
  Elf64_Ehdr good = {
      .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
      .e_type = ET_EXEC,
      .e_machine = EM_X86_64,
      .e_version = EV_CURRENT,
      .e_entry = 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
      .e_phoff = sizeof(Elf64_Ehdr),
      .e_ehsize = sizeof(Elf64_Ehdr),
      .e_phentsize = sizeof(Elf64_Phdr),
      .e_phnum = 1,
  };
  Elf64_Phdr load = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_filesz = 0x100, .p_memsz = 0x100, .p_align = 0x1000};
  CHECK_EQ(run_elf(&good, &load), EXITED(17));
  Elf64_Ehdr bad = good;
  bad.e_ident[0] = 0x7e;
  CHECK_EQ(run_elf(&bad, &load), -ENOEXEC);
  bad = good, bad.e_machine = EM_AARCH64;
  CHECK_EQ(run_elf(&bad, &load), -ENOEXEC);
  bad = good, bad.e_type = ET_REL;
  CHECK_EQ(run_elf(&bad, &load), -ENOEXEC);
  bad = good, bad.e_phentsize = 32;
  CHECK_EQ(run_elf(&bad, &load), -ENOEXEC);
  bad = good, bad.e_phnum = 0;
  CHECK_EQ(run_elf(&bad, &load), -ENOEXEC);
  bad = good, bad.e_phoff = 1 << 20;
  CHECK(run_elf(&bad, &load) < 0);
  bad = good, bad.e_type = ET_DYN, bad.e_entry -= 0x400000;
  Elf64_Phdr wrong = load;
  wrong.p_vaddr = 0;
  CHECK_EQ(run_elf(&bad, &wrong), EXITED(17));
  /* From here on the old program is gone before the error is found. */
  bad = good, bad.e_entry = 0x1000;
  CHECK_EQ(run_elf(&bad, &load), SIGNALED(SIGSEGV));
  wrong = load, wrong.p_filesz = 0x200, wrong.p_memsz = 0x100;
  CHECK(run_elf(&good, &wrong) != EXITED(17));
  wrong = load, wrong.p_memsz = 1ul << 60;
  CHECK(run_elf(&good, &wrong) != EXITED(17));
  wrong = load, wrong.p_vaddr = 1ul << 62;
  CHECK(run_elf(&good, &wrong) != EXITED(17));
  wrong = load, wrong.p_flags = PF_R;
  CHECK_EQ(run_elf(&good, &wrong), SIGNALED(SIGSEGV));
}

static void by_descriptor(void) {
  SECTION("execveat and file descriptors");
  int fd = (int)SYS(open, "me", O_PATH);
  char *argv[] = {"x", "exit", "11", NULL};
  int pid = fork_child();
  if (pid == 0) {
    SYS(execveat, fd, "", argv, no_environment, AT_EMPTY_PATH);
    exit_group(99);
  }
  CHECK_EQ(wait_for(pid), EXITED(11));
  pid = fork_child();
  if (pid == 0) {
    SYS(execveat, AT_FDCWD, "me", argv, no_environment, AT_SYMLINK_NOFOLLOW);
    CHECK_EQ(SYS(execveat, AT_FDCWD, "me", argv, no_environment, AT_SYMLINK_NOFOLLOW), -ELOOP);
    CHECK_EQ(SYS(execveat, 99, "me", argv, no_environment, 0), -EBADF);
    CHECK_EQ(SYS(execveat, AT_FDCWD, "", argv, no_environment, 0), -ENOENT);
    CHECK_EQ(SYS(execveat, AT_FDCWD, "me", argv, no_environment, 1 << 30), -EINVAL);
    finish();
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
  SYS(close, fd);
}

static void busy(void) {
  SECTION("a running program is busy");
  char buffer[4096];
  int from = (int)SYS(open, self, O_RDONLY), to = (int)SYS(open, "copy", O_WRONLY | O_CREAT | O_TRUNC, 0755);
  for (long n; (n = SYS(read, from, buffer, sizeof buffer)) > 0;) SYS(write, to, buffer, n);
  CHECK_EQ(run("./copy", "exit", "3"), -ETXTBSY);
  SYS(close, to);
  SYS(close, from);
  CHECK_EQ(run("./copy", "exit", "3"), EXITED(3));
  int ready[2], go[2];
  SYS(pipe, ready);
  SYS(pipe, go);
  int pid = fork_child();
  if (pid == 0) {
    SYS(dup2, ready[1], 60);
    SYS(dup2, go[0], 61);
    char *argv[] = {"copy", "hold", NULL};
    SYS(execve, "./copy", argv, no_environment);
    exit_group(99);
  }
  char byte;
  SYS(read, ready[0], &byte, 1);
  CHECK_EQ(SYS(open, "copy", O_WRONLY), -ETXTBSY);
  CHECK_EQ(SYS(truncate, "copy", 0), -ETXTBSY);
  CHECK_EQ(SYS(unlink, "copy"), 0);
  SYS(write, go[1], "x", 1);
  CHECK_EQ(wait_for(pid), EXITED(0));
}

void test_main(int argc, char **argv) {
  if (argc > 1 || argv[0][0] == 0) {
    if (argc == 1) show(argc, argv);
    else if (strcmp(argv[1], "show") == 0) show(argc, argv);
    else if (strcmp(argv[1], "auxv") == 0) check_auxiliary();
    else if (strcmp(argv[1], "reset") == 0) check_reset();
    else if (strcmp(argv[1], "exit") == 0) exit_group((int)parse_number(argv[2]));
    else if (strcmp(argv[1], "length") == 0) exit_group((int)((strlen(argv[2]) + 1) / PAGE));
    else if (strcmp(argv[1], "count") == 0) exit_group(argc / 100);
    else if (strcmp(argv[1], "hold") == 0) {
      char byte;
      SYS(write, 60, "x", 1);
      SYS(read, 61, &byte, 1);
    } else exit_group(1);
    return;
  }
  arguments();
  preserved();
  scripts();
  errors();
  elf_files();
  by_descriptor();
  busy();
  SECTION("no arguments: the kernel makes one, empty");
  CHECK_EQ(run_with("./me", no_environment, no_environment), EXITED(0));
}
