/* Milters of Postfix's and sockets of OpenDKIM's; see migrate_postfix.h. */
#include <string.h>

#include "cli/kit/milters.h"
#include "cli/migrate_postfix.h"

/* A host of this machine, or any. */
static bool
is_here(struct slice host)
{
	static const char *const names[] = {"", "localhost", "127.0.0.1", "::1",
	    "0.0.0.0", "::", "ip6-localhost", NULL};

	if (host.n > 1 && host.p[0] == '[')
		host = slice_first(slice_after(host, 1), host.n - 2);
	return slice_is_one_of(host, names);
}

/* A path of Postfix's may be below its queue directory, where smtpd is
 * chrooted. */
static bool
is_same_path(struct slice milter, struct slice socket, struct slice queue)
{
	struct slice below = slice_after(socket, queue.n);

	if (slice_equal(milter, socket))
		return true;
	if (queue.n == 0 || !slice_equal(slice_first(socket, queue.n), queue))
		return false;
	while (below.n > 0 && below.p[0] == '/')
		below = slice_after(below, 1);
	while (milter.n > 0 && milter.p[0] == '/')
		milter = slice_after(milter, 1);
	return below.n > 0 && slice_equal(milter, below);
}

bool
migrate_milter_is(
    struct slice milter, const char *socket, struct slice queue_directory)
{
	struct slice theirs = slice_str(socket), kind, port, host;
	size_t colon;

	milter = cli_milter_address(milter);
	colon = slice_find(milter, ':');
	kind = slice_first(milter, colon);
	milter = slice_after(milter, colon + 1);
	if (theirs.n > 0 && theirs.p[0] != '/') {
		struct slice how = slice_first(theirs, slice_find(theirs, ':'));

		theirs = slice_after(theirs, how.n + 1);
		if (slice_starts_nocase(how, SLICE("inet"))) {
			size_t at = slice_find(theirs, '@');
			struct slice its = slice_after(theirs, at + 1);

			colon = slice_find_last(milter, ':');
			port = slice_after(milter, colon + 1);
			host = slice_first(milter, colon);
			return slice_equal_nocase(kind, SLICE("inet")) &&
			    colon < milter.n &&
			    slice_equal(port, slice_first(theirs, at)) &&
			    ((is_here(host) && is_here(its)) ||
				slice_equal_nocase(host, its));
		}
	}
	return (slice_equal_nocase(kind, SLICE("unix")) ||
		   slice_equal_nocase(kind, SLICE("local"))) &&
	    is_same_path(milter, theirs, queue_directory);
}
