/* Regular files: open(2) flags, lseek, O_APPEND, holes, truncate, pread and readv, dup and shared offsets, unlinked files, fallocate. */
#include "guest.h"

static int create(const char *path) {
  return (int)SYS(open, path, O_RDWR | O_CREAT | O_TRUNC, 0644);
}

static void opening(void) {
  SECTION("open");
  CHECK_EQ(SYS(open, "missing", O_RDONLY), -ENOENT);
  CHECK_EQ(SYS(open, "", O_RDONLY), -ENOENT);
  CHECK_EQ(SYS(open, "missing/below", O_RDONLY | O_CREAT, 0644), -ENOENT);
  int fd = (int)SYS(open, "new", O_RDWR | O_CREAT | O_EXCL, 0640);
  CHECK(fd >= 0);
  CHECK_EQ(SYS(open, "new", O_RDWR | O_CREAT | O_EXCL, 0640), -EEXIST);
  struct stat st;
  CHECK_EQ(SYS(fstat, fd, &st), 0);
  CHECK_EQ(st.st_mode, 0100640);
  CHECK_EQ(st.st_nlink, 1);
  CHECK_EQ(st.st_size, 0);
  CHECK_EQ(SYS(write, fd, "0123456789", 10), 10);
  SYS(close, fd);
  CHECK_EQ(SYS(close, fd), -EBADF);
  CHECK_EQ(SYS(read, fd, &st, 1), -EBADF);
  fd = (int)SYS(open, "new", O_RDONLY);
  CHECK_EQ(SYS(write, fd, "x", 1), -EBADF);
  SYS(close, fd);
  fd = (int)SYS(open, "new", O_WRONLY);
  CHECK_EQ(SYS(read, fd, &st, 1), -EBADF);
  SYS(close, fd);
  fd = (int)SYS(open, "new", O_WRONLY | O_TRUNC);
  CHECK_EQ(file_size("new"), 0);
  SYS(close, fd);
  CHECK_EQ(SYS(open, "new/x", O_RDONLY), -ENOTDIR);
  CHECK_EQ(SYS(open, "new", O_RDONLY | O_DIRECTORY), -ENOTDIR);
  CHECK_EQ(SYS(open, ".", O_WRONLY), -EISDIR);
  CHECK_EQ(SYS(open, ".", O_RDONLY | O_CREAT, 0644), -EISDIR);
  CHECK(SYS(open, ".", O_RDONLY | O_DIRECTORY) >= 0);
  CHECK_EQ(SYS(open, "new/", O_RDONLY), -ENOTDIR);
  CHECK_EQ(SYS(open, "new2/", O_RDWR | O_CREAT, 0644), -EISDIR);
  fd = (int)SYS(open, "new", O_PATH);
  CHECK_EQ(SYS(read, fd, &st, 1), -EBADF);
  CHECK_EQ(SYS(fstat, fd, &st), 0);
  SYS(close, fd);
  char name[300];
  memset(name, 'n', sizeof name);
  name[255] = 0;
  fd = create(name);
  CHECK(fd >= 0);
  CHECK_EQ(SYS(unlink, name), 0);
  name[255] = 'n', name[256] = 0;
  CHECK_EQ(SYS(open, name, O_RDONLY), -ENAMETOOLONG);
  static char path[5000];
  for (int i = 0; i < 4100; i += 2) path[i] = '.', path[i + 1] = '/';
  CHECK_EQ(SYS(open, path, O_RDONLY), -ENAMETOOLONG);
  SYS(umask, 027);
  fd = (int)SYS(open, "masked", O_RDWR | O_CREAT, 0777);
  SYS(fstat, fd, &st);
  CHECK_EQ(st.st_mode, 0100750);
  SYS(umask, 022);
  SYS(close, fd);
  fd = (int)SYS(open, ".", O_TMPFILE | O_RDWR, 0600);
  CHECK(fd >= 0);
  SYS(fstat, fd, &st);
  CHECK_EQ(st.st_nlink, 0);
  SYS(close, fd);
  fd = (int)SYS(creat, "created", 0600);
  CHECK_EQ(SYS(fcntl, fd, F_GETFL) & O_ACCMODE, O_WRONLY);
  SYS(close, fd);
}

