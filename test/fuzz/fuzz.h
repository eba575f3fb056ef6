/* Shared by the fuzz programs: seeded random numbers, and children that are killed when they take too long. */
#pragma once
#include "guest.h"

static unsigned long random_state;

static inline unsigned long random_next(void) {
  random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
  return random_state * 0x2545f4914f6cdd1dul;
}

static inline void random_seed(unsigned long seed) {
  random_state = seed * 0x9e3779b97f4a7c15ul + 0x1234567;
  for (int i = 0; i < 4; i++) random_next();
}

static inline unsigned long random_below(unsigned long limit) {
  return (random_next() >> 11) % limit;
}

#define NOBODY 65534

/* Ends the process if it cannot: as any other user kill(-1) would reach what is not ours. */
static inline void become_nobody(void) {
  SYS(setgroups, 0, 0);
  SYS(setresgid, NOBODY, NOBODY, NOBODY);
  if (SYS(setresuid, NOBODY, NOBODY, NOBODY) != 0) exit_group(125);
}

/* Waits for the child; kills it after `ms`. Returns its status. */
static inline int wait_or_kill(int pid, long ms) {
  int status = 0;
  for (long deadline = now_ms() + ms;;) {
    long result = SYS(wait4, pid, &status, WNOHANG, 0);
    if (result == pid) return status;
    if (result < 0) return -1;
    if (now_ms() > deadline) SYS(kill, pid, SIGKILL);
    sleep_ms(1);
  }
}

/*
 * Kills what the children of nobody may have left, and collects it. No fork is needed for it: there may be no room for one.
 * The effective user id reaches them; the real and the saved one are such that they do not reach this process.
 */
static inline void sweep(void) {
  if (SYS(setresuid, 1, NOBODY, 0) != 0) exit_group(125);
  SYS(kill, -1, SIGKILL);
  SYS(setresuid, 0, 0, 0);
  while (SYS(wait4, -1, 0, WNOHANG, 0) > 0) {}
}
