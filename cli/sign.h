/* What the two ways of `signpost sign` share. */
#ifndef CLI_SIGN_H
#define CLI_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "cli/kit/resolve.h"
#include "dkim/signing_set.h"

enum { CLI_SIGN_CANONS_MAX = 8 };

struct cli_message;

/* What the command line says. */
struct cli_sign_wishes {
	const char *config, *domain, *selector, *keyfile;
	const char *headers, *algorithm, *identity;
	const struct dkim_kind *types[DKIM_SIGNING_SET_MAX]; /* in order */
	size_t type_count;
	const char *canons[CLI_SIGN_CANONS_MAX];
	size_t canon_count;
	uint64_t ttl, time;
	bool header_only;
	bool arc; /* one ARC set, on top of the others */
	const char *authserv_id;
	struct cli_dns dns;
};

/* Says that an option's value will not do; -1. */
int cli_sign_refuse(const char *option, const char *value, const char *why);

/* Signs standard input with the key that is named. How to end. */
int cli_sign_directly(const struct cli_sign_wishes *);

/* Prints the fields (with CRLF) and, unless they alone are wanted, the
 * message under them. How to end. */
int cli_sign_print(struct cli_message *, struct slice fields, bool header_only);

/* Signs standard input by the rules of the configuration at `path` (NULL:
 * the usual one). How to end. */
int cli_sign_by_config(const char *path, int64_t time, bool header_only);

#endif
