/* Landlock by raw calls; see sandbox_files.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/process/sandbox_files.h"

/* landlock(7). The kernel's header is older than some of it on the systems that
 * we are built on. */
enum {
	CREATE_RULESET_VERSION = 1 << 0,
	RULE_PATH_BENEATH = 1,
	RULE_NET_PORT = 2,
	ABI_MOST = 7
};

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_REG = 1 << 8,
	FS_ALL = (1 << 13) - 1, /* of ABI 1 */
	FS_REFER = 1 << 13,	/* 2 */
	FS_TRUNCATE = 1 << 14,	/* 3 */
	FS_IOCTL_DEV = 1 << 15	/* 5 */
};

enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
	uint64_t files, net, scoped;
};

/* As the kernel has it: without padding. */
struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed, port;
};

/* Since Linux 5.13, the same for every machine. */
static int
create_ruleset(const struct ruleset *ruleset, size_t size, unsigned flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, ruleset, size, flags);
}

static int
add_rule(int ruleset, int kind, const void *rule)
{
	return (int)syscall(SYS_landlock_add_rule, ruleset, kind, rule, 0);
}

int
proxy_sandbox_abi(void)
{
	return create_ruleset(NULL, 0, CREATE_RULESET_VERSION);
}

static struct ruleset
all_that(int abi)
{
	struct ruleset all = {.files = FS_ALL};

	if (abi >= 2)
		all.files |= FS_REFER;
	if (abi >= 3)
		all.files |= FS_TRUNCATE;
	if (abi >= PROXY_SANDBOX_ABI_TCP)
		all.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		all.files |= FS_IOCTL_DEV;
	if (abi >= PROXY_SANDBOX_ABI_SCOPES)
		all.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	return all;
}

static int
allow_directory(int ruleset, const struct ruleset *all, const char *path)
{
	struct path_rule rule = {
	    .allowed = (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR |
			   FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE) &
		all->files};
	int result;

	rule.parent = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent < 0)
		return -1;
	result = add_rule(ruleset, RULE_PATH_BENEATH, &rule);
	(void)close(rule.parent);
	return result;
}

static int
allow_ports(int ruleset, const struct proxy_sandbox_reach *reach)
{
	for (size_t i = 0; i < reach->port_count; i++) {
		struct port_rule rule = {NET_CONNECT_TCP, reach->ports[i]};

		if (add_rule(ruleset, RULE_NET_PORT, &rule) != 0)
			return -1;
	}
	return 0;
}

int
proxy_sandbox_close(const struct proxy_sandbox_reach *reach)
{
	int abi = proxy_sandbox_abi(), ruleset, result = -1, why;
	struct ruleset all = all_that(abi < ABI_MOST ? abi : ABI_MOST);

	if (abi < 1)
		return -1;
	/* Members that an older kernel does not know are 0, as it wants. */
	ruleset = create_ruleset(&all, sizeof(all), 0);
	if (ruleset < 0)
		return -1;
	if ((reach->directory == NULL ||
		allow_directory(ruleset, &all, reach->directory) == 0) &&
	    (all.net == 0 || allow_ports(ruleset, reach) == 0))
		result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	why = errno;
	(void)close(ruleset);
	errno = why;
	return result;
}
