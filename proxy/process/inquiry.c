/* Questions to signers, and a trial; see inquiry.h. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "dkim/signing_set.h"
#include "proxy/keys/sign_wire.h"
#include "proxy/message/filter_sign.h"
#include "proxy/message/sign_rule.h"
#include "proxy/message/signers.h"
#include "proxy/process/control.h"
#include "proxy/process/inquiry.h"
#include "record/date.h"

enum { TEXT_MAX = 4096 };

/* One question of a signer. */
struct asked {
	struct proxy_inquiry *inquiry;
	const struct proxy_signing *signing;
	struct proxy_sign_asking *asking;
};

/* A key that signers have; or that they cannot have, with the reason. */
struct found {
	const struct proxy_signing *signing;
	char *domain, *selector, *reason; /* reason: NULL, it is there */
	enum dkim_algorithm algorithm;
	unsigned bits;
	int64_t since, everywhere, used;
	size_t signers;
};

/* The counters of an inquiry are its own and are thrown away: a person who asks
 * must not change the figures of the mail. */
struct proxy_inquiry {
	struct proxy_inquiry_job job;
	char *domain;
	struct event *over; /* the answer is there */
	struct strbuf answer;
	struct mail_header *header;
	/* key: each signer by itself; trial: all of them behind the first */
	struct proxy_signers **signers;
	size_t signers_count;
	struct proxy_sign_choice choice;
	struct asked *asked;
	size_t asked_count, waiting;
	struct found *found;
	size_t found_count;
	/* trial */
	struct proxy_sign_env env;
	struct proxy_counters *counters;
	struct proxy_envelope envelope;
	struct proxy_journal journal;
	struct proxy_edit *edit;
	struct proxy_again again;
	struct strbuf text;
	void *filter;
};

/* --- JSON --- */

/* The value may be from a message or from a key's path: it is cut and
 * escaped. */
static void
add_member(struct strbuf *to, const char *name, struct slice value)
{
	if (to->n > 0 && to->p[to->n - 1] != '{')
		strbuf_add_char(to, ',');
	strbuf_addf(to, "\"%s\":", name);
	escape_json(slice_first(value, TEXT_MAX), to);
}

static void
add_number(struct strbuf *to, const char *name, int64_t value)
{
	strbuf_addf(to, ",\"%s\":%lld", name, (long long)value);
}

/* The answer is there: it is given when nobody of ours is in the way. */
static void
tell_later(struct proxy_inquiry *q)
{
	strbuf_add_str(&q->answer, "}\n");
	/* Half an answer would be no JSON. */
	if (q->answer.full) {
		strbuf_reset(&q->answer);
		strbuf_add_str(
		    &q->answer, "{\"error\":\"the answer is too long\"}\n");
	}
	/* From the loop and not from here: the one who is told may free the
	 * inquiry, and callers up the stack still use it. */
	event_active(q->over, EV_TIMEOUT, 0);
}

static void
on_over(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_inquiry *q = ctx;

	(void)fd;
	(void)what;
	q->job.done(q->job.ctx, strbuf_slice(&q->answer)); /* may free it */
}

/* --- which keys there are --- */

static struct found *
find_key(struct proxy_inquiry *q, const struct proxy_signing *signing,
    struct slice selector)
{
	for (size_t i = 0; i < q->found_count; i++)
		if (q->found[i].signing == signing &&
		    q->found[i].reason == NULL &&
		    slice_equal(slice_str(q->found[i].selector), selector))
			return &q->found[i];
	return NULL;
}

static struct found *
add_found(struct proxy_inquiry *q, const struct asked *asked)
{
	struct found *found;

	q->found =
	    xreallocarray(q->found, q->found_count + 1, sizeof(*q->found));
	found = &q->found[q->found_count++];
	memset(found, 0, sizeof(*found));
	found->signing = asked->signing;
	return found;
}

static void
print_key(const struct found *found, struct strbuf *to)
{
	strbuf_add_str(to, to->p[to->n - 1] == '[' ? "{" : ",{");
	add_member(to, "signature", slice_str(found->signing->kind->name));
	add_member(to, "domain", slice_str(found->domain));
	if (found->reason != NULL) {
		add_member(to, "reason", slice_str(found->reason));
	} else {
		add_member(to, "selector", slice_str(found->selector));
		add_member(to, "algorithm",
		    slice_str(dkim_algorithm_name(found->algorithm)));
		add_number(to, "bits", found->bits);
		add_number(to, "since", found->since);
		add_number(to, "everywhere", found->everywhere);
		add_number(to, "used", found->used);
		add_number(to, "signers", (int64_t)found->signers);
	}
	strbuf_add_char(to, '}');
}

static void
print_found(struct proxy_inquiry *q, const char *name, bool failed)
{
	strbuf_addf(&q->answer, ",\"%s\":[", name);
	for (size_t i = 0; i < q->found_count; i++)
		if ((q->found[i].reason != NULL) == failed)
			print_key(&q->found[i], &q->answer);
	strbuf_add_char(&q->answer, ']');
}

