/*
 * Makes one operation of one kind of file fail, for a process that preloads this (LD_PRELOAD): the n-th write, truncation or fsync, or each fsync.
 * AFS_FAULTY_DISK names a file of struct state, which a test maps and changes while the process runs. Files are known by a part of their path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

struct state {
    _Atomic uint64_t fail_at; /* the operation that fails, from 1; 0: none */
    _Atomic uint64_t count;   /* operations since the test set it to 0 */
    _Atomic uint64_t error;   /* errno */
    _Atomic uint64_t syncs;   /* 1: only fsyncs count, and each from fail_at on fails */
    char part[64];            /* of the path */
};

static struct state *state;
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static void *(*real_dlopen)(const char *, int);

__attribute__((constructor)) static void begin(void)
{
    real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    real_pwrite = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    real_dlopen = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    const char *path = getenv("AFS_FAULTY_DISK");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        state = mapped;
}

static int fails(int file, int is_sync)
{
    char link[64], path[PATH_MAX];
    if (state == NULL || state->fail_at == 0 || (state->syncs != 0 && !is_sync))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strstr(path, state->part) == NULL)
        return 0;
    uint64_t mine = atomic_fetch_add(&state->count, 1) + 1;
    if (mine != state->fail_at && (state->syncs == 0 || mine < state->fail_at))
        return 0;
    errno = (int)state->error;
    return 1;
}

ssize_t write(int file, const void *data, size_t count)
{
    return fails(file, 0) ? -1 : real_write(file, data, count);
}

ssize_t pwrite64(int file, const void *data, size_t count, off64_t offset)
{
    return fails(file, 0) ? -1 : real_pwrite(file, data, count, offset);
}

ssize_t pwrite(int file, const void *data, size_t count, off_t offset)
{
    return pwrite64(file, data, count, offset);
}

int ftruncate64(int file, off64_t length)
{
    return fails(file, 0) ? -1 : real_ftruncate(file, length);
}

int ftruncate(int file, off_t length)
{
    return ftruncate64(file, length);
}

int fsync(int file)
{
    return fails(file, 1) ? -1 : real_fsync(file);
}

int fdatasync(int file)
{
    return fails(file, 1) ? -1 : real_fdatasync(file);
}

/* .NET looks functions of libc up in the library itself, past what is preloaded: it gets the whole process instead, where the preloaded come first. */
void *dlopen(const char *name, int flags)
{
    return real_dlopen(name != NULL && strcmp(name, "libc.so.6") == 0 ? NULL : name, flags);
}
