/*
 * What a loss of power would leave of a folder. Preloaded into programs, this library keeps beside the folder a
 * shadow of it that holds nothing but what was flushed: at fsync or fdatasync of a file its bytes as they are now, at
 * that of a folder the names in it. What no program has flushed is not in the shadow, neither bytes nor names: the
 * worst that POSIX allows, whatever a file system does in practice.
 *
 * Environment: POWER_FOLDER, the folder; POWER_SHADOW, an existing one outside of it with `bytes`, `names`, `locks`.
 * In these a file or folder is called <inode>-<birth, ns>, since a number is used again after a removal:
 *
 *   bytes/<key>  bytes of a file at its last flush
 *   names/<key>  of a folder at its last flush, a line of NUL-terminated words for each name:
 *                f|d <mode, octal> <key> <name>   or   l 0 <target> <name>
 *
 * Reading: fsync(2), statx(2), flock(2). Anything that fails here ends the program: a shadow with holes would let
 * faults pass.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "volatile: %s: %s\n", what, strerror(errno));
  abort();
}

/* The library's own flushes would be its own business: it makes none. */
static void key_of(const struct statx *found, char *key) {
  must((found->stx_mask & STATX_BTIME) != 0, "this file system keeps no time of birth");
  snprintf(key, 64, "%llu-%lld", (unsigned long long)found->stx_ino,
           (long long)found->stx_btime.tv_sec * 1000000000LL + found->stx_btime.tv_nsec);
}

static int stat_at(int folder, const char *name, int flags, struct statx *found) {
  return statx(folder, name, flags | AT_SYMLINK_NOFOLLOW,
               STATX_TYPE | STATX_MODE | STATX_INO | STATX_BTIME, found);
}

static void shadow_path(char *path, const char *shelf, const char *key, const char *suffix) {
  must(snprintf(path, PATH_MAX, "%s/%s/%s%s", getenv("POWER_SHADOW"), shelf, key, suffix) < PATH_MAX,
       "a path is too long");
}

static void write_all(int to, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t wrote = write(to, bytes, length);
    if (wrote < 0 && errno == EINTR) continue;
    must(wrote > 0, "write");
    bytes += wrote;
    length -= (size_t)wrote;
  }
}

static void copy_bytes(int from, int to) {
  static __thread char buffer[1 << 16];
  for (;;) {
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    must(got >= 0, "read");
    if (got == 0) return;
    write_all(to, buffer, (size_t)got);
  }
}

static void write_word(int to, const char *word) { write_all(to, word, strlen(word) + 1); }

static void copy_name(int folder, const char *name, int to) {
  struct statx found;
  char key[64], mode[16], target[PATH_MAX];
  /* It may have gone since it was listed, or be a socket or pipe, which no loss of power keeps. */
  if (stat_at(folder, name, 0, &found) != 0) return;
  snprintf(mode, sizeof mode, "%o", found.stx_mode & 07777);
  if (S_ISLNK(found.stx_mode)) {
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    if (length < 0) return;
    target[length] = 0;
    write_word(to, "l");
    write_word(to, "0");
    write_word(to, target);
  } else if (S_ISREG(found.stx_mode) || S_ISDIR(found.stx_mode)) {
    key_of(&found, key);
    write_word(to, S_ISDIR(found.stx_mode) ? "d" : "f");
    write_word(to, mode);
    write_word(to, key);
  } else
    return;
  write_word(to, name);
}

static void copy_names(int from, int to) {
  DIR *listing = fdopendir(from);
  must(listing != NULL, "fdopendir");
  for (struct dirent *each; (each = readdir(listing)) != NULL;)
    if (strcmp(each->d_name, ".") != 0 && strcmp(each->d_name, "..") != 0)
      copy_name(dirfd(listing), each->d_name, to);
  closedir(listing);
}

/* Whether a descriptor leads into the folder. What has lost its last name is kept too: it costs nothing. */
static int is_inside(int fd) {
  const char *folder = getenv("POWER_FOLDER");
  char link[64], path[PATH_MAX];
  if (folder == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  size_t prefix = strlen(folder);
  return strncmp(path, folder, prefix) == 0 && (path[prefix] == '/' || path[prefix] == 0);
}

static void keep(int fd) {
  struct statx found;
  char key[64], lock_path[PATH_MAX], path[PATH_MAX], part[PATH_MAX], link[64], suffix[64];
  if (!is_inside(fd)) return;
  must(stat_at(fd, "", AT_EMPTY_PATH, &found) == 0, "statx");
  const int is_folder = S_ISDIR(found.stx_mode);
  if (!is_folder && !S_ISREG(found.stx_mode)) return;
  key_of(&found, key);
  /* Two flushes of one file at once: the later copy holds what both have flushed. */
  shadow_path(lock_path, "locks", key, "");
  int lock = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  must(lock >= 0 && flock(lock, LOCK_EX) == 0, "flock");
  snprintf(suffix, sizeof suffix, ".%d-%ld", getpid(), syscall(SYS_gettid));
  shadow_path(path, is_folder ? "names" : "bytes", key, "");
  shadow_path(part, is_folder ? "names" : "bytes", key, suffix);
  /* The caller's own descriptor may be open for writing only, and its position is the caller's. */
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int from = open(link, O_RDONLY | O_CLOEXEC | (is_folder ? O_DIRECTORY : 0));
  int to = open(part, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  must(from >= 0 && to >= 0, "open");
  if (is_folder)
    copy_names(from, to);
  else {
    copy_bytes(from, to);
    close(from);
  }
  close(to);
  must(rename(part, path) == 0, "rename");
  close(lock);
}

static int flush(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  const int result = real(fd);
  const int error = errno;
  if (result == 0) keep(fd);
  errno = error;
  return result;
}

int fsync(int fd) { return flush("fsync", fd); }
int fdatasync(int fd) { return flush("fdatasync", fd); }
