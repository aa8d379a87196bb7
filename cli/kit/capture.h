/*
 * Another program's output, without a shell and bounded: in time, in bytes,
 * and in what is left behind.
 */
#ifndef CLI_KIT_CAPTURE_H
#define CLI_KIT_CAPTURE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/strbuf.h"

/* The path of a program: in PATH's absolute directories, or else, unless PATH
 * is a single directory, in /usr/sbin. 0, or -1 where it is in none. */
int cli_program_find(const char *name, struct strbuf *path);

/*
 * Runs argv[0], which is a path, with nothing on its standard input, and adds
 * what it prints to `out`. 0; or -1 and the reason where it could not be
 * started, printed more than `out` takes, had not ended after `ms`, or did not
 * end with 0. It and its children are killed then.
 */
int cli_capture(const char *const argv[], unsigned ms, struct strbuf *out,
    struct strbuf *reason);

/* The same with these bytes on its standard input; and with what it says on its
 * standard error. */
int cli_capture_fed(const char *const argv[], struct slice input, unsigned ms,
    struct strbuf *out, struct strbuf *reason);

/* Without input, and what it says on its standard error as well. */
int cli_capture_both(const char *const argv[], unsigned ms, struct strbuf *out,
    struct strbuf *reason);

/* Of a program that is to have nothing of ours. */
struct cli_capture_apart {
	uid_t user;
	gid_t group;
	const gid_t *groups; /* all, its own among them; none: as we are */
	size_t group_count;
	const char *const *environment; /* ends with NULL */
};

/*
 * The same, as that user and with that environment; in /, in a session of its
 * own, with no descriptor but its input and outputs, no signal ignored or
 * blocked, no core, and no way to new rights. Of what it prints the first
 * octets are taken and the rest is dropped; what kept it from being started is
 * there too.
 */
int cli_capture_apart(const char *const argv[],
    const struct cli_capture_apart *, unsigned ms, struct strbuf *out,
    struct strbuf *reason);

#endif
