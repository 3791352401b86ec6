/*
 * A disk that is watched and that fails: preloaded into a process, it notes each call that alters a
 * file below CAMPAIGN_DIR in the file CAMPAIGN_LOG, and lets those fail that CAMPAIGN_PLAN says.
 * Both are inherited by the processes that this one starts. See preload.py, oplog.py and plan.py.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* In the order of plan.py's CALLS. */
enum call { OPEN, WRITE, TRUNCATE, RENAME, UNLINK, SYNC, READ, MMAP, LOCK, THREAD, CALLS };

/* The calls `first` to `first + count - 1` of a kind fail with `number`; 0: they write a part. */
struct plan {
	_Atomic int64_t call, first, count, number;
	_Atomic int64_t made[CALLS];
};

/* What stands before each entry of the log; `length` bytes follow. */
struct head {
	uint32_t kind, process;
	uint64_t inode;
	int64_t offset;
	uint32_t length, synchronous;
};

static struct plan idle = {.call = -1};
static struct plan *plan = &idle;
static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;

/* Also called by a process that has set its environment after it began. */
__attribute__((constructor)) void campaign_configure(void)
{
	const char *directory = getenv("CAMPAIGN_DIR"), *path = getenv("CAMPAIGN_LOG");
	const char *plan_path = getenv("CAMPAIGN_PLAN");

	root_length = 0;
	if (directory && strlen(directory) < sizeof root) {
		strcpy(root, directory);
		root_length = strlen(root);
	}
	if (path)
		log_fd = syscall(SYS_openat, AT_FDCWD, path,
				 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	const int fd = plan_path ? syscall(SYS_openat, AT_FDCWD, plan_path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *shared = (void *)syscall(SYS_mmap, NULL, sizeof idle, PROT_READ | PROT_WRITE,
				       MAP_SHARED, fd, 0);
	if (shared != MAP_FAILED)
		plan = shared;
	syscall(SYS_close, fd);
}

static int is_below(const char *path)
{
	return root_length && path && strncmp(path, root, root_length) == 0 &&
	       (path[root_length] == '/' || path[root_length] == 0);
}

/* The path of a watched file or directory, and its status; 0 for any other descriptor. */
static int watched(int fd, char *path, struct stat *status)
{
	char link[64];

	if (!root_length)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	const ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
	if (length <= 0)
		return 0;
	path[length] = 0;
	return is_below(path) && fstat(fd, status) == 0 &&
	       (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode));
}

/* Whether this call fails: 0, or the errno; -1 for a write that is cut short. */
static int fails(enum call call)
{
	const int64_t number = atomic_fetch_add(&plan->made[call], 1) + 1;
	const int64_t first = plan->first;

	if (plan->call != (int64_t)call || number < first || number >= first + plan->count)
		return 0;
	return plan->number ? (int)plan->number : -1;
}

static int refuse(int number)
{
	errno = number;
	return -1;
}

static void note(char kind, uint64_t inode, int64_t offset, const struct iovec *data, int parts,
		 size_t length, int synchronous)
{
	const int before = errno;
	struct head head = {kind, getpid(), inode, offset, (uint32_t)length, synchronous};
	struct iovec all[18] = {{&head, sizeof head}};
	int count = 1;

	if (log_fd < 0)
		return;
	for (size_t rest = length; rest && count <= parts && count < 18; count++) {
		all[count] = data[count - 1];
		if (all[count].iov_len > rest)
			all[count].iov_len = rest;
		rest -= all[count].iov_len;
	}
	syscall(SYS_writev, log_fd, all, count);
	errno = before;
}

static void note_text(char kind, uint64_t inode, int64_t offset, const char *text, size_t length)
{
	const struct iovec data = {(void *)text, length};

	note(kind, inode, offset, &data, 1, length, 0);
}

static void note_names(char kind, const char *old, const char *new)
{
	char both[2 * PATH_MAX];
	const int length = snprintf(both, sizeof both, "%s%c%s", old, 0, new);

	note_text(kind, 0, 0, both, length);
}

/* A word of the process itself, between what it does to files. */
void campaign_note(const char *text)
{
	note_text('N', 0, 0, text, strlen(text));
}

static int opened(int directory, const char *path, int flags, mode_t mode)
{
	const int is_watched = is_below(path);
	struct stat status;
	int number;

	if (is_watched && (number = fails(OPEN)) > 0)
		return refuse(number);
	const int is_new = is_watched && (flags & O_CREAT) &&
			   syscall(SYS_faccessat, directory, path, F_OK) != 0;
	errno = 0;
	const int fd = syscall(SYS_openat, directory, path, flags, mode);
	if (fd >= 0 && is_watched && log_fd >= 0 && fstat(fd, &status) == 0) {
		if (is_new)
			note_text('C', status.st_ino, 0, path, strlen(path));
		else if (flags & O_TRUNC)
			note('T', status.st_ino, 0, NULL, 0, 0, 0);
	}
	return fd;
}

#define MODE(flags, last) ({ mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; \
	va_start(rest, last); mode = va_arg(rest, mode_t); va_end(rest); } mode; })

