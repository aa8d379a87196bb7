/*
 * One ARC set (RFC 8617) on a message at hand: it is checked here first, and
 * what came of that is what the set seals.
 */
#ifndef CLI_SEAL_H
#define CLI_SEAL_H

#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/kit/resolve.h"
#include "dkim/algorithm.h"

struct cli_message;
struct dkim_field_list;
struct dkim_key;

struct cli_seal {
	struct slice domain, selector;
	enum dkim_algorithm algorithm;	      /* UNKNOWN: the key's own */
	const struct dkim_field_list *fields; /* NULL: the built-in list */
	const struct dkim_key *key;
	const char *authserv_id; /* NULL: the host name */
	struct cli_dns dns;	 /* whom the check asks */
	int64_t time;
};

/* Adds the three fields for a message that was read and kept. CLI_OK; or a
 * message on stderr and how to end: CLI_TEMPORARY where the chain so far
 * could not be checked now. */
int cli_seal_message(
    const struct cli_seal *, const struct cli_message *, struct strbuf *fields);

#endif
