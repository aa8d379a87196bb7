/* From root to somebody without rights, and no way back. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/capability.h>

#include "proxy/process/privilege.h"

static int
fail_privilege(struct strbuf *reason, const char *what)
{
	return strbuf_fail(reason, "%s: %s", what, strerror(errno));
}

void
proxy_privilege_hide(void)
{
	const struct rlimit none = {0, 0};

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

/* Key files may be keys_user's alone, and maps and settings somebody's: without
 * CAP_DAC_READ_SEARCH `serve -t' would take what the master cannot open. */
static const unsigned kept[] = {CAP_CHOWN, CAP_DAC_READ_SEARCH, CAP_KILL,
    CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_IPC_LOCK,
    CAP_SYS_RESOURCE};

static bool
is_kept(unsigned capability)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i] == capability)
			return true;
	return false;
}

int
proxy_privilege_keep_few(struct strbuf *reason)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	bool more = false;

	if (geteuid() != 0)
		return 0;
	/* What is bounded so is not had again by exec. The kernel may know
	 * fewer, or whoever started us may not let us. */
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if (!is_kept(i))
			(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	if (syscall(SYS_capget, &head, sets) != 0)
		return fail_privilege(reason, "capget");
	for (unsigned i = 0; i < 32 * _LINUX_CAPABILITY_U32S_3; i++) {
		struct __user_cap_data_struct *set = &sets[i / 32];
		uint32_t bit = 1u << i % 32;

		if (is_kept(i))
			continue;
		more = more ||
		    ((set->effective | set->permitted | set->inheritable) &
			bit) != 0;
		set->effective &= ~bit;
		set->permitted &= ~bit;
		set->inheritable &= ~bit;
	}
	/* Who started us may have bounded them already, and let nobody make
	 * this call (systemd's @privileged). */
	if (more && syscall(SYS_capset, &head, sets) != 0)
		return fail_privilege(reason, "capset");
	return 0;
}

bool
proxy_privilege_allow_lock(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_MEMLOCK, &all) == 0;
}

void
proxy_privilege_lock(void)
{
	struct rlimit limit;
	bool bounded = getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
	    limit.rlim_cur != RLIM_INFINITY;
	/* Each page once it is used. All at once would fill what is merely
	 * reserved, such as the places of other processes' figures, and a
	 * signer would take 50 MB. */
	int what = MCL_CURRENT | MCL_ONFAULT;

	/* Under a bound, all that comes later would be refused at some time,
	 * and the signer end for want of memory; new pages of keys are locked
	 * each for itself as far as it goes (dkim/key_memory.h). */
	(void)mlockall(bounded ? what : what | MCL_FUTURE);
}

void
proxy_privilege_forbid_lock(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_MEMLOCK, &none);
}

void
proxy_privilege_allow_descriptors(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
proxy_privilege_check_descriptors(struct strbuf *reason)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur >= PROXY_DESCRIPTORS_LEAST)
		return 0;
	return strbuf_fail(reason,
	    "no more than %llu files may be open, and %d are the least: raise "
	    "`ulimit -n' or LimitNOFILE=",
	    (unsigned long long)limit.rlim_cur, PROXY_DESCRIPTORS_LEAST);
}

/* Is there a way back? There must not be. */
static int
verify(const struct passwd *user, struct strbuf *reason)
{
	uid_t u[3];
	gid_t g[3];
	int i;

	if (getresuid(&u[0], &u[1], &u[2]) != 0 ||
	    getresgid(&g[0], &g[1], &g[2]) != 0)
		return fail_privilege(reason, "getresuid");
	for (i = 0; i < 3; i++)
		if (u[i] != user->pw_uid || g[i] != user->pw_gid)
			return strbuf_fail(reason, "the user did not change");
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setgid(0) == 0)
		return strbuf_fail(reason, "there still is a way back to root");
	return 0;
}

static int
drop_root(const char *name, struct strbuf *reason)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		return strbuf_fail(reason, "user %s does not exist", name);
	if (user->pw_uid == 0 || user->pw_gid == 0)
		return strbuf_fail(
		    reason, "user %s is root, or in its group", name);
	if (setgroups(1, &user->pw_gid) != 0)
		return fail_privilege(reason, "setgroups");
	if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0)
		return fail_privilege(reason, "setresgid");
	if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return fail_privilege(reason, "setresuid");
	return verify(user, reason);
}

static bool
has_capabilities(const struct __user_cap_data_struct *sets)
{
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if ((sets[i].effective | sets[i].permitted |
			sets[i].inheritable) != 0)
			return true;
	return false;
}

/* The change of user takes root's. Ambient ones outlive exec, where somebody
 * else than root started us with some. */
static int
drop_capabilities(struct strbuf *reason)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, sets) != 0)
		return fail_privilege(reason, "capget");
	if (!has_capabilities(sets))
		return 0;
	memset(sets, 0, sizeof(sets));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &head, sets) != 0)
		return fail_privilege(reason, "capset");
	return 0;
}

int
proxy_privilege_drop(
    const char *user, size_t descriptors, struct strbuf *reason)
{
	const struct rlimit none = {0, 0};

	proxy_privilege_allow_descriptors(descriptors);
	if (geteuid() == 0 && drop_root(user, reason) != 0)
		return -1;
	if (drop_capabilities(reason) != 0)
		return -1;
	/* After the change of user, which sets some of it anew. */
	proxy_privilege_hide();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail_privilege(reason, "no_new_privs");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return strbuf_fail(reason, "still dumpable");
	if (setrlimit(RLIMIT_NPROC, &none) != 0)
		return fail_privilege(reason, "limit of processes");
	return 0;
}
