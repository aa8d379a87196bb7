/*
 * What of its memory a signer locks, by the bound that there is, and which
 * capabilities the master drops. The kernel's part is played here: a machine has
 * one bound or the other, and few let a test lock without one.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "proxy/process/privilege.h"
#include "t/lib/unit.h"

static struct {
	rlim_t bound;
	bool refuses;
	int locked, calls;
} kernel;

int __wrap_mlockall(int flags);
int __wrap_getrlimit(int resource, struct rlimit *);
int __wrap_setrlimit(int resource, const struct rlimit *);
/* For the sanitizers, which ask before there is a test. */
int __real_getrlimit(int resource, struct rlimit *);
int __real_setrlimit(int resource, const struct rlimit *);

int
__wrap_mlockall(int flags)
{
	kernel.locked = flags;
	kernel.calls++;
	return 0;
}

int
__wrap_getrlimit(int resource, struct rlimit *limit)
{
	if (resource != RLIMIT_MEMLOCK)
		return __real_getrlimit(resource, limit);
	limit->rlim_cur = limit->rlim_max = kernel.bound;
	return 0;
}

int
__wrap_setrlimit(int resource, const struct rlimit *limit)
{
	if (resource != RLIMIT_MEMLOCK)
		return __real_setrlimit(resource, limit);
	if (kernel.refuses && limit->rlim_max > kernel.bound) {
		errno = EPERM;
		return -1;
	}
	kernel.bound = limit->rlim_cur;
	return 0;
}

/* Of capabilities: what there is, and how often that was changed. */
static struct {
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	int changes;
	bool refuses;
} rights;

long __wrap_syscall(long number, ...);
int __wrap_prctl(int what, ...);
int __real_prctl(int what, ...);
uid_t __wrap_geteuid(void);

long
__wrap_syscall(long number, ...)
{
	struct __user_cap_data_struct *sets;
	va_list ap;

	va_start(ap, number);
	(void)va_arg(ap, void *);
	sets = va_arg(ap, struct __user_cap_data_struct *);
	va_end(ap);
	if (number == SYS_capget) {
		memcpy(sets, rights.sets, sizeof(rights.sets));
		return 0;
	}
	assert_int_equal(number, SYS_capset);
	if (rights.refuses) {
		errno = EPERM;
		return -1;
	}
	memcpy(rights.sets, sets, sizeof(rights.sets));
	rights.changes++;
	return 0;
}

int
__wrap_prctl(int what, ...)
{
	va_list ap;
	long args[4];

	if (what == PR_CAPBSET_DROP)
		return 0;
	va_start(ap, what);
	for (int i = 0; i < 4; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	return __real_prctl(what, args[0], args[1], args[2], args[3]);
}

uid_t
__wrap_geteuid(void)
{
	return 0;
}

static void
give_rights(uint32_t low, uint32_t high)
{
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t set = i == 0 ? low : high;

		rights.sets[i] = (struct __user_cap_data_struct){set, set, 0};
	}
	rights.changes = 0;
}

static void
test_few_capabilities_are_kept(void **state)
{
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 200);
	give_rights(~0u, ~0u);
	assert_int_equal(proxy_privilege_keep_few(&reason), 0);
	assert_int_equal(rights.changes, 1);
	assert_true(rights.sets[0].permitted & 1u << CAP_SETUID);
	assert_false(rights.sets[0].permitted & 1u << CAP_SYS_ADMIN);
	assert_false(rights.sets[0].effective & 1u << CAP_SYS_PTRACE);
	assert_int_equal(rights.sets[1].permitted, 0);
	rights.refuses = true;
	give_rights(~0u, 0);
	assert_int_equal(proxy_privilege_keep_few(&reason), -1);
	assert_string_equal(
	    strbuf_text(&reason), "capset: Operation not permitted");
	strbuf_clear(&reason);
}

/* As our unit gives them, which lets nobody change them. */
static void
test_those_that_are_few_already_stay(void **state)
{
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 200);
	rights.refuses = true;
	give_rights(1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL, 0);
	assert_int_equal(proxy_privilege_keep_few(&reason), 0);
	assert_true(rights.sets[0].permitted & 1u << CAP_KILL);
	strbuf_clear(&reason);
}

static void
test_all_is_locked_where_there_is_no_bound(void **state)
{
	(void)state;
	kernel.bound = 8 << 20;
	kernel.refuses = false;
	assert_true(proxy_privilege_allow_lock());
	assert_true(kernel.bound == RLIM_INFINITY);
	proxy_privilege_lock();
	assert_int_equal(kernel.calls, 1);
	assert_int_equal(kernel.locked, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* Memory to come is not, for it would be refused. */
static void
test_under_a_bound_what_is_there_is_locked(void **state)
{
	(void)state;
	kernel.bound = 8 << 20;
	kernel.refuses = true;
	kernel.calls = 0;
	assert_false(proxy_privilege_allow_lock());
	assert_int_equal(kernel.bound, 8 << 20);
	proxy_privilege_lock();
	assert_int_equal(kernel.calls, 1);
	assert_int_equal(kernel.locked, MCL_CURRENT | MCL_ONFAULT);
}

static void
test_who_holds_no_keys_locks_nothing(void **state)
{
	(void)state;
	kernel.bound = RLIM_INFINITY;
	proxy_privilege_forbid_lock();
	assert_int_equal(kernel.bound, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few_capabilities_are_kept),
	    cmocka_unit_test(test_those_that_are_few_already_stay),
	    cmocka_unit_test(test_all_is_locked_where_there_is_no_bound),
	    cmocka_unit_test(test_under_a_bound_what_is_there_is_locked),
	    cmocka_unit_test(test_who_holds_no_keys_locks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
