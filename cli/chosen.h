/* What the configuration's rules choose for one message, with the keys:
 * for `sign -c` and `explain`. */
#ifndef CLI_CHOSEN_H
#define CLI_CHOSEN_H

#include "base/strbuf.h"
#include "proxy/key_files.h"
#include "proxy/sign_rule.h"

struct cli_chosen_signature {
	const struct proxy_signing *signing;
	struct slice domain;  /* d=: the one asked for, or a parent */
	struct dkim_key *key; /* NULL: see status and reason */
	enum proxy_key_status status;
	struct strbuf reason;
};

struct cli_chosen {
	struct proxy_sign_choice choice;
	struct cli_chosen_signature list[PROXY_SIGNATURES_MAX];
	size_t count;
};

void cli_chosen_init(struct cli_chosen *);
void cli_chosen_clear(struct cli_chosen *);

/* Once. The configuration must live as long. */
void cli_chosen_make(struct cli_chosen *, const struct proxy_config *,
    const struct mail_header *);

#endif
