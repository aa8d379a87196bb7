/* The only file that knows libseccomp; see sandbox_filter.h. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "base/compat.h"
#include "proxy/process/life_wire.h"
#include "proxy/process/sandbox_calls.h"
#include "proxy/process/sandbox_filter.h"

/* --- what is not listed --- */

/* A handler has no context: set once, before the filter is there. */
static struct {
	int tell;
	bool death;
} on_unlisted;

/* Only what may be called from a signal's handler, and what is listed. */
static void
die(int number)
{
	static const char head[] = "signpost: sandbox: not listed: call ";
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	char digits[] = "0000\n";

	for (size_t i = 4; i-- > 0; number /= 10)
		digits[i] = (char)('0' + number % 10);
	(void)!write(STDERR_FILENO, head, sizeof(head) - 1);
	(void)!write(STDERR_FILENO, digits, sizeof(digits) - 1);
	(void)sigaction(SIGSYS, &standard, NULL);
	(void)raise(SIGSYS);
	_exit(EXIT_FAILURE);
}

static void
on_sigsys(int number, siginfo_t *info, void *context)
{
	int call = info->si_syscall, before = errno;
	unsigned char told[PROXY_LIFE_REFUSED_SIZE];

	(void)number;
	proxy_life_refused(call, told);
	(void)send(
	    on_unlisted.tell, told, sizeof(told), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (on_unlisted.death)
		die(call);
	errno = before;
	(void)compat_syscall_returns(context, -EPERM);
}

/* Where this machine's registers are not known, a refusal goes untold. */
static uint32_t
action_of(enum proxy_sandbox_unlisted unlisted)
{
	if (unlisted == PROXY_SANDBOX_UNLISTED_LOGGED)
		return SCMP_ACT_LOG;
	return compat_syscall_returns(NULL, 0) == 0 ? SCMP_ACT_TRAP
						    : SCMP_ACT_ERRNO(EPERM);
}

/* --- the filter --- */

/* A name that this machine has not, or this libseccomp does not know, cannot be
 * called by what was built with it. */
static int
add_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
    const struct proxy_sandbox_test *tests)
{
	struct scmp_arg_cmp args[PROXY_SANDBOX_TESTS_MAX];
	int number = seccomp_syscall_resolve_name(name);
	unsigned n = 0;

	if (number < 0)
		return 0;
	while (tests != NULL && n < PROXY_SANDBOX_TESTS_MAX &&
	    tests[n].mask != 0) {
		args[n] = SCMP_CMP64(tests[n].argument, SCMP_CMP_MASKED_EQ,
		    tests[n].mask, tests[n].value);
		n++;
	}
	return seccomp_rule_add_array(filter, action, number, n, args);
}

static int
add_killers(scmp_filter_ctx filter, bool master)
{
	const char *name;
	int result = 0;

	for (unsigned i = 0;
	     result == 0 && (name = proxy_sandbox_killer_at(i, master)) != NULL;
	     i++)
		result = add_rule(filter, SCMP_ACT_KILL_PROCESS, name, NULL);
	return result;
}

/* Calls of another architecture's numbers would pass for others. */
static int
set_attributes(scmp_filter_ctx filter)
{
	/* By a tree: the kernel walks it for calls whose arguments count. An
	 * older library has none, and does the same more slowly. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return seccomp_attr_set(
	    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
}

/* libseccomp's functions give -errno, but one of their own where the kernel has
 * refused: so what it says of the call itself is asked for. */
static int
load(scmp_filter_ctx filter, int result)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		errno = -result;
	return -1;
}

int
proxy_sandbox_filter(
    unsigned kind, enum proxy_sandbox_unlisted unlisted, int tell)
{
	const struct sigaction action = {
	    .sa_flags = SA_SIGINFO | SA_NODEFER, .sa_sigaction = on_sigsys};
	scmp_filter_ctx filter = seccomp_init(action_of(unlisted));
	int result;

	if (filter == NULL)
		return -1;
	on_unlisted.tell = tell;
	on_unlisted.death = unlisted == PROXY_SANDBOX_UNLISTED_DEATH;
	result = sigaction(SIGSYS, &action, NULL) == 0 ? 0 : -errno;
	if (result == 0)
		result = set_attributes(filter);
	if (result == 0) {
		const struct proxy_sandbox_call *call;
		int outcome = 0;

		for (unsigned i = 0;
		     outcome == 0 && (call = proxy_sandbox_call_at(i)) != NULL;
		     i++)
			if ((call->kinds & kind) != 0)
				outcome = add_rule(filter, SCMP_ACT_ALLOW,
				    call->name, call->tests);
		result = outcome;
	}
	if (result == 0) {
		/* abort() signals itself. */
		const struct proxy_sandbox_test own[PROXY_SANDBOX_TESTS_MAX] = {
		    {0, UINT32_MAX, (uint64_t)getpid()}};

		result = add_rule(filter, SCMP_ACT_ALLOW, "tgkill", own);
	}
	if (result == 0 && unlisted != PROXY_SANDBOX_UNLISTED_LOGGED)
		result = add_killers(filter, false);
	return load(filter, result);
}

int
proxy_sandbox_filter_master(enum proxy_sandbox_unlisted unlisted)
{
	scmp_filter_ctx filter;
	int result;

	if (unlisted == PROXY_SANDBOX_UNLISTED_LOGGED)
		return 0;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (filter == NULL)
		return -1;
	result = set_attributes(filter);
	if (result == 0)
		result = add_killers(filter, true);
	return load(filter, result);
}

void
proxy_sandbox_call_name(int number, struct strbuf *to)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	if (name != NULL)
		strbuf_addf(to, "%s (%d)", name, number);
	else
		strbuf_addf(to, "number %d", number);
	free(name);
}
