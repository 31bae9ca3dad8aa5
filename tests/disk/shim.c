/* A disk between the server and the kernel, loaded with LD_PRELOAD: it records what is written and synced under one
 * directory, or fails one call of it.
 *
 * DISK_DIRECTORY  the directory; everything else goes through untouched
 * DISK_RECORD     a file that gets one record for each call that changed something, in the order in which they
 *                 returned: u8 kind, u64 monotonic nanoseconds at its begin, u64 offset or length, u32 bytes, u16
 *                 length of the path, the path, the bytes. Kinds: W write, T truncate, S sync, U unlink, R rename (the
 *                 bytes are the new path).
 * DISK_FAULT      "K ERRNO": the K-th call of any kind fails with that errno, and for ENOSPC also the 19 after it;
 *                 "K short" writes half of it
 *
 * One lock around each call and its record: the log's order is an order in which the calls can have happened.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define HANDLES 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *directory;
static int record = -1;
static long fault_at = -1, calls;
static int fault_errno, fault_short, fault_length = 1;
/* The path of each open file under the directory, relative to it. */
static char *paths[HANDLES];

static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void start(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    const char *file = getenv("DISK_RECORD");
    if (file)
        record = real_open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *fault = getenv("DISK_FAULT");
    char what[16];
    if (fault && sscanf(fault, "%ld %15s", &fault_at, what) == 2) {
        fault_short = strcmp(what, "short") == 0;
        fault_errno = atoi(what);
        if (fault_errno == ENOSPC)
            fault_length = 20;
    }
    directory = getenv("DISK_DIRECTORY");
}

static const char *inside(const char *path) {
    size_t length = directory ? strlen(directory) : 0;
    if (!length || strncmp(path, directory, length) != 0 || path[length] != '/')
        return NULL;
    return path + length + 1;
}

static const char *path_of(int fd) {
    return fd >= 0 && fd < HANDLES ? paths[fd] : NULL;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void note(char kind, uint64_t at, uint64_t where, const void *bytes, uint32_t count, const char *path) {
    if (record < 0)
        return;
    uint16_t length = (uint16_t)strlen(path);
    char head[23];
    head[0] = kind;
    memcpy(head + 1, &at, 8);
    memcpy(head + 9, &where, 8);
    memcpy(head + 17, &count, 4);
    memcpy(head + 21, &length, 2);
    if (real_write(record, head, sizeof head) != sizeof head || real_write(record, path, length) != length ||
        (count && real_write(record, bytes, count) != (ssize_t)count))
        abort();
}

/* Whether this call is one that fails; called with the lock held. */
static int fails(void) {
    calls++;
    return fault_at >= 0 && calls >= fault_at && calls < fault_at + fault_length;
}

static ssize_t put(int fd, const void *bytes, size_t count, off64_t offset, int at_offset) {
    const char *path = path_of(fd);
    if (!path)
        return at_offset ? real_pwrite(fd, bytes, count, offset) : real_write(fd, bytes, count);
    pthread_mutex_lock(&lock);
    uint64_t at = now();
    if (!at_offset)
        offset = lseek64(fd, 0, SEEK_CUR);
    if (fails()) {
        if (!fault_short) {
            pthread_mutex_unlock(&lock);
            errno = fault_errno;
            return -1;
        }
        count = count > 1 ? count / 2 : count;
    }
    ssize_t done = at_offset ? real_pwrite(fd, bytes, count, offset) : real_write(fd, bytes, count);
    int failure = errno;
    if (done > 0)
        note('W', at, (uint64_t)offset, bytes, (uint32_t)done, path);
    pthread_mutex_unlock(&lock);
    errno = failure;
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) { return put(fd, bytes, count, offset, 1); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return put(fd, bytes, count, offset, 1); }
ssize_t write(int fd, const void *bytes, size_t count) { return put(fd, bytes, count, 0, 0); }

static int cut(int fd, off64_t length) {
    const char *path = path_of(fd);
    if (!path)
        return real_ftruncate(fd, length);
    pthread_mutex_lock(&lock);
    uint64_t at = now();
    int done = -1;
    if (fails() && !fault_short)
        errno = fault_errno;
    else
        done = real_ftruncate(fd, length);
    int failure = errno;
    if (done == 0)
        note('T', at, (uint64_t)length, NULL, 0, path);
    pthread_mutex_unlock(&lock);
    errno = failure;
    return done;
}

int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
int ftruncate(int fd, off_t length) { return cut(fd, length); }

static int sync_file(int fd, int (*real)(int)) {
    const char *path = path_of(fd);
    if (!path)
        return real(fd);
    pthread_mutex_lock(&lock);
    uint64_t at = now();
    int done = -1;
    if (fails() && !fault_short)
        errno = fault_errno;
    else
        /* Recorded is what counts: the images are made from the record, so the disk itself need not turn. */
        done = record >= 0 ? 0 : real(fd);
    int failure = errno;
    if (done == 0)
        note('S', at, 0, NULL, 0, path);
    pthread_mutex_unlock(&lock);
    errno = failure;
    return done;
}

int fsync(int fd) { return sync_file(fd, real_fsync); }
int fdatasync(int fd) { return sync_file(fd, real_fdatasync); }

static int opened(int fd, const char *path) {
    const char *relative = inside(path);
    if (fd >= 0 && fd < HANDLES && relative)
        paths[fd] = strdup(relative);
    return fd;
}

static int open_file(const char *path, int flags, mode_t mode) {
    if (inside(path)) {
        pthread_mutex_lock(&lock);
        int failed = fails() && !fault_short;
        pthread_mutex_unlock(&lock);
        if (failed) {
            errno = fault_errno;
            return -1;
        }
    }
    return opened(real_open(path, flags, mode), path);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return open_file(path, flags, mode);                                                                           \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (path_of(fd)) {
        pthread_mutex_lock(&lock);
        free(paths[fd]);
        paths[fd] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return real_close(fd);
}

int unlink(const char *path) {
    const char *relative = inside(path);
    if (!relative)
        return real_unlink(path);
    pthread_mutex_lock(&lock);
    uint64_t at = now();
    int done = real_unlink(path);
    int failure = errno;
    if (done == 0)
        note('U', at, 0, NULL, 0, relative);
    pthread_mutex_unlock(&lock);
    errno = failure;
    return done;
}

int rename(const char *from, const char *to) {
    const char *old = inside(from), *name = inside(to);
    if (!old || !name)
        return real_rename(from, to);
    pthread_mutex_lock(&lock);
    uint64_t at = now();
    int done = real_rename(from, to);
    int failure = errno;
    if (done == 0)
        note('R', at, 0, name, (uint32_t)strlen(name), old);
    pthread_mutex_unlock(&lock);
    errno = failure;
    return done;
}
