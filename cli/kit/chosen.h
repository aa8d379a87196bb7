/*
 * What the configuration's rules choose for one message, with the keys, and
 * what becomes of it: as the proxy would have it, for `sign -c` and
 * `explain`.
 */
#ifndef CLI_KIT_CHOSEN_H
#define CLI_KIT_CHOSEN_H

#include "base/strbuf.h"
#include "proxy/keys/key_files.h"
#include "proxy/message/sign_rule.h"

struct cli_message;
struct dkim_signing_set;

/* One signature: it can be made, or why not. */
enum cli_chosen_state {
	CLI_CHOSEN_GOOD,
	CLI_CHOSEN_KEYLESS, /* no file, where any domain's may be */
	CLI_CHOSEN_UNSEEN,  /* a key that the world cannot see yet */
	CLI_CHOSEN_TROUBLE, /* what on_error is about */
	CLI_CHOSEN_UNFIT    /* this message cannot be signed so */
};

struct cli_chosen_signature {
	const struct proxy_signing *signing;
	struct slice domain; /* d=: the one asked for, or a parent */
	/* s=: the signing's, or the one that a file names. */
	char selector[PROXY_KEY_SELECTOR_MAX + 1];
	struct dkim_key *key; /* NULL: it cannot be had */
	enum cli_chosen_state state;
	struct strbuf reason; /* where it is not good */
};

struct cli_chosen {
	struct proxy_sign_choice choice;
	struct cli_chosen_signature list[PROXY_SIGNATURES_MAX];
	size_t count;
};

void cli_chosen_init(struct cli_chosen *);
void cli_chosen_clear(struct cli_chosen *);

/* Once. What can be made, as if at that time, is added to the set with its
 * key. Where a file names the selectors it is the key that the running daemon
 * signs with (cli/kit/live_keys.h), and if that is another one, stderr says so. The configuration must live as long. */
void cli_chosen_make(struct cli_chosen *, const struct proxy_config *,
    const struct mail_header *, int64_t time, struct dkim_signing_set *);

/* What becomes of the message. */
enum cli_fate {
	CLI_FATE_SIGNED,
	CLI_FATE_UNSIGNED, /* passed on as it is */
	CLI_FATE_DEFERRED, /* 451: on_error = tempfail */
	CLI_FATE_REFUSED   /* 550: unsignable = reject */
};

/* Why, and the same in the words of the proxy's log; the text is static, or
 * the choice's. */
struct cli_unsigned {
	enum proxy_unsigned why;
	const char *text;
};

/* The reason goes with all but the first. */
enum cli_fate cli_chosen_fate(const struct cli_chosen *,
    const struct proxy_signing_rules *, struct cli_unsigned *reason);

#endif
