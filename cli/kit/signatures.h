/*
 * Signatures of one message, made with keys at hand: what `signpost sign`
 * and the demo do where the daemon asks its workers' keys.
 *
 *	s = cli_signatures_new(now, ttl);
 *	cli_signatures_add(s, &signature, header, &reason); ...
 *	cli_signatures_body(s, chunk); ...
 *	cli_signatures_end(s, &fields, &reason);
 */
#ifndef CLI_KIT_SIGNATURES_H
#define CLI_KIT_SIGNATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/canon.h"

enum { CLI_SIGNATURES_MAX = 8 };

struct dkim_field_list;
struct dkim_key;
struct mail_header;

/* What is wished for. All but the key is borrowed for the length of
 * cli_signatures_add(); the key until the end. */
struct cli_signature {
	bool domainkeys; /* else DKIM */
	struct slice domain, selector;
	struct slice identity;	       /* i=; empty: none */
	enum dkim_algorithm algorithm; /* UNKNOWN: the key's own */
	enum dkim_canon header_canon;  /* DomainKeys: its only one */
	enum dkim_canon body_canon;
	const struct dkim_field_list *fields; /* NULL: the built-in list */
	const struct dkim_key *key;
};

struct cli_signatures;

/* `time` is t=; x= is `ttl` seconds later, none for 0. */
struct cli_signatures *cli_signatures_new(int64_t time, uint64_t ttl);
void cli_signatures_free(struct cli_signatures *);

/* Is the key of the type that the signature's algorithm wants? 0, or -1 and
 * the reason. */
int cli_signature_fits_key(const struct cli_signature *, struct strbuf *reason);

/* One more. 0, or -1 and the reason where this message cannot be signed so,
 * or the key does not fit. */
int cli_signatures_add(struct cli_signatures *, const struct cli_signature *,
    const struct mail_header *, struct strbuf *reason);
size_t cli_signatures_count(const struct cli_signatures *);

void cli_signatures_body(struct cli_signatures *, struct slice chunk);

/* Adds the fields, in the order they were wished for. 0, or -1 and the
 * reason. */
int cli_signatures_end(
    struct cli_signatures *, struct strbuf *fields, struct strbuf *reason);

#endif
