/* Files by i386's system calls: structures with words of 32 bits, offsets of 64 bits in two registers. */
#include "guest.h"

struct old_stat {
  uint32_t dev, ino;
  uint16_t mode, nlink, uid, gid;
  uint32_t rdev, size, blksize, blocks, times[6], unused[2];
};

struct stat_64 {
  uint64_t dev;
  uint8_t pad0[4];
  uint32_t ino32, mode, nlink, uid, gid;
  uint64_t rdev;
  uint8_t pad3[4];
  int64_t size;
  uint32_t blksize;
  uint64_t blocks;
  uint32_t times[6];
  uint64_t ino;
} __attribute__((packed));

struct flock_32 {
  int16_t type, whence;
  int32_t start, len, pid;
};

struct flock_64 {
  int16_t type, whence;
  int64_t start, len;
  int32_t pid;
} __attribute__((packed));

struct statfs_32 {
  uint32_t type, bsize, blocks, bfree, bavail, files, ffree;
  int32_t fsid[2];
  uint32_t namelen, frsize, flags, spare[4];
};

struct statfs_64 {
  uint32_t type, bsize;
  uint64_t blocks, bfree, bavail, files, ffree;
  int32_t fsid[2];
  uint32_t namelen, frsize, flags, spare[4];
} __attribute__((packed));

struct vec {
  void *base;
  uint32_t length;
};

#define GiB 0x40000000ull
#define LO(x) ((uint32_t)(x))
#define HI(x) ((uint32_t)((uint64_t)(x) >> 32))

static void test_stat(void) {
  struct old_stat old;
  struct stat_64 new, other;
  SECTION("stat");
  CHECK_EQ(sizeof old, 64);
  CHECK_EQ(sizeof new, 96);
  int fd = (int)SYS(open, "file", O_RDWR | O_CREAT | O_TRUNC, 0640);
  CHECK_EQ(SYS(write, fd, "hello", 5), 5);
  CHECK_EQ(SYS(stat, "file", &old), 0);
  CHECK_EQ(old.mode, S_IFREG | 0640);
  CHECK_EQ(old.size, 5);
  CHECK_EQ(old.nlink, 1);
  CHECK_EQ(SYS(fstat64, fd, &new), 0);
  CHECK_EQ(new.mode, S_IFREG | 0640);
  CHECK_EQ(new.size, 5);
  CHECK_EQ(new.nlink, 1);
  CHECK_EQ(new.uid, SYS(getuid32));
  CHECK_EQ(new.gid, SYS(getgid32));
  CHECK(new.ino32 == (uint32_t)new.ino && old.ino == new.ino32);
  CHECK(memcmp(old.times, new.times, sizeof old.times) == 0);
  CHECK_EQ(SYS(stat64, "file", &other), 0);
  CHECK(memcmp(&new, &other, sizeof new) == 0);
  CHECK_EQ(SYS(symlink, "file", "link"), 0);
  CHECK_EQ(SYS(lstat64, "link", &other), 0);
  CHECK_EQ(other.mode, S_IFLNK | 0777);
  CHECK_EQ(SYS(fstatat64, AT_FDCWD, "link", &other, 0), 0);
  CHECK_EQ(other.size, 5);
  CHECK_EQ(SYS(fstatat64, AT_FDCWD, "link", &other, AT_SYMLINK_NOFOLLOW), 0);
  CHECK_EQ(other.size, 4);
  CHECK_EQ(SYS(fstatat64, AT_FDCWD, "link", &other, 0x1), -EINVAL);
  CHECK_EQ(SYS(stat64, "nothing", &other), -ENOENT);
  CHECK_EQ(SYS(stat64, "file", 8), -EFAULT);
  struct statx x;
  CHECK_EQ(SYS(statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x), 0);
  CHECK_EQ(x.stx_size, 5);
  CHECK_EQ(SYS(close, fd), 0);
}

