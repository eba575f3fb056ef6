/* stat(2), chmod, chown, utimensat, access, permissions of an ordinary user, statfs, xattr, locks. Runs as root. */
#include "guest.h"

#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4
#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

static unsigned mode_of(const char *path) {
  struct stat st;
  SYS(lstat, path, &st);
  return st.st_mode & 07777;
}

static void modes(void) {
  SECTION("chmod and chown");
  struct stat st;
  write_file("f", "x", 0644);
  CHECK_EQ(SYS(chmod, "f", 04755), 0);
  CHECK_EQ(mode_of("f"), 04755);
  CHECK_EQ(SYS(chown, "f", 100, 200), 0);
  SYS(stat, "f", &st);
  CHECK(st.st_uid == 100 && st.st_gid == 200);
  CHECK_EQ(mode_of("f"), 0755);
  CHECK_EQ(SYS(chown, "f", -1, 300), 0);
  SYS(stat, "f", &st);
  CHECK(st.st_uid == 100 && st.st_gid == 300);
  CHECK_EQ(SYS(chmod, "missing", 0), -ENOENT);
  CHECK_EQ(SYS(fchmodat, AT_FDCWD, "f", 0600), 0);
  CHECK_EQ(mode_of("f"), 0600);
  CHECK_EQ(SYS(fchmod, 99, 0600), -EBADF);
  SYS(symlink, "f", "s");
  CHECK_EQ(SYS(lchown, "s", 5, 6), 0);
  SYS(lstat, "s", &st);
  CHECK(st.st_uid == 5 && st.st_gid == 6);
  SYS(stat, "f", &st);
  CHECK_EQ(st.st_uid, 100);
  CHECK_EQ(SYS(fchownat, AT_FDCWD, "s", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
  SYS(lstat, "s", &st);
  CHECK(st.st_uid == 7 && st.st_gid == 8);
  SYS(mkdir, "sgid", 02755);
  SYS(chmod, "sgid", 02755);
  SYS(chown, "sgid", 0, 44);
  SYS(mkdir, "sgid/sub", 0755);
  SYS(stat, "sgid/sub", &st);
  CHECK(st.st_gid == 44 && (st.st_mode & 07777) == 02755);
}

static void times(void) {
  SECTION("times");
  struct stat st;
  write_file("t", "x", 0644);
  struct __kernel_timespec times[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "t", times, 0), 0);
  SYS(stat, "t", &st);
  CHECK_EQ(st.st_atime, 1000000000);
  CHECK_EQ(st.st_atime_nsec, 123456789);
  CHECK_EQ(st.st_mtime, 1100000000);
  CHECK_EQ(st.st_mtime_nsec, 987654321);
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = UTIME_NOW;
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "t", times, 0), 0);
  SYS(stat, "t", &st);
  CHECK_EQ(st.st_atime, 1000000000);
  CHECK(st.st_mtime > 1100000000);
  times[0].tv_nsec = 2000000000;
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "t", times, 0), -EINVAL);
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "missing", 0, 0), -ENOENT);
  long old[2] = {12345, 67890};
  CHECK_EQ(SYS(utime, "t", old), 0);
  SYS(stat, "t", &st);
  CHECK_EQ(st.st_mtime, 67890);
  int fd = (int)SYS(open, "t", O_RDWR);
  SYS(write, fd, "y", 1);
  SYS(fstat, fd, &st);
  CHECK(st.st_mtime > 67890);
  CHECK_EQ(st.st_atime, 12345);
  struct statx sx;
  CHECK_EQ(SYS(statx, AT_FDCWD, "t", 0, STATX_BASIC_STATS, &sx), 0);
  CHECK_EQ(sx.stx_size, 1);
  CHECK_EQ(sx.stx_mode, 0100644);
  CHECK_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
  CHECK_EQ(SYS(statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx), 0);
  CHECK_EQ(SYS(statx, AT_FDCWD, "t", 0x40000000, STATX_SIZE, &sx), -EINVAL);
  SYS(close, fd);
}

