/*
 * Records for the recorder; see recording.h. Mail comes first: a record is
 * sent without waiting, and one that is not taken is lost and counted. Results
 * are statistics; a message that waits for them would be a fault.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/verdict.h"
#include "proxy/message/recording.h"
#include "record/kept.h"

enum { COMPLAIN_S = 60, WORDS_MAX = 1024 };

static void
add_member(struct proxy_journal *r, enum record_tag tag, struct slice value)
{
	(void)record_kept_add(&r->kept, tag, value);
}

static bool
is_on(const struct proxy_recording *recording)
{
	return recording != NULL && recording->fd >= 0;
}

/* --- what was signed --- */

void
proxy_recording_author(struct proxy_recording *recording,
    struct proxy_journal *r, const struct mail_header *header)
{
	const struct mail_field *from;
	struct mail_address_list *list = NULL;

	if (!is_on(recording))
		return;
	add_member(r, RECORD_DIRECTION, SLICE("out"));
	from = mail_header_last(header, SLICE("From"));
	if (from != NULL)
		list = mail_address_parse(from->value, NULL);
	if (list != NULL && mail_address_count(list) > 0)
		add_member(r, RECORD_AUTHOR, mail_address_at(list, 0)->domain);
	mail_address_free(list);
}

void
proxy_recording_signed(struct proxy_recording *recording,
    struct proxy_journal *r, struct slice signature)
{
	size_t type = slice_find(signature, ':') + 1;
	size_t domain = slice_find(slice_after(signature, type), ':');

	if (is_on(recording))
		add_member(
		    r, RECORD_SIGNED, slice_first(signature, type + domain));
}

void
proxy_recording_unsigned(struct proxy_recording *recording,
    struct proxy_journal *r, struct slice why)
{
	if (is_on(recording))
		add_member(
		    r, RECORD_UNSIGNED, slice_first(why, slice_find(why, ':')));
}

/* --- what the checks found --- */

/* "pass TAB example.org TAB s1 TAB why"; TABs in the values would shift
 * them, so those end a value. */
static void
add_record_word(struct strbuf *words, struct slice value)
{
	if (words->n > 0)
		strbuf_add_char(words, '\t');
	strbuf_add(words, slice_first(value, slice_find(value, '\t')));
}

/* What RFC 9990 calls the action: a pass with an enforcing policy is
 * "pass". */
static const char *
record_disposition_of(const struct auth_result *dmarc)
{
	if (dmarc->verdict == MAIL_VERDICT_PASS)
		return dmarc->policy != NULL &&
			strcmp(dmarc->policy, "none") != 0
		    ? "pass"
		    : "none";
	return dmarc->disposition == NULL ? "none" : dmarc->disposition;
}

/* Why it went otherwise than the policy asks; an empty one: it did not. */
static struct slice
override_of(const struct auth_result *dmarc)
{
	if (dmarc->arc_overrides)
		return SLICE("trusted_forwarder");
	if (dmarc->policy != NULL && dmarc->disposition != NULL &&
	    dmarc->verdict != MAIL_VERDICT_PASS &&
	    strcmp(dmarc->policy, dmarc->disposition) != 0)
		return SLICE("policy_test_mode");
	return SLICE("");
}

/*
 * What was done is not always what the policy asked for: without `reject =
 * dmarc`, or for an excepted client, the message goes through, and another
 * check may have refused it. Whose message a From at fault makes it, no policy
 * says; and what is refused for now comes again.
 */
static void
add_dmarc(struct proxy_journal *r, const struct auth_result *dmarc,
    enum proxy_verdict verdict)
{
	const char *wanted = record_disposition_of(dmarc);
	bool refused = verdict == PROXY_REFUSE;

