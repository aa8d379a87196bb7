/* check_host() (RFC 7208 section 4) as a loop over states: a step either
 * asks something and waits, or goes on. Nested records (include) lie on a
 * stack of frames, so no input makes it recurse. */
#include <assert.h>
#include <stdlib.h>

#include "auth/spf_private.h"
#include "base/xalloc.h"
#include "mail/address.h"

enum { SHOWN_MAX = 300, TERM_SHOWN_MAX = 80 };

/* Nothing is asked any more, whatever still comes. */
static void
conclude_spf(struct auth_spf *spf, enum mail_verdict verdict)
{
	spf->verdict = verdict;
	spf->state = SPF_DONE;
}

void
spf_give_up(struct auth_spf *spf, enum mail_verdict verdict,
    enum mail_reason why, const char *name)
{
	spf->code = why;
	strbuf_reset(&spf->reason);
	strbuf_add_str(&spf->reason, mail_reason_text(why));
	if (name != NULL) {
		strbuf_add_char(&spf->reason, ' ');
		strbuf_add(
		    &spf->reason, slice_first(slice_str(name), SHOWN_MAX));
	}
	conclude_spf(spf, verdict);
}

static struct spf_frame *
top(struct auth_spf *spf)
{
	return &spf->frames[spf->depth - 1];
}

/* The term at work, the one before the top frame's next. */
static const struct auth_spf_term *
spf_term(const struct auth_spf *spf)
{
	const struct spf_frame *frame = &spf->frames[spf->depth - 1];

	return &frame->record.terms[frame->next - 1];
}

static void
forget_queries(struct auth_spf *spf)
{
	memset(spf->queries, 0, sizeof(spf->queries));
	spf->query_count = 0;
	spf->failed = spf->present = spf->missing = false;
}

/* A name that the DNS cannot hold has no records: nothing is asked. */
static void
add_query(struct auth_spf *spf, enum dns_type type, struct slice name)
{
	struct spf_query *query = &spf->queries[spf->query_count];

	if (dns_question_set(&query->question, type, name) == 0)
		spf->query_count++;
}

static void
ask_one(struct auth_spf *spf, enum spf_state state, enum dns_type type,
    struct slice name)
{
	/* Each step has its own questions: an answer to an earlier one is no
	 * longer looked for. */
	forget_queries(spf);
	spf->state = state;
	add_query(spf, type, name);
}

static enum dns_type
address_type(const struct auth_spf *spf)
{
	return spf->macro.address_length == 4 ? DNS_A : DNS_AAAA;
}

/* The addresses of every name found, at once. */
static void
ask_names(struct auth_spf *spf, enum spf_state state)
{
	forget_queries(spf);
	spf->state = state;
	for (size_t i = 0; i < spf->name_count; i++)
		add_query(spf, address_type(spf), slice_str(spf->names[i]));
}

/* Section 4.6.4: two look-ups may come to nothing. A record that points to
 * names without records makes everyone who checks ask in vain, often at a third
 * party's servers. */
static bool
count_void(struct auth_spf *spf)
{
	if (spf->present || spf->failed || ++spf->voids <= AUTH_SPF_VOID_MAX)
		return true;
	spf_give_up(spf, MAIL_VERDICT_PERMERROR, MAIL_REASON_SPF_VOIDS,
	    top(spf)->domain);
	return false;
}

/* Section 4.6.4: ten, over all records together. It is what keeps a chain of
 * includes, a loop among them, from going on for ever. */
static bool
count_lookup(struct auth_spf *spf)
{
	if (++spf->lookups <= AUTH_SPF_LOOKUPS_MAX)
		return true;
	spf_give_up(spf, MAIL_VERDICT_PERMERROR, MAIL_REASON_SPF_LOOKUPS,
	    top(spf)->domain);
	return false;
}

void
spf_frame_clear(struct spf_frame *frame)
{
	auth_spf_record_clear(&frame->record);
	free(frame->text);
	memset(frame, 0, sizeof(*frame));
}

void
spf_frame_enter(struct auth_spf *spf, struct slice domain, bool redirected)
{
	struct spf_frame *frame = top(spf);

	spf_frame_clear(frame);
	domain = slice_first(domain, DNS_NAME_MAX);
	memcpy(frame->domain, domain.p, domain.n);
	frame->redirected = redirected;
	/* %{d} is the record's domain, not the message's (section 7.2). */
	spf->macro.domain = slice_str(frame->domain);
	spf->records = 0;
	ask_one(spf, SPF_RECORD, DNS_TXT, domain);
}