static void nobody_body(void) {
  SYS(setgroups, 0, 0);
  CHECK_EQ(SYS(setresgid, 65534, 65534, 65534), 0);
  CHECK_EQ(SYS(setresuid, 65534, 65534, 65534), 0);
  CHECK_EQ(SYS(open, "secret", O_RDONLY), -EACCES);
  CHECK_EQ(SYS(open, "public", O_WRONLY), -EACCES);
  CHECK(SYS(open, "public", O_RDONLY) >= 0);
  CHECK_EQ(SYS(open, "public", O_RDONLY | O_TRUNC), -EACCES);
  CHECK_EQ(SYS(access, "secret", R_OK), -EACCES);
  CHECK_EQ(SYS(access, "public", R_OK), 0);
  CHECK_EQ(SYS(access, "public", X_OK), -EACCES);
  CHECK_EQ(SYS(chmod, "public", 0777), -EPERM);
  CHECK_EQ(SYS(chown, "public", 65534, 65534), -EPERM);
  CHECK_EQ(SYS(unlink, "public"), -EACCES);
  CHECK_EQ(SYS(mkdir, "new", 0755), -EACCES);
  CHECK_EQ(SYS(rename, "public", "renamed"), -EACCES);
  CHECK_EQ(SYS(open, "closed/file", O_RDONLY), -EACCES);
  CHECK_EQ(SYS(chdir, "closed"), -EACCES);
  CHECK(SYS(open, "listed", O_RDONLY) >= 0);
  struct stat st;
  CHECK_EQ(SYS(stat, "listed/file", &st), -EACCES);
  CHECK_EQ(SYS(stat, "passed/file", &st), 0);
  CHECK_EQ(SYS(open, "passed", O_RDONLY), -EACCES);
  CHECK_EQ(SYS(unlink, "sticky/other"), -EPERM);
  CHECK_EQ(SYS(unlink, "sticky/mine"), 0);
  long fd = SYS(open, "sticky/own", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0);
  CHECK_EQ(SYS(fchmod, fd, 0), 0);
  CHECK_EQ(SYS(open, "sticky/own", O_RDONLY), -EACCES);
  CHECK_EQ(SYS(fchmod, fd, 06755), 0);
  SYS(write, fd, "x", 1);
  SYS(fstat, fd, &st);
  CHECK_EQ(st.st_mode & 07777, 0755);
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "public", 0, 0), -EACCES);
  struct __kernel_timespec times[2] = {{1, 0}, {1, 0}};
  CHECK_EQ(SYS(utimensat, AT_FDCWD, "public", times, 0), -EPERM);
  CHECK_EQ(SYS(mknod, "sticky/device", S_IFCHR | 0666, 0x103), -EPERM);
  CHECK_EQ(SYS(chroot, "."), -EPERM);
  CHECK_EQ(SYS(kill, 1, 0), -EPERM);
  CHECK_EQ(SYS(sethostname, "x", 1), -EPERM);
  CHECK_EQ(SYS(setuid, 0), -EPERM);
  CHECK_EQ(SYS(setgroups, 0, 0), -EPERM);
}

static void permissions(void) {
  SECTION("permissions");
  write_file("secret", "s", 0600);
  write_file("public", "p", 0644);
  SYS(mkdir, "closed", 0700);
  SYS(mkdir, "listed", 0755);
  SYS(mkdir, "passed", 0755);
  SYS(mkdir, "sticky", 0755);
  write_file("closed/file", "", 0644);
  write_file("listed/file", "", 0644);
  write_file("passed/file", "", 0644);
  write_file("sticky/other", "", 0666);
  write_file("sticky/mine", "", 0666);
  SYS(chown, "sticky/mine", 65534, 65534);
  SYS(chmod, "listed", 0744);
  SYS(chmod, "passed", 0711);
  SYS(chmod, "sticky", 01777);
  SYS(chmod, ".", 0755);
  CHECK_EQ(SYS(access, "secret", R_OK | W_OK), 0);
  CHECK_EQ(SYS(access, "secret", X_OK), -EACCES);
  CHECK_EQ(SYS(access, "secret", 8), -EINVAL);
  CHECK_EQ(SYS(access, "missing", F_OK), -ENOENT);
  CHECK_EQ(in_child(nobody_body), EXITED(0));
}

static void locking(void) {
  SECTION("locks");
  int fd = (int)SYS(open, "lock", O_RDWR | O_CREAT, 0644);
  struct flock lock = {F_WRLCK, SEEK_SET, 10, 10, 0}, other;
  CHECK_EQ(SYS(fcntl, fd, F_SETLK, &lock), 0);
  int parent = (int)SYS(getpid);
  int pid = fork_child();
  if (pid == 0) {
    other = (struct flock){F_RDLCK, SEEK_SET, 0, 11, 0};
    CHECK_EQ(SYS(fcntl, fd, F_GETLK, &other), 0);
    CHECK_EQ(other.l_type, F_WRLCK);
    CHECK_EQ(other.l_start, 10);
    CHECK_EQ(other.l_len, 10);
    CHECK(other.l_pid == parent);
    other = (struct flock){F_RDLCK, SEEK_SET, 15, 1, 0};
    CHECK_EQ(SYS(fcntl, fd, F_SETLK, &other), -EAGAIN);
    other = (struct flock){F_WRLCK, SEEK_SET, 0, 10, 0};
    CHECK_EQ(SYS(fcntl, fd, F_SETLK, &other), 0);
    other = (struct flock){F_WRLCK, SEEK_SET, 12, 1, 0};
    CHECK_EQ(SYS(fcntl, fd, F_SETLKW, &other), 0);
    finish();
  }
  sleep_ms(30);
  lock = (struct flock){F_UNLCK, SEEK_SET, 12, 3, 0};
  // The child goes on at once: what it prints comes first.
  long unlocked = SYS(fcntl, fd, F_SETLK, &lock);
  CHECK_EQ(wait_for(pid), EXITED(0));
  CHECK_EQ(unlocked, 0);
  lock.l_type = 99;
  CHECK_EQ(SYS(fcntl, fd, F_SETLK, &lock), -EINVAL);
  int second = (int)SYS(open, "lock", O_RDWR);
  CHECK_EQ(SYS(flock, fd, 2 /* LOCK_EX */), 0);
  CHECK_EQ(SYS(flock, second, 2 | 4 /* LOCK_NB */), -EAGAIN);
  CHECK_EQ(SYS(flock, fd, 1 /* LOCK_SH */), 0);
  CHECK_EQ(SYS(flock, second, 1 | 4), 0);
  CHECK_EQ(SYS(flock, fd, 8 /* LOCK_UN */), 0);
  CHECK_EQ(SYS(flock, second, 2 | 4), 0);
  CHECK_EQ(SYS(flock, fd, 0), -EINVAL);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  SYS(umask, 022);
  modes();
  times();
  permissions();
  locking();
}