	add_member(r, RECORD_AUTHOR, dmarc->domain);
	if (dmarc->record.n == 0 || dmarc->from_fault != NULL ||
	    verdict == PROXY_REFUSE_FOR_NOW)
		return;
	add_member(r, RECORD_POLICY_DOMAIN, dmarc->record_name);
	add_member(r, RECORD_POLICY, dmarc->record);
	add_member(r, RECORD_DKIM_ALIGNED,
	    dmarc->dkim_aligned ? SLICE("pass") : SLICE("fail"));
	add_member(r, RECORD_SPF_ALIGNED,
	    dmarc->spf_aligned ? SLICE("pass") : SLICE("fail"));
	if ((strcmp(wanted, "reject") == 0) != refused) {
		add_member(r, RECORD_DISPOSITION,
		    refused ? SLICE("reject") : SLICE("none"));
		add_member(r, RECORD_OVERRIDE, SLICE("local_policy"));
		return;
	}
	add_member(r, RECORD_DISPOSITION, slice_str(wanted));
	if (override_of(dmarc).n > 0)
		add_member(r, RECORD_OVERRIDE, override_of(dmarc));
}

void
proxy_recording_checked(struct proxy_recording *recording,
    const struct proxy_filter_job *job, const struct auth_results *results,
    enum proxy_verdict verdict)
{
	struct proxy_journal *r = job->journal;

	if (!is_on(recording))
		return;
	add_member(r, RECORD_DIRECTION, SLICE("in"));
	for (size_t i = 0; i < results->count; i++) {
		const struct auth_result *result = &results->list[i];
		static const enum record_tag tags[AUTH_METHODS] = {
		    [AUTH_DKIM] = RECORD_DKIM,
		    [AUTH_DOMAINKEYS] = RECORD_DOMAINKEYS,
		    [AUTH_SPF] = RECORD_SPF,
		    [AUTH_SENDERID] = RECORD_SENDERID,
		    [AUTH_DMARC] = RECORD_DMARC,
		    [AUTH_ARC] = RECORD_ARC,
		};
		bool spf = result->method == AUTH_SPF;
		struct strbuf words;

		if (result->method != AUTH_IPREV) {
			strbuf_init(&words, WORDS_MAX);
			add_record_word(&words,
			    slice_str(mail_verdict_word(result->verdict)));
			add_record_word(&words, result->domain);
			add_record_word(&words,
			    spf ? slice_str(result->scope) : result->selector);
			if (!spf)
				add_record_word(
				    &words, slice_str(result->reason));
			add_member(
			    r, tags[result->method], strbuf_slice(&words));
			strbuf_clear(&words);
		}
		if (results->list[i].method == AUTH_DMARC)
			add_dmarc(r, &results->list[i], verdict);
	}
}

/* --- sending --- */

static void
lose(struct proxy_recording *recording, int why)
{
	int64_t now = clock_s();

	proxy_count(recording->counters, PROXY_COUNT_RECORDS_LOST);
	recording->lost++;
	if (recording->complained != 0 &&
	    now - recording->complained < COMPLAIN_S)
		return;
	recording->complained = now;
	log_printf(recording->log, LOGGING_WARNING,
	    "the recorder does not take records (%s); %llu are lost so far",
	    strerror(why), (unsigned long long)recording->lost);
}

void
proxy_recording_send(struct proxy_recording *recording,
    const struct proxy_envelope *envelope, struct proxy_journal *r)
{
	struct slice recipient;
	size_t at;
	char now[32];
	int n;

	if (!is_on(recording) || r->kept.n == 0)
		return;
	at = 0;
	n = snprintf(now, sizeof(now), "%lld", (long long)clock_wall_s());
	add_member(r, RECORD_TIME, slice_from(now, (size_t)n));
	add_member(r, RECORD_STATUS, slice_str(r->status));
	if (proxy_envelope_knows_client(envelope))
		add_member(
		    r, RECORD_CLIENT, strbuf_slice(&envelope->client_address));
	add_member(r, RECORD_SENDER,
	    mail_address_domain(strbuf_slice(&envelope->sender)));
	if (proxy_envelope_next_recipient(envelope, &at, &recipient))
		add_member(r, RECORD_RECIPIENT, mail_address_domain(recipient));
	if (r->kept.full)
		lose(recording, EMSGSIZE);
	else if (send(recording->fd, r->kept.p, r->kept.n,
		     MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		lose(recording, errno);
	else {
		if (recording->lost != 0) {
			log_printf(recording->log, LOGGING_WARNING,
			    "the recorder takes records again; %llu were lost",
			    (unsigned long long)recording->lost);
			recording->lost = 0;
			recording->complained = 0;
		}
	}
}
