/*
 * Faults of a disk and of a clock for one process, by LD_PRELOAD.
 *
 * FAULT_CALL    "sync" or "write": these calls fail
 * FAULT_ERRNO   with this number
 * FAULT_FOLDER  on files below this folder
 * FAULT_FILE    while this file exists
 * FAULT_CLOCK   the wall clock differs by this many seconds
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int fails(int fd, const char *call) {
    const char *calls = getenv("FAULT_CALL");
    const char *folder = getenv("FAULT_FOLDER");
    const char *file = getenv("FAULT_FILE");
    const char *number = getenv("FAULT_ERRNO");
    if (!calls || !folder || !file || !number || strcmp(calls, call) != 0)
        return 0;
    int before = errno;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    int is_there = length > 0;
    if (is_there) {
        path[length] = 0;
        is_there = strncmp(path, folder, strlen(folder)) == 0 && access(file, F_OK) == 0;
    }
    errno = is_there ? atoi(number) : before;
    return is_there;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return fails(fd, "sync") ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return fails(fd, "sync") ? -1 : REAL(fdatasync)(fd); }

ssize_t write(int fd, const void *from, size_t size) {
    return fails(fd, "write") ? -1 : REAL(write)(fd, from, size);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    return fails(fd, "write") ? -1 : REAL(pwrite)(fd, from, size, at);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    return fails(fd, "write") ? -1 : REAL(pwrite64)(fd, from, size, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = REAL(clock_gettime)(clock, now);
    const char *seconds = getenv("FAULT_CLOCK");
    if (result == 0 && clock == CLOCK_REALTIME && seconds)
        now->tv_sec += atol(seconds);
    return result;
}