static void seeking(void) {
  SECTION("lseek and holes");
  char buffer[32];
  int fd = create("seek");
  SYS(write, fd, "abcdefghij", 10);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_CUR), 10);
  CHECK_EQ(SYS(lseek, fd, -3, SEEK_END), 7);
  CHECK_EQ(SYS(read, fd, buffer, 10), 3);
  CHECK_EQ(SYS(read, fd, buffer, 10), 0);
  CHECK_EQ(SYS(lseek, fd, -1, SEEK_SET), -EINVAL);
  CHECK_EQ(SYS(lseek, fd, -20, SEEK_CUR), -EINVAL);
  CHECK_EQ(SYS(lseek, fd, 0, 77), -EINVAL);
  CHECK_EQ(SYS(lseek, 99, 0, SEEK_SET), -EBADF);
  CHECK_EQ(SYS(lseek, fd, 100000, SEEK_SET), 100000);
  CHECK_EQ(SYS(read, fd, buffer, 10), 0);
  CHECK_EQ(SYS(write, fd, "end", 3), 3);
  CHECK_EQ(file_size("seek"), 100003);
  SYS(lseek, fd, 50000, SEEK_SET);
  memset(buffer, 1, sizeof buffer);
  CHECK_EQ(SYS(read, fd, buffer, 32), 32);
  CHECK(buffer[0] == 0 && buffer[31] == 0);
  struct stat st;
  SYS(fstat, fd, &st);
  CHECK(st.st_blocks * 512 < 100000);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_DATA), 0);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_HOLE), 4096);
  CHECK_EQ(SYS(lseek, fd, 4096, SEEK_DATA), 98304);
  CHECK_EQ(SYS(lseek, fd, 100003, SEEK_DATA), -ENXIO);
  CHECK_EQ(SYS(ftruncate, fd, 5), 0);
  CHECK_EQ(SYS(ftruncate, fd, 20), 0);
  CHECK_EQ(SYS(pread64, fd, buffer, 32, 0), 20);
  CHECK(memcmp(buffer, "abcde\0\0\0\0\0", 10) == 0);
  CHECK_EQ(SYS(ftruncate, fd, -1), -EINVAL);
  CHECK_EQ(SYS(truncate, "seek", 7), 0);
  CHECK_EQ(file_size("seek"), 7);
  CHECK_EQ(SYS(truncate, "missing", 7), -ENOENT);
  CHECK_EQ(SYS(truncate, ".", 7), -EISDIR);
  int reader = (int)SYS(open, "seek", O_RDONLY);
  CHECK_EQ(SYS(ftruncate, reader, 1), -EINVAL);
  SYS(close, reader);
  SYS(close, fd);
}

static void appending(void) {
  SECTION("O_APPEND");
  char text[64];
  write_file("log", "one\n", 0644);
  int a = (int)SYS(open, "log", O_WRONLY | O_APPEND), b = (int)SYS(open, "log", O_WRONLY | O_APPEND);
  SYS(write, a, "two\n", 4);
  SYS(write, b, "three\n", 6);
  SYS(lseek, a, 0, SEEK_SET);
  SYS(write, a, "four\n", 5);
  CHECK_EQ(SYS(lseek, a, 0, SEEK_CUR), 19);
  CHECK_EQ(SYS(pwrite64, a, "five\n", 5, 0), 5);
  read_file("log", text, sizeof text);
  CHECK(strcmp(text, "one\ntwo\nthree\nfour\nfive\n") == 0);
  CHECK_EQ(SYS(fcntl, a, F_GETFL) & (O_APPEND | O_ACCMODE), O_APPEND | O_WRONLY);
  SYS(fcntl, a, F_SETFL, 0);
  SYS(lseek, a, 0, SEEK_SET);
  SYS(write, a, "ONE", 3);
  read_file("log", text, sizeof text);
  CHECK(strncmp(text, "ONE\n", 4) == 0);
}