static void test_offsets(void) {
  struct stat_64 st;
  struct old_stat old;
  uint64_t position = 0;
  char text[16] = "";
  SECTION("offsets");
  int fd = (int)SYS(open, "big", O_RDWR | O_CREAT | O_TRUNC | O_LARGEFILE, 0600);
  CHECK_EQ(SYS(pwrite64, fd, "far", 3, LO(5 * GiB), HI(5 * GiB)), 3);
  CHECK_EQ(SYS(fstat64, fd, &st), 0);
  CHECK(st.size == 5 * GiB + 3);
  CHECK_EQ(SYS(fstat, fd, &old), -EOVERFLOW);
  CHECK_EQ(SYS(stat, "big", &old), -EOVERFLOW);
  CHECK_EQ(SYS(pread64, fd, text, 8, LO(5 * GiB), HI(5 * GiB)), 3);
  CHECK(memcmp(text, "far", 4) == 0);
  CHECK_EQ(SYS(pread64, fd, text, 8, 0, 0x80000000), -EINVAL);
  CHECK_EQ(SYS(_llseek, fd, HI(5 * GiB), LO(5 * GiB), &position, SEEK_SET), 0);
  CHECK(position == 5 * GiB);
  CHECK_EQ(SYS(read, fd, text, 2), 2);
  CHECK_EQ(SYS(_llseek, fd, 0, 0, &position, SEEK_CUR), 0);
  CHECK(position == 5 * GiB + 2);
  CHECK_EQ(SYS(_llseek, fd, ~0u, ~0u, &position, SEEK_CUR), 0);
  CHECK(position == 5 * GiB + 1);
  CHECK_EQ(SYS(_llseek, fd, ~0u, 0, &position, SEEK_SET), -EINVAL);
  CHECK_EQ(SYS(lseek, fd, 10, SEEK_SET), 10);
  CHECK_EQ(SYS(lseek, fd, -4, SEEK_CUR), 6);
  CHECK_EQ(SYS(lseek, fd, -1, SEEK_SET), -EINVAL);
  CHECK_EQ(SYS(ftruncate64, fd, LO(6 * GiB), HI(6 * GiB)), 0);
  CHECK_EQ(SYS(fstat64, fd, &st), 0);
  CHECK(st.size == 6 * GiB);
  CHECK_EQ(SYS(truncate64, "big", LO(7 * GiB), HI(7 * GiB)), 0);
  CHECK_EQ(SYS(stat64, "big", &st), 0);
  CHECK(st.size == 7 * GiB);
  CHECK_EQ(SYS(truncate, "big", 100), 0);
  CHECK_EQ(SYS(ftruncate, fd, 200), 0);
  CHECK_EQ(SYS(ftruncate, fd, -1), -EINVAL);
  CHECK_EQ(SYS(fallocate, fd, 0, 0, 0, 4096, 0), 0);
  CHECK_EQ(SYS(fstat64, fd, &st), 0);
  CHECK_EQ(st.size, 4096);
  CHECK_EQ(SYS(fadvise64, fd, 0, 0, 4096, 0), 0);
  CHECK_EQ(SYS(fadvise64_64, fd, 0, 0, 4096, 0, 3), 0);
  CHECK_EQ(SYS(readahead, fd, 0, 0, 4096), 0);
  CHECK_EQ(SYS(sync_file_range, fd, 0, 0, 4096, 0, 0), 0);
  CHECK_EQ(SYS(close, fd), 0);
}

static void test_vectors(void) {
  char a[4] = "", b[8] = "";
  struct vec out[2] = {{"abc", 3}, {"defgh", 5}};
  struct vec in[2] = {{a, 3}, {b, 8}};
  SECTION("vectors");
  int fd = (int)SYS(open, "vector", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK_EQ(SYS(writev, fd, out, 2), 8);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_SET), 0);
  CHECK_EQ(SYS(readv, fd, in, 2), 8);
  CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "defgh", 5) == 0);
  CHECK_EQ(SYS(pwritev, fd, out, 1, 6, 0), 3);
  CHECK_EQ(SYS(preadv, fd, in, 2, 5, 0), 4);
  CHECK(memcmp(a, "fab", 3) == 0 && b[0] == 'c');
  CHECK_EQ(SYS(preadv, fd, in, 2, 0, 0x80000000), -EINVAL);
  CHECK_EQ(SYS(preadv2, fd, in, 1, 0, 0, 0), 3);
  CHECK_EQ(SYS(pwritev2, fd, out, 1, 0, 0, 0), 3);
  in[1].length = 0x80000000;
  CHECK_EQ(SYS(readv, fd, in, 2), -EINVAL);
  in[1].length = 1;
  in[1].base = (void *)8;
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_SET), 0);
  CHECK_EQ(SYS(readv, fd, in + 1, 1), -EFAULT);
  CHECK_EQ(SYS(readv, fd, in, 1025), -EINVAL);
  int to = (int)SYS(open, "copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
  uint32_t offset[2] = {2, 0x1234};
  CHECK_EQ(SYS(sendfile, to, fd, offset, 3), 3);
  CHECK_EQ(offset[0], 5);
  CHECK_EQ(offset[1], 0x1234);
  uint64_t offset64 = 5;
  CHECK_EQ(SYS(sendfile64, to, fd, &offset64, 2), 2);
  CHECK(offset64 == 7);
  CHECK_EQ(SYS(pread64, to, b, 8, 0, 0), 5);
  SYS(close, fd);
  SYS(close, to);
}

