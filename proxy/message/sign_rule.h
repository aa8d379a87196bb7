/*
 * Which rule signs this message with which signatures, or why none: from
 * the configuration and the header alone. Opens nothing, asks nobody.
 *
 * The list-id map is looked at first, then the sender map, then `domain`.
 */
#ifndef PROXY_MESSAGE_SIGN_RULE_H
#define PROXY_MESSAGE_SIGN_RULE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/canon.h"
#include "proxy/figures/counters.h"
#include "proxy/settings/config.h"

struct dkim_kind;
struct mail_header;

/* One signature to be made. The slices lie in the choice, the fields in the
 * configuration. */
struct proxy_signing {
	const struct dkim_kind *kind;
	enum dkim_canon header_canon, body_canon;
	/* UNKNOWN: the key's own, dkim_key_algorithm(). DomainKeys: always
	 * rsa-sha1. */
	enum dkim_algorithm algorithm;
	/* d=, in A-labels. With `domain = *` the key may turn out to be a
	 * parent's: then d= is what the signer says. */
	struct slice domain;
	struct slice selector;
	struct slice identity; /* i=, macros expanded; empty: none */
	const struct dkim_field_list *fields; /* NULL: the built-in list */
	unsigned key_rule;		      /* with `domain`: which key */
	unsigned right; /* the same for a signer: settings/sign_rights.h */
};

enum proxy_sign_status {
	PROXY_SIGN, /* `list` is to be signed; it may be empty, if all were
		     * left out */
	PROXY_SIGN_NO_RULE,   /* not ours to sign */
	PROXY_SIGN_UNSIGNABLE /* no From and the like: `unsignable =` */
};

struct proxy_sign_choice {
	enum proxy_sign_status status;
	size_t count;
	struct proxy_signing list[PROXY_SIGNATURES_MAX];
	/* For the log, which escapes what came from outside. `rule`: "domain:example.org",
	 * "sender_map:KEY", "listid_map:KEY", "sign_all", "signature", "*".
	 * `reason` where nothing is signed, `why` in words:
	 * "no-key-for-domain:example.net", "no-from".
	 * `left_out`: signatures that do not fit this message, comma
	 * separated: "domainkeys:example.org:not-a-parent-of-sender". */
	struct strbuf rule, reason, left_out;
	enum proxy_unsigned why; /* where there is a `reason` */
	/* What is wrong with a From whose addresses are all of one domain,
	 * for which it is signed all the same:
	 * "unexpected-character-in-address-list"; else empty. */
	struct strbuf from_fault;
	struct strbuf text; /* what the slices show */
};

/* The word of a reason in the log; static. */
const char *proxy_sign_unsigned_word(enum proxy_unsigned);

void proxy_sign_choice_init(struct proxy_sign_choice *);
void proxy_sign_choice_clear(struct proxy_sign_choice *);

/* The reason of a header that mail/reader.h refused, in a word:
 * "header-too-long:over-524288-bytes". */
void proxy_sign_choice_no_header(
    struct proxy_sign_choice *, const char *reader_reason);

/* Who hands mail in, as a mail server tells by milter. */
struct proxy_sign_client {
	bool local, login;    /* by no SMTP; with a password */
	struct slice address; /* as text; empty where there is none */
};

/* Is his mail in `sign_for`? */
bool proxy_sign_for_has(
    const struct proxy_sign_for *, const struct proxy_sign_client *);

/* It came by milter from somebody who is not in `sign_for`. */
void proxy_sign_choice_not_ours(struct proxy_sign_choice *);

/* Into an initialized choice, overwriting what is there. */
void proxy_sign_rule_choose(const struct proxy_config *,
    const struct mail_header *, struct proxy_sign_choice *);

#endif
