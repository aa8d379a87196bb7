/*
 * Which keys a configuration signs with: domain, selector and where the
 * file is, for `dns` and whatever else looks after keys.
 */
#ifndef CLI_KEY_PLACES_H
#define CLI_KEY_PLACES_H

#include "base/slice.h"

struct proxy_config;
struct proxy_signature;

struct cli_key_place {
	struct slice domain;   /* d=, A-labels */
	struct slice selector; /* s= */
	unsigned rule;	       /* of config->signing.keys */
	/* What the key is for; NULL: to seal (ARC). */
	const struct proxy_signature *signature;
};

/*
 * Calls `found` for each: of `domain =` and `signature =`, of the maps, then of
 * `seal_domain =`.
 * The same place may come more than once. With `only` (not empty) other
 * domains are left out, and with `domain = *` it is one. Signatures whose
 * d= has macros have no domain before there is a message; they are left
 * out.
 */
void cli_key_places(const struct proxy_config *, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx);

#endif
