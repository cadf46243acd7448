/*
 * Fails chosen file calls of the process it is preloaded into. Before each watched call it reads one line from the
 * file named by IO_FAULT_FILE:
 *
 *   CALL PATH-PART SKIP COUNT WHAT      e.g.  "fdatasync /data 0 1 EIO"
 *
 * Matching calls are counted from the moment the line changes: SKIP of them pass, the COUNT after them fail with errno
 * WHAT, the rest pass. WHAT "SHORT" lets a write take half of its bytes. PATH-PART is looked for in the path, or in
 * the path behind the descriptor. An empty file fails nothing.
 *
 * With IO_FAULT_LOG it also writes there what was done, one line for each call that succeeded: creating, renaming,
 * making and removing when they are over, syncs when they start and when they are over, writes before they start. So a
 * sync covers for certain what stands above its start, which is how a test tells what a power cut could take.
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
#include <sys/vfs.h>
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

static void note(const char *what, const char *path, const char *to) {
  const char *file = getenv("IO_FAULT_LOG");
  if (!file) return;
  int saved = errno;
  char line[8300];
  int n = snprintf(line, sizeof line, "%s %s%s%s\n", what, path, to ? " " : "", to ? to : "");
  int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd >= 0) {
    if (syscall(SYS_write, fd, line, n) != n) abort();
    syscall(SYS_close, fd);
  }
  errno = saved;
}

static void note_fd(const char *what, int fd) {
  char link[64], path[4096];
  if (!getenv("IO_FAULT_LOG")) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return;
  path[n] = 0;
  note(what, path, NULL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(fault) do { int f_ = (fault); if (f_ > 0) { errno = f_; return -1; } } while (0)

int open64(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = va_arg(args, mode_t);
  va_end(args);
  FAIL_IF(fault_for("open", path));
  int fd = REAL(open64)(path, flags, mode);
  if (fd >= 0 && (flags & O_CREAT)) note("create", path, NULL);
  return fd;
}

int open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = va_arg(args, mode_t);
  va_end(args);
  FAIL_IF(fault_for("open", path));
  int fd = REAL(open)(path, flags, mode);
  if (fd >= 0 && (flags & O_CREAT)) note("create", path, NULL);
  return fd;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  int fault = fault_for_fd("write", fd);
  if (fault == SHORT_WRITE && size > 1) size /= 2;
  FAIL_IF(fault);
  note_fd("write", fd);
  if (!(fcntl(fd, F_GETFL) & O_DSYNC)) return REAL(pwrite64)(fd, bytes, size, at);
  /* It syncs as well, and may fail at that with its bytes in the file. */
  note_fd("sync", fd);
  ssize_t written = REAL(pwrite64)(fd, bytes, size, at);
  FAIL_IF(fault_for_fd("fdatasync", fd));
  if (written >= 0) note_fd("synced", fd);
  return written;
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

/* Nothing is synced in memory; tests want to see the syncs wherever their files lie. */
int statfs64(const char *path, struct statfs64 *facts) {
  int result = REAL(statfs64)(path, facts);
  if (result == 0 && facts->f_type == 0x01021994) facts->f_type = 0xef53;
  return result;
}

int statfs(const char *path, struct statfs *facts) {
  return statfs64(path, (struct statfs64 *)facts);
}

int fdatasync(int fd) {
  FAIL_IF(fault_for_fd("fdatasync", fd));
  note_fd("sync", fd);
  int result = REAL(fdatasync)(fd);
  if (result == 0) note_fd("synced", fd);
  return result;
}

int fsync(int fd) {
  FAIL_IF(fault_for_fd("fsync", fd));
  note_fd("sync", fd);
  int result = REAL(fsync)(fd);
  if (result == 0) note_fd("synced", fd);
  return result;
}

int rename(const char *from, const char *to) {
  FAIL_IF(fault_for("rename", to));
  int result = REAL(rename)(from, to);
  if (result == 0) note("rename", from, to);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  FAIL_IF(fault_for("mkdir", path));
  int result = REAL(mkdir)(path, mode);
  if (result == 0) note("mkdir", path, NULL);
  return result;
}

int unlink(const char *path) {
  FAIL_IF(fault_for("unlink", path));
  int result = REAL(unlink)(path);
  if (result == 0) note("unlink", path, NULL);
  return result;
}
