/* The reflector's share of checking a message; see reflection.h. */
#include <stdio.h>
#include <stdlib.h>

#include "auth/summary.h"
#include "base/xalloc.h"
#include "dkim/field_pick.h"
#include "dkim/signature.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "proxy/message/reflection.h"
#include "proxy/settings/index.h"
#include "record/kept.h"
#include "record/mailbox.h"
#include "record/unanswered.h"

enum {
	MESSAGE_MAX = 88 * 1024, /* of a message for spamd */
	RESERVED = 8 * 1024,	 /* of a record, for what comes after */
	SHOWN_DOMAIN_MAX = 60	 /* in a refusal */
};

/* --- is it to the reflector --- */

/* Alone: then the message is for nobody else and need not go on. */
static void
look_at_recipients(struct proxy_reflection *r, struct slice address,
    const struct proxy_envelope *envelope)
{
	struct slice recipient;
	size_t at = 0, ours = 0;

	while (proxy_envelope_next_recipient(envelope, &at, &recipient))
		if (record_mailbox_is_same(recipient, address))
			ours++;
	r->wanted = ours > 0;
	r->alone = r->wanted && ours == envelope->recipient_count;
}

bool
proxy_reflection_wants_message(
    const struct proxy_config *config, const struct proxy_envelope *envelope)
{
	const struct proxy_reflector_settings *reflector = &config->reflector;
	struct proxy_reflection r = {.wanted = false};

	if (reflector->address != NULL && reflector->spamd.length > 0)
		look_at_recipients(&r, slice_str(reflector->address), envelope);
	return r.wanted;
}

/* --- whose is it --- */

/* The result is the how-manieth signature of the header, and so is its
 * field. */
static size_t
field_of(const struct auth_results *results,
    const struct auth_result *signature, const struct mail_header *header)
{
	size_t before = 0, i;
	const struct mail_field *field;

	for (i = 0; &results->list[i] != signature; i++)
		before += results->list[i].method == AUTH_DKIM;
	for (i = 0; (field = mail_header_at(header, i)) != NULL; i++)
		if (slice_equal_nocase(field->name, SLICE("DKIM-Signature")) &&
		    before-- == 0)
			break;
	return i;
}

/* Which fields of the header it covers, its own among them; free() it. */
static bool *
covered_by(const struct auth_results *results,
    const struct auth_result *signature, const struct mail_header *header)
{
	bool *covered = xcalloc(mail_header_count(header) + 1, sizeof(bool));

	dkim_field_pick_mark(header, signature->fields, covered);
	covered[field_of(results, signature, header)] = true;
	return covered;
}

static bool
names_reflector(const struct mail_field *field, struct slice address)
{
	struct mail_address_list *list = mail_address_parse(field->value, NULL);
	const struct mail_mailbox *mailbox;
	bool names = false;

	for (size_t i = 0; list != NULL && !names &&
	     (mailbox = mail_address_at(list, i)) != NULL;
	     i++) {
		struct strbuf text;

		strbuf_init(&text, RECORD_MAILBOX_MAX);
		names = mail_mailbox_print(mailbox, &text) == 0 &&
		    record_mailbox_is_same(strbuf_slice(&text), address);
		strbuf_clear(&text);
	}
	mail_address_free(list);
	return names;
}

/* Whoever signed it wrote to the reflector. Without this a signed message to
 * anybody at all could be sent here again by whoever has a copy, and its sender
 * would get answers. */
static bool
covers_reflector(
    const struct mail_header *header, const bool *covered, struct slice address)
{
	for (size_t i = 0; i < mail_header_count(header); i++) {
		const struct mail_field *field = mail_header_at(header, i);

		if (covered[i] &&
		    (slice_equal_nocase(field->name, SLICE("To")) ||
			slice_equal_nocase(field->name, SLICE("Cc"))) &&
		    names_reflector(field, address))
			return true;
	}
	return false;
}

/* Who holds a domain speaks for what is below it, not for what is above. */
static bool
is_sender_aligned(
    const struct auth_result *signature, struct slice sender_domain)
{
	struct strbuf domain;
	bool aligned;

	strbuf_init(&domain, MAIL_IDN_NAME_MAX);
	aligned = mail_idn_to_ascii(signature->domain, &domain) == 0 &&
	    mail_domain_is_within(sender_domain, strbuf_slice(&domain));
	strbuf_clear(&domain);
	return aligned;
}

