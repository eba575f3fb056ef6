/* Names: mkdir(2), rmdir, link, symlink, rename, getdents64, chdir and getcwd, and path resolution. man 7 path_resolution */
#include "guest.h"

static int exists(const char *path) {
  struct stat st;
  return SYS(lstat, path, &st) == 0;
}

static long links(const char *path) {
  struct stat st;
  return SYS(lstat, path, &st) == 0 ? (long)st.st_nlink : -1;
}

static void directories(void) {
  SECTION("directories");
  CHECK_EQ(SYS(mkdir, "d", 0755), 0);
  CHECK_EQ(SYS(mkdir, "d", 0755), -EEXIST);
  CHECK_EQ(SYS(mkdir, "d/a/b", 0755), -ENOENT);
  CHECK_EQ(SYS(mkdir, "d/a/", 0755), 0);
  CHECK_EQ(links("d"), 3);
  CHECK_EQ(SYS(rmdir, "d"), -ENOTEMPTY);
  CHECK_EQ(SYS(rmdir, "d/a/."), -EINVAL);
  CHECK_EQ(SYS(rmdir, "d/a/.."), -ENOTEMPTY);
  CHECK_EQ(SYS(unlink, "d/a"), -EISDIR);
  CHECK_EQ(SYS(rmdir, "d/a"), 0);
  CHECK_EQ(links("d"), 2);
  write_file("d/file", "x", 0644);
  CHECK_EQ(SYS(rmdir, "d/file"), -ENOTDIR);
  CHECK_EQ(SYS(mkdir, "d/file/x", 0755), -ENOTDIR);
  CHECK_EQ(SYS(unlink, "d/file"), 0);
  CHECK_EQ(SYS(rmdir, "/"), -EBUSY);
  CHECK_EQ(SYS(mkdir, "/", 0755), -EEXIST);
  CHECK_EQ(SYS(mkdir, "", 0755), -ENOENT);
}

static void hard_links(void) {
  SECTION("hard links");
  char text[16];
  write_file("one", "data", 0644);
  CHECK_EQ(SYS(link, "one", "two"), 0);
  CHECK_EQ(links("one"), 2);
  CHECK_EQ(SYS(link, "one", "two"), -EEXIST);
  CHECK_EQ(SYS(link, "missing", "three"), -ENOENT);
  CHECK_EQ(SYS(link, "d", "three"), -EPERM);
  struct stat a, b;
  SYS(stat, "one", &a);
  SYS(stat, "two", &b);
  CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  CHECK_EQ(SYS(unlink, "one"), 0);
  CHECK_EQ(links("two"), 1);
  CHECK_EQ(read_file("two", text, sizeof text), 4);
}

static void symbolic_links(void) {
  SECTION("symbolic links");
  char text[300];
  CHECK_EQ(SYS(symlink, "two", "to_two"), 0);
  CHECK_EQ(SYS(symlink, "two", "to_two"), -EEXIST);
  CHECK_EQ(SYS(symlink, "", "empty"), -ENOENT);
  memset(text, 0, sizeof text);
  CHECK_EQ(SYS(readlink, "to_two", text, sizeof text), 3);
  CHECK(strcmp(text, "two") == 0);
  CHECK_EQ(SYS(readlink, "to_two", text, 2), 2);
  CHECK_EQ(SYS(readlink, "to_two", text, 0), -EINVAL);
  CHECK_EQ(SYS(readlink, "two", text, 10), -EINVAL);
  struct stat st;
  SYS(lstat, "to_two", &st);
  CHECK_EQ(st.st_mode, 0120777);
  CHECK_EQ(st.st_size, 3);
  SYS(stat, "to_two", &st);
  CHECK_EQ(st.st_mode, 0100644);
  CHECK_EQ(SYS(open, "to_two", O_RDONLY | O_NOFOLLOW), -ELOOP);
  CHECK_EQ(SYS(symlink, "nowhere", "dangling"), 0);
  CHECK_EQ(SYS(open, "dangling", O_RDONLY), -ENOENT);
  CHECK_EQ(SYS(open, "dangling", O_WRONLY | O_CREAT | O_EXCL, 0644), -EEXIST);
  CHECK(SYS(open, "dangling", O_WRONLY | O_CREAT, 0644) >= 0);
  CHECK(exists("nowhere"));
  SYS(symlink, "loop2", "loop1");
  SYS(symlink, "loop1", "loop2");
  CHECK_EQ(SYS(open, "loop1", O_RDONLY), -ELOOP);
  CHECK_EQ(SYS(chdir, "loop1"), -ELOOP);
  /* 40 links in a row are followed, 41 are not. */
  char from[16] = "two", to[16];
  for (int i = 0; i < 41; i++) {
    format_into(to, sizeof to, "chain%d", i);
    SYS(symlink, from, to);
    strcpy(from, to);
  }
  CHECK_EQ(SYS(stat, "chain39", &st), 0);
  CHECK_EQ(SYS(stat, "chain40", &st), -ELOOP);
  SYS(symlink, "d", "to_d");
  CHECK_EQ(SYS(mkdir, "to_d/inside", 0755), 0);
  CHECK(exists("d/inside"));
  CHECK_EQ(SYS(rmdir, "to_d"), -ENOTDIR);
  CHECK_EQ(SYS(lstat, "to_d/", &st), 0);
  CHECK_EQ(st.st_mode & S_IFMT, S_IFDIR);
  CHECK_EQ(SYS(unlink, "to_d"), 0);
  CHECK_EQ(SYS(linkat, AT_FDCWD, "to_two", AT_FDCWD, "hard", 0), 0);
  CHECK_EQ(SYS(readlink, "hard", text, 10), 3);
  CHECK_EQ(SYS(linkat, AT_FDCWD, "to_two", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW), 0);
  CHECK_EQ(links("two"), 2);
}

