/*
 * What the running daemon signs a domain's mail with, and whether that
 * verifies: the daemon is asked (proxy/process/inquiry.h), for it alone knows
 * what its signers hold, and the trial's signature is verified as any receiver
 * would do it, by DNS.
 */
#ifndef CLI_ROTATE_LIVE_H
#define CLI_ROTATE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/key.h"

enum { ROTATE_LIVE_KEYS_MAX = 32 };

/* A key that signers have for the domain. */
struct rotate_live_key {
	char *selector;
	enum dkim_key_type type;
	int64_t everywhere, used; /* s since 1970; 0: not yet */
	size_t signers;		  /* that have it, */
};

struct rotate_live {
	size_t signers; /* of so many */
	struct rotate_live_key keys[ROTATE_LIVE_KEYS_MAX];
	size_t count;
	char *failure; /* why a key cannot be had; NULL: none */
};

/* Of which keys the daemon is asked. */
struct rotate_live_question {
	const char *config;  /* the file that says where it listens */
	struct slice author; /* whose mail it is */
	struct slice domain; /* and what it is signed for, d= */
};

/* 0; -1 and the reason where the daemon could not be asked. Cleared by the
 * caller in any case. */
int rotate_live_ask(const struct rotate_live_question *, struct rotate_live *,
    struct strbuf *reason);
void rotate_live_clear(struct rotate_live *);

/* Do all signers have that key, and no other one of its type? */
bool rotate_live_has_only(
    const struct rotate_live *, enum dkim_key_type, struct slice selector);
/* Has one of them that key? */
const struct rotate_live_key *rotate_live_find(
    const struct rotate_live *, struct slice selector);

struct cli_resolver;

/* Has the daemon sign a text of its own as mail of that domain, and verifies
 * it: 0 where a signature with that selector passes, else -1 and the reason. */
int rotate_live_try(const struct rotate_live_question *, struct slice selector,
    struct cli_resolver *, struct strbuf *reason);

#endif