static void vectors(void) {
  SECTION("vectors");
  char a[4] = "abc", b[8] = "defgh", c[16];
  int fd = create("vectors");
  struct iovec out[3] = {{a, 3}, {b, 0}, {b, 5}};
  CHECK_EQ(SYS(writev, fd, out, 3), 8);
  memset(c, 0, sizeof c);
  memset(a, 0, sizeof a);
  struct iovec in[2] = {{a, 2}, {c, 16}};
  CHECK_EQ(SYS(preadv, fd, in, 2, 1, 0), 7);
  CHECK(a[0] == 'b' && a[1] == 'c' && strcmp(c, "defgh") == 0);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_CUR), 8);
  CHECK_EQ(SYS(pwritev, fd, out, 1, 100, 0), 3);
  CHECK_EQ(SYS(readv, fd, in, 1), 2);
  CHECK_EQ(SYS(readv, fd, in, -1), -EINVAL);
  CHECK_EQ(SYS(readv, fd, in, 1025), -EINVAL);
  CHECK_EQ(SYS(readv, fd, in, 0), 0);
  CHECK_EQ(SYS(writev, fd, 1, 1), -EFAULT);
  struct iovec wrong = {a, -1ul};
  CHECK_EQ(SYS(writev, fd, &wrong, 1), -EINVAL);
  CHECK_EQ(SYS(pread64, fd, a, 1, -1), -EINVAL);
  CHECK_EQ(SYS(read, fd, a, 0), 0);
  int ends[2];
  SYS(pipe, ends);
  CHECK_EQ(SYS(pread64, ends[0], a, 1, 0), -ESPIPE);
  CHECK_EQ(SYS(lseek, ends[0], 0, SEEK_CUR), -ESPIPE);
}