/* Section 5.2 and 6.1: what no record means depends on who wanted it. */
static void
no_record(struct auth_spf *spf)
{
	struct spf_frame *frame = top(spf);

	if (spf->depth > 1 || frame->redirected)
		spf_give_up(spf, MAIL_VERDICT_PERMERROR,
		    frame->redirected ? MAIL_REASON_SPF_REDIRECT_NO_RECORD
				      : MAIL_REASON_SPF_INCLUDE_NO_RECORD,
		    frame->domain);
	else if (spf->version == AUTH_SPF_PRA && spf->missing)
		/* RFC 4406 section 4.3. */
		spf_give_up(spf, MAIL_VERDICT_FAIL,
		    MAIL_REASON_SPF_NO_SUCH_DOMAIN, frame->domain);
	else
		spf_give_up(spf, MAIL_VERDICT_NONE, MAIL_REASON_SPF_NO_RECORD,
		    frame->domain);
}

/* The record that came is the top frame's. */
static void
read_record(struct auth_spf *spf)
{
	struct spf_frame *frame = top(spf);
	struct auth_spf_fault fault;

	frame->text = spf->text;
	frame->text_length = spf->text_length;
	/* The text changes hands: terms of the record are slices of it. */
	spf->text = NULL;
	if (auth_spf_record_parse(
		spf_frame_text(frame), &frame->record, &fault) == 0) {
		spf->state = SPF_TERM;
		return;
	}
	spf_give_up(spf, MAIL_VERDICT_PERMERROR, fault.reason, NULL);
	strbuf_add_str(&spf->reason, " \"");
	strbuf_add(&spf->reason, slice_first(fault.term, TERM_SHOWN_MAX));
	strbuf_addf(&spf->reason, "\", in the record of %s", frame->domain);
}

static void
step_record(struct auth_spf *spf)
{
	struct spf_frame *frame = top(spf);

	if (spf->failed) {
		spf_give_up(spf, MAIL_VERDICT_TEMPERROR,
		    MAIL_REASON_SPF_UNREACHABLE, frame->domain);
	} else if (spf->records == 0) {
		no_record(spf);
	} else if (spf->records > 1) {
		/* Section 4.5: which of two would count is anybody's guess. */
		spf_give_up(spf, MAIL_VERDICT_PERMERROR,
		    MAIL_REASON_SPF_RECORDS, frame->domain);
	} else {
		read_record(spf);
	}
}

static void term_matches(struct auth_spf *);

/* The top record has its verdict: that of all, or of an include. */
static void
frame_leave(struct auth_spf *spf, enum mail_verdict verdict)
{
	if (spf->depth == 1) {
		spf_give_up(
		    spf, verdict, MAIL_REASON_SPF_NO_MATCH, top(spf)->domain);
		if (spf->trail.n > 0) {
			spf->code = MAIL_REASON_SPF_MATCH;
			strbuf_reset(&spf->reason);
			strbuf_add(&spf->reason, strbuf_slice(&spf->trail));
		}
		if (verdict == MAIL_VERDICT_FAIL)
			spf->state = SPF_FAIL;
		return;
	}
	spf_frame_clear(top(spf));
	spf->depth--;
	spf->macro.domain = slice_str(top(spf)->domain);
	/* Section 5.2: an include matches where the other record passes. A fail
	 * of it is no fail of ours; the next term is looked at. */
	if (verdict == MAIL_VERDICT_PASS)
		term_matches(spf);
	else
		strbuf_reset(&spf->trail);
}

static void
term_matches(struct auth_spf *spf)
{
	/* Bounded: each round leaves a frame, of at most eleven. */
	const struct auth_spf_term *term = spf_term(spf);
	enum mail_verdict verdict = term->qualifier;
	struct strbuf trail;

	spf->state = SPF_TERM;
	/* "ip4:192.0.2.1 of a.example"; behind an include what made it
	 * match. */
	strbuf_reset(&spf->mechanism);
	strbuf_add(&spf->mechanism, slice_first(term->text, SHOWN_MAX));
	strbuf_init(&trail, SPF_TEXT_MAX);
	strbuf_addf(&trail, "%s of ", strbuf_text(&spf->mechanism));
	strbuf_add_str(&trail, top(spf)->domain);
	if (spf->trail.n > 0)
		strbuf_addf(&trail, ", by %s", strbuf_text(&spf->trail));
	strbuf_clear(&spf->trail);
	spf->trail = trail;
	frame_leave(spf, verdict);
}

/* A term that does not match leads to the next one. */
static void
term_decided(struct auth_spf *spf, bool matches)
{
	spf->state = SPF_TERM;
	if (matches)
		term_matches(spf);
}

