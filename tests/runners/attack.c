/* Attacks on whoever runs this program. Each prints what it got hold of, in brackets; a failed one prints
   why. Bombs are bounded by their argument, so that a failing test does not hurt the machine. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  return 1;
}

static int got(const char *what) {
  printf("[%s]\n", what);
  return 0;
}

static int read_file(const char *path) {
  char text[65536];
  int file = open(path, O_RDONLY);
  if (file < 0) return failed("open");
  ssize_t length = read(file, text, sizeof text);
  if (length < 0) return failed("read");
  putchar('[');
  fwrite(text, 1, length, stdout);
  puts("]");
  return 0;
}

static int read_file_of(const char *pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
  return read_file(path);
}

static int write_file(const char *path, int flags) {
  int file = open(path, flags, 0600);
  if (file < 0) return failed("open");
  if (write(file, "x", 1) != 1) return failed("write");
  return got("written");
}

static int exchange(int kind, const struct sockaddr *address, socklen_t length) {
  int end = socket(address->sa_family, kind, 0);
  if (end < 0) return failed("socket");
  if (connect(end, address, length) != 0) return failed("connect");
  if (send(end, "secret", 6, 0) != 6) return failed("send");
  return got("sent");
}

static int to_port(int kind, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return exchange(kind, (struct sockaddr *)&address, sizeof address);
}

static int to_socket(const char *name, int abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + abstract, name, sizeof address.sun_path - 2);
  return exchange(SOCK_STREAM, (struct sockaddr *)&address,
                  offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name));
}

static int trace(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) return failed("ptrace");
  return got("traced");
}

static int send_signal(pid_t pid) {
  if (kill(pid, SIGKILL) != 0) return failed("kill");
  return got("killed");
}

static int namespaces(const char *hidden) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) failed("unshare");
  if (umount2(hidden, MNT_DETACH) != 0 && mount("/proc/1/root", "/tmp", 0, MS_BIND, 0) != 0)
    return failed("mount");
  return got("mounted");
}

/* Every process starts two more until `most` have been started; all stay. */
static int fork_bomb(int most, int own_session) {
  int *started = mmap(0, sizeof *started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  while (__sync_add_and_fetch(started, 1) <= most) {
    pid_t child = fork();
    if (child < 0) break;
    if (child == 0 && own_session) setsid();
    usleep(1000);
  }
  sleep(5);
  return got("forked");
}

static void *stay(void *nothing) {
  sleep(5);
  return nothing;
}

static int thread_bomb(int most) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (int i = 0; i < most; i++) {
    pthread_t thread;
    if (pthread_create(&thread, &small, stay, 0) != 0) return failed("pthread_create");
  }
  sleep(5);
  return got("threaded");
}

enum { STEP = 16 << 20 };

/* Slowly enough to be watched: what matters is that it is noticed, and a test must not hurt. */
static int memory_bomb(int megabytes, int sharing, int staying_s) {
  for (int i = 0; i < megabytes; i += STEP >> 20) {
    char *more = mmap(0, STEP, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) return failed("mmap");
    memset(more, 1, STEP);
    usleep(5000);
  }
  sleep(staying_s);
  return got("filled memory");
}

static int fill(int file, int megabytes) {
  static char block[1 << 20];
  for (int i = 0; i < megabytes; i++) {
    if (write(file, block, sizeof block) != sizeof block) return failed("write");
    if (i % 16 == 0) usleep(5000);
  }
  return 0;
}

static int disk_bomb(int megabytes, int nameless) {
  for (int i = 0; i < megabytes; i += 64) {
    char name[32];
    snprintf(name, sizeof name, "bomb%d", i);
    int file = open(name, O_WRONLY | O_CREAT, 0600);
    if (file < 0) return failed("open");
    if (nameless) unlink(name);
    if (fill(file, 64) != 0) return 1;
    if (!nameless) close(file);
  }
  sleep(5);
  return got("filled disk");
}

static int memory_file_bomb(int megabytes) {
  int file = memfd_create("bomb", 0);
  if (file < 0) return failed("memfd_create");
  if (fill(file, megabytes) != 0) return 1;
  sleep(5);
  return got("filled memory");
}

static int file_bomb(int most) {
  for (int i = 0; i < most; i++) {
    char name[32];
    snprintf(name, sizeof name, "bomb%d", i);
    int file = open(name, O_WRONLY | O_CREAT, 0600);
    if (file < 0) return failed("open");
    close(file);
    if (i % 100 == 0) usleep(5000);
  }
  sleep(5);
  return got("made files");
}

static int burn(int seconds) {
  fork();
  alarm(seconds);
  for (;;) {
  }
}

int main(int argc, char **argv) {
  const char *attack = argc > 1 ? argv[1] : "", *at = argc > 2 ? argv[2] : "0";
  setvbuf(stdout, 0, _IONBF, 0);
#define IS(name) (strcmp(attack, name) == 0)
  if (IS("read")) return read_file(at);
  if (IS("environment")) return read_file_of(at, "environ");
  if (IS("write")) return write_file(at, O_WRONLY | O_CREAT);
  if (IS("append")) return write_file(at, O_WRONLY | O_APPEND);
  if (IS("empty")) return truncate(at, 0) ? failed("truncate") : got("emptied");
  if (IS("empty by opening")) return open(at, O_RDONLY | O_TRUNC) < 0 ? failed("open") : got("emptied");
  if (IS("remove")) return unlink(at) ? failed("unlink") : got("removed");
  if (IS("move")) return rename(at, "taken") ? failed("rename") : got("moved");
  if (IS("link")) return link(at, "mine") ? failed("link") : write_file("mine", O_WRONLY);
  if (IS("through a link")) return symlink(at, "way") ? failed("symlink") : write_file("way", O_WRONLY);
  if (IS("tcp")) return to_port(SOCK_STREAM, at);
  if (IS("udp")) return to_port(SOCK_DGRAM, at);
  if (IS("socket")) return to_socket(at, 0);
  if (IS("abstract socket")) return to_socket(at, 1);
  if (IS("io_uring")) return syscall(SYS_io_uring_setup, 1, memset(malloc(512), 0, 512)) < 0 ? failed("io_uring") : got("ring");
  if (IS("trace")) return trace(atoi(at));
  if (IS("kill")) return send_signal(atoi(at));
  if (IS("kill parent")) return send_signal(getppid());
  if (IS("namespaces")) return namespaces(at);
  if (IS("fork")) return fork_bomb(atoi(at), 0);
  if (IS("fork sessions")) return fork_bomb(atoi(at), 1);
  if (IS("threads")) return thread_bomb(atoi(at));
  if (IS("memory")) return memory_bomb(atoi(at), MAP_PRIVATE, 5);
  if (IS("shared memory")) return memory_bomb(atoi(at), MAP_SHARED, 5);
  if (IS("no bomb")) return memory_bomb(atoi(at), MAP_PRIVATE, 1);
  if (IS("memory file")) return memory_file_bomb(atoi(at));
  if (IS("disk")) return disk_bomb(atoi(at), 0);
  if (IS("nameless files")) return disk_bomb(atoi(at), 1);
  if (IS("files")) return file_bomb(atoi(at));
  if (IS("burn")) return burn(atoi(at));
  return 2;
}
