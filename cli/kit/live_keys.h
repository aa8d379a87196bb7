/*
 * Which key the running daemon signs with, for whoever acts on keys by the files
 * that name them (selector = auto): it may not have seen the last change of a
 * file yet, or have refused it, and goes on with what the file said before. Where
 * no daemon answers, or one that serves by another configuration, the files are
 * all there is.
 */
#ifndef CLI_KIT_LIVE_KEYS_H
#define CLI_KIT_LIVE_KEYS_H

#include "base/slice.h"

/* Domains of which one program asks. */
enum { CLI_LIVE_KEYS_ASKED_MAX = 100 };

struct cli_live_key;
struct cli_live_keys;
struct proxy_config;
struct proxy_key_rule;

/* The configuration must live as long. Nobody is asked as yet. */
struct cli_live_keys *cli_live_keys_new(const struct proxy_config *);
void cli_live_keys_free(struct cli_live_keys *); /* NULL is fine */

/* What is signed: mail of `author' by a key of `domain', the same or its parent,
 * by an automatic rule. */
struct cli_live_wish {
	const struct proxy_key_rule *rule;
	struct slice author, domain;
	struct slice named; /* the selector by the file; empty: none */
};

/* The key that the daemon signs with there: the one that the file names, where a
 * signer has that, else another. NULL: it has none, or does not say; why it
 * could not be asked is told on stderr, once, unless it is not there or we
 * may not ask it. Valid until the next call. */
const struct cli_live_key *cli_live_keys_find(
    struct cli_live_keys *, const struct cli_live_wish *);
/* Why it has none, by the last call; NULL: it did not say. */
const char *cli_live_keys_failure(const struct cli_live_keys *);

#endif