/* Section 5.5. The client's names, once; true where it has to wait. */
static bool
want_names(struct auth_spf *spf, enum spf_state resume)
{
	struct dns_question reverse;

	/* Once for a message: %{p} and ptr are slow, and the client does not
	 * change. */
	if (spf->names_ready)
		return false;
	if (dns_question_set_reverse(&reverse,
		slice_from((const char *)spf->macro.address,
		    spf->macro.address_length)) != 0)
		return false;
	spf->resume = resume;
	spf->name_count = spf->name_total = 0;
	ask_one(spf, SPF_PTR, DNS_PTR, slice_str(reverse.name));
	return true;
}

/* Section 7.3: of the validated names the domain itself, else one below
 * it, else any. */
static struct slice
choose_validated(const struct auth_spf *spf)
{
	struct slice below = {NULL, 0};

	for (size_t i = 0; i < spf->validated_count; i++) {
		struct slice name = slice_str(spf->validated[i]);

		if (slice_equal_nocase(name, spf->macro.domain))
			return name;
		if (below.n == 0 &&
		    mail_domain_is_within(name, spf->macro.domain))
			below = name;
	}
	if (below.n > 0)
		return below;
	if (spf->validated_count > 0)
		return slice_str(spf->validated[0]);
	return SLICE("unknown");
}

/* The name that a term asks for: its domain-spec's, or the domain's. Empty
 * where it comes out as none, or as no ASCII (RFC 8616 section 4). */
static struct slice
expand_target(struct auth_spf *spf, struct slice spec, struct strbuf *name)
{
	struct dns_question checked;

	if (spec.n == 0)
		return spf->macro.domain;
	spf->macro.validated = choose_validated(spf);
	/* A macro puts the sender's own octets into the name. */
	if (auth_spf_macro_domain(spec, &spf->macro, name) != 0 ||
	    dns_question_set(&checked, DNS_A, strbuf_slice(name)) != 0 ||
	    !slice_is_ascii(strbuf_slice(name)))
		return SLICE("");
	return strbuf_slice(name);
}

/* A mechanism that asks the DNS. */
static void
ask_term(struct auth_spf *spf, const struct auth_spf_term *term)
{
	struct strbuf name;
	struct slice target;
	bool matches = false;

	if (!count_lookup(spf))
		return;
	strbuf_init(&name, DNS_NAME_MAX);
	target = expand_target(spf, term->domain, &name);
	if (target.n > 0) {
		switch (term->mechanism) {
		case AUTH_SPF_INCLUDE:
			/* A frame costs a look-up, so the stack is never
			 * full. */
			assert(spf->depth < AUTH_SPF_FRAMES_MAX);
			spf->depth++;
			spf_frame_enter(spf, target, false);
			break;
		case AUTH_SPF_A:
			ask_one(spf, SPF_ADDRESS, address_type(spf), target);
			break;
		case AUTH_SPF_EXISTS: /* A, whatever the client (section 5.7) */
			ask_one(spf, SPF_ADDRESS, DNS_A, target);
			break;
		case AUTH_SPF_MX:
			spf->name_count = spf->name_total = 0;
			ask_one(spf, SPF_MX, DNS_MX, target);
			break;
		case AUTH_SPF_PTR:
			/* Validated names alone: anybody can have his address
			 * point to any name. */
			for (size_t i = 0; i < spf->validated_count; i++)
				matches = matches ||
				    mail_domain_is_within(
					slice_str(spf->validated[i]), target);
			term_decided(spf, matches);
			break;
		case AUTH_SPF_ALL:
		case AUTH_SPF_IP4:
		case AUTH_SPF_IP6:
			break;
		}
	} else if (term->mechanism == AUTH_SPF_INCLUDE)
		/* Any other term with a name that is none does not match. */
		spf_give_up(spf, MAIL_VERDICT_PERMERROR,
		    MAIL_REASON_SPF_INCLUDE_BAD, top(spf)->domain);
	strbuf_clear(&name);
}

/* All terms are through without a match (section 4.7). */
static void
end_of_terms(struct auth_spf *spf)
{
	const struct auth_spf_record *record = &top(spf)->record;

	if (!record->has_redirect)
		frame_leave(spf, MAIL_VERDICT_NEUTRAL);
	else if (!auth_spf_macro_uses(record->redirect, 'p') ||
	    !want_names(spf, SPF_TERM)) {
		struct strbuf name;
		struct slice target;

		/* redirect= counts like a mechanism (section 4.6.4). */
		if (count_lookup(spf)) {
			strbuf_init(&name, DNS_NAME_MAX);
			target = expand_target(
			    spf, top(spf)->record.redirect, &name);
			if (target.n > 0)
				spf_frame_enter(spf, target, true);
			else
				spf_give_up(spf, MAIL_VERDICT_PERMERROR,
				    MAIL_REASON_SPF_REDIRECT_BAD,
				    top(spf)->domain);
			strbuf_clear(&name);
		}
	}
}

