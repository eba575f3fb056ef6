/* Copy on write: parent, children and grandchildren each see their own pages, also when the kernel writes into them. */
#include "guest.h"

#define NR 64ul

static unsigned char *pages;

static int all_are(unsigned char byte) {
  for (unsigned long i = 0; i < NR * PAGE; i += 97)
    if (pages[i] != byte) return 0;
  return 1;
}

static void generations(void) {
  SECTION("generations");
  memset(pages, 1, NR * PAGE);
  int child = fork_child();
  if (child == 0) {
    CHECK(all_are(1));
    memset(pages, 2, NR * PAGE);
    int grandchild = fork_child();
    if (grandchild == 0) {
      CHECK(all_are(2));
      memset(pages, 3, NR * PAGE);
      CHECK(all_are(3));
      finish();
    }
    CHECK_EQ(wait_for(grandchild), EXITED(0));
    CHECK(all_are(2));
    finish();
  }
  CHECK_EQ(wait_for(child), EXITED(0));
  CHECK(all_are(1));
  memset(pages, 4, NR * PAGE);
  CHECK(all_are(4));
}

static void parent_writes(void) {
  SECTION("the parent writes first");
  int go[2];
  char byte;
  SYS(pipe, go);
  memset(pages, 5, NR * PAGE);
  int child = fork_child();
  if (child == 0) {
    SYS(read, go[0], &byte, 1);
    CHECK(all_are(5));
    finish();
  }
  memset(pages, 6, NR * PAGE);
  SYS(write, go[1], "x", 1);
  CHECK_EQ(wait_for(child), EXITED(0));
  CHECK(all_are(6));
}

static void kernel_writes(void) {
  SECTION("the kernel writes");
  memset(pages, 7, NR * PAGE);
  int child = fork_child();
  if (child == 0) {
    int fd = (int)SYS(open, "/dev/zero", O_RDONLY);
    CHECK_EQ(SYS(read, fd, pages + 100, 3 * PAGE), 3 * PAGE);
    CHECK_EQ(pages[99], 7);
    CHECK_EQ(pages[100], 0);
    CHECK_EQ(pages[100 + 3 * PAGE - 1], 0);
    CHECK_EQ(pages[100 + 3 * PAGE], 7);
    SYS(clock_gettime, CLOCK_MONOTONIC, pages + 10 * PAGE);
    finish();
  }
  CHECK_EQ(wait_for(child), EXITED(0));
  CHECK(all_are(7));
}

static void zero_page(void) {
  SECTION("pages that were only read");
  unsigned char *fresh = map_pages(4);
  unsigned sum = 0;
  for (unsigned long i = 0; i < 4 * PAGE; i++) sum += fresh[i];
  CHECK_EQ(sum, 0);
  fresh[PAGE] = 1;
  CHECK_EQ(fresh[0], 0);
  CHECK_EQ(fresh[2 * PAGE], 0);
  int child = fork_child();
  if (child == 0) {
    fresh[0] = 2;
    exit_group(fresh[0] + fresh[PAGE]);
  }
  CHECK_EQ(wait_for(child), EXITED(3));
  CHECK_EQ(fresh[0], 0);
}

static void program_data(void) {
  SECTION("data and text of the program");
  static volatile int initialised = 42;
  int child = fork_child();
  if (child == 0) {
    initialised = 43;
    exit_group(initialised);
  }
  CHECK_EQ(wait_for(child), EXITED(43));
  CHECK_EQ(initialised, 42);
  /* A page of the program's text, written after mprotect, belongs to this process alone. */
  unsigned char *text = (unsigned char *)((unsigned long)&program_data & ~(PAGE - 1));
  unsigned char first = text[0];
  child = fork_child();
  if (child == 0) {
    CHECK_EQ(SYS(mprotect, text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    text[0] = (unsigned char)(first + 1);
    CHECK(text[0] == (unsigned char)(first + 1));
    finish();
  }
  CHECK_EQ(wait_for(child), EXITED(0));
  CHECK(text[0] == first);
}

static void read_only_again(void) {
  SECTION("protection and copying");
  memset(pages, 8, NR * PAGE);
  SYS(mprotect, pages, NR * PAGE, PROT_READ);
  int child = fork_child();
  if (child == 0) {
    SYS(mprotect, pages, NR * PAGE, PROT_READ | PROT_WRITE);
    memset(pages, 9, NR * PAGE);
    CHECK(all_are(9));
    finish();
  }
  CHECK_EQ(wait_for(child), EXITED(0));
  CHECK(all_are(8));
  SYS(mprotect, pages, NR * PAGE, PROT_READ | PROT_WRITE);
}

static void many_children(void) {
  SECTION("many children at once");
  int ends[2], bad = 0;
  SYS(pipe, ends);
  for (int i = 0; i < 12; i++) {
    if (fork_child() == 0) {
      memset(pages, 100 + i, NR * PAGE);
      SYS(sched_yield);
      char good = all_are((unsigned char)(100 + i)) ? 'y' : 'n';
      SYS(write, ends[1], &good, 1);
      exit_group(0);
    }
  }
  for (int i = 0; i < 12; i++) {
    char good;
    SYS(read, ends[0], &good, 1);
    bad += good != 'y';
    SYS(wait4, -1, 0, 0, 0);
  }
  CHECK_EQ(bad, 0);
  CHECK(all_are(8));
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  pages = map_pages(NR);
  generations();
  parent_writes();
  kernel_writes();
  zero_page();
  program_data();
  read_only_again();
  many_children();
}