static void renaming(void) {
  SECTION("rename");
  char text[16];
  write_file("r1", "first", 0644);
  write_file("r2", "second", 0644);
  CHECK_EQ(SYS(rename, "r1", "r2"), 0);
  CHECK(!exists("r1"));
  read_file("r2", text, sizeof text);
  CHECK(strcmp(text, "first") == 0);
  CHECK_EQ(SYS(rename, "missing", "x"), -ENOENT);
  CHECK_EQ(SYS(rename, "r2", "d"), -EISDIR);
  CHECK_EQ(SYS(rename, "d", "r2"), -ENOTDIR);
  CHECK_EQ(SYS(rename, "d", "d/inside/d"), -EINVAL);
  SYS(mkdir, "e", 0755);
  CHECK_EQ(SYS(rename, "e", "d"), -ENOTEMPTY);
  CHECK_EQ(SYS(rename, "d", "e"), 0);
  CHECK(exists("e/inside") && !exists("d"));
  CHECK_EQ(links("e"), 3);
  CHECK_EQ(SYS(rename, "e/inside", "inside"), 0);
  CHECK_EQ(links("e"), 2);
  struct stat here, parent;
  SYS(stat, ".", &here);
  SYS(stat, "inside/..", &parent);
  CHECK(here.st_ino == parent.st_ino);
  SYS(link, "r2", "r3");
  CHECK_EQ(SYS(rename, "r2", "r3"), 0);
  CHECK(exists("r2") && exists("r3"));
  CHECK_EQ(SYS(rename, "r2", "r2"), 0);
  CHECK_EQ(SYS(rename, "e/.", "f"), -EBUSY);
  CHECK_EQ(SYS(rename, "e", "e/.."), -EBUSY);
  CHECK_EQ(SYS(rename, "r3", "/proc/r3"), -EXDEV);
  SYS(unlink, "r3");
  write_file("r3", "third", 0644);
  CHECK_EQ(SYS(renameat2, AT_FDCWD, "r2", AT_FDCWD, "r3", RENAME_NOREPLACE), -EEXIST);
  CHECK_EQ(SYS(renameat2, AT_FDCWD, "r2", AT_FDCWD, "r3", RENAME_EXCHANGE), 0);
  read_file("r3", text, sizeof text);
  CHECK(strcmp(text, "first") == 0);
  CHECK_EQ(SYS(renameat2, AT_FDCWD, "r2", AT_FDCWD, "r3", RENAME_EXCHANGE | RENAME_NOREPLACE), -EINVAL);
}

