/* The line discipline, seen through a pseudo terminal: editing, echo, translation, raw reads, flow. man 3 termios */
#include "guest.h"

static int master, slave;
static struct termios initial;

static void open_terminal(void) {
  int zero = 0;
  master = (int)SYS(open, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
  SYS(ioctl, master, TIOCSPTLCK, &zero);
  slave = (int)SYS(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
  CHECK(master >= 0 && slave >= 0);
  CHECK_EQ(SYS(ioctl, slave, TCGETS, &initial), 0);
}

static void show(const char *what, long length, const unsigned char *bytes) {
  print("%s: ", what);
  if (length < 0) {
    print("%s\n", result_name(length));
    return;
  }
  for (long i = 0; i < length; i++) {
    if (bytes[i] > 32 && bytes[i] < 127 && bytes[i] != '\\') print("%c", bytes[i]);
    else print("\\%x", bytes[i]);
  }
  print(" (%ld)\n", length);
}

/* What the terminal shows (`master`), then what a program reads. */
static void type(const char *keys, long length) {
  unsigned char buffer[8192];
  SYS(write, master, keys, length < 0 ? (long)strlen(keys) : length);
  sleep_ms(10);
  show("  screen", SYS(read, master, buffer, sizeof buffer), buffer);
  for (;;) {
    long n = SYS(read, slave, buffer, sizeof buffer);
    show("  read", n, buffer);
    if (n <= 0) break;
  }
}

#define TYPE(keys) \
  do { \
    print("type %s\n", #keys); \
    type(keys, sizeof keys - 1); \
  } while (0)

static void output(const char *text) {
  unsigned char buffer[512];
  SYS(write, slave, text, strlen(text));
  sleep_ms(10);
  show("  output", SYS(read, master, buffer, sizeof buffer), buffer);
}

static struct termios change(unsigned iflag_off, unsigned iflag, unsigned lflag_off, unsigned lflag) {
  struct termios termios = initial;
  termios.c_iflag = (termios.c_iflag & ~iflag_off) | iflag;
  termios.c_lflag = (termios.c_lflag & ~lflag_off) | lflag;
  SYS(ioctl, slave, TCSETS, &termios);
  return termios;
}

static void canonical(void) {
  SECTION("canonical input");
  print("initial %x %x %x %x\n", initial.c_iflag, initial.c_oflag, initial.c_cflag, initial.c_lflag);
  for (int i = 0; i < 17; i++) print("%d ", initial.c_cc[i]);
  print("\n");
  TYPE("hello\r");
  TYPE("two\rlines\n");
  TYPE("nothing yet");
  TYPE("\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f!\r");
  TYPE("mistake\x15right\r");
  TYPE("one two three\x17" "four\r");
  TYPE("tab\there\x7f\x7f\x7f\x7f\x7fx\r");
  TYPE("ctrl\x01x\x7f\x7f\r");
  TYPE("\x04");
  TYPE("part\x04");
  TYPE("lit\x16\x03\x16\x7f.\r");
  TYPE("re\x12print\r");
  TYPE("\xc3\xa4\x7f\r");
  char buffer[8];
  SYS(write, master, "abcdef\r", 7);
  sleep_ms(10);
  CHECK_EQ(SYS(read, slave, buffer, 4), 4);
  CHECK_EQ(SYS(read, slave, buffer, 8), 3);
  CHECK_EQ(SYS(read, slave, buffer, 8), -EAGAIN);
  unsigned char drain[64];
  SYS(read, master, drain, sizeof drain);
}

static void flags(void) {
  SECTION("input flags");
  change(ICRNL, 0, 0, 0);
  TYPE("cr\rnl\n");
  change(ICRNL, INLCR, 0, 0);
  TYPE("nl\nno\r");
  TYPE("\x15");
  change(ICRNL, IGNCR, 0, 0);
  TYPE("a\rb\n");
  change(0, ISTRIP, 0, 0);
  TYPE("\xe1\r");
  change(0, IUCLC, 0, IEXTEN);
  TYPE("UPPER\r");
  change(0, IUTF8, 0, 0);
  TYPE("\xc3\xa4\x7f.\r");

  SECTION("local flags");
  change(0, 0, ECHO, 0);
  TYPE("silent\r");
  change(0, 0, ECHO, ECHONL);
  TYPE("newline\r");
  change(0, 0, ECHOE, 0);
  TYPE("ab\x7f.\r");
  change(0, 0, ECHOKE, ECHOK);
  TYPE("ab\x15.\r");
  change(0, 0, ECHOCTL, 0);
  TYPE("\x01.\r");
  change(0, 0, ECHOE, ECHOPRT);
  TYPE("abc\x7f\x7fx\r");
  change(0, 0, ISIG, 0);
  TYPE("\x03\x1a\r");
  change(0, 0, IEXTEN, 0);
  TYPE("ab\x17\x16\r");
  struct termios termios = change(0, 0, 0, 0);
  termios.c_cc[VEOL] = '.';
  SYS(ioctl, slave, TCSETS, &termios);
  TYPE("a.b.\r");
  SYS(ioctl, slave, TCSETS, &initial);
}

static void output_flags(void) {
  SECTION("output flags");
  output("line\n");
  struct termios termios = initial;
  termios.c_oflag = 0;
  SYS(ioctl, slave, TCSETS, &termios);
  output("a\nb\tc\r");
  termios.c_oflag = OPOST | OCRNL;
  SYS(ioctl, slave, TCSETS, &termios);
  output("a\rb\n");
  termios.c_oflag = OPOST | ONLRET | ONOCR;
  SYS(ioctl, slave, TCSETS, &termios);
  output("\rab\r\n");
  termios.c_oflag = OPOST | OLCUC;
  SYS(ioctl, slave, TCSETS, &termios);
  output("lower\n");
  termios.c_oflag = OPOST | XTABS;
  SYS(ioctl, slave, TCSETS, &termios);
  output("\ra\tbcdefghi\tx");
  SYS(ioctl, slave, TCSETS, &initial);
}

static void raw(void) {
  SECTION("raw input");
  struct termios termios = initial;
  termios.c_lflag &= ~(unsigned)(ICANON | ECHO | ISIG | IEXTEN);
  termios.c_iflag = 0;
  termios.c_cc[VMIN] = 1, termios.c_cc[VTIME] = 0;
  SYS(ioctl, slave, TCSETS, &termios);
  TYPE("x\x03\x7f\r");
  TYPE("\0y");
  SYS(fcntl, slave, F_SETFL, O_RDWR);
  char buffer[64];
  SECTION("VMIN and VTIME");
  termios.c_cc[VMIN] = 0, termios.c_cc[VTIME] = 0;
  SYS(ioctl, slave, TCSETS, &termios);
  CHECK_EQ(SYS(read, slave, buffer, 10), 0);
  termios.c_cc[VTIME] = 1;
  SYS(ioctl, slave, TCSETS, &termios);
  long start = now_ms();
  CHECK_EQ(SYS(read, slave, buffer, 10), 0);
  CHECK(now_ms() - start >= 80);
  SYS(write, master, "z", 1);
  CHECK_EQ(SYS(read, slave, buffer, 10), 1);
  termios.c_cc[VMIN] = 3, termios.c_cc[VTIME] = 0;
  SYS(ioctl, slave, TCSETS, &termios);
  int pid = fork_child();
  if (pid == 0) exit_group((int)SYS(read, slave, buffer, 10));
  SYS(write, master, "12", 2);
  sleep_ms(20);
  CHECK_EQ(SYS(wait4, pid, 0, WNOHANG, 0), 0);
  SYS(write, master, "3", 1);
  CHECK_EQ(wait_for(pid), EXITED(3));
  termios.c_cc[VMIN] = 5, termios.c_cc[VTIME] = 1;
  SYS(ioctl, slave, TCSETS, &termios);
  SYS(write, master, "ab", 2);
  CHECK_EQ(SYS(read, slave, buffer, 10), 2);
  SYS(fcntl, slave, F_SETFL, O_RDWR | O_NONBLOCK);
  SYS(ioctl, slave, TCSETS, &initial);
}

static void controls(void) {
  SECTION("ioctls");
  char buffer[128];
  int count = -1;
  SYS(write, master, "unread\rpart", 11);
  sleep_ms(10);
  CHECK_EQ(SYS(ioctl, slave, FIONREAD, &count), 0);
  CHECK_EQ(count, 7);
  struct pollfd fd = {slave, POLLIN | POLLOUT, 0};
  CHECK_EQ(SYS(poll, &fd, 1, 0), 1);
  CHECK_EQ(fd.revents, POLLIN | POLLOUT);
  CHECK_EQ(SYS(ioctl, slave, TCFLSH, TCIFLUSH), 0);
  CHECK_EQ(SYS(read, slave, buffer, sizeof buffer), -EAGAIN);
  SYS(poll, &fd, 1, 0);
  CHECK_EQ(fd.revents, POLLOUT);
  SYS(read, master, buffer, sizeof buffer);
  SYS(write, slave, "pending", 7);
  sleep_ms(10);
  CHECK_EQ(SYS(ioctl, master, FIONREAD, &count), 0);
  CHECK_EQ(count, 7);
  CHECK_EQ(SYS(ioctl, slave, TCFLSH, 7), -EINVAL);
  SYS(read, master, buffer, sizeof buffer);

  SECTION("stop and start");
  SYS(write, master, "\x13", 1);
  sleep_ms(10);
  CHECK_EQ(SYS(write, slave, "held", 4), -EAGAIN);
  CHECK_EQ(SYS(read, master, buffer, sizeof buffer), -EAGAIN);
  SYS(write, master, "\x11", 1);
  sleep_ms(10);
  CHECK_EQ(SYS(write, slave, "free", 4), 4);
  sleep_ms(10);
  CHECK_EQ(SYS(read, master, buffer, sizeof buffer), 4);

  SECTION("switching modes with input waiting");
  SYS(write, master, "noline", 6);
  sleep_ms(10);
  CHECK_EQ(SYS(read, slave, buffer, sizeof buffer), -EAGAIN);
  struct termios termios = initial;
  termios.c_lflag &= ~(unsigned)ICANON;
  SYS(ioctl, slave, TCSETS, &termios);
  CHECK_EQ(SYS(read, slave, buffer, sizeof buffer), 6);
  SYS(ioctl, slave, TCSETSF, &initial);
  SYS(read, master, buffer, sizeof buffer);

  SECTION("a line has at most 4095 bytes");
  static char line[5000], got[5000];
  memset(line, 'x', sizeof line);
  for (int i = 0; i < 5000; i += 500) SYS(write, master, line, 500), sleep_ms(1), SYS(read, master, got, sizeof got);
  SYS(write, master, "\r", 1);
  sleep_ms(10);
  CHECK_EQ(SYS(read, slave, got, sizeof got), 4096);
  CHECK_EQ(got[4094], 'x');
  CHECK_EQ(got[4095], '\n');
  SYS(read, master, got, sizeof got);

  SECTION("closing");
  SYS(close, slave);
  fd.fd = master, fd.events = POLLIN;
  CHECK_EQ(SYS(poll, &fd, 1, 0), 1);
  CHECK_EQ(fd.revents, POLLHUP);
  CHECK_EQ(SYS(read, master, buffer, sizeof buffer), -EIO);
  SYS(close, master);
  CHECK_EQ(SYS(ioctl, 0, TCGETS, &termios), -ENOTTY);
}

void test_main(int argc, char **argv) {
  (void)argc, (void)argv;
  open_terminal();
  canonical();
  flags();
  output_flags();
  raw();
  controls();
}