static bool
proves(const struct auth_results *results, const struct auth_result *signature,
    const struct mail_header *header, struct slice address)
{
	bool *covered = covered_by(results, signature, header);
	bool proof = covers_reflector(header, covered, address);

	free(covered);
	return proof;
}

static const struct auth_result *
find_signature(const struct auth_results *results, struct slice sender,
    const struct mail_header *header, struct slice address)
{
	const struct auth_result *found = NULL, *result;
	struct strbuf mailbox;
	struct slice domain;

	strbuf_init(&mailbox, RECORD_MAILBOX_MAX);
	(void)record_mailbox_fold(sender, &mailbox);
	domain = mail_address_domain(strbuf_slice(&mailbox));
	for (size_t i = 0; found == NULL && i < results->count; i++) {
		result = &results->list[i];
		/* Passed, aligned, and written to us: any of these alone is
		 * what a stranger can have too. */
		if (result->method == AUTH_DKIM &&
		    result->verdict == MAIL_VERDICT_PASS && domain.n > 0 &&
		    is_sender_aligned(result, domain) &&
		    proves(results, result, header, address))
			found = result;
	}
	strbuf_clear(&mailbox);
	return found;
}

/* SPF's result for MAIL FROM, or NULL. */
static const struct auth_result *
spf_of_sender(const struct auth_results *results)
{
	const struct auth_result *spf = auth_results_find(results, AUTH_SPF);

	return spf == NULL || spf->scope == NULL ||
		!slice_equal(slice_str(spf->scope), SLICE("mfrom"))
	    ? NULL
	    : spf;
}

struct proxy_reflection
proxy_reflection_judge(const char *address,
    const struct proxy_envelope *envelope, const struct auth_results *results,
    const struct mail_header *header)
{
	struct proxy_reflection r = {.wanted = false};
	const struct auth_result *signature;
	const struct auth_result *spf;

	if (address != NULL)
		look_at_recipients(&r, slice_str(address), envelope);
	if (!r.wanted)
		return r;
	r.signature = find_signature(results, strbuf_slice(&envelope->sender),
	    header, slice_str(address));
	signature = r.signature;
	spf = spf_of_sender(results);
	/* MAIL FROM is where the answer goes, so SPF, which speaks of it, comes
	 * first. */
	if (spf != NULL && spf->verdict == MAIL_VERDICT_PASS)
		r.proof = RECORD_PROOF_SPF;
	else if (signature != NULL)
		r.proof = RECORD_PROOF_DKIM;
	else if (spf != NULL && spf->verdict == MAIL_VERDICT_FAIL)
		r.proof = RECORD_PROOF_REFUTED;
	else
		r.proof = RECORD_PROOF_NONE;
	return r;
}

/* --- is it refused --- */

struct proxy_refusal
proxy_reflection_refusal(const struct proxy_reflection *r,
    const struct proxy_envelope *envelope, const struct auth_results *results)
{
	const struct auth_result *spf = spf_of_sender(results);
	struct proxy_refusal refusal = {.verdict = PROXY_PASS};
	struct slice client = strbuf_slice(&envelope->client_address);
	struct slice domain;

	if (r->proof != RECORD_PROOF_REFUTED || envelope->queued || spf == NULL)
		return refusal;
	/* Shown in a reply of SMTP, where text of a stranger has no place. */
	domain = spf->domain;
	if (domain.n > SHOWN_DOMAIN_MAX || !mail_idn_is_ascii_name(domain))
		domain = SLICE("the sender's domain");
	refusal.verdict = PROXY_REFUSE;
	refusal.cause = PROXY_CAUSE_SPF;
	(void)snprintf(refusal.text, sizeof(refusal.text),
	    "SPF fails: the record of %.*s does not let %.*s send, and "
	    "no DKIM signature of the sender's domain that covers To passes; "
	    "add the address to that record, or sign, and write again",
	    (int)domain.n, domain.p, (int)slice_first(client, 45).n, client.p);
	return refusal;
}

/* --- what the recorder is told --- */

/* Within a record's bound, so that no record is lost for an answer. */
static void
add_fitting(
    struct proxy_journal *journal, enum record_tag tag, struct slice text)
{
	size_t used = journal->kept.n + RESERVED;

	(void)record_kept_add(&journal->kept, tag,
	    slice_first(
		text, used < RECORD_KEPT_MAX ? RECORD_KEPT_MAX - used : 0));
}

/* Loopback is this host's own mail server, or a program of its own, unless
 * SPF was asked about it. */