static void descriptors(void) {
  SECTION("descriptors");
  int fd = create("shared");
  int copy = (int)SYS(dup, fd);
  CHECK(copy > fd);
  SYS(write, fd, "12345", 5);
  CHECK_EQ(SYS(lseek, copy, 0, SEEK_CUR), 5);
  CHECK_EQ(SYS(dup2, fd, 77), 77);
  CHECK_EQ(SYS(dup2, fd, fd), fd);
  CHECK_EQ(SYS(dup2, 99, 99), -EBADF);
  CHECK_EQ(SYS(dup3, fd, fd, 0), -EINVAL);
  CHECK_EQ(SYS(dup3, fd, 78, O_CLOEXEC), 78);
  CHECK_EQ(SYS(fcntl, 78, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(SYS(fcntl, 77, F_GETFD), 0);
  CHECK_EQ(SYS(fcntl, fd, F_DUPFD, 90), 90);
  CHECK_EQ(SYS(fcntl, fd, F_DUPFD_CLOEXEC, 90), 91);
  CHECK_EQ(SYS(fcntl, 91, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(SYS(fcntl, fd, F_DUPFD, -1), -EINVAL);
  CHECK_EQ(SYS(fcntl, fd, 9999, 0), -EINVAL);
  CHECK_EQ(SYS(dup2, fd, -1), -EBADF);
  CHECK_EQ(SYS(close_range, 77, 91, 0), 0);
  CHECK_EQ(SYS(fcntl, 90, F_GETFD), -EBADF);
  SYS(close, copy);
  int lowest = (int)SYS(dup, fd);
  CHECK(lowest == copy);
  SYS(close, lowest);
  SYS(close, fd);
}

static void unlinked(void) {
  SECTION("unlinked files stay until closed");
  char buffer[8];
  int fd = create("gone");
  SYS(write, fd, "still", 5);
  CHECK_EQ(SYS(unlink, "gone"), 0);
  CHECK_EQ(SYS(unlink, "gone"), -ENOENT);
  CHECK_EQ(SYS(open, "gone", O_RDONLY), -ENOENT);
  struct stat st;
  SYS(fstat, fd, &st);
  CHECK_EQ(st.st_nlink, 0);
  CHECK_EQ(SYS(pread64, fd, buffer, 8, 0), 5);
  CHECK_EQ(SYS(write, fd, "more", 4), 4);
  char path[64], target[256];
  format_into(path, sizeof path, "/proc/self/fd/%d", fd);
  long length = SYS(readlink, path, target, sizeof target - 1);
  target[length > 0 ? length : 0] = 0;
  CHECK(strstr(target, "/gone (deleted)") != NULL);
  int again = (int)SYS(open, path, O_RDONLY);
  CHECK_EQ(SYS(read, again, buffer, 8), 8);
  SYS(close, again);
  SYS(close, fd);
}

static void allocation(void) {
  SECTION("fallocate");
  int fd = create("space");
  struct stat st;
  CHECK_EQ(SYS(fallocate, fd, 0, 0, 3 * PAGE), 0);
  CHECK_EQ(file_size("space"), 3 * PAGE);
  SYS(fstat, fd, &st);
  CHECK_EQ(st.st_blocks, 24);
  CHECK_EQ(SYS(fallocate, fd, FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE), 0);
  CHECK_EQ(file_size("space"), 3 * PAGE);
  char *content = map_pages(3);
  memset(content, 7, 3 * PAGE);
  SYS(pwrite64, fd, content, 3 * PAGE, 0);
  CHECK_EQ(SYS(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 2 * PAGE), 0);
  SYS(pread64, fd, content, 3 * PAGE, 0);
  CHECK_EQ(content[99], 7);
  CHECK_EQ(content[100], 0);
  CHECK_EQ(content[2 * PAGE + 99], 0);
  CHECK_EQ(content[2 * PAGE + 100], 7);
  CHECK_EQ(SYS(fallocate, fd, 0, 0, 0), -EINVAL);
  CHECK_EQ(SYS(fallocate, fd, 0, -1, 5), -EINVAL);
  CHECK_EQ(SYS(fallocate, 99, 0, 0, 5), -EBADF);
  SYS(close, fd);
}

static void copying(void) {
  SECTION("sendfile, copy_file_range, splice");
  char text[64];
  write_file("from", "The quick brown fox", 0644);
  int from = (int)SYS(open, "from", O_RDONLY), to = create("to");
  CHECK_EQ(SYS(sendfile, to, from, 0, 9), 9);
  long offset = 10;
  CHECK_EQ(SYS(sendfile, to, from, &offset, 100), 9);
  CHECK_EQ(offset, 19);
  CHECK_EQ(SYS(lseek, from, 0, SEEK_CUR), 9);
  CHECK_EQ(SYS(copy_file_range, from, 0, to, 0, 6, 0), 6);
  read_file("to", text, sizeof text);
  CHECK(strcmp(text, "The quickbrown fox brown") == 0);
  int ends[2];
  SYS(pipe, ends);
  offset = 4;
  CHECK_EQ(SYS(splice, from, &offset, ends[1], 0, 5, 0), 5);
  CHECK_EQ(SYS(read, ends[0], text, sizeof text), 5);
  CHECK(strncmp(text, "quick", 5) == 0);
  SYS(write, ends[1], "piped", 5);
  int ends2[2];
  SYS(pipe, ends2);
  CHECK_EQ(SYS(tee, ends[0], ends2[1], 5, 0), 5);
  CHECK_EQ(SYS(splice, ends[0], 0, to, 0, 5, 0), 5);
  CHECK_EQ(SYS(read, ends2[0], text, sizeof text), 5);
  CHECK_EQ(file_size("to"), 29);
  CHECK_EQ(SYS(splice, from, 0, to, 0, 5, 0), -EINVAL);
}

static void memory_file(void) {
  SECTION("memfd");
  int fd = (int)SYS(memfd_create, "name", MFD_ALLOW_SEALING);
  CHECK(fd >= 0);
  CHECK_EQ(SYS(write, fd, "hello", 5), 5);
  CHECK_EQ(SYS(fcntl, fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
  CHECK_EQ(SYS(ftruncate, fd, 3), -EPERM);
  CHECK_EQ(SYS(pwrite64, fd, "xxxxxxx", 7, 0), -EPERM);
  CHECK_EQ(SYS(pwrite64, fd, "HELLO", 5, 0), 5);
  CHECK_EQ(SYS(fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
  CHECK_EQ(SYS(pwrite64, fd, "h", 1, 0), -EPERM);
  CHECK_EQ(SYS(fcntl, fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE);
  CHECK_EQ(SYS(memfd_create, "name", 0x800), -EINVAL);
  SYS(close, fd);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  opening();
  seeking();
  appending();
  vectors();
  descriptors();
  unlinked();
  allocation();
  copying();
  memory_file();
}
