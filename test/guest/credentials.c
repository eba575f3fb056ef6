/* User and group ids and capabilities, as root and after giving them up. man 7 credentials, man 2 setresuid */
#include "guest.h"

static void show(const char *what) {
  int r, e, s;
  SYS(getresuid, &r, &e, &s);
  print("%s: uid %d %d %d", what, r, e, s);
  SYS(getresgid, &r, &e, &s);
  print(" gid %d %d %d\n", r, e, s);
}

static void reversible_body(void) {
  CHECK_EQ(SYS(setresuid, -1, 1000, -1), 0);
  show("effective 1000");
  CHECK_EQ(SYS(geteuid), 1000);
  CHECK_EQ(SYS(getuid), 0);
  CHECK_EQ(SYS(setresuid, -1, 2000, -1), -EPERM);
  CHECK_EQ(SYS(setuid, 0), 0);
  show("back");
  CHECK_EQ(SYS(setreuid, 1000, 2000), 0);
  show("setreuid");
  CHECK_EQ(SYS(setreuid, 2000, 1000), 0);
  CHECK_EQ(SYS(setreuid, 3000, -1), -EPERM);
  show("swapped");
}

static void final_body(void) {
  int list[4] = {7, 3, 5, 0};
  CHECK_EQ(SYS(setgroups, 3, list), 0);
  memset(list, 0, sizeof list);
  CHECK_EQ(SYS(getgroups, 0, 0), 3);
  CHECK_EQ(SYS(getgroups, 2, list), -EINVAL);
  CHECK_EQ(SYS(getgroups, 4, list), 3);
  CHECK(list[0] == 3 && list[1] == 5 && list[2] == 7);
  CHECK_EQ(SYS(setgid, 500), 0);
  CHECK_EQ(SYS(setuid, 1000), 0);
  show("user");
  CHECK_EQ(SYS(setuid, 0), -EPERM);
  CHECK_EQ(SYS(setgid, 0), -EPERM);
  CHECK_EQ(SYS(setresuid, 1000, 1000, 0), -EPERM);
  CHECK_EQ(SYS(setgroups, 1, list), -EPERM);
  CHECK_EQ(SYS(setuid, -1), -EINVAL);
  CHECK_EQ(SYS(setfsuid, 1234), 1000);
  CHECK_EQ(SYS(setfsuid, -1), 1000);
  CHECK_EQ(SYS(setfsgid, -1), 500);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  CHECK_EQ(SYS(capget, &header, data), 0);
  CHECK_EQ(data[0].effective | data[0].permitted | data[1].effective, 0);
  data[0].effective = data[0].permitted = 1;
  CHECK_EQ(SYS(capset, &header, data), -EPERM);
}

static void keep_body(void) {
  CHECK_EQ(SYS(prctl, PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
  CHECK_EQ(SYS(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
  CHECK_EQ(SYS(setresuid, 1000, 1000, 1000), 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  SYS(capget, &header, data);
  CHECK_EQ(data[0].effective, 0);
  CHECK(data[0].permitted != 0);
  data[0].effective = 1u << CAP_SETUID;
  CHECK_EQ(SYS(capset, &header, data), 0);
  CHECK_EQ(SYS(setresuid, 5, 5, 5), 0);
  show("with CAP_SETUID");
}

static void kill_body(void) {
  int root = (int)SYS(getppid);
  int *other = map_shared(1);
  int pid = fork_child();
  if (pid == 0) {
    SYS(setresuid, 2000, 2000, 2000);
    other[0] = 1;
    for (;;) SYS(pause);
  }
  WAIT_UNTIL(other[0]);
  int same = fork_child();
  if (same == 0) {
    SYS(setresuid, 1000, 1000, 1000);
    other[1] = 1;
    for (;;) SYS(pause);
  }
  WAIT_UNTIL(other[1]);
  int killer = fork_child();
  if (killer == 0) {
    SYS(setresuid, 1000, 1000, 1000);
    CHECK_EQ(SYS(kill, pid, SIGTERM), -EPERM);
    CHECK_EQ(SYS(kill, root, 0), -EPERM);
    CHECK_EQ(SYS(kill, same, SIGTERM), 0);
    finish();
  }
  CHECK_EQ(wait_for(killer), EXITED(0));
  CHECK_EQ(wait_for(same), SIGNALED(SIGTERM));
  SYS(kill, pid, SIGKILL);
  CHECK_EQ(wait_for(pid), SIGNALED(SIGKILL));
}

/* A set-user-id copy of this program prints who it is. */
static void set_user_id(void) {
  char buffer[4096];
  int from = (int)SYS(open, "/proc/self/exe", O_RDONLY), to = (int)SYS(open, "setuid", O_WRONLY | O_CREAT | O_TRUNC, 0755);
  for (long n; (n = SYS(read, from, buffer, sizeof buffer)) > 0;) SYS(write, to, buffer, n);
  SYS(fchown, to, 777, 888);
  SYS(fchmod, to, 06755);
  SYS(close, to);
  int pid = fork_child();
  if (pid == 0) {
    SYS(setresuid, 1000, 1000, 1000);
    char *argv[] = {"setuid", "show", NULL}, *envp[] = {NULL};
    SYS(execve, "./setuid", argv, envp);
  }
  CHECK_EQ(wait_for(pid), EXITED(0));
}

void test_main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "show") == 0) {
    show("set-user-id program");
    print("AT_SECURE %d\n", (int)auxiliary_value(AT_SECURE));
    return;
  }
  SYS(chmod, ".", 0755);
  show("root");
  CHECK_EQ(in_child(reversible_body), EXITED(0));
  CHECK_EQ(in_child(final_body), EXITED(0));
  CHECK_EQ(in_child(keep_body), EXITED(0));
  CHECK_EQ(in_child(kill_body), EXITED(0));
  set_user_id();
}