static void
print_keys(struct proxy_inquiry *q)
{
	struct strbuf *to = &q->answer;

	strbuf_add_char(to, '{');
	add_member(to, "key", slice_str(q->domain));
	add_member(to, "rule", strbuf_slice(&q->choice.rule));
	if (q->choice.reason.n > 0)
		add_member(to, "reason", strbuf_slice(&q->choice.reason));
	add_number(to, "signers", (int64_t)q->signers_count);
	print_found(q, "keys", false);
	print_found(q, "failures", true);
	tell_later(q);
}

static void
on_key(void *ctx, const struct proxy_sign_answer *answer)
{
	struct asked *asked = ctx;

	/* We sent no digest with the question, so a signer that has the key
	 * says that what we hold is stale, and which key it would sign with.
	 * That is all that is wanted: nothing is signed. */
	if (answer->status == PROXY_SIGN_STALE) {
		struct proxy_inquiry *q = asked->inquiry;
		struct found *found =
		    find_key(q, asked->signing, answer->selector);

		if (found == NULL) {
			found = add_found(q, asked);
			found->domain = xslicedup(
			    proxy_sign_asking_names(asked->asking)->domain);
			found->selector = xslicedup(answer->selector);
			found->algorithm = answer->algorithm;
			found->bits = answer->bits;
			found->since = answer->since;
		}
		found->signers++;
		/* Each signer loads a key when it first needs it: the earliest
		 * says since when some mail is signed by it, the latest since
		 * when all is. */
		if (answer->since < found->since)
			found->since = answer->since;
		if (answer->since > found->everywhere)
			found->everywhere = answer->since;
		if (answer->used > found->used)
			found->used = answer->used;
	} else {
		struct found *failed = add_found(asked->inquiry, asked);

		failed->domain = xslicedup(asked->signing->domain);
		failed->reason = xslicedup(answer->reason);
	}
	if (--asked->inquiry->waiting == 0)
		print_keys(asked->inquiry);
}

/* --- a trial --- */

static void
on_outcome(void *ctx, const struct proxy_outcome *outcome)
{
	static const char *const words[PROXY_VERDICTS] = {
	    [PROXY_PASS] = "pass",
	    [PROXY_REFUSE] = "refuse",
	    [PROXY_REFUSE_FOR_NOW] = "refuse-for-now",
	};
	struct proxy_inquiry *q = ctx;
	struct slice top = proxy_edit_top_fields(q->edit);
	struct strbuf whole, *to = &q->answer;

	/* The message is written out as the next hop would have got it, so that
	 * it can be checked by any other program. */
	strbuf_add_char(to, '{');
	add_member(to, "trial", slice_str(q->domain));
	add_member(to, "verdict", slice_str(words[outcome->verdict]));
	strbuf_add_str(to, ",\"notes\":{");
	for (size_t i = 0; i < q->journal.note_count; i++)
		add_member(to, q->journal.notes[i].name,
		    slice_from(q->journal.text.p + q->journal.notes[i].at,
			q->journal.notes[i].n));
	strbuf_add_str(to, "},\"message\":");
	strbuf_init(&whole, top.n + q->text.n + 1);
	strbuf_add(&whole, top);
	strbuf_add(&whole, strbuf_slice(&q->text));
	escape_json(strbuf_slice(&whole), to);
	strbuf_clear(&whole);
	tell_later(q);
}

/* No words that a filter could take for mail of somebody: this text may be
 * looked at by a verifier, but is never sent. */
static const struct slice body = SLICE_INIT(
    "This text was signed as mail of this domain is. It has gone nowhere.\r\n");

/* Signed by the same code as mail, with an envelope that nobody sent: what it
 * shows is what happens, not what another piece of code thinks would happen. */
static void
try_it(struct proxy_inquiry *q)
{
	const struct proxy_filter_job job = {
	    .envelope = &q->envelope,
	    .journal = &q->journal,
	    .edit = q->edit,
	    .again = &q->again,
	};
	const struct proxy_front *front =
	    proxy_front_with(q->job.config, PROXY_FILTER_SIGN);

	q->env = (struct proxy_sign_env){
	    .config = q->job.config,
	    .signers = q->signers[0],
	    .text_max = front->max_header_size + PROXY_SIGN_TEXT_OVER,
	    .built_in = dkim_field_list_new(),
	    .counters = q->counters,
	    .log = q->job.log,
	};
	q->filter = proxy_filter_sign.begin(&q->env, &job);
	proxy_filter_sign.header(q->filter, q->header);
	proxy_filter_sign.body(q->filter, body);
	strbuf_add(&q->text, body);
	proxy_filter_sign.end(q->filter, on_outcome, q);
}

/* --- both --- */

