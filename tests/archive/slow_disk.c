/*
 * A slow disk, for LD_PRELOAD: what a process writes to files below $TRIPLINE_SLOW_DIR, and every fdatasync and fsync of
 * them, takes as many milliseconds as the file $TRIPLINE_SLOW_FOR says, and no longer once that file is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int is_slow(int fd)
{
    char link[64], path[4096];
    const char *dir = getenv("TRIPLINE_SLOW_DIR");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (dir == NULL || length < 0)
        return 0;
    path[length] = '\0';
    return strncmp(path, dir, strlen(dir)) == 0;
}

static long wanted_ms(void)
{
    char text[32];
    const char *file = getenv("TRIPLINE_SLOW_FOR");
    int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return atol(text);
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void hold(int fd)
{
    const struct timespec piece = {0, 5000000};
    if (!is_slow(fd))
        return;
    for (long begun = now_ms(); now_ms() - begun < wanted_ms();)
        nanosleep(&piece, NULL);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    ssize_t (*next)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    hold(fd);
    return next(fd, bytes, count);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    hold(fd);
    return next(fd);
}

int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    hold(fd);
    return next(fd);
}
