/*
 * Fails chosen file calls of the process it is preloaded into. Before each watched call it reads one line from the
 * file named by IO_FAULT_FILE:
 *
 *   CALL PATH-PART SKIP COUNT WHAT      e.g.  "fdatasync /data 0 1 EIO"
 *
 * Matching calls are counted from the moment the line changes: SKIP of them pass, the COUNT after them fail with errno
 * WHAT, the rest pass. WHAT "SHORT" lets a write take half of its bytes. PATH-PART is looked for in the path, or in
 * the path behind the descriptor. An empty file fails nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define SHORT_WRITE (-1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last_line[512];
static int matches;

static int errno_named(const char *name) {
  static const struct { const char *name; int value; } table[] = {
    {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EMFILE", EMFILE}, {"ENFILE", ENFILE},
    {"EXDEV", EXDEV}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"ETIMEDOUT", ETIMEDOUT},
    {"EINVAL", EINVAL}, {"SHORT", SHORT_WRITE},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (strcmp(table[i].name, name) == 0) return table[i].value;
  }
  return EIO;
}

static int read_line(char *line, size_t size) {
  const char *file = getenv("IO_FAULT_FILE");
  if (!file) return 0;
  /* Raw system calls: our own wrappers must not see these. */
  int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = syscall(SYS_read, fd, line, size - 1);
  syscall(SYS_close, fd);
  if (n <= 0) return 0;
  line[n] = 0;
  return 1;
}

/* 0: let the call pass; otherwise the errno to fail with, or SHORT_WRITE. */
static int fault_for(const char *call, const char *path) {
  char line[512], wanted[32], part[256], what[32];
  int skip, count, fault = 0;
  int saved = errno;
  if (read_line(line, sizeof line) &&
      sscanf(line, "%31s %255s %d %d %31s", wanted, part, &skip, &count, what) == 5) {
    pthread_mutex_lock(&lock);
    if (strcmp(line, last_line) != 0) {
      strcpy(last_line, line);
      matches = 0;
    }
    if (strcmp(wanted, call) == 0 && strstr(path, part)) {
      if (matches >= skip && matches < skip + count) fault = errno_named(what);
      matches++;
    }
    pthread_mutex_unlock(&lock);
  }
  errno = saved;
  return fault;
}

static int fault_for_fd(const char *call, int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return fault_for(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(fault) do { int f_ = (fault); if (f_ > 0) { errno = f_; return -1; } } while (0)

int open64(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = va_arg(args, mode_t);
  va_end(args);
  FAIL_IF(fault_for("open", path));
  return REAL(open64)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = va_arg(args, mode_t);
  va_end(args);
  FAIL_IF(fault_for("open", path));
  return REAL(open)(path, flags, mode);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  int fault = fault_for_fd("write", fd);
  if (fault == SHORT_WRITE && size > 1) size /= 2;
  FAIL_IF(fault);
  return REAL(pwrite64)(fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  return pwrite64(fd, bytes, size, at);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t at) {
  FAIL_IF(fault_for_fd("read", fd));
  return REAL(pread64)(fd, bytes, size, at);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at) {
  return pread64(fd, bytes, size, at);
}

int fdatasync(int fd) {
  FAIL_IF(fault_for_fd("fdatasync", fd));
  return REAL(fdatasync)(fd);
}

int fsync(int fd) {
  FAIL_IF(fault_for_fd("fsync", fd));
  return REAL(fsync)(fd);
}

int rename(const char *from, const char *to) {
  FAIL_IF(fault_for("rename", to));
  return REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode) {
  FAIL_IF(fault_for("mkdir", path));
  return REAL(mkdir)(path, mode);
}

int unlink(const char *path) {
  FAIL_IF(fault_for("unlink", path));
  return REAL(unlink)(path);
}
