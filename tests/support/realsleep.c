/*
 * Sleeping by the system's own clocks, preloaded before libfaketime: that one (0.9.10, Debian 12)
 * answers Python's time.sleep, which sleeps until a moment of the monotonic clock, with EINVAL.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	return syscall(SYS_clock_nanosleep, clock, flags, time, left) == 0 ? 0 : errno;
}
