/* /proc of the process itself: exe, cwd, fd, stat, status, cmdline, environ, maps, comm, limits, mounts; and /proc/PID of others. man 5 proc */
#include "guest.h"

static char text[65536];

/* The value of a line "Name:\tvalue" of a text. */
static long field(const char *name) {
  const char *at = strstr(text, name);
  return at ? parse_number(at + strlen(name)) : -1;
}

static void links(void) {
  SECTION("links");
  char target[512], path[512];
  long length = SYS(readlink, "/proc/self", target, sizeof target);
  target[length > 0 ? length : 0] = 0;
  CHECK(parse_number(target) == SYS(getpid));
  length = SYS(readlink, "/proc/self/cwd", target, sizeof target);
  CHECK(length > 0);
  target[length > 0 ? length : 0] = 0;
  SYS(getcwd, path, sizeof path);
  CHECK(strcmp(target, path) == 0);
  length = SYS(readlink, "/proc/self/exe", target, sizeof target);
  target[length > 0 ? length : 0] = 0;
  CHECK(strstr(target, "proc_self") != NULL);
  CHECK_EQ(SYS(readlink, "/proc/self/root", target, sizeof target), 1);
  int fd = (int)SYS(open, "name", O_RDWR | O_CREAT, 0644);
  char link[64];
  format_into(link, sizeof link, "/proc/self/fd/%d", fd);
  length = SYS(readlink, link, target, sizeof target);
  target[length > 0 ? length : 0] = 0;
  CHECK(strstr(target, "/name") != NULL);
  int ends[2];
  SYS(pipe, ends);
  format_into(link, sizeof link, "/proc/self/fd/%d", ends[0]);
  length = SYS(readlink, link, target, sizeof target);
  CHECK(strncmp(target, "pipe:[", 6) == 0);
  int again = (int)SYS(open, link, O_RDONLY);
  SYS(write, ends[1], "xy", 2);
  CHECK_EQ(SYS(read, again, target, 5), 2);
  CHECK_EQ(SYS(readlink, "/proc/self/fd/99", target, sizeof target), -ENOENT);
  format_into(link, sizeof link, "/proc/self/fdinfo/%d", fd);
  SYS(lseek, fd, 33, SEEK_SET);
  CHECK(read_file(link, text, sizeof text) > 0);
  CHECK_EQ(field("pos:"), 33);
}

static void texts(void) {
  SECTION("texts");
  int pid = (int)SYS(getpid);
  CHECK(read_file("/proc/self/stat", text, sizeof text) > 0);
  CHECK(parse_number(text) == pid);
  CHECK(strstr(text, " (proc_self) R ") != NULL);
  int spaces = 0;
  for (char *at = text; *at; at++) spaces += *at == ' ';
  CHECK_EQ(spaces, 51);
  CHECK(read_file("/proc/self/status", text, sizeof text) > 0);
  CHECK(strncmp(text, "Name:\tproc_self\n", 16) == 0);
  CHECK(strstr(text, "\nState:\tR (running)\n") != NULL);
  CHECK(field("\nPid:") == pid);
  CHECK(field("\nTgid:") == pid);
  CHECK(field("\nPPid:") == SYS(getppid));
  CHECK(field("\nUid:") == SYS(getuid));
  CHECK_EQ(field("\nThreads:"), 1);
  CHECK(field("\nVmSize:") > 0);
  CHECK(field("\nVmRSS:") > 0);
  CHECK(strstr(text, "\nSigBlk:\t0000000000000000\n") != NULL);
  static const char *const fields[] = {"Umask", "Ngid", "TracerPid", "Gid", "FDSize", "Groups", "VmPeak", "VmData", "VmStk", "VmExe",
                                       "VmLib", "VmPTE", "SigQ", "SigPnd", "ShdPnd", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff",
                                       "CapBnd", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    char line[40];
    format_into(line, sizeof line, "\n%s:\t", fields[i]);
    print("%s %s\n", strstr(text, line) ? "ok" : "FAIL", fields[i]);
    if (!strstr(text, line)) nr_failures++;
  }
  long length = read_file("/proc/self/cmdline", text, sizeof text);
  CHECK(length > 0 && text[length - 1] == 0 && strstr(text, "proc_self") != NULL);
  CHECK(read_file("/proc/self/environ", text, sizeof text) > 0);
  CHECK(strncmp(text, "PATH=", 5) == 0 || strstr(text, "=") != NULL);
  read_file("/proc/self/comm", text, sizeof text);
  CHECK(strcmp(text, "proc_self\n") == 0);
  CHECK_EQ(SYS(prctl, PR_SET_NAME, "a name longer than fifteen", 0, 0, 0), 0);
  read_file("/proc/self/comm", text, sizeof text);
  CHECK(strcmp(text, "a name longer t\n") == 0);
  write_file("/proc/self/comm", "written", 0);
  read_file("/proc/self/comm", text, sizeof text);
  CHECK(strcmp(text, "written\n") == 0);
  CHECK(read_file("/proc/self/maps", text, sizeof text) > 0);
  CHECK(strstr(text, "r-xp") != NULL && strstr(text, "[stack]") != NULL && strstr(text, "proc_self") != NULL);
  CHECK(read_file("/proc/self/statm", text, sizeof text) > 0);
  CHECK(parse_number(text) > 0);
  CHECK(read_file("/proc/self/limits", text, sizeof text) > 0);
  CHECK(strncmp(text, "Limit                     Soft Limit           Hard Limit           Units", 73) == 0);
  CHECK(strstr(text, "\nMax open files") != NULL);
  CHECK(read_file("/proc/self/mounts", text, sizeof text) > 0);
  CHECK(strstr(text, " /proc proc ") != NULL);
  CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
  CHECK(read_file("/proc/self/wchan", text, sizeof text) >= 0);
  CHECK(read_file("/proc/self/oom_score_adj", text, sizeof text) > 0);
  CHECK_EQ(parse_number(text), 0);
  struct stat st;
  CHECK_EQ(SYS(stat, "/proc/self/task", &st), 0);
  char path[64];
  format_into(path, sizeof path, "/proc/self/task/%d/stat", pid);
  CHECK(read_file(path, text, sizeof text) > 0);
}