int open(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE(flags, flags)); }
int open64(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE(flags, flags)); }
int openat(int at, const char *path, int flags, ...) { return opened(at, path, flags, MODE(flags, flags)); }
int openat64(int at, const char *path, int flags, ...) { return opened(at, path, flags, MODE(flags, flags)); }

static size_t size_of(const struct iovec *parts, int count)
{
	size_t size = 0;

	while (count--)
		size += parts++->iov_len;
	return size;
}

/* offset -1: where the file's own position is, or its end. */
static ssize_t written(int fd, const struct iovec *parts, int count, off64_t offset)
{
	char path[PATH_MAX];
	struct stat status;
	struct iovec part;
	const int is_watched = watched(fd, path, &status) && S_ISREG(status.st_mode);

	if (is_watched) {
		const int number = fails(WRITE);
		if (number > 0)
			return refuse(number);
		if (number < 0 && size_of(parts, count) > 1) {
			part = parts[0];
			part.iov_len = part.iov_len > 1 ? part.iov_len / 2 : 1;
			parts = &part;
			count = 1;
		}
	}
	const ssize_t done = offset < 0 ? syscall(SYS_writev, fd, parts, count)
					: syscall(SYS_pwritev, fd, parts, count, offset, 0);
	if (done > 0 && is_watched && log_fd >= 0) {
		const off64_t at = offset < 0 ? syscall(SYS_lseek, fd, 0, SEEK_CUR) - done : offset;
		const int flags = syscall(SYS_fcntl, fd, F_GETFL);
		note('W', status.st_ino, at, parts, count, done, (flags & O_DSYNC) != 0);
	}
	return done;
}

static ssize_t written_alone(int fd, const void *data, size_t length, off64_t offset)
{
	const struct iovec part = {(void *)data, length};

	return written(fd, &part, 1, offset);
}

