/* The sets of a chain: RFC 8617 sections 4.1, 4.2 and 5.2. */
#include "base/number.h"
#include "dkim/arc_private.h"
#include "dkim/canon_field.h"
#include "dkim/hash.h"
#include "mail/header.h"
#include "mail/taglist.h"
#include "mail/token.h"

/* The first one: it is what a person has to mend. */
static void
chain_fault(struct dkim_arc_chain *chain, enum mail_reason reason)
{
	if (chain->fault == MAIL_REASON_NONE)
		chain->fault = reason;
}

/* Fifty sets are the most (RFC 8617 section 4.2.1), and a number that is too
 * large must not become an index. */
static int
parse_instance(struct slice digits, unsigned *instance)
{
	uint64_t number;

	if (number_parse(digits, DKIM_ARC_SETS_MAX, &number) < 0 || number == 0)
		return -1;
	*instance = (unsigned)number;
	return 0;
}

static int
tag_instance(struct slice value, unsigned *instance)
{
	struct mail_taglist tags;

	if (mail_taglist_parse(value, &tags, NULL) < 0)
		return -1;
	return parse_instance(mail_taglist_value(&tags, SLICE("i")), instance);
}

/* Takes "i=N;" off the front. This field is no tag list: its i= stands before a
 * result header field's payload (RFC 8617 section 4.1.1), so comments may stand
 * around it. */
static int
results_instance(struct slice *value, unsigned *instance)
{
	size_t n = 0;

	if (mail_token_cfws(value) < 0 || !mail_token_char(value, 'i') ||
	    mail_token_cfws(value) < 0 || !mail_token_char(value, '=') ||
	    mail_token_cfws(value) < 0)
		return -1;
	while (n < value->n && ascii_is_digit(value->p[n]))
		n++;
	if (parse_instance(slice_first(*value, n), instance) < 0)
		return -1;
	*value = slice_after(*value, n);
	if (mail_token_cfws(value) < 0 || !mail_token_char(value, ';'))
		return -1;
	return 0;
}

struct slice
dkim_arc_results_payload(struct slice value)
{
	unsigned instance;

	if (results_instance(&value, &instance) < 0)
		return SLICE("");
	return slice_trim(value);
}

enum kind { RESULTS, MESSAGE, SEAL, OTHER };

static void
collect_field(struct dkim_arc_chain *chain, const struct mail_field *field,
    enum kind kind)
{
	struct slice value = field->value;
	const struct mail_field **place;
	struct dkim_arc_set *set;
	unsigned instance;
	int parsed = kind == RESULTS ? results_instance(&value, &instance)
				     : tag_instance(value, &instance);

	if (parsed < 0) {
		chain_fault(chain, MAIL_REASON_ARC_INSTANCE);
		return;
	}
	if (instance > chain->highest)
		chain->highest = instance;
	set = &chain->sets[instance];
	place = kind == RESULTS ? &set->results
	    : kind == MESSAGE	? &set->message
				: &set->seal;
	/* RFC 8617 section 5.2: two of a kind with one number make a chain that
	 * fails, or an attacker could choose which of them is looked at. */
	if (*place != NULL)
		chain_fault(chain, MAIL_REASON_ARC_TWICE);
	*place = field;
}

void
dkim_arc_chain_collect(
    struct dkim_arc_chain *chain, const struct mail_header *header)
{
	const struct mail_field *field;
	struct dkim_arc_seal seal;
	enum mail_reason reason;

	*chain = (struct dkim_arc_chain){0};
	for (size_t i = 0; (field = mail_header_at(header, i)) != NULL; i++) {
		struct slice name = field->name;
		enum kind kind;

		if (slice_equal_nocase(
			name, SLICE("ARC-Authentication-Results")))
			kind = RESULTS;
		else if (slice_equal_nocase(
			     name, SLICE("ARC-Message-Signature")))
			kind = MESSAGE;
		else
			kind = slice_equal_nocase(name, SLICE("ARC-Seal"))
			    ? SEAL
			    : OTHER;
		if (kind != OTHER)
			collect_field(chain, field, kind);
	}
	/* Every set whole, cv= as it must be. */
	for (unsigned i = chain->highest; i > 0; i--) {
		const struct dkim_arc_set *set = &chain->sets[i];

		if (set->results == NULL || set->message == NULL ||
		    set->seal == NULL) {
			chain_fault(chain, MAIL_REASON_ARC_NOT_WHOLE);
			continue;
		}
		if (dkim_arc_seal_parse(set->seal->value, &seal, &reason) < 0) {
			chain_fault(chain, reason);
			continue;
		}
		if (i == chain->highest && seal.chain == MAIL_VERDICT_FAIL) {
			chain->ended = true;
			chain_fault(chain, MAIL_REASON_ARC_ENDED);
		}
		if (seal.chain !=
		    (i == 1 ? MAIL_VERDICT_NONE : MAIL_VERDICT_PASS))
			chain_fault(chain, MAIL_REASON_ARC_STATE);
	}
}

static int
bad_chain(enum mail_reason *reason, enum mail_reason why)
{
	*reason = why;
	return -1;
}

int
dkim_arc_seal_parse(
    struct slice value, struct dkim_arc_seal *seal, enum mail_reason *reason)
{
	struct mail_taglist tags;
	const struct mail_tag *b;

	if (mail_taglist_parse(value, &tags, reason) < 0)
		return -1;
	b = mail_taglist_find(&tags, SLICE("b"));
	seal->algorithm =
	    dkim_algorithm_parse(mail_taglist_value(&tags, SLICE("a")));
	seal->domain = mail_taglist_value(&tags, SLICE("d"));
	seal->selector = mail_taglist_value(&tags, SLICE("s"));
	/* RFC 8617 section 4.1.3: what a seal covers is fixed; with h= somebody
	 * else would decide it. */
	if (mail_taglist_find(&tags, SLICE("h")) != NULL)
		return bad_chain(reason, MAIL_REASON_ARC_SEAL_FIELDS);
	if (seal->algorithm != DKIM_RSA_SHA256 &&
	    seal->algorithm != DKIM_ED25519_SHA256)
		return bad_chain(reason, MAIL_REASON_ARC_SEAL_ALGORITHM);
	if (seal->domain.n == 0 || seal->selector.n == 0)
		return bad_chain(reason, MAIL_REASON_ARC_SEAL_NAMES);
	if (b == NULL || b->value.n == 0)
		return bad_chain(reason, MAIL_REASON_ARC_SEAL_NO_SIGNATURE);
	if (mail_verdict_parse(
		mail_taglist_value(&tags, SLICE("cv")), &seal->chain) < 0 ||
	    (seal->chain != MAIL_VERDICT_NONE &&
		seal->chain != MAIL_VERDICT_PASS &&
		seal->chain != MAIL_VERDICT_FAIL))
		return bad_chain(reason, MAIL_REASON_ARC_STATE_UNKNOWN);
	seal->signature = b->value;
	seal->signature_whole = b->whole;
	return 0;
}

void
dkim_arc_set_write(const struct dkim_arc_set *set, bool whole, struct sink *out)
{
	dkim_canon_field(DKIM_CANON_RELAXED, set->results->raw, out);
	dkim_canon_field(DKIM_CANON_RELAXED, set->message->raw, out);
	if (whole)
		dkim_canon_field(DKIM_CANON_RELAXED, set->seal->raw, out);
}