struct dirent64 {
  uint64_t ino;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

/* The names of a directory, sorted, with types; read with a buffer of `size`. */
static int list(const char *path, size_t size, int show) {
  static char buffer[8192];
  static char names[400][24];
  static unsigned char types[400];
  int nr = 0, fd = (int)SYS(open, path, O_RDONLY | O_DIRECTORY);
  for (long n; (n = SYS(getdents64, fd, buffer, size)) > 0;) {
    for (long at = 0; at < n;) {
      struct dirent64 *entry = (void *)(buffer + at);
      CHECK_QUIET(entry->length % 8 == 0 && at + entry->length <= n && entry->ino != 0);
      int i = nr++;
      for (; i > 0 && strcmp(names[i - 1], entry->name) > 0; i--) strcpy(names[i], names[i - 1]), types[i] = types[i - 1];
      strcpy(names[i], entry->name);
      types[i] = entry->type;
      at += entry->length;
    }
  }
  SYS(close, fd);
  if (show)
    for (int i = 0; i < nr; i++) print("  %s type %d\n", names[i], types[i]);
  return nr;
}

static void listing(void) {
  SECTION("getdents64");
  char path[32];
  SYS(mkdir, "list", 0755);
  SYS(mkdir, "list/dir", 0755);
  write_file("list/file", "", 0644);
  SYS(symlink, "x", "list/link");
  SYS(mknod, "list/fifo", S_IFIFO | 0644, 0);
  CHECK_EQ(list("list", 8192, 1), 6);
  CHECK_EQ(list("list", 64, 0), 6);
  for (int i = 0; i < 300; i++) {
    format_into(path, sizeof path, "list/n%d", i);
    SYS(close, SYS(open, path, O_WRONLY | O_CREAT, 0644));
  }
  CHECK_EQ(list("list", 8192, 0), 306);
  CHECK_EQ(list("list", 100, 0), 306);
  int fd = (int)SYS(open, "list", O_RDONLY);
  char small[16];
  CHECK_EQ(SYS(getdents64, fd, small, 8), -EINVAL);
  CHECK_EQ(SYS(read, fd, small, 8), -EISDIR);
  CHECK_EQ(SYS(getdents64, 0, small, 8), -ENOTDIR);
  /* Removing while reading skips nothing that stays. */
  static char buffer[1024];
  int removed = 0;
  for (long n; (n = SYS(getdents64, fd, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < n;) {
      struct dirent64 *entry = (void *)(buffer + at);
      if (entry->name[0] == 'n') removed += SYS(unlinkat, fd, entry->name, 0) == 0;
      at += entry->length;
    }
  }
  CHECK_EQ(removed, 300);
  CHECK_EQ(SYS(lseek, fd, 0, SEEK_SET), 0);
  SYS(close, fd);
  CHECK_EQ(list("list", 8192, 0), 6);
}

static void walking(void) {
  SECTION("working directory and paths");
  char before[512], after[512];
  CHECK(SYS(getcwd, before, sizeof before) > 0);
  CHECK_EQ(SYS(getcwd, before, 1), -ERANGE);
  SYS(getcwd, before, sizeof before);
  CHECK_EQ(SYS(chdir, "list/dir"), 0);
  SYS(getcwd, after, sizeof after);
  CHECK(strncmp(after, before, strlen(before)) == 0 && strcmp(after + strlen(before), "/list/dir") == 0);
  CHECK(exists("../../list//dir/./../file"));
  CHECK_EQ(SYS(chdir, "../file"), -ENOTDIR);
  CHECK_EQ(SYS(chdir, "missing"), -ENOENT);
  SYS(mkdir, "deep", 0755);
  SYS(chdir, "deep");
  CHECK_EQ(SYS(rmdir, "../deep"), 0);
  CHECK_EQ(SYS(getcwd, after, sizeof after), -ENOENT);
  CHECK_EQ(SYS(open, "new", O_WRONLY | O_CREAT, 0644), -ENOENT);
  CHECK_EQ(SYS(chdir, ".."), 0);
  CHECK_EQ(SYS(chdir, before), 0);
  int fd = (int)SYS(open, "list", O_RDONLY);
  CHECK_EQ(SYS(fchdir, fd), 0);
  CHECK(exists("file"));
  CHECK_EQ(SYS(fchdir, 99), -EBADF);
  SYS(chdir, before);
  struct stat st, by_path;
  CHECK_EQ(SYS(newfstatat, fd, "file", &st, 0), 0);
  CHECK_EQ(SYS(newfstatat, fd, "", &st, 0), -ENOENT);
  CHECK_EQ(SYS(newfstatat, fd, "", &st, AT_EMPTY_PATH), 0);
  SYS(stat, "list", &by_path);
  CHECK(st.st_ino == by_path.st_ino);
  CHECK_EQ(SYS(openat, 99, "file", O_RDONLY), -EBADF);
  CHECK_EQ(SYS(openat, 0, "file", O_RDONLY), -ENOTDIR);
  CHECK(SYS(openat, 99, "/", O_RDONLY) >= 0);
  CHECK_EQ(SYS(unlinkat, fd, "dir", 0), -EISDIR);
  CHECK_EQ(SYS(unlinkat, fd, "dir", AT_REMOVEDIR), 0);
  CHECK_EQ(SYS(unlinkat, fd, "file", AT_REMOVEDIR), -ENOTDIR);
  CHECK_EQ(SYS(mkdirat, fd, "dir", 0700), 0);
  CHECK_EQ(SYS(symlinkat, "target", fd, "sym"), 0);
  CHECK_EQ(SYS(readlinkat, fd, "sym", after, 10), 6);
  SYS(stat, "/..", &st);
  SYS(stat, "/", &by_path);
  CHECK(st.st_ino == by_path.st_ino);
  struct open_how {
    uint64_t flags, mode, resolve;
  } how = {O_RDONLY, 0, 0x08 /* RESOLVE_BENEATH */};
  CHECK(SYS(openat2, fd, "file", &how, sizeof how) >= 0);
  CHECK_EQ(SYS(openat2, fd, "../list/file", &how, sizeof how), -EXDEV);
  how.resolve = 0x04; /* RESOLVE_NO_SYMLINKS */
  CHECK_EQ(SYS(openat2, AT_FDCWD, "to_two", &how, sizeof how), -ELOOP);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  directories();
  hard_links();
  symbolic_links();
  renaming();
  listing();
  walking();
}
