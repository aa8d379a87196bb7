/*
 * Which keys a configuration signs with: domain, selector and where the
 * file is, for `dns` and whatever else looks after keys.
 */
#ifndef CLI_KIT_KEY_PLACES_H
#define CLI_KIT_KEY_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/keys/selectors.h"

struct dkim_key;
struct proxy_config;
struct proxy_key_found;
struct proxy_key_readers;
struct proxy_signature;

struct cli_key_place {
	/* d=, A-labels; empty where it has macros: then it has no domain
	 * before there is a message. */
	struct slice domain;
	/* Whose mail is signed so, where a rule names it; else empty. */
	struct slice author;
	struct slice selector; /* s= */
	unsigned rule;	       /* of config->signing.keys */
	/* One that a file of selectors names (selector = auto), and as what; it
	 * lies in the folder of the domain from `from` on. */
	bool listed;
	enum proxy_selector_state state;
	int64_t since; /* s since 1970; 0: not known */
	size_t from;
	/* Not NULL: the daemon signs with it, and this file says otherwise, or
	 * cannot be read. */
	const char *behind;
	/* What the key is for; NULL: to seal (ARC). */
	const struct proxy_signature *signature;
};

/*
 * Calls `found` for each: of `domain =` and `signature =`, of the maps, then of
 * `seal_domain =`. With `selector = auto` each is a key that the domain's file
 * names, and of the kind that is wanted; where that file cannot be had it is
 * one place, whose selector is "auto". With `domain = *' it is of each domain
 * that has a key, in alphabetical order (proxy/keys/key_tree.h); a tree that
 * cannot be read is warned of on stderr. The same place may come more than
 * once. With `only` (not empty) it is what mail of that domain is signed with,
 * as proxy/message/sign_rule.h finds it (so that a parent's rule counts, and
 * with `domain = *` it is one), and whatever else signs with it as d=.
 */
void cli_key_places(const struct proxy_config *, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx);
/* The same, and with `selector = auto' the running daemon is asked: a key that it
 * signs with and the file does not name is a place, too, as an active one. */
void cli_key_places_live(const struct proxy_config *, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx);

/* Its key; or NULL and the reason. */
struct dkim_key *cli_key_place_load(const struct proxy_config *,
    const struct proxy_key_readers *, const struct cli_key_place *,
    struct proxy_key_found *, struct strbuf *reason);

#endif