static void memory(void) {
  SECTION("/proc/self/mem");
  static volatile int variable = 1234;
  int fd = (int)SYS(open, "/proc/self/mem", O_RDWR);
  CHECK(fd >= 0);
  int value = 0;
  CHECK_EQ(SYS(pread64, fd, &value, 4, &variable), 4);
  CHECK_EQ(value, 1234);
  value = 99;
  CHECK_EQ(SYS(pwrite64, fd, &value, 4, &variable), 4);
  CHECK_EQ(variable, 99);
  CHECK_EQ(SYS(pread64, fd, &value, 4, 8), -EIO);
}

static void others(void) {
  SECTION("other processes");
  int ends[2];
  char byte, path[64];
  SYS(pipe, ends);
  int pid = fork_child();
  if (pid == 0) {
    SYS(read, ends[0], &byte, 1);
    exit_group(0);
  }
  sleep_ms(20);
  format_into(path, sizeof path, "/proc/%d/stat", pid);
  CHECK(read_file(path, text, sizeof text) > 0);
  CHECK(strstr(text, ") S ") != NULL);
  format_into(path, sizeof path, "/proc/%d/status", pid);
  read_file(path, text, sizeof text);
  CHECK(strstr(text, "State:\tS (sleeping)") != NULL);
  CHECK(field("\nPPid:") == SYS(getpid));
  int kept = (int)SYS(open, path, O_RDONLY);
  SYS(kill, pid, SIGSTOP);
  SYS(wait4, pid, 0, WUNTRACED, 0);
  read_file(path, text, sizeof text);
  CHECK(strstr(text, "State:\tT (stopped)") != NULL);
  SYS(kill, pid, SIGCONT);
  SYS(write, ends[1], "x", 1);
  wait_for(pid);
  CHECK_EQ(SYS(open, path, O_RDONLY), -ENOENT);
  CHECK_EQ(SYS(read, kept, text, 100), -ESRCH);
  CHECK_EQ(SYS(open, "/proc/self/nothing", O_RDONLY), -ENOENT);
  CHECK_EQ(SYS(open, "/proc/new", O_WRONLY | O_CREAT, 0644), -ENOENT);
  CHECK_EQ(SYS(mkdir, "/proc/new", 0755), -ENOENT);
  CHECK_EQ(SYS(unlink, "/proc/version"), -EPERM);
}

/* A file read in small pieces gives the same text as read at once. */
static void pieces(void) {
  SECTION("reading in pieces");
  static const char *const files[] = {"/proc/self/status", "/proc/self/limits", "/proc/filesystems", "/proc/devices", "/proc/version"};
  static char small[65536];
  for (int i = 0; i < 5; i++) {
    long length = read_file(files[i], text, sizeof text), at = 0, n;
    int fd = (int)SYS(open, files[i], O_RDONLY);
    while ((n = SYS(read, fd, small + at, 7)) > 0) at += n;
    SYS(close, fd);
    int same = at == length;
    if (i) same &= memcmp(text, small, (size_t)length) == 0;
    print("%s %s\n", same ? "ok" : "FAIL", files[i]);
    if (!same) nr_failures++;
  }
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  links();
  texts();
  memory();
  others();
  pieces();
}