static void test_locks(void) {
  SECTION("locks");
  int fd = (int)SYS(open, "locked", O_RDWR | O_CREAT, 0600);
  struct flock_32 lock = {F_WRLCK, SEEK_SET, 10, 20, 0};
  CHECK_EQ(SYS(fcntl, fd, F_SETLK, &lock), 0);
  struct flock_64 far = {F_WRLCK, SEEK_SET, 5 * GiB, 7, 0};
  CHECK_EQ(SYS(fcntl64, fd, F_SETLK64, &far), 0);
  CHECK_EQ(SYS(fcntl, fd, F_SETLK64, &far), 0);
  int parent = (int)SYS(getpid);
  int pid = (int)SYS(fork);
  if (pid == 0) {
    struct flock_32 query = {F_RDLCK, SEEK_SET, 0, 100, 0};
    CHECK_EQ(SYS(fcntl64, fd, F_GETLK, &query), 0);
    CHECK(query.type == F_WRLCK && query.start == 10 && query.len == 20 && query.pid == parent);
    CHECK_EQ(SYS(fcntl64, fd, F_SETLK, &query), -EAGAIN);
    struct flock_64 wide = {F_RDLCK, SEEK_SET, 4 * GiB, 0, 0};
    CHECK_EQ(SYS(fcntl64, fd, F_GETLK64, &wide), 0);
    CHECK(wide.type == F_WRLCK && wide.start == 5 * GiB && wide.len == 7 && wide.pid == parent);
    query = (struct flock_32){F_RDLCK, SEEK_SET, 0x7fffffff, 0, 0};
    CHECK_EQ(SYS(fcntl64, fd, F_GETLK, &query), -EOVERFLOW);
    struct flock_64 ofd = {F_WRLCK, SEEK_SET, 6 * GiB, 1, 0};
    CHECK_EQ(SYS(fcntl64, fd, F_OFD_SETLK, &ofd), 0);
    finish();
  }
  int status = -1;
  CHECK_EQ(SYS(waitpid, pid, &status, 0), pid);
  CHECK_EQ(status, 0);
  CHECK_EQ(SYS(fcntl64, fd, F_GETFL, 0) & O_ACCMODE, O_RDWR);
  CHECK_EQ(SYS(fcntl64, fd, F_GETFL, 0) & O_LARGEFILE, 0);
  SYS(close, fd);
}

static void test_directory(void) {
  char buffer[1024];
  int found = 0, nr = 0;
  SECTION("directories");
  CHECK_EQ(SYS(mkdir, "dir", 0700), 0);
  CHECK_EQ(SYS(close, SYS(creat, "dir/name", 0600)), 0);
  int fd = (int)SYS(open, "dir", O_RDONLY | O_DIRECTORY);
  long length = SYS(getdents, fd, buffer, sizeof buffer);
  CHECK(length > 0);
  for (long at = 0; at < length; nr++) {
    /* d_ino, d_off, d_reclen, d_name; the type in the last byte. */
    uint16_t reclen = *(uint16_t *)(buffer + at + 8);
    CHECK_QUIET(reclen % 4 == 0);
    if (strcmp(buffer + at + 10, "name") == 0) found = buffer[at + reclen - 1];
    at += reclen;
  }
  CHECK_EQ(nr, 3);
  CHECK_EQ(found, 8);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_SET), 0);
  length = SYS(getdents64, fd, buffer, sizeof buffer);
  found = nr = 0;
  for (long at = 0; at < length; nr++) {
    uint16_t reclen = *(uint16_t *)(buffer + at + 16);
    CHECK_QUIET(reclen % 8 == 0);
    if (strcmp(buffer + at + 19, "name") == 0) found = buffer[at + 18];
    at += reclen;
  }
  CHECK_EQ(nr, 3);
  CHECK_EQ(found, 8);
  SYS(close, fd);
}

