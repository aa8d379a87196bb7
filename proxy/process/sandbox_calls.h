/*
 * Which system calls each role makes, and why, where that is not plain: a
 * table, and nothing that acts by it (proxy/process/sandbox_filter does). What
 * is not here, no path of the program needs.
 */
#ifndef PROXY_PROCESS_SANDBOX_CALLS_H
#define PROXY_PROCESS_SANDBOX_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* Processes that make the same calls, as bits. */
enum {
	PROXY_SANDBOX_SIGN = 1 << 0,   /* workers of fronts that sign */
	PROXY_SANDBOX_VERIFY = 1 << 1, /* of those that verify */
	PROXY_SANDBOX_RECORDER = 1 << 2,
	PROXY_SANDBOX_SIGNER = 1 << 3
};

enum { PROXY_SANDBOX_TESTS_MAX = 2 };

/* An argument of the call: allowed where (argument & mask) == value. */
struct proxy_sandbox_test {
	unsigned argument; /* 0 is the first */
	uint64_t mask;	   /* 0: there is no such test */
	uint64_t value;
};

/* A call may have several rows: one of them must allow it. */
struct proxy_sandbox_call {
	const char *name;
	unsigned kinds;
	const char *why; /* NULL: it is plain */
	struct proxy_sandbox_test tests[PROXY_SANDBOX_TESTS_MAX];
};

/* NULL past the last one. */
const struct proxy_sandbox_call *proxy_sandbox_call_at(unsigned);

/* The names of calls that end the process at once, whatever its role: nothing
 * of ours makes them, and whoever does has taken it over. `master` are those
 * that end the master too, which starts others. NULL past the last one. */
const char *proxy_sandbox_killer_at(unsigned, bool master);

#endif
