/* The system as a whole: uname(2), sysinfo(2), getrandom(2), device files, prctl(2), umask, statfs, unknown calls. */
#include "guest.h"

static void names(void) {
  SECTION("uname");
  struct new_utsname name;
  CHECK_EQ(SYS(uname, &name), 0);
  CHECK(strcmp(name.sysname, "Linux") == 0);
  CHECK(strcmp(name.machine, "x86_64") == 0);
  CHECK(name.release[0] >= '4' && name.release[0] <= '9');
  CHECK(name.nodename[0] != 0 && name.version[0] == '#');
  char text[256];
  read_file("/proc/sys/kernel/hostname", text, sizeof text);
  CHECK(strncmp(text, name.nodename, strlen(name.nodename)) == 0);
  read_file("/proc/sys/kernel/osrelease", text, sizeof text);
  CHECK(strncmp(text, name.release, strlen(name.release)) == 0);
}

static void information(void) {
  SECTION("sysinfo");
  struct sysinfo info;
  CHECK_EQ(SYS(sysinfo, &info), 0);
  CHECK(info.totalram > 1 << 20);
  CHECK(info.freeram < info.totalram);
  CHECK(info.procs > 0);
  CHECK_EQ(info.mem_unit, 1);
  CHECK(info.uptime > 0 || info.uptime == 0);
  unsigned cpu = 99, node = 99;
  CHECK_EQ(SYS(getcpu, &cpu, &node, 0), 0);
  CHECK(cpu < 99);
  CHECK_EQ(node, 0);
}

static void randomness(void) {
  SECTION("getrandom");
  unsigned char a[256], b[256];
  CHECK_EQ(SYS(getrandom, a, 256, 0), 256);
  CHECK_EQ(SYS(getrandom, b, 256, GRND_NONBLOCK), 256);
  CHECK(memcmp(a, b, 256) != 0);
  int ones = 0;
  for (int i = 0; i < 256; i++)
    for (int bit = 0; bit < 8; bit++) ones += a[i] >> bit & 1;
  CHECK(ones > 800 && ones < 1250);
  CHECK_EQ(SYS(getrandom, a, 10, 0x80), -EINVAL);
  CHECK_EQ(SYS(getrandom, a, 0, 0), 0);
}

static void devices(void) {
  SECTION("device files");
  unsigned char bytes[64];
  int null = (int)SYS(open, "/dev/null", O_RDWR), zero = (int)SYS(open, "/dev/zero", O_RDWR);
  int full = (int)SYS(open, "/dev/full", O_RDWR), random = (int)SYS(open, "/dev/urandom", O_RDONLY);
  CHECK_EQ(SYS(read, null, bytes, 64), 0);
  CHECK_EQ(SYS(write, null, bytes, 64), 64);
  memset(bytes, 1, 64);
  CHECK_EQ(SYS(read, zero, bytes, 64), 64);
  CHECK(bytes[0] == 0 && bytes[63] == 0);
  CHECK_EQ(SYS(write, zero, bytes, 64), 64);
  CHECK_EQ(SYS(read, full, bytes, 64), 64);
  CHECK_EQ(SYS(write, full, bytes, 64), -ENOSPC);
  CHECK_EQ(SYS(read, random, bytes, 64), 64);
  struct stat st;
  SYS(fstat, null, &st);
  CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
  CHECK_EQ(st.st_rdev, 0x103);
  CHECK_EQ(SYS(lseek, zero, 100, SEEK_SET), 0);
  CHECK_EQ(SYS(ioctl, null, TCGETS, bytes), -ENOTTY);
  CHECK_EQ(SYS(mknod, "device", S_IFCHR | 0666, 0xfff00), 0);
  CHECK_EQ(SYS(open, "device", O_RDONLY), -ENXIO);
  CHECK_EQ(SYS(mknod, "null", S_IFCHR | 0666, 0x103), 0);
  CHECK(SYS(open, "null", O_RDWR) >= 0);
}

static void controls(void) {
  SECTION("prctl");
  char name[16];
  CHECK_EQ(SYS(prctl, PR_SET_NAME, "renamed", 0, 0, 0), 0);
  CHECK_EQ(SYS(prctl, PR_GET_NAME, name, 0, 0, 0), 0);
  CHECK(strcmp(name, "renamed") == 0);
  CHECK_EQ(SYS(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
  CHECK_EQ(SYS(prctl, PR_SET_DUMPABLE, 7, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQ(SYS(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  CHECK_EQ(SYS(prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(prctl, 9999, 0, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(prctl, PR_SET_PDEATHSIG, 99, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(personality, 0xffffffff), 0);
}

static void unknown(void) {
  SECTION("unknown calls");
  CHECK_EQ(raw_syscall(5000, 0, 0, 0, 0, 0, 0), -ENOSYS);
  CHECK_EQ(raw_syscall(-1, 0, 0, 0, 0, 0, 0), -ENOSYS);
  CHECK_EQ(raw_syscall(400, 0, 0, 0, 0, 0, 0), -ENOSYS);
  CHECK_EQ(raw_syscall(512 + 100, 0, 0, 0, 0, 0, 0), -ENOSYS);
  CHECK_EQ(SYS(reboot, 0, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(reboot, 0xfee1dead, 0, 0, 0), -EINVAL);
}

static void registers(void) {
  SECTION("a system call keeps all registers but RAX, RCX and R11");
  unsigned long kept;
  asm volatile("mov $0x11, %%rbx; mov $0x22, %%rdx; mov $0x33, %%rsi; mov $0x44, %%r8; mov $0x55, %%r9; mov $0x66, %%r10\n"
               "mov $0x77, %%r12; mov $0x88, %%r13; mov $0x99, %%r14; mov $0xaa, %%r15; mov $0xbb, %%rdi\n"
               "mov $39, %%eax; stc; std; syscall; mov $0, %%eax; setc %%al; cld\n"
               "add %%rbx, %%rax; add %%rdx, %%rax; add %%rsi, %%rax; add %%r8, %%rax; add %%r9, %%rax; add %%r10, %%rax\n"
               "add %%r12, %%rax; add %%r13, %%rax; add %%r14, %%rax; add %%r15, %%rax; add %%rdi, %%rax"
               : "=a"(kept)
               :
               : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
  CHECK_EQ(kept, 1 + 0x11 + 0x22 + 0x33 + 0x44 + 0x55 + 0x66 + 0x77 + 0x88 + 0x99 + 0xaa + 0xbb);
}

/* INT 80h from 64-bit code: i386's numbers and registers; the rest of the registers stays. */
static long int80(long nr, long a, long b, long c) {
  long result;
  register long r8 asm("r8") = 0x1234567890;
  asm volatile("int $0x80" : "=a"(result), "+r"(r8) : "a"(nr), "b"(a), "c"(b), "d"(c) : "r9", "r10", "r11", "memory");
  return r8 == 0x1234567890 ? result : -1;
}

static void test_int80(void) {
  static char text[8];
  int fds[2];
  SECTION("int 0x80");
  CHECK_EQ(int80(20, 0, 0, 0), SYS(getpid));
  CHECK_EQ(SYS(pipe, fds), 0);
  CHECK_EQ(int80(4, fds[1], (long)"call", 4), 4);
  CHECK_EQ(int80(3, fds[0], (long)text, 8), 4);
  CHECK(memcmp(text, "call", 4) == 0);
  CHECK_EQ((int)int80(6, 999, 0, 0), -EBADF);
  CHECK_EQ((int)int80(5000, 0, 0, 0), -ENOSYS);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  names();
  information();
  randomness();
  devices();
  controls();
  unknown();
  registers();
  test_int80();
}