static void
step_term(struct auth_spf *spf)
{
	struct spf_frame *frame = top(spf);
	const struct auth_spf_term *term;
	bool v4;

	if (frame->next == frame->record.count) {
		end_of_terms(spf);
		return;
	}
	term = &frame->record.terms[frame->next];
	if ((term->mechanism == AUTH_SPF_PTR ||
		auth_spf_macro_uses(term->domain, 'p')) &&
	    want_names(spf, SPF_TERM))
		return;
	/* Before it is carried out: an include goes on elsewhere, and comes
	 * back to what is next. */
	frame->next++;
	v4 = term->mechanism == AUTH_SPF_IP4;
	if (term->mechanism == AUTH_SPF_ALL)
		term_matches(spf);
	else if (v4 || term->mechanism == AUTH_SPF_IP6)
		/* A client of the other family never matches (section 5.6). */
		term_decided(spf,
		    spf->macro.address_length == (v4 ? 4u : 16u) &&
			auth_address_matches(spf->macro.address, term->network,
			    v4 ? term->prefix4 : term->prefix6));
	else
		ask_term(spf, term);
}

static bool
any_match(const struct auth_spf *spf)
{
	for (size_t i = 0; i < spf->query_count; i++)
		if (spf->queries[i].match)
			return true;
	return false;
}

static void
no_answer(struct auth_spf *spf)
{
	spf_give_up(spf, MAIL_VERDICT_TEMPERROR,
	    MAIL_REASON_SPF_TERM_UNREACHABLE, top(spf)->domain);
}

static void
step_address(struct auth_spf *spf)
{
	if (spf->failed)
		no_answer(spf);
	else if (count_void(spf))
		term_decided(spf,
		    spf_term(spf)->mechanism == AUTH_SPF_EXISTS
			? spf->present
			: any_match(spf));
}

static void
step_mx(struct auth_spf *spf)
{
	if (spf->failed)
		no_answer(spf);
	/* Section 4.6.4: more than ten hosts are an error, and not cut, or the
	 * verdict would depend on the order in which they came. */
	else if (spf->name_total > AUTH_SPF_NAMES_MAX)
		spf_give_up(spf, MAIL_VERDICT_PERMERROR,
		    MAIL_REASON_SPF_MX_NAMES, top(spf)->domain);
	else if (count_void(spf))
		ask_names(spf, SPF_MX_HOSTS);
}

/* A match counts whatever became of the other hosts, so that the order of
 * the answers does not matter. */
static void
step_mx_hosts(struct auth_spf *spf)
{
	if (!any_match(spf) && spf->failed)
		no_answer(spf);
	else
		term_decided(spf, any_match(spf));
}

/* Names past the tenth are left aside (section 4.6.4), and so are errors
 * (section 5.5): they match nothing. */
static void
step_ptr(struct auth_spf *spf)
{
	if (spf->resume != SPF_TERM || count_void(spf))
		ask_names(spf, SPF_PTR_HOSTS);
}

static void
step_ptr_hosts(struct auth_spf *spf)
{
	for (size_t i = 0; i < spf->query_count; i++)
		if (spf->queries[i].match)
			memcpy(spf->validated[spf->validated_count++],
			    spf->queries[i].question.name, SPF_NAME_SIZE);
	spf->names_ready = true;
	spf->state = spf->resume;
	forget_queries(spf);
}

/* Section 6.2. Whatever goes wrong, there is no explanation; the verdict
 * stands. */
static void
step_fail(struct auth_spf *spf)
{
	const struct auth_spf_record *record = &top(spf)->record;
	struct strbuf name;
	struct slice target;

	if (!record->has_explanation) {
		conclude_spf(spf, spf->verdict);
		return;
	}
	if (auth_spf_macro_uses(record->explanation, 'p') &&
	    want_names(spf, SPF_FAIL))
		return;
	strbuf_init(&name, DNS_NAME_MAX);
	target = expand_target(spf, record->explanation, &name);
	spf->records = 0;
	ask_one(spf, SPF_EXPLAIN, DNS_TXT, target);
	strbuf_clear(&name);
}

