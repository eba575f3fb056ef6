/* Large reads, writes and copies: megabytes through files, pipes and mappings arrive unchanged. */
#include "guest.h"

#define SIZE (6ul << 20)

static unsigned char *data, *copy;

static unsigned long checksum(const unsigned char *bytes, unsigned long length) {
  unsigned long sum = 0;
  for (unsigned long i = 0; i < length; i += 8) {
    unsigned long word;
    memcpy(&word, bytes + i, 8);
    sum = (sum ^ word) * 0x100000001b3ul;
  }
  return sum;
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  data = map_pages(SIZE / PAGE);
  copy = map_pages(SIZE / PAGE);
  unsigned long state = 88172645463325252ul;
  for (unsigned long i = 0; i < SIZE; i += 8) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    memcpy(data + i, &state, 8);
  }
  print("checksum %lx\n", checksum(data, SIZE));

  SECTION("a file");
  int fd = (int)SYS(open, "large", O_RDWR | O_CREAT | O_TRUNC, 0644);
  CHECK_EQ(SYS(write, fd, data, SIZE), SIZE);
  CHECK_EQ(SYS(pread64, fd, copy, SIZE, 0), SIZE);
  CHECK_EQ(memcmp(data, copy, SIZE), 0);
  memset(copy, 0, SIZE);
  unsigned long at = 0;
  SYS(lseek, fd, 0, SEEK_SET);
  for (long step = 1, n; (n = SYS(read, fd, copy + at, step)) > 0; step = step * 7 % 99991) at += (unsigned long)n;
  CHECK_EQ(at, SIZE);
  CHECK_EQ(memcmp(data, copy, SIZE), 0);
  unsigned char *mapped = (unsigned char *)SYS(mmap, 0, SIZE, PROT_READ, MAP_SHARED, fd, 0);
  CHECK_EQ(memcmp(data, mapped, SIZE), 0);
  int other = (int)SYS(open, "other", O_RDWR | O_CREAT | O_TRUNC, 0644);
  CHECK_EQ(SYS(write, other, mapped + 1, SIZE - 1), SIZE - 1);
  memset(copy, 0, SIZE);
  CHECK_EQ(SYS(pread64, other, copy, SIZE, 0), SIZE - 1);
  CHECK_EQ(memcmp(data + 1, copy, SIZE - 1), 0);
  long offset = 0;
  SYS(ftruncate, other, 0);
  SYS(lseek, other, 0, SEEK_SET);
  while (SYS(sendfile, other, fd, &offset, SIZE) > 0) {}
  CHECK_EQ(file_size("other"), SIZE);
  memset(copy, 0, SIZE);
  SYS(pread64, other, copy, SIZE, 0);
  CHECK_EQ(memcmp(data, copy, SIZE), 0);

  SECTION("a pipe");
  int ends[2];
  SYS(pipe, ends);
  int pid = fork_child();
  if (pid == 0) {
    SYS(close, ends[0]);
    exit_group(write_all(ends[1], data, SIZE) != SIZE);
  }
  SYS(close, ends[1]);
  memset(copy, 0, SIZE);
  CHECK_EQ(read_all(ends[0], copy, SIZE), SIZE);
  char byte;
  CHECK_EQ(SYS(read, ends[0], &byte, 1), 0);
  CHECK_EQ(wait_for(pid), EXITED(0));
  CHECK_EQ(memcmp(data, copy, SIZE), 0);

  SECTION("vectors of odd pieces");
  struct iovec pieces[100];
  unsigned long sum = 0;
  for (int i = 0; i < 100; i++) {
    pieces[i] = (struct iovec){data + sum, (size_t)(i * i * 3 + 1)};
    sum += pieces[i].iov_len;
  }
  SYS(ftruncate, fd, 0);
  SYS(lseek, fd, 0, SEEK_SET);
  CHECK_EQ(SYS(writev, fd, pieces, 100), sum);
  SYS(pread64, fd, copy, sum, 0);
  CHECK_EQ(memcmp(data, copy, sum), 0);
  SYS(unlink, "large");
  SYS(unlink, "other");
}
