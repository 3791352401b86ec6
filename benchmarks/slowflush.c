/*
 * A disk on which a flush takes longer: preloaded into a process, it lets every call that waits for
 * the disk take SLOWFLUSH_MS milliseconds more, and counts them in the file SLOWFLUSH_COUNTS names.
 *
 * A write to a descriptor opened with O_DSYNC or O_SYNC waits for the disk as well: LMDB writes its
 * meta page in that way. It is counted always, and slowed only where SLOWFLUSH_WRITES is set.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum call { FSYNC, FDATASYNC, MSYNC, SYNC_FILE_RANGE, SYNC_WRITE, CALLS };

static _Atomic uint64_t unshared[CALLS];
static _Atomic uint64_t *counts = unshared;
static struct timespec delay;
static int slow_writes;

__attribute__((constructor)) static void configure(void)
{
	const char *ms = getenv("SLOWFLUSH_MS");
	const char *path = getenv("SLOWFLUSH_COUNTS");
	const double seconds = ms ? atof(ms) / 1e3 : 0;

	delay.tv_sec = (time_t)seconds;
	delay.tv_nsec = (long)((seconds - (double)delay.tv_sec) * 1e9);
	slow_writes = getenv("SLOWFLUSH_WRITES") != NULL;
	if (path == NULL)
		return;
	const int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof unshared) != 0)
		return;
	void *shared = mmap(NULL, sizeof unshared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared != MAP_FAILED)
		counts = shared;
	close(fd);
}

static void wait_for_disk(enum call call, int slow)
{
	atomic_fetch_add_explicit(&counts[call], 1, memory_order_relaxed);
	if (slow && (delay.tv_sec || delay.tv_nsec))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

int fsync(int fd)
{
	static int (*real)(int);
	if (!real)
		real = next("fsync");
	wait_for_disk(FSYNC, 1);
	return real(fd);
}

int fdatasync(int fd)
{
	static int (*real)(int);
	if (!real)
		real = next("fdatasync");
	wait_for_disk(FDATASYNC, 1);
	return real(fd);
}

int msync(void *address, size_t length, int flags)
{
	static int (*real)(void *, size_t, int);
	if (!real)
		real = next("msync");
	if (flags & MS_SYNC)
		wait_for_disk(MSYNC, 1);
	return real(address, length, flags);
}

int sync_file_range(int fd, off64_t offset, off64_t length, unsigned int flags)
{
	static int (*real)(int, off64_t, off64_t, unsigned int);
	if (!real)
		real = next("sync_file_range");
	wait_for_disk(SYNC_FILE_RANGE, 1);
	return real(fd, offset, length, flags);
}

static void note_write(int fd)
{
	const int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_DSYNC))
		wait_for_disk(SYNC_WRITE, slow_writes);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	if (!real)
		real = next("pwrite");
	note_write(fd);
	return real(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off64_t);
	if (!real)
		real = next("pwrite64");
	note_write(fd);
	return real(fd, data, length, offset);
}
