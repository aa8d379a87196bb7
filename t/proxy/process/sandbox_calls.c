/* The table of system calls: what libc calls by another name elsewhere. */
#include <string.h>

#include "proxy/process/sandbox_calls.h"
#include "t/lib/unit.h"

/* Who may make it, with whatever arguments. */
static unsigned
kinds_of(const char *name)
{
	const struct proxy_sandbox_call *call;
	unsigned kinds = 0;

	for (unsigned i = 0; (call = proxy_sandbox_call_at(i)) != NULL; i++)
		if (strcmp(call->name, name) == 0)
			kinds |= call->kinds;
	return kinds;
}

/* Newer machines, arm64 among them, have only the second of each; and so may
 * the next libc of those that have both. */
static void
test_who_may_make_a_call_may_make_its_successor(void **state)
{
	static const char *const pairs[][2] = {
	    {"open", "openat"},
	    {"unlink", "unlinkat"},
	    {"readlink", "readlinkat"},
	    {"access", "faccessat"},
	    {"faccessat", "faccessat2"},
	    {"stat", "newfstatat"},
	    {"lstat", "newfstatat"},
	    {"stat", "statx"},
	    {"fstat", "newfstatat"},
	    {"poll", "ppoll"},
	    {"epoll_wait", "epoll_pwait"},
	    {"epoll_pwait", "epoll_pwait2"},
	    {"send", "sendto"},
	    {"recv", "recvfrom"},
	    {"accept", "accept4"},
	    {"getrlimit", "prlimit64"},
	    {"nanosleep", "clock_nanosleep"},
	    {"time", "clock_gettime"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if ((kinds_of(pairs[i][0]) & ~kinds_of(pairs[i][1])) != 0)
			fail_msg("%s, but not %s", pairs[i][0], pairs[i][1]);
}

static bool
kills(const char *call, bool master)
{
	const char *name;

	for (unsigned i = 0;
	     (name = proxy_sandbox_killer_at(i, master)) != NULL; i++)
		if (strcmp(name, call) == 0)
			return true;
	return false;
}

static void
test_what_kills_is_in_no_list(void **state)
{
	static const char *const deadly[] = {"execve", "execveat", "ptrace",
	    "process_vm_readv", "process_vm_writev", "bpf", "mount", "keyctl"};
	const char *name;

	(void)state;
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		/* The master starts the others. */
		bool starts = strncmp(deadly[i], "exec", 4) == 0;

		if (!kills(deadly[i], false) ||
		    kills(deadly[i], true) == starts)
			fail_msg("%s", deadly[i]);
	}
	for (unsigned i = 0; (name = proxy_sandbox_killer_at(i, false)) != NULL;
	     i++)
		if (kinds_of(name) != 0)
			fail_msg("%s", name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_may_make_a_call_may_make_its_successor),
	    cmocka_unit_test(test_what_kills_is_in_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
