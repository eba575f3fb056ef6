/* run_each DIRECTORY: runs every file of a directory as nobody, each for a short time, in the order of their names. */
#include "fuzz.h"

struct dirent64 {
  uint64_t ino;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

static char names[4096][16];

void test_main(int argc, char **argv) {
  if (argc != 2) exit_group(2);
  SYS(chdir, argv[1]);
  static char buffer[65536];
  int nr = 0, fd = (int)SYS(open, ".", O_RDONLY | O_DIRECTORY);
  for (long n; (n = SYS(getdents64, fd, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < n;) {
      struct dirent64 *entry = (void *)(buffer + at);
      at += entry->length;
      if (entry->name[0] == '.' || strlen(entry->name) > 15) continue;
      int i = nr++;
      for (; i > 0 && strcmp(names[i - 1], entry->name) > 0; i--) strcpy(names[i], names[i - 1]);
      strcpy(names[i], entry->name);
    }
  }
  SYS(close, fd);
  int ended[128] = {0}, exited = 0, refused = 0;
  for (int i = 0; i < nr; i++) {
    print("%s\n", names[i]);
    int pid = fork_child();
    if (pid == 0) {
      struct rlimit64 none = {0, 0}, processes = {20, 20}, memory = {64 << 20, 64 << 20};
      SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
      SYS(prlimit64, 0, RLIMIT_NPROC, &processes, 0);
      SYS(prlimit64, 0, RLIMIT_AS, &memory, 0);
      int null = (int)SYS(open, "/dev/null", O_RDWR);
      for (int k = 0; k < 3; k++) SYS(dup2, null, k);
      become_nobody();
      char *arguments[] = {names[i], "argument", NULL}, *variables[] = {"A=1", NULL};
      SYS(execve, names[i], arguments, variables);
      exit_group(126);
    }
    int status = wait_or_kill(pid, 40);
    if (status == EXITED(126)) refused++;
    else if ((status & 0x7f) == 0) exited++;
    else ended[status & 0x7f]++;
    if (i % 16 == 0) sweep();
  }
  sweep();
  print("refused %d\nexited %d\n", refused, exited);
  for (int sig = 1; sig < 128; sig++)
    if (ended[sig]) print("signal %d: %d\n", sig, ended[sig]);
}
