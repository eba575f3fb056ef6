/* mmap(2), munmap, mprotect, mremap, madvise, brk, msync, mincore: anonymous memory and files. */
#include "guest.h"

#define RW (PROT_READ | PROT_WRITE)

static long map_at(void *address, size_t nr, int prot, int flags, int fd, long offset) {
  return SYS(mmap, address, nr * PAGE, prot, flags, fd, offset);
}

/* Whether a byte can be read, or written; in a child, so that a fault is seen as its status. */
static int try_read(void *address) {
  int pid = fork_child();
  if (pid == 0) {
    (void)*(volatile char *)address;
    exit_group(0);
  }
  return wait_for(pid) & 0x7f;
}

static int try_write(void *address) {
  int pid = fork_child();
  if (pid == 0) {
    *(volatile char *)address = 1;
    exit_group(0);
  }
  return wait_for(pid) & 0x7f;
}

static void anonymous(void) {
  SECTION("anonymous memory");
  char *p = map_pages(8);
  int zero = 1;
  for (size_t i = 0; i < 8 * PAGE; i++) zero &= p[i] == 0;
  CHECK(zero);
  for (size_t i = 0; i < 8 * PAGE; i += 64) p[i] = (char)(i / 64);
  CHECK_EQ(SYS(munmap, p + 2 * PAGE, 2 * PAGE), 0);
  CHECK_EQ(try_read(p + PAGE), 0);
  CHECK_EQ(try_read(p + 2 * PAGE), SIGSEGV);
  CHECK_EQ(try_read(p + 3 * PAGE + 4095), SIGSEGV);
  CHECK_EQ(try_read(p + 4 * PAGE), 0);
  CHECK_EQ(SYS(munmap, p + 2 * PAGE, 2 * PAGE), 0);
  CHECK(map_at(p + 2 * PAGE, 2, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)p + 8192);
  CHECK_EQ(p[2 * PAGE], 0);
  CHECK(map_at(p, 1, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)p);
  CHECK_EQ(p[64], 0);
  CHECK_EQ(map_at(p, 1, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), -EEXIST);
  CHECK_EQ(SYS(munmap, p, 8 * PAGE), 0);
  CHECK(map_at(p, 1, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (long)p);
  CHECK(map_at(p + PAGE, 1, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == (long)p + 4096);
  CHECK_EQ(SYS(munmap, p, 2 * PAGE), 0);

  SECTION("errors");
  CHECK_EQ(SYS(mmap, 0, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -EINVAL);
  CHECK_EQ(SYS(mmap, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL);
  CHECK_EQ(SYS(mmap, 0, PAGE, RW, MAP_PRIVATE, 99, 0), -EBADF);
  CHECK_EQ(SYS(mmap, 0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 100), -EINVAL);
  CHECK_EQ(SYS(mmap, 1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -EINVAL);
  CHECK_EQ(SYS(mmap, 1ul << 47, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM);
  CHECK_EQ(SYS(mmap, 0, 1ul << 47, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -ENOMEM);
  CHECK_EQ(SYS(mmap, 0, -1ul, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -ENOMEM);
  CHECK_EQ(SYS(munmap, p + 1, PAGE), -EINVAL);
  CHECK_EQ(SYS(munmap, p, 0), -EINVAL);
  CHECK_EQ(SYS(munmap, 1ul << 47, PAGE), -EINVAL);
  CHECK_EQ(SYS(mprotect, p + 1, PAGE, RW), -EINVAL);
  CHECK_EQ(SYS(mprotect, p, PAGE, RW), -ENOMEM);
  CHECK_EQ(SYS(mprotect, p, 0, RW), 0);
}

static void protection(void) {
  SECTION("mprotect");
  char *p = map_pages(4);
  p[0] = p[PAGE] = p[2 * PAGE] = p[3 * PAGE] = 7;
  CHECK_EQ(SYS(mprotect, p + PAGE, 2 * PAGE, PROT_READ), 0);
  CHECK_EQ(try_write(p), 0);
  CHECK_EQ(try_write(p + PAGE), SIGSEGV);
  CHECK_EQ(try_write(p + 3 * PAGE), 0);
  CHECK_EQ(p[PAGE], 7);
  CHECK_EQ(SYS(mprotect, p, PAGE, PROT_READ | PROT_GROWSUP), -EINVAL);
  CHECK_EQ(SYS(mprotect, p, 4 * PAGE, PROT_NONE), 0);
  CHECK_EQ(try_read(p + PAGE), SIGSEGV);
  CHECK_EQ(SYS(mprotect, p, 4 * PAGE, RW), 0);
  CHECK_EQ(p[2 * PAGE], 7);
  SYS(munmap, p + 2 * PAGE, PAGE);
  CHECK_EQ(SYS(mprotect, p, 4 * PAGE, PROT_READ), -ENOMEM);
  CHECK_EQ(try_write(p), SIGSEGV);
  CHECK_EQ(try_write(p + 3 * PAGE), 0);
  SYS(munmap, p, 4 * PAGE);
  long q = map_at(0, 1, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_EQ(try_read((void *)q), 0);
  SYS(munmap, q, PAGE);
}

static void sharing(void) {
  SECTION("shared and private across fork");
  volatile char *shared = map_shared(2), *private = map_pages(2);
  shared[0] = private[0] = 1;
  int pid = fork_child();
  if (pid == 0) {
    shared[0]++, private[0]++;
    shared[PAGE] = private[PAGE] = 9;
    exit_group(private[0]);
  }
  CHECK_EQ(wait_for(pid), EXITED(2));
  CHECK_EQ(shared[0], 2);
  CHECK_EQ(private[0], 1);
  CHECK_EQ(shared[PAGE], 9);
  CHECK_EQ(private[PAGE], 0);
}

static void remap(void) {
  SECTION("mremap");
  char *p = map_pages(2);
  p[0] = 1, p[PAGE] = 2;
  char *moved = (char *)SYS(mremap, p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
  CHECK((long)moved > 0);
  CHECK_EQ(moved[0], 1);
  CHECK_EQ(moved[PAGE], 2);
  CHECK_EQ(moved[63 * PAGE], 0);
  CHECK((char *)SYS(mremap, moved, 64 * PAGE, PAGE, 0) == moved);
  CHECK_EQ(try_read(moved + PAGE), SIGSEGV);
  char *target = map_pages(4);
  CHECK((char *)SYS(mremap, moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
  CHECK_EQ(target[0], 1);
  CHECK_EQ(try_read(moved), SIGSEGV);
  char *wall = map_pages(3);
  SYS(munmap, wall + PAGE, PAGE);
  CHECK((char *)SYS(mremap, wall, PAGE, 2 * PAGE, 0) == wall);
  CHECK_EQ(SYS(mremap, wall, 2 * PAGE, 3 * PAGE, 0), -ENOMEM);
  CHECK_EQ(SYS(mremap, wall + 1, PAGE, PAGE, 0), -EINVAL);
  CHECK_EQ(SYS(mremap, wall, PAGE, 0, 0), -EINVAL);
  CHECK_EQ(SYS(mremap, 16 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), -EFAULT);
}

static void advice(void) {
  SECTION("madvise, mincore, mlock");
  char *p = map_pages(4);
  memset(p, 5, 4 * PAGE);
  CHECK_EQ(SYS(madvise, p + PAGE, PAGE, MADV_DONTNEED), 0);
  CHECK_EQ(p[0], 5);
  CHECK_EQ(p[PAGE], 0);
  CHECK_EQ(p[2 * PAGE], 5);
  CHECK_EQ(SYS(madvise, p, PAGE, 9999), -EINVAL);
  CHECK_EQ(SYS(madvise, p + 1, PAGE, MADV_DONTNEED), -EINVAL);
  CHECK_EQ(SYS(madvise, p, 4 * PAGE, MADV_WILLNEED), 0);
  CHECK_EQ(SYS(madvise, p, 4 * PAGE, MADV_DONTFORK), 0);
  CHECK_EQ(try_read(p), SIGSEGV);
  CHECK_EQ(SYS(madvise, p, 4 * PAGE, MADV_DOFORK), 0);
  CHECK_EQ(SYS(madvise, p, PAGE, MADV_WIPEONFORK), 0);
  int pid = fork_child();
  if (pid == 0) exit_group(p[0] + 10);
  CHECK_EQ(wait_for(pid), EXITED(10));
  CHECK_EQ(p[0], 5);
  unsigned char in_core[4] = {9, 9, 9, 9};
  char *fresh = map_pages(4);
  fresh[2 * PAGE] = 1;
  CHECK_EQ(SYS(mincore, fresh, 4 * PAGE, in_core), 0);
  CHECK_EQ(in_core[0] & 1, 0);
  CHECK_EQ(in_core[2] & 1, 1);
  CHECK_EQ(SYS(mlock, fresh, 4 * PAGE), 0);
  SYS(mincore, fresh, 4 * PAGE, in_core);
  CHECK_EQ(in_core[0] & in_core[3] & 1, 1);
  CHECK_EQ(SYS(munlock, fresh, 4 * PAGE), 0);
  CHECK_EQ(SYS(mincore, 16 * PAGE, PAGE, in_core), -ENOMEM);
}

static void program_break(void) {
  SECTION("brk");
  char *start = (char *)SYS(brk, 0);
  char *end = (char *)SYS(brk, start + 3 * PAGE);
  CHECK(end == start + 3 * PAGE);
  start[0] = 1;
  end[-1] = 2;
  CHECK_EQ(try_write(end + PAGE), SIGSEGV);
  CHECK((char *)SYS(brk, start + PAGE) == start + PAGE);
  CHECK((char *)SYS(brk, start + 3 * PAGE) == end);
  CHECK_EQ(end[-1], 0);
  CHECK_EQ(start[0], 1);
  CHECK((char *)SYS(brk, 1) == end);
  CHECK((char *)SYS(brk, 1ul << 46) == end);
  CHECK((char *)SYS(brk, start) == start);
}

static void files(void) {
  SECTION("files");
  static char content[3 * PAGE];
  for (size_t i = 0; i < sizeof content; i++) content[i] = (char)(i / 100);
  int fd = (int)SYS(open, "mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
  write_all(fd, content, sizeof content - 1000);
  char *shared = (char *)map_at(0, 3, RW, MAP_SHARED, fd, 0);
  char *private = (char *)map_at(0, 3, RW, MAP_PRIVATE, fd, 0);
  char *second = (char *)map_at(0, 1, PROT_READ, MAP_SHARED, fd, PAGE);
  CHECK(memcmp(shared, content, sizeof content - 1000) == 0);
  CHECK(memcmp(private, content, sizeof content - 1000) == 0);
  CHECK_EQ(shared[sizeof content - 1], 0);
  shared[PAGE + 5] = 'S';
  CHECK_EQ(second[5], 'S');
  CHECK_EQ(private[PAGE + 5], 'S');
  private[PAGE + 6] = 'P';
  CHECK_EQ(second[6], content[PAGE + 6]);
  shared[PAGE + 7] = 'T';
  CHECK_EQ(private[PAGE + 7], content[PAGE + 7]);
  char two[2];
  SYS(pread64, fd, two, 2, PAGE + 5);
  CHECK_EQ(two[0], 'S');
  CHECK_EQ(two[1], content[PAGE + 6]);
  SYS(pwrite64, fd, "W", 1, 10);
  CHECK_EQ(shared[10], 'W');
  CHECK_EQ(private[10], 'W');
  CHECK_EQ(SYS(msync, shared, 3 * PAGE, MS_SYNC), 0);
  CHECK_EQ(SYS(msync, shared, PAGE, MS_SYNC | MS_ASYNC), -EINVAL);
  CHECK_EQ(SYS(ftruncate, fd, PAGE), 0);
  CHECK_EQ(try_read(shared + PAGE), SIGBUS);
  CHECK_EQ(try_read(private + 2 * PAGE), SIGBUS);
  CHECK_EQ(SYS(ftruncate, fd, 2 * PAGE), 0);
  CHECK_EQ(shared[PAGE + 5], 0);
  CHECK_EQ(SYS(close, fd), 0);
  CHECK_EQ(SYS(unlink, "mapped"), 0);
  CHECK_EQ(shared[10], 'W');

  SECTION("permissions of files");
  write_file("readonly", "text", 0644);
  fd = (int)SYS(open, "readonly", O_RDONLY);
  CHECK_EQ(map_at(0, 1, RW, MAP_SHARED, fd, 0), -EACCES);
  CHECK(map_at(0, 1, RW, MAP_PRIVATE, fd, 0) > 0);
  CHECK_EQ(map_at(0, 1, PROT_READ, MAP_SHARED, fd, 5), -EINVAL);
  long seen = map_at(0, 1, PROT_READ, MAP_SHARED, fd, 0);
  CHECK_EQ(SYS(mprotect, seen, PAGE, RW), -EACCES);
  SYS(close, fd);
  fd = (int)SYS(open, "readonly", O_WRONLY);
  CHECK_EQ(map_at(0, 1, PROT_READ, MAP_PRIVATE, fd, 0), -EACCES);
  CHECK_EQ(map_at(0, 1, PROT_WRITE, MAP_SHARED, fd, 0), -EACCES);
  SYS(close, fd);
  int ends[2];
  SYS(pipe, ends);
  CHECK_EQ(map_at(0, 1, PROT_READ, MAP_PRIVATE, ends[0], 0), -ENODEV);
  fd = (int)SYS(open, ".", O_RDONLY);
  CHECK_EQ(map_at(0, 1, PROT_READ, MAP_PRIVATE, fd, 0), -ENODEV);
  fd = (int)SYS(open, "/dev/zero", O_RDWR);
  char *zero = (char *)map_at(0, 2, RW, MAP_PRIVATE, fd, 0);
  zero[0] = 1;
  CHECK_EQ(zero[PAGE], 0);
}

static int nr_maps(const char *what) {
  static char text[65536];
  int nr = 0;
  read_file("/proc/self/maps", text, sizeof text);
  for (const char *at = text; (at = strstr(at, what)); at++) nr++;
  return nr;
}

static void merging(void) {
  SECTION("/proc/self/maps: areas split and merge");
  int before = nr_maps("\n");
  char *p = map_pages(6);
  /* Keep it apart from other areas. */
  p = (char *)map_at((void *)0x100000000, 6, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  int with = nr_maps("\n");
  CHECK(with > before);
  CHECK_EQ(nr_maps("100000000-100006000 rw-p 00000000 00:00 0"), 1);
  SYS(mprotect, p + 2 * PAGE, PAGE, PROT_READ);
  CHECK_EQ(nr_maps("\n") - with, 2);
  CHECK_EQ(nr_maps("100002000-100003000 r--p"), 1);
  SYS(mprotect, p + 2 * PAGE, PAGE, RW);
  CHECK_EQ(nr_maps("\n") - with, 0);
  SYS(munmap, p + 4 * PAGE, PAGE);
  CHECK_EQ(nr_maps("\n") - with, 1);
  CHECK_EQ(nr_maps("[stack]"), 1);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  struct rlimit64 none = {0, 0};
  SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
  anonymous();
  protection();
  sharing();
  remap();
  advice();
  program_break();
  files();
  merging();
}