static bool
is_own_mail(const struct proxy_envelope *e, const struct auth_results *results)
{
	struct slice client = strbuf_slice(&e->client_address);

	if (auth_results_find(results, AUTH_SPF) != NULL)
		return false;
	return slice_starts_nocase(client, SLICE("127.")) ||
	    slice_equal(client, SLICE("::1"));
}

static void
add_answer(const struct proxy_reflection *r, const struct proxy_config *config,
    const struct proxy_filter_job *job, const struct auth_results *results,
    const struct mail_header *header)
{
	const struct mail_field *id =
	    mail_header_last(header, SLICE("Message-ID"));
	bool *covered = NULL;
	const struct proxy_envelope *e = job->envelope;
	bool proven = r->proof != RECORD_PROOF_NONE;
	struct slice domain = mail_address_domain(strbuf_slice(&e->sender));
	bool own = is_own_mail(e, results);
	const struct auth_summary about = {
	    .results = results,
	    .client =
		own ? slice_from(NULL, 0) : strbuf_slice(&e->client_address),
	    .helo = own ? slice_from(NULL, 0) : strbuf_slice(&e->client_helo),
	    .own = own,
	    .mail_from =
		e->sender.n == 0 ? SLICE("") : strbuf_slice(&e->sender),
	    .stranger = !proven,
	    .foreign = !proven ||
		proxy_index_find(config->signing.domain_set, domain) ==
		    PROXY_INDEX_NONE,
	};
	struct strbuf summary;

	strbuf_init(
	    &summary, proven ? AUTH_SUMMARY_MAX : RECORD_REFLECT_SUMMARY_MAX);
	(void)auth_summary_print(&about, &summary);
	add_fitting(job->journal, RECORD_SUMMARY, strbuf_slice(&summary));
	strbuf_clear(&summary);
	if (id != NULL)
		add_fitting(job->journal, RECORD_MESSAGE_ID,
		    slice_first(slice_trim(id->value), 1024));
	if (r->proof == RECORD_PROOF_DKIM)
		covered = covered_by(results, r->signature, header);
	if (r->proof != RECORD_PROOF_NONE) {
		/* What of the header is the sender's beyond doubt. */
		struct proxy_journal *journal = job->journal;
		struct strbuf text;
		struct slice subject = {NULL, 0};

		strbuf_init(&text, RECORD_REFLECT_HEADER_MAX + 1);
		for (size_t i = 0; i < mail_header_count(header); i++) {
			const struct mail_field *field =
			    mail_header_at(header, i);

			if (covered != NULL && !covered[i])
				continue;
			strbuf_add(&text,
			    slice_first(field->raw,
				RECORD_REFLECT_HEADER_MAX + 1 - text.n));
			if (slice_equal_nocase(field->name, SLICE("Subject")))
				subject = field->value;
		}
		add_fitting(journal, RECORD_HEADER, strbuf_slice(&text));
		if (subject.n > 0)
			add_fitting(journal, RECORD_SUBJECT,
			    slice_first(subject, 2048));
		strbuf_clear(&text);
	}
	free(covered);
	if (job->again->wanted) {
		/* Which spamd reads as it came. */
		const struct proxy_again *again = job->again;
		struct strbuf message;
		char *room;
		ssize_t n;

		strbuf_init(&message, MESSAGE_MAX);
		room = strbuf_reserve(&message, MESSAGE_MAX);
		n = again->read(again->ctx, room, MESSAGE_MAX);
		if (n > 0)
			add_fitting(job->journal, RECORD_MESSAGE,
			    slice_from(room, (size_t)n));
		strbuf_clear(&message);
	}
}

void
proxy_reflection_record(const struct proxy_reflection *r,
    const struct proxy_config *config, const struct proxy_filter_job *job,
    const struct auth_results *results, const struct mail_header *header)
{
	struct slice sender = strbuf_slice(&job->envelope->sender);
	const char *why;

	if (!r->wanted || job->journal->kept.n == 0)
		return;
	add_fitting(
	    job->journal, RECORD_PROOF, slice_str(record_proof_word(r->proof)));
	add_fitting(job->journal, RECORD_ANSWER_TO, sender);
	why = record_unanswered_why(
	    header, sender, slice_str(config->reflector.address));
	if (why != NULL)
		add_fitting(job->journal, RECORD_UNANSWERED, slice_str(why));
	/* Who is refuted gets no answer: it would go to somebody who wrote
	 * nothing. */
	else if (r->proof != RECORD_PROOF_REFUTED)
		add_answer(r, config, job, results, header);
}