/* Each signer by itself, or all of them behind one. */
static void
meet(struct proxy_inquiry *q, bool each)
{
	const struct proxy_inquiry_job *job = &q->job;
	size_t n = each ? job->signer_count : 1;

	q->signers = xcalloc(n + 1, sizeof(*q->signers));
	q->signers_count = n;
	for (size_t i = 0; i < n; i++)
		q->signers[i] =
		    proxy_signers_new(job->base, job->config->sign_timeout);
	for (size_t i = 0; i < job->signer_count; i++)
		proxy_signers_add(q->signers[each ? i : 0], job->signers[i]);
	/* The sockets are the askers' now: who closes them has changed. */
	q->job.signers = NULL;
}

static struct proxy_inquiry *
begin_inquiry(
    const struct proxy_inquiry_job *job, struct slice domain, bool each)
{
	struct proxy_inquiry *q = xcalloc(1, sizeof(*q));
	int64_t now;
	struct strbuf date;

	q->job = *job;
	q->domain = xslicedup(domain);
	/* Domains are compared in lower case, as the maps have them. */
	for (char *c = q->domain; *c != '\0'; c++)
		*c = ascii_lower(*c);
	q->over = event_new(job->base, -1, 0, on_over, q);
	strbuf_init(&q->answer, PROXY_CONTROL_ANSWER_MAX);
	strbuf_init(&q->text, TEXT_MAX);
	proxy_sign_choice_init(&q->choice);
	proxy_envelope_init(&q->envelope);
	/* What the log says of it begins so, as with a message's id. */
	strbuf_add_str(&q->envelope.queue_id, "trial");
	proxy_journal_init(&q->journal);
	q->edit = proxy_edit_new();
	q->counters = xcalloc(1, sizeof(*q->counters));
	meet(q, each);
	now = clock_wall_s();
	strbuf_init(&date, 64);
	(void)record_date_print(now, &date);
	strbuf_addf(&q->text,
	    "From: postmaster@%s\r\n"
	    "To: postmaster@%s\r\n"
	    "Subject: a trial of signpost's\r\n"
	    "Date: %s\r\n"
	    "Message-ID: <trial.%lld@%s>\r\n"
	    "\r\n",
	    q->domain, q->domain, strbuf_text(&date), (long long)now,
	    q->domain);
	strbuf_clear(&date);
	q->header = mail_header_parse(strbuf_slice(&q->text), TEXT_MAX);
	return q;
}

struct proxy_inquiry *
proxy_inquiry_key(const struct proxy_inquiry_job *job, struct slice domain)
{
	struct proxy_inquiry *q = begin_inquiry(job, domain, true);

	proxy_sign_rule_choose(job->config, q->header, &q->choice);
	q->waiting = q->signers_count * q->choice.count;
	q->asked = xcalloc(q->waiting + 1, sizeof(*q->asked));
	/* Nothing to ask is an answer as well: no rule signs for this
	 * domain. */
	if (q->waiting == 0)
		print_keys(q);
	for (size_t s = 0; s < q->signers_count; s++)
		for (size_t i = 0; i < q->choice.count; i++) {
			struct proxy_signers *signers = q->signers[s];
			const struct proxy_signing *signing =
			    &q->choice.list[i];
			struct asked *asked = &q->asked[q->asked_count++];
			const struct proxy_sign_wish wish = {
			    .right = signing->right,
			    .kind = PROXY_SIGN_ASK_KEY,
			    .domain = signing->domain,
			    .done = on_key,
			    .ctx = asked,
			};

			*asked = (struct asked){q, signing, NULL};
			/* Last: the answer may come before this returns, and
			 * looks at what is above. */
			asked->asking = proxy_sign_ask(signers, &wish);
		}
	return q;
}

struct proxy_inquiry *
proxy_inquiry_trial(const struct proxy_inquiry_job *job, struct slice domain)
{
	struct proxy_inquiry *q = begin_inquiry(job, domain, false);

	try_it(q);
	return q;
}

void
proxy_inquiry_free(struct proxy_inquiry *q)
{
	if (q == NULL)
		return;
	if (q->filter != NULL)
		proxy_filter_sign.free(q->filter);
	/* Before the signers, or an answer would come to freed memory. */
	for (size_t i = 0; i < q->asked_count; i++)
		proxy_sign_asking_end(q->asked[i].asking);
	free(q->asked);
	for (size_t i = 0; i < q->signers_count; i++)
		proxy_signers_free(q->signers[i]);
	free(q->signers);
	for (size_t i = 0; i < q->found_count; i++) {
		free(q->found[i].domain);
		free(q->found[i].selector);
		free(q->found[i].reason);
	}
	free(q->found);
	dkim_field_list_free(q->env.built_in);
	proxy_sign_choice_clear(&q->choice);
	proxy_envelope_clear(&q->envelope);
	proxy_journal_clear(&q->journal);
	proxy_edit_free(q->edit);
	mail_header_free(q->header);
	event_free(q->over);
	strbuf_clear(&q->answer);
	strbuf_clear(&q->text);
	free(q->counters);
	free(q->domain);
	free(q);
}
