/*
 * What the running daemon signs a domain's mail with, and whether that
 * verifies: the daemon is asked (proxy/process/inquiry.h), for it alone knows
 * what its signers hold, and the trial's signature is verified as any receiver
 * would do it, by DNS.
 */
#ifndef CLI_KIT_LIVE_H
#define CLI_KIT_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/key.h"

enum { CLI_LIVE_KEYS_MAX = 32 };

/* A key that signers have for the domain. */
struct cli_live_key {
	char *selector;
	enum dkim_key_type type;
	int64_t everywhere, used; /* s since 1970; 0: not yet */
	size_t signers;		  /* that have it, */
};

struct cli_live {
	size_t signers; /* of so many */
	struct cli_live_key keys[CLI_LIVE_KEYS_MAX];
	size_t count;
	char *failure; /* why a key cannot be had; NULL: none */
};

/* Of which keys the daemon is asked. */
struct cli_live_question {
	const char *config;  /* the file that says where it listens */
	struct slice author; /* whose mail it is */
	struct slice domain; /* and what it is signed for, d= */
	unsigned wait_s;     /* 0: as long as a signer may take */
};

/* 0; -1 and the reason where the daemon could not be asked. Cleared by the
 * caller in any case. */
int cli_live_ask(
    const struct cli_live_question *, struct cli_live *, struct strbuf *reason);
void cli_live_clear(struct cli_live *);

/* Do all signers have that key, and no other one of its type? */
bool cli_live_has_only(
    const struct cli_live *, enum dkim_key_type, struct slice selector);
/* Has one of them that key? */
const struct cli_live_key *cli_live_find(
    const struct cli_live *, struct slice selector);

struct cli_resolver;

/* Has the daemon sign a text of its own as mail of that domain, and verifies
 * it: 0 where a signature with that selector passes, else -1 and the reason. */
int cli_live_try(const struct cli_live_question *, struct slice selector,
    struct cli_resolver *, struct strbuf *reason);

#endif
