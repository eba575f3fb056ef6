/* A dynamically linked program: the loader, thread-local variables, threads, memory, files, a child. Built for i386. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static __thread int own = 5;

static void *body(void *argument) {
  own += *(int *)argument;
  return (void *)(long)own;
}

int main(int argc, char **argv) {
  pthread_t threads[4];
  int numbers[4];
  long sum = 0;
  for (int i = 0; i < 4; i++) {
    numbers[i] = i;
    pthread_create(threads + i, NULL, body, numbers + i);
  }
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    sum += (long)result;
  }
  printf("threads %ld, own %d, long %zu bytes\n", sum, own, sizeof(long));
  printf("%d arguments, %s, sin %.12f\n", argc, argv[1], sin(argc));
  char name[] = "/tmp/dynamicXXXXXX", text[32] = "";
  int fd = mkstemp(name);
  FILE *file = fdopen(fd, "w+");
  fprintf(file, "%s", "line");
  rewind(file);
  printf("%s\n", fgets(text, sizeof text, file));
  struct stat status;
  printf("fstat %d, %ld bytes\n", fstat(fd, &status), (long)status.st_size);
  unlink(name);
  char *memory = malloc(50 << 20);
  memset(memory, 1, 50 << 20);
  printf("memory %d\n", memory[(50 << 20) - 1]);
  free(memory);
  fflush(stdout);
  int wstatus;
  pid_t child = fork();
  if (child == 0) _exit(9);
  waitpid(child, &wstatus, 0);
  printf("child %d\n", WEXITSTATUS(wstatus));
  struct timespec span = {0, 1000000};
  printf("nanosleep %d, open %d\n", nanosleep(&span, NULL), fopen("/nothing", "r") == NULL ? errno : 0);
  return 3;
}
