/* check_host() from outside: what it begins with, its questions, its end.
 * spf_step.c has the machine. */
#include <stdlib.h>

#include "auth/spf_private.h"
#include "base/xalloc.h"

/* Section 4.3: a name of two labels or more that the DNS can hold. */
static bool
is_domain(struct slice domain)
{
	struct dns_question checked;

	return dns_question_set(&checked, DNS_TXT, domain) == 0 &&
	    checked.name[0] != '[' && strchr(checked.name, '.') != NULL;
}

struct auth_spf *
auth_spf_new(
    const struct auth_spf_identity *identity, enum auth_spf_version version)
{
	struct auth_spf *spf = xcalloc(1, sizeof(*spf));
	size_t at;
	struct strbuf text;

	spf->version = version;
	/* The frame of the record itself. */
	spf->depth = 1;
	strbuf_init(&spf->mechanism, SPF_TEXT_MAX);
	strbuf_init(&spf->trail, SPF_TEXT_MAX);
	strbuf_init(&spf->reason, SPF_TEXT_MAX);
	strbuf_init(&spf->explanation, SPF_TEXT_MAX);
	/* Copies: the caller's may be gone before the last answer comes. */
	spf->helo = xslicedup(identity->helo);
	spf->receiver = identity->receiver.n > 0 ? xslicedup(identity->receiver)
						 : xstrdup("unknown");
	spf->macro.helo = slice_str(spf->helo);
	spf->macro.receiver = slice_str(spf->receiver);
	spf->macro.now = identity->now;
	at = slice_find_last(identity->sender, '@');
	strbuf_init(&text, AUTH_SPF_EXPANSION_MAX);
	/* RFC 7208 section 4.3: without a local part it is "postmaster". */
	if (at == 0 || at == identity->sender.n)
		strbuf_add_str(&text, "postmaster");
	else
		strbuf_add(&text, slice_first(identity->sender, at));
	spf->macro.local.n = text.n;
	strbuf_add_char(&text, '@');
	strbuf_add(&text,
	    at < identity->sender.n ? slice_after(identity->sender, at + 1)
				    : identity->domain);
	spf->macro.sender = slice_from(NULL, text.n);
	spf->sender = strbuf_detach(&text);
	if (spf->sender == NULL)
		spf->sender = xstrdup("");
	/* After the text has come to rest: the slices look into it. */
	spf->macro.sender.p = spf->macro.local.p = spf->sender;
	spf->macro.sender_domain =
	    slice_after(spf->macro.sender, spf->macro.local.n + 1);
	spf->domain = xslicedup(identity->domain);
	if (auth_address_parse(identity->address, &spf->address) == 0) {
		spf->macro.address = spf->address.octets;
		spf->macro.address_length = spf->address.length;
	}
	if (spf->macro.address == NULL)
		spf_give_up(
		    spf, MAIL_VERDICT_NONE, MAIL_REASON_SPF_NO_CLIENT, NULL);
	else if (!is_domain(identity->domain))
		/* RFC 7208 section 4.3, RFC 4406 section 4.3. */
		spf_give_up(spf,
		    version == AUTH_SPF_PRA ? MAIL_VERDICT_FAIL
					    : MAIL_VERDICT_NONE,
		    MAIL_REASON_SPF_NO_DOMAIN, spf->domain);
	else
		spf_frame_enter(spf, slice_str(spf->domain), false);
	return spf;
}

bool
auth_spf_ask(struct auth_spf *spf, struct dns_question *question)
{
	for (size_t i = 0; i < spf->query_count; i++) {
		struct spf_query *query = &spf->queries[i];

		if (spf->state != SPF_DONE && !query->asked) {
			query->asked = true;
			*question = query->question;
			return true;
		}
	}
	return false;
}

/* Answers come in any order, and one may be to a question of several: each
 * takes what is its own, and then it goes on as far as it can. */
void
auth_spf_answer(struct auth_spf *spf, const struct dns_question *question,
    const struct dns_answer *answer)
{
	for (size_t i = 0; i < spf->query_count; i++) {
		struct spf_query *query = &spf->queries[i];

		if (query->asked && !query->answered &&
		    dns_question_equal(&query->question, question))
			spf_answer_take(spf, query, answer);
	}
	spf_run(spf);
}

bool
auth_spf_done(const struct auth_spf *spf)
{
	return spf->state == SPF_DONE;
}

struct auth_spf_finding
auth_spf_finding(const struct auth_spf *spf)
{
	const struct spf_frame *frame = &spf->frames[0];

	return (struct auth_spf_finding){
	    .verdict = spf->verdict,
	    .domain = slice_str(spf->domain),
	    .record = spf_frame_text(frame),
	    .record_name = slice_str(frame->domain),
	    .mechanism = strbuf_text(&spf->mechanism),
	    .explanation = strbuf_slice(&spf->explanation),
	    .code = spf->code,
	    .reason = strbuf_text(&spf->reason),
	    .lookups = spf->lookups,
	};
}

void
auth_spf_free(struct auth_spf *spf)
{
	if (spf == NULL)
		return;
	for (size_t i = 0; i < AUTH_SPF_FRAMES_MAX; i++)
		spf_frame_clear(&spf->frames[i]);
	strbuf_clear(&spf->mechanism);
	strbuf_clear(&spf->trail);
	strbuf_clear(&spf->reason);
	strbuf_clear(&spf->explanation);
	free(spf->domain);
	free(spf->sender);
	free(spf->helo);
	free(spf->receiver);
	free(spf->text);
	free(spf);
}
