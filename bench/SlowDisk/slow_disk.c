/*
 * Makes the fsyncs of one disk take longer, for processes that preload this (LD_PRELOAD): as on a disk without a cache that survives a loss of power.
 * The disk is one device: one flush at a time; who comes while one runs shares the next with all others that wait for it, as in the kernel's block/blk-flush.c.
 * What the real fsync takes comes before. Other disks and mounts are left alone.
 *
 * AFS_SLOW_DISK names a file of struct state, which all these processes map. The benchmark writes delay and device into it, and reads the counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define MOST_PROCESSES 1024

struct count {
    _Atomic uint64_t process; /* its id; 0: free */
    _Atomic uint64_t flushes;
};

struct state {
    _Atomic uint64_t delay_ns; /* 0: nothing is delayed yet */
    _Atomic uint64_t device;   /* major << 32 | minor */
    _Atomic uint64_t started;  /* when the latest flush began or will begin: CLOCK_MONOTONIC, ns */
    uint64_t reserved;
    struct count counts[MOST_PROCESSES];
};

static struct state *state;
static struct count *own;

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_syncfs)(int);
static void *(*real_dlopen)(const char *, int);

__attribute__((constructor)) static void begin(void)
{
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    real_syncfs = (int (*)(int))dlsym(RTLD_NEXT, "syncfs");
    real_dlopen = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    const char *path = getenv("AFS_SLOW_DISK");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        state = mapped;
}

static void count(void)
{
    if (own == NULL) {
        uint64_t mine = (uint64_t)getpid();
        for (int i = 0; i < MOST_PROCESSES && own == NULL; i++) {
            uint64_t there = 0;
            if (atomic_compare_exchange_strong(&state->counts[i].process, &there, mine) || there == mine)
                own = &state->counts[i];
        }
    }
    if (own != NULL)
        atomic_fetch_add(&own->flushes, 1);
}

static int is_slow(int file)
{
    struct stat status;
    if (state == NULL || state->delay_ns == 0 || fstat(file, &status) != 0)
        return 0;
    return ((uint64_t)major(status.st_dev) << 32 | minor(status.st_dev)) == state->device;
}

/* When the flush ends that this caller's data is part of. */
static uint64_t join_flush(uint64_t now_ns)
{
    uint64_t delay_ns = state->delay_ns;
    uint64_t started = state->started;
    for (;;) {
        uint64_t mine;
        if (now_ns >= started + delay_ns)
            mine = now_ns; /* The disk is idle. */
        else if (now_ns < started)
            return started + delay_ns; /* One waits for its turn: it takes this caller along. */
        else
            mine = started + delay_ns; /* One runs, which began without this caller. */
        if (atomic_compare_exchange_weak(&state->started, &started, mine))
            return mine + delay_ns;
    }
}

static int flush(int (*real)(int), int file)
{
    int result = real(file);
    if (result != 0 || !is_slow(file))
        return result;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    count();
    uint64_t end_ns = join_flush((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000), .tv_nsec = (long)(end_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) {
    }
    return 0;
}

int fsync(int file)
{
    return flush(real_fsync, file);
}

int fdatasync(int file)
{
    return flush(real_fdatasync, file);
}

int syncfs(int file)
{
    return flush(real_syncfs, file);
}

/* .NET looks functions of libc up in the library itself, past what is preloaded: it gets the whole process instead, where the preloaded come first. */
void *dlopen(const char *name, int flags)
{
    return real_dlopen(name != NULL && strcmp(name, "libc.so.6") == 0 ? NULL : name, flags);
}
