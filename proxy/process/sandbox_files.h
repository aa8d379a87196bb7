/*
 * Landlock: what may be opened, and which TCP ports may be spoken to, by raw
 * system calls, for libc has none. The kernel's ABI is asked at run time, and
 * what it does not know is not promised:
 *
 *	1	files and directories	3	truncating them
 *	4	TCP: bind, connect	5	ioctl of devices
 *	6	abstract sockets and signals of others
 */
#ifndef PROXY_PROCESS_SANDBOX_FILES_H
#define PROXY_PROCESS_SANDBOX_FILES_H

#include <stddef.h>
#include <stdint.h>

enum { PROXY_SANDBOX_ABI_TCP = 4, PROXY_SANDBOX_ABI_SCOPES = 6 };
enum { PROXY_SANDBOX_PORTS_MAX = 64 };

/* What stays open to the process: one directory, in which it may make, read,
 * write and remove files (NULL: none); ports that it may connect to. */
struct proxy_sandbox_reach {
	const char *directory;
	uint16_t ports[PROXY_SANDBOX_PORTS_MAX];
	size_t port_count;
};

/* Of the kernel; or -1 and errno: ENOSYS where it has none, EOPNOTSUPP where it
 * was started without, EPERM where whoever started us forbids to ask. */
int proxy_sandbox_abi(void);

/* For good; no_new_privs must be set. 0; or -1 and errno, and nothing is
 * closed. */
int proxy_sandbox_close(const struct proxy_sandbox_reach *);

#endif
