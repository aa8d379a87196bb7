/*
 * DKIMproxy's options, each with ours: for whoever writes one of them into
 * our configuration, and for those who bring theirs along.
 */
#ifndef PROXY_SETTINGS_DKIMPROXY_H
#define PROXY_SETTINGS_DKIMPROXY_H

#include "base/slice.h"

struct proxy_dkimproxy_option {
	const char *name; /* as in its configuration, with underscores */
	/* Of dkimproxy.out and dkimproxy.in: "[out] listen"; NULL: it has
	 * no such option, or we have none. */
	const char *out, *in;
	const char *advice; /* what to write or do, half a sentence */
};

/* NULL where it is none. A hyphen is as good as an underscore, and the two
 * hyphens of the command line may be there. */
const struct proxy_dkimproxy_option *proxy_dkimproxy_option_find(struct slice);

#endif
