/*
 * Which keys a configuration signs with: domain, selector and where the
 * file is, for `dns` and whatever else looks after keys.
 */
#ifndef CLI_KIT_KEY_PLACES_H
#define CLI_KIT_KEY_PLACES_H

#include "base/slice.h"

struct proxy_config;
struct proxy_signature;

struct cli_key_place {
	/* d=, A-labels; empty where it has macros: then it has no domain
	 * before there is a message. */
	struct slice domain;
	/* Whose mail is signed so, where a rule names it; else empty. */
	struct slice author;
	struct slice selector; /* s= */
	unsigned rule;	       /* of config->signing.keys */
	/* What the key is for; NULL: to seal (ARC). */
	const struct proxy_signature *signature;
};

/*
 * Calls `found` for each: of `domain =` and `signature =`, of the maps, then of
 * `seal_domain =`.
 * With `domain = *' it is of each domain that has a key, in alphabetical order
 * (proxy/keys/key_tree.h); a tree that cannot be read is warned of on stderr.
 * The same place may come more than once. With `only` (not empty) it is what
 * mail of that domain is signed with, as proxy/message/sign_rule.h finds it (so that a
 * parent's rule counts, and with `domain = *` it is one), and whatever else
 * signs with it as d=.
 */
void cli_key_places(const struct proxy_config *, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx);

#endif