ssize_t write(int fd, const void *data, size_t length) { return written_alone(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return written_alone(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return written_alone(fd, data, length, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return written(fd, parts, count, at); }

static int resized(int fd, off64_t size, int call)
{
	char path[PATH_MAX];
	struct stat status;
	int number;

	const int is_watched = watched(fd, path, &status) && S_ISREG(status.st_mode);
	if (is_watched && (number = fails(TRUNCATE)) > 0)
		return refuse(number);
	const int result = syscall(call, fd, size);
	if (result == 0 && is_watched)
		note('T', status.st_ino, size, NULL, 0, 0, 0);
	return result;
}

int ftruncate(int fd, off_t size) { return resized(fd, size, SYS_ftruncate); }
int ftruncate64(int fd, off64_t size) { return resized(fd, size, SYS_ftruncate); }

static int allocated(int fd, int mode, off64_t offset, off64_t length)
{
	char path[PATH_MAX];
	struct stat status;
	int number;

	const int is_watched = watched(fd, path, &status) && S_ISREG(status.st_mode);
	if (is_watched && (number = fails(TRUNCATE)) > 0)
		return refuse(number);
	const int result = syscall(SYS_fallocate, fd, mode, offset, length);
	if (result == 0 && is_watched && mode == 0 && offset + length > status.st_size)
		note('T', status.st_ino, offset + length, NULL, 0, 0, 0);
	return result;
}

int fallocate(int fd, int mode, off_t at, off_t length) { return allocated(fd, mode, at, length); }
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return allocated(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) { return allocated(fd, 0, at, length) ? errno : 0; }
int posix_fallocate64(int fd, off64_t at, off64_t length) { return allocated(fd, 0, at, length) ? errno : 0; }

static int flushed(int fd, int call)
{
	char path[PATH_MAX];
	struct stat status;
	int number;

	const int is_watched = watched(fd, path, &status);
	if (is_watched && (number = fails(SYNC)) > 0)
		return refuse(number);
	/* What is written while it waits need not be on the disk when it returns. */
	if (is_watched)
		note_text('S', status.st_ino, S_ISDIR(status.st_mode), path, strlen(path));
	const int result = syscall(call, fd);
	if (is_watched && result == 0)
		note_text('F', status.st_ino, S_ISDIR(status.st_mode), path, strlen(path));
	return result;
}

int fsync(int fd) { return flushed(fd, SYS_fsync); }
int fdatasync(int fd) { return flushed(fd, SYS_fdatasync); }

static int renamed(int from, const char *old, int to, const char *new, enum call call, long number)
{
	const int is_watched = is_below(old) || is_below(new);
	int fault;

	if (is_watched && (fault = fails(call)) > 0)
		return refuse(fault);
	const int result = syscall(number, from, old, to, new, 0);
	if (result == 0 && is_watched)
		note_names(number == SYS_linkat ? 'L' : 'R', old, new);
	return result;
}

int rename(const char *old, const char *new) { return renamed(AT_FDCWD, old, AT_FDCWD, new, RENAME, SYS_renameat2); }
int renameat(int from, const char *old, int to, const char *new) { return renamed(from, old, to, new, RENAME, SYS_renameat2); }
int link(const char *old, const char *new) { return renamed(AT_FDCWD, old, AT_FDCWD, new, RENAME, SYS_linkat); }

static int removed(int at, const char *path, int flags)
{
	const int is_watched = is_below(path);
	int number;

	if (is_watched && (number = fails(UNLINK)) > 0)
		return refuse(number);
	const int result = syscall(SYS_unlinkat, at, path, flags);
	if (result == 0 && is_watched)
		note_text('U', 0, 0, path, strlen(path));
	return result;
}

int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *path, mode_t mode)
{
	struct stat status;
	const int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);

	if (result == 0 && is_below(path) && log_fd >= 0 && stat(path, &status) == 0)
		note_text('D', status.st_ino, 0, path, strlen(path));
	return result;
}

static int cannot(int fd, enum call call)
{
	char path[PATH_MAX];
	struct stat status;

	return watched(fd, path, &status) && S_ISREG(status.st_mode) ? fails(call) : 0;
}

ssize_t read(int fd, void *data, size_t length)
{
	const int number = cannot(fd, READ);
	return number > 0 ? refuse(number) : syscall(SYS_read, fd, data, length);
}

static ssize_t read_at(int fd, void *data, size_t length, off64_t at)
{
	const int number = cannot(fd, READ);
	return number > 0 ? refuse(number) : syscall(SYS_pread64, fd, data, length, at);
}

ssize_t pread(int fd, void *data, size_t length, off_t at) { return read_at(fd, data, length, at); }
ssize_t pread64(int fd, void *data, size_t length, off64_t at) { return read_at(fd, data, length, at); }

int flock(int fd, int operation)
{
	/* To give a lock back always works. */
	const int number = operation & LOCK_UN ? 0 : cannot(fd, LOCK);
	return number > 0 ? refuse(number) : syscall(SYS_flock, fd, operation);
}

static void *mapped(void *at, size_t length, int protection, int flags, int fd, off64_t offset)
{
	const int number = fd >= 0 ? cannot(fd, MMAP) : 0;

	if (number > 0)
		return refuse(number), MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}

void *mmap(void *at, size_t length, int p, int flags, int fd, off_t offset) { return mapped(at, length, p, flags, fd, offset); }
void *mmap64(void *at, size_t length, int p, int flags, int fd, off64_t offset) { return mapped(at, length, p, flags, fd, offset); }

int pthread_create(pthread_t *thread, const pthread_attr_t *with, void *(*run)(void *), void *argument)
{
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (!real)
		real = dlsym(RTLD_NEXT, "pthread_create");
	const int number = root_length ? fails(THREAD) : 0;
	return number > 0 ? number : real(thread, with, run, argument);
}
