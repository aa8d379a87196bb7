/*
 * What only one C library or kernel has, and what does for it elsewhere: the
 * one file with an #if in it. COMPAT_PLAIN asks for what does everywhere.
 */
#ifndef BASE_COMPAT_H
#define BASE_COMPAT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(COMPAT_PLAIN)
#include <malloc.h>
#endif

/* Behind a large local array that is written before it is read: to have it
 * zeroed at each call, as all others are, would cost more than what it is
 * for. */
#define COMPAT_UNWRITTEN
#ifdef __has_attribute
#if __has_attribute(uninitialized)
#undef COMPAT_UNWRITTEN
#define COMPAT_UNWRITTEN __attribute__((uninitialized))
#endif
#endif

/* Writes a piece if that can be done without waiting: how much of it, or -1
 * and EAGAIN; or EOPNOTSUPP (ENOSYS) where this system cannot tell. */
static inline ssize_t
compat_write_nowait(int fd, const struct iovec *piece)
{
#if defined(RWF_NOWAIT) && !defined(COMPAT_PLAIN)
	return pwritev2(fd, piece, 1, -1, RWF_NOWAIT);
#else
	(void)fd;
	(void)piece;
	errno = EOPNOTSUPP;
	return -1;
#endif
}

/* Closes all descriptors from `first` on; 0, or -1 and errno. The plain way
 * needs a /proc. */
static inline int
compat_close_from(int first)
{
#if defined(__GLIBC__) && !defined(COMPAT_PLAIN)
	return close_range((unsigned)first, ~0U, 0);
#else
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	long fd;

	if (folder == NULL)
		return -1;
	while ((entry = readdir(folder)) != NULL) {
		fd = strtol(entry->d_name, NULL, 10);
		if (fd >= first && fd != dirfd(folder))
			(void)close((int)fd);
	}
	return closedir(folder);
#endif
}

/* Up to so many bytes of the heap stay with the process when they are given
 * back, where the allocator has such a wish. */
static inline void
compat_keep_heap(int bytes)
{
#if defined(__GLIBC__) && !defined(COMPAT_PLAIN)
	(void)mallopt(M_TRIM_THRESHOLD, bytes);
	(void)mallopt(M_MMAP_THRESHOLD, bytes);
#else
	(void)bytes;
#endif
}

/* In a handler of SIGSYS, with its context: the call that was not made returns
 * `value`. With NULL nothing is changed. 0, or -1 where it is not known how. */
static inline int
compat_syscall_returns(void *context, long value)
{
#if defined(__x86_64__) && !defined(COMPAT_PLAIN)
	if (context != NULL)
		((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = value;
	return 0;
#elif defined(__aarch64__) && !defined(COMPAT_PLAIN)
	if (context != NULL)
		((ucontext_t *)context)->uc_mcontext.regs[0] =
		    (unsigned long long)value;
	return 0;
#else
	(void)context;
	(void)value;
	return -1;
#endif
}

/* Was this built with its tests, which wish things of a process by its
 * environment? */
static inline bool
compat_is_tested(void)
{
#if defined(SIGNPOST_TESTED)
	return true;
#else
	return false;
#endif
}

/* Was this built with a sanitizer? Its runtime makes calls of its own. */
static inline bool
compat_is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return true;
#else
	return false;
#endif
#else
	return false;
#endif
}

#endif