static void test_statfs(void) {
  struct statfs_32 small;
  struct statfs_64 large;
  SECTION("statfs");
  CHECK_EQ(sizeof small, 64);
  CHECK_EQ(sizeof large, 84);
  CHECK_EQ(SYS(statfs64, "/proc", 84, &large), 0);
  CHECK_EQ(large.type, 0x9fa0);
  CHECK_EQ(large.namelen, 255);
  CHECK_EQ(SYS(statfs64, "/proc", 64, &large), -EINVAL);
  CHECK_EQ(SYS(statfs, "/proc", &small), 0);
  CHECK_EQ(small.type, 0x9fa0);
  CHECK_EQ(small.bsize, large.bsize);
  CHECK_EQ(small.namelen, 255);
  int fd = (int)SYS(open, "/proc", O_RDONLY);
  CHECK_EQ(SYS(fstatfs64, fd, 84, &large), 0);
  CHECK_EQ(SYS(fstatfs, fd, &small), 0);
  CHECK_EQ(small.type, 0x9fa0);
  SYS(close, fd);
}

static void test_times(void) {
  struct stat_64 st;
  SECTION("times");
  int32_t times[4] = {1000, 5, 2000, 7};
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "file", times, 0), 0);
  CHECK_EQ(SYS(stat64, "file", &st), 0);
  CHECK(st.times[0] == 1000 && st.times[1] == 5 && st.times[2] == 2000 && st.times[3] == 7);
  int64_t wide[4] = {3000, 1, 4000, 2};
  CHECK_EQ(SYS(utimensat_time64, AT_FDCWD, "file", wide, 0), 0);
  CHECK_EQ(SYS(stat64, "file", &st), 0);
  CHECK(st.times[0] == 3000 && st.times[1] == 1 && st.times[2] == 4000 && st.times[3] == 2);
  int32_t micro[4] = {100, 3, 200, 4};
  CHECK_EQ(SYS(utimes, "file", micro), 0);
  CHECK_EQ(SYS(stat64, "file", &st), 0);
  CHECK(st.times[0] == 100 && st.times[1] == 3000 && st.times[2] == 200 && st.times[3] == 4000);
  int32_t seconds[2] = {300, 400};
  CHECK_EQ(SYS(utime, "file", seconds), 0);
  CHECK_EQ(SYS(stat64, "file", &st), 0);
  CHECK(st.times[0] == 300 && st.times[2] == 400);
  times[1] = 1000000000;
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "file", times, 0), -EINVAL);
}

static void test_ids(void) {
  struct stat_64 st;
  uint16_t ids[3];
  SECTION("16-bit ids");
  CHECK_EQ(SYS(getuid), SYS(getuid32));
  CHECK_EQ(SYS(getegid), SYS(getegid32));
  CHECK_EQ(SYS(getresuid, ids, ids + 1, ids + 2), 0);
  CHECK(ids[0] == SYS(getuid) && ids[1] == SYS(geteuid));
  CHECK_EQ(SYS(chown, "file", 0xffff, 0xffff), 0);
  CHECK_EQ(SYS(chown32, "file", -1, -1), 0);
  CHECK_EQ(SYS(setreuid, 0xffff, 0xffff), 0);
  CHECK_EQ(SYS(stat64, "file", &st), 0);
  CHECK_EQ(st.uid, SYS(getuid32));
  CHECK_EQ(SYS(umask, 022), 022);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  SYS(umask, 022);
  test_stat();
  test_offsets();
  test_vectors();
  test_locks();
  test_directory();
  test_statfs();
  test_times();
  test_ids();
}