static void
step_explain(struct auth_spf *spf)
{
	struct slice text = slice_from(spf->text, spf->text_length);

	/* The text is of the domain's own choosing: it is shown as the words of
	 * a stranger, bounded and escaped by whoever shows it. */
	if (spf->records == 1) {
		if (auth_spf_macro_uses(text, 'p') &&
		    want_names(spf, SPF_EXPLAIN))
			return;
		spf->macro.validated = choose_validated(spf);
		if (auth_spf_macro_explain(
			text, &spf->macro, &spf->explanation) != 0)
			strbuf_reset(&spf->explanation);
	}
	conclude_spf(spf, spf->verdict);
}

/* A loop and no recursion: it stops where it has to wait, and is called again
 * with each answer. */
void
spf_run(struct auth_spf *spf)
{
	static void (*const steps[])(struct auth_spf *) = {
	    [SPF_RECORD] = step_record,
	    [SPF_TERM] = step_term,
	    [SPF_ADDRESS] = step_address,
	    [SPF_MX] = step_mx,
	    [SPF_MX_HOSTS] = step_mx_hosts,
	    [SPF_PTR] = step_ptr,
	    [SPF_PTR_HOSTS] = step_ptr_hosts,
	    [SPF_FAIL] = step_fail,
	    [SPF_EXPLAIN] = step_explain,
	};

	while (spf->state != SPF_DONE) {
		for (size_t i = 0; i < spf->query_count; i++)
			if (!spf->queries[i].answered)
				return;
		steps[spf->state](spf);
	}
}

/* --- what an answer leaves behind --- */

static void
keep_text(struct auth_spf *spf, struct slice text)
{
	free(spf->text);
	spf->text = xslicedup(text);
	spf->text_length = text.n;
}

static void
choose_record(struct auth_spf *spf, const struct dns_answer *answer, bool v2)
{
	spf->records = 0;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice text = answer->records[i].value;
		bool wanted = !v2
		    ? auth_spf_record_is_v1(text)
		    : auth_spf_record_is_v2(text,
			  spf->version == AUTH_SPF_MFROM ? SLICE("mfrom")
							 : SLICE("pra"));

		if (wanted && spf->records++ == 0)
			keep_text(spf, text);
	}
}

static void
take_addresses(struct auth_spf *spf, struct spf_query *query,
    const struct dns_answer *answer)
{
	size_t length = spf->macro.address_length;
	unsigned bits;
	bool v4 = spf->macro.address_length == 4;

	if (spf->state == SPF_PTR_HOSTS)
		bits = v4 ? 32 : 128;
	else
		bits = v4 ? spf_term(spf)->prefix4 : spf_term(spf)->prefix6;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice address = answer->records[i].value;

		if (address.n == length &&
		    auth_address_matches((const unsigned char *)address.p,
			spf->macro.address, bits))
			query->match = true;
	}
}

void
spf_answer_take(struct auth_spf *spf, struct spf_query *query,
    const struct dns_answer *answer)
{
	query->answered = true;
	if (answer->status == DNS_TEMPFAIL)
		spf->failed = true;
	if (answer->status == DNS_NXDOMAIN && !answer->alias)
		spf->missing = true;
	if (answer->status != DNS_OK || answer->count == 0)
		return;
	spf->present = true;
	switch (spf->state) {
	case SPF_RECORD:
		/* RFC 7208 section 4.5; RFC 4406 section 4.4: spf2.0 before
		 * v=spf1. */
		spf->records = 0;
		if (spf->version != AUTH_SPF_V1)
			choose_record(spf, answer, true);
		if (spf->records == 0)
			choose_record(spf, answer, false);
		break;
	case SPF_EXPLAIN:
		/* Section 6.2: exactly one string of TXT, or none. */
		spf->records = answer->count;
		if (answer->count == 1)
			keep_text(spf, answer->records[0].value);
		break;
	case SPF_MX:
	case SPF_PTR:
		for (size_t i = 0; i < answer->count; i++) {
			struct slice name = answer->records[i].value;
			struct dns_question checked;

			spf->name_total++;
			if (spf->name_count != AUTH_SPF_NAMES_MAX &&
			    dns_question_set(&checked, DNS_A, name) == 0)
				memcpy(spf->names[spf->name_count++],
				    checked.name, SPF_NAME_SIZE);
		}
		break;
	case SPF_ADDRESS:
	case SPF_MX_HOSTS:
	case SPF_PTR_HOSTS:
		take_addresses(spf, query, answer);
		break;
	case SPF_TERM:
	case SPF_FAIL:
	case SPF_DONE:
		break;
	}
}
