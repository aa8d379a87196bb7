/*
 * Signing a message; see filter_sign.h; of trouble, DESIGN, promise 4.
 * A signature is added to the set when the header is there. Where a key's name
 * is not known it is asked for then, so that what cannot be signed is known
 * when the body ends; then signers are asked for all signatures at once. The
 * key may belong to a parent of the domain that was asked for, and tells its
 * own algorithm.
 *
 * A mail server shows a message again that it has queued anew, with what was
 * put on it. Both algorithms give the same signature for the same text, so
 * whether one is ours is seen by making it once more.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/signature.h"
#include "dkim/signed_text.h"
#include "dkim/signing_set.h"
#include "mail/header.h"
#include "proxy/message/filter_sign.h"
#include "proxy/message/sign_rule.h"

enum {
	REASON_CAP = 1024,
	EARLIER_MAX = 20, /* signatures of a message that are looked at */
	ADDED_PER_SIGNATURE = 2048 /* a field as long as h= gets in practice */
};

static const struct proxy_outcome passed = {PROXY_PASS, PROXY_CAUSE_NONE, NULL};
static const struct proxy_outcome unsignable = {
    PROXY_REFUSE, PROXY_CAUSE_FORM, "this message cannot be signed"};
static const struct proxy_outcome trouble = {
    PROXY_REFUSE_FOR_NOW, PROXY_CAUSE_OURS, "cannot sign the message now"};

struct filter;

/* One signature's life: its key asked for, named, signed or not. */
struct item {
	struct filter *filter;
	const struct proxy_signing *signing;
	/* For the key, then for the signature; ends with the filter. */
	struct proxy_sign_asking *asking;
	struct slice domain, selector; /* d= and s=, once the key is known */
	enum dkim_algorithm algorithm;
	int number; /* in the set */
	struct strbuf field;
	/* A signature of the message that may be ours: it is made again as of
	 * its time, and is if it is the same. */
	const struct mail_field *earlier;
	int64_t earlier_time;
	bool looked; /* for that */
	bool failed;
	const char *keyless; /* a word; NULL: it has its key */
};

struct filter {
	const struct proxy_sign_env *env;
	struct proxy_filter_job job;
	const struct mail_header *header;
	struct dkim_signing_set *set;
	struct proxy_sign_choice choice;
	struct item items[PROXY_SIGNATURES_MAX];
	size_t count, waiting; /* for signers */
	size_t made;
	bool already; /* it was signed when it came here before */
	bool signing; /* the message is complete, signatures are asked for */
	bool no_key;  /* a domain of ours without a key: not signed */
	bool unseen;  /* its key is one that the world cannot see yet */
	bool trouble; /* of the kind that on_error is about */
	bool unfit;   /* of the kind that unsignable is about */
	proxy_outcome_fn *outcome; /* once the message is complete */
	void *ctx;
};

static void *
begin_filter_sign(void *env, const struct proxy_filter_job *job)
{
	struct filter *f = xcalloc(1, sizeof(*f));

	f->env = env;
	f->job = *job;
	f->set = dkim_signing_set_new();
	proxy_sign_choice_init(&f->choice);
	return f;
}

static void
filter_free(void *filter)
{
	struct filter *f = filter;

	for (size_t i = 0; i < f->count; i++) {
		proxy_sign_asking_end(f->items[i].asking);
		strbuf_clear(&f->items[i].field);
	}
	dkim_signing_set_free(f->set);
	proxy_sign_choice_clear(&f->choice);
	free(f);
}

static const struct proxy_signing_rules *
rules(const struct filter *f)
{
	return &f->env->config->signing;
}

static void
note_signing(struct filter *f, const char *name, struct slice value)
{
	proxy_journal_note(f->job.journal, name, value);
}

/* "dkim:example.org:mail2026", what a signature is called in the log. */
static void
print_name(const struct item *item, struct strbuf *out)
{
	strbuf_addf(out, "%s:", item->signing->kind->name);
	strbuf_add(out, item->domain);
	strbuf_add_char(out, ':');
	strbuf_add(out, item->selector);
}

/* Each failure is logged, whatever becomes of the message. */
static void
fail_item(struct item *item, const char *why)
{
	struct filter *f = item->filter;
	struct strbuf name, text;

	strbuf_init(&name, REASON_CAP);
	print_name(item, &name);
	note_signing(f, "failed", strbuf_slice(&name));
	strbuf_init(&text, 2 * REASON_CAP);
	strbuf_add_str(&text, "no signature ");
	escape_log(strbuf_slice(&name), &text);
	strbuf_add_str(&text, ": ");
	escape_text(slice_first(slice_str(why), REASON_CAP / 4), &text);
	f->job.journal->queue_id = strbuf_slice(&f->job.envelope->queue_id);
	proxy_journal_remark(
	    f->env->log, LOGGING_WARNING, f->job.journal, strbuf_text(&text));
	strbuf_clear(&name);
	strbuf_clear(&text);
	item->failed = true;
	proxy_count(f->env->counters, PROXY_COUNT_SIGNATURES_FAILED);
}

/* Neither time nor another key would help. */
static void
fail_for_good(struct item *item, const char *why)
{
	item->filter->unfit = true;
	fail_item(item, why);
}

/* --- keys --- */

/* As far as it is known. */
static struct dkim_signing
signing_of(const struct item *item)
{
	const struct proxy_signing *what = item->signing;

	return (struct dkim_signing){
	    .domain = item->domain,
	    .selector = item->selector,
	    .identity = what->identity,
	    .algorithm = what->algorithm,
	    .header_canon = what->header_canon,
	    .body_canon = what->body_canon,
	    .fields = item->signing->fields != NULL
		? item->signing->fields
		: item->filter->env->built_in,
	    /* No mail server shows its milters the field that is its own. */
	    .received_hidden = item->filter->job.envelope->milter,
	};
}

static void proceed(struct filter *);

static void
trace_key(const struct item *item, const char *what)
{
	const struct trace *trace = item->filter->job.trace;

	if (trace_wants(trace))
		trace_line(trace, "key of %s, selector %s: %s",
		    trace_name(item->domain).text,
		    trace_name(item->selector).text, what);
}

/* What was heard last of the key, at the end of the asking. */
static void
take_key_names(struct item *item, const struct proxy_sign_names *names)
{
	item->domain = names->domain;
	item->selector = names->selector;
	item->algorithm = names->algorithm;
}

/* There is no signature, because of the key or of those who have it. */
static void
take_failure(struct item *item, const struct proxy_sign_answer *answer)
{
	struct filter *f = item->filter;
	struct strbuf reason;

	if (answer->status == PROXY_SIGN_MISSING) {
		trace_key(item, "missing");
		item->failed = f->no_key = true;
		item->keyless = "no-key";
		return;
	}
	if (answer->status == PROXY_SIGN_UNPUBLISHED) {
		trace_key(item, "not published");
		item->failed = f->unseen = true;
		item->keyless =
		    proxy_sign_unsigned_word(PROXY_UNSIGNED_NOT_PUBLISHED);
		if (rules(f)->before_published !=
		    PROXY_BEFORE_PUBLISHED_TEMPFAIL)
			return;
	} else {
		trace_key(item, "trouble");
		f->trouble = true;
	}
	strbuf_init(&reason, REASON_CAP);
	strbuf_add(&reason, slice_first(answer->reason, REASON_CAP - 1));
	fail_item(item, strbuf_text(&reason));
	strbuf_clear(&reason);
}

static void
on_key(void *ctx, const struct proxy_sign_answer *answer)
{
	struct item *item = ctx;
	struct filter *f = item->filter;

	f->waiting--;
	if (answer->status == PROXY_SIGN_STALE) {
		take_key_names(item, proxy_sign_asking_names(item->asking));
		trace_key(item, "found");
	} else {
		take_failure(item, answer);
	}
	if (f->outcome != NULL)
		proceed(f);
}

/* --- signatures --- */

/* Is it of that domain and selector, and could it still be believed? */
static bool
is_earlier(const struct dkim_signature *s, const struct proxy_sign_names *names,
    int64_t now)
{
	return s->time >= 0 && (s->expire < 0 || s->expire > now) &&
	    slice_equal_nocase(strbuf_slice(&s->ascii_domain), names->domain) &&
	    slice_equal_nocase(
		strbuf_slice(&s->ascii_selector), names->selector);
}

/* The topmost such field. Only mail servers that ask by milter show a message
 * that was here before. */
static void
look_for_earlier(struct item *item, const struct proxy_sign_names *names)
{
	const struct mail_header *header = item->filter->header;
	size_t looked_at = 0;

	item->looked = true;
	if (!item->filter->job.envelope->milter ||
	    item->signing->kind != &dkim_kind_dkim)
		return;
	for (size_t i = 0; i < mail_header_count(header) &&
	     looked_at < EARLIER_MAX && item->earlier == NULL;
	     i++) {
		const struct mail_field *field = mail_header_at(header, i);
		struct dkim_signature s;
		struct dkim_fault fault;

		if (!slice_equal_nocase(field->name, SLICE("DKIM-Signature")))
			continue;
		looked_at++;
		dkim_signature_init(&s);
		if (dkim_signature_parse(field->value, &s, &fault) == 0 &&
		    is_earlier(&s, names, clock_wall_s())) {
			item->earlier = field;
			item->earlier_time = s.time;
		}
		dkim_signature_clear(&s);
	}
}

/* The text that is to be signed, by those names. Of what cannot be made neither
 * time nor another key would make it. */
static int
on_make(void *ctx, const struct proxy_sign_names *names, struct slice *text)
{
	struct item *item = ctx;
	struct filter *f = item->filter;
	struct dkim_signed_text read;
	struct dkim_signing signing;
	struct strbuf reason;
	const char *why;

	take_key_names(item, names);
	signing = signing_of(item);
	signing.algorithm = names->algorithm;
	if (!item->looked)
		look_for_earlier(item, names);
	signing.time =
	    item->earlier != NULL ? item->earlier_time : clock_wall_s();
	signing.expire = rules(f)->ttl == 0 ? 0 : signing.time + rules(f)->ttl;
	strbuf_init(&reason, REASON_CAP);
	if (dkim_signing_set_name(f->set, item->number, &signing, &reason) == 0)
		*text = dkim_signing_set_text(f->set, item->number);
	if (reason.n == 0 && text->n > f->env->text_max)
		strbuf_add_str(&reason, "what it covers is too long");
	/* What a signer would refuse, it would refuse each time: a NUL, or by
	 * milter, where a header keeps it, a bare CR. */
	if (reason.n == 0 && dkim_signing_set_has_text(f->set, item->number) &&
	    (why = dkim_signed_text_read(*text, &read)) != NULL)
		strbuf_add_str(&reason, why);
	if (reason.n > 0)
		fail_for_good(item, strbuf_text(&reason));
	strbuf_clear(&reason);
	return item->failed ? -1 : 0;
}

static void ask_for_signature(struct item *);

static void
on_signed(void *ctx, const struct proxy_sign_answer *answer)
{
	struct item *item = ctx;
	struct filter *f = item->filter;
	struct strbuf reason;

	f->waiting--;
	if (answer->status == PROXY_SIGN_DONE) {
		strbuf_init(&reason, REASON_CAP);
		strbuf_clear(&item->field);
		strbuf_init(&item->field, DKIM_SIGNER_FIELD_MAX);
		if (dkim_signing_set_put(f->set, item->number,
			answer->signature, &item->field, &reason) != 0) {
			f->trouble = true;
			fail_item(item, strbuf_text(&reason));
		}
		strbuf_clear(&reason);
	} else if (!item->failed)
		take_failure(item, answer);
	if (item->earlier != NULL && !item->failed && item->field.n > 0) {
		/* The message has it already, or it is made as of now. */
		if (slice_equal(
			strbuf_slice(&item->field), item->earlier->raw)) {
			f->already = true;
		} else {
			item->earlier = NULL;
			ask_for_signature(item);
		}
	}
	proceed(f);
}

static void
ask_for_signature(struct item *item)
{
	struct filter *f = item->filter;
	const struct proxy_signing *what = item->signing;
	const struct proxy_sign_wish wish = {
	    .right = what->right,
	    .kind = dkim_signing_set_has_text(f->set, item->number)
		? PROXY_SIGN_ASK_TEXT
		: PROXY_SIGN_ASK_DIGEST,
	    .domain = what->domain,
	    .make = on_make,
	    .done = on_signed,
	    .ctx = item,
	};

	f->waiting++;
	proxy_sign_asking_end(item->asking);
	/* The names stay, for they may be those of the asking. */
	item->domain = what->domain;
	item->selector = what->selector;
	item->asking = NULL;
	item->asking = proxy_sign_ask(f->env->signers, &wish);
}

static void
begin_item(struct filter *f, const struct proxy_signing *what)
{
	struct item *item = &f->items[f->count++];
	const struct proxy_sign_wish wish = {
	    .right = what->right,
	    .kind = PROXY_SIGN_ASK_KEY,
	    .domain = what->domain,
	    .done = on_key,
	    .ctx = item,
	};
	struct dkim_signing signing;
	struct strbuf reason;

	item->filter = f;
	item->signing = what;
	item->domain = what->domain;
	item->selector = what->selector;
	item->algorithm = what->algorithm;
	signing = signing_of(item);
	strbuf_init(&reason, REASON_CAP);
	item->number = dkim_signing_set_add(
	    f->set, what->kind, &signing, f->header, &reason);
	if (item->number < 0)
		fail_for_good(item, strbuf_text(&reason));
	strbuf_clear(&reason);
	if (item->failed ||
	    proxy_signers_know(f->env->signers, what->right, what->domain))
		return;
	f->waiting++;
	trace_key(item, "asked");
	item->asking = proxy_sign_ask(f->env->signers, &wish);
}

/* --- the filter's calls --- */

/* Who may connect to an SMTP listener is ours (`allow`). A mail server hands
 * us everybody's mail by milter. */
static bool
is_ours(const struct filter *f)
{
	const struct proxy_envelope *e = f->job.envelope;
	const struct proxy_sign_client client = {
	    .local = e->local,
	    .login = e->login.n > 0,
	    .address = strbuf_slice(&e->client_address),
	};

	return !e->milter || proxy_sign_for_has(&rules(f)->sign_for, &client);
}

static void
on_header(void *filter, const struct mail_header *header)
{
	struct filter *f = filter;

	f->header = header;
	proxy_recording_author(f->env->recording, f->job.journal, header);
	if (is_ours(f))
		proxy_sign_rule_choose(f->env->config, header, &f->choice);
	else
		proxy_sign_choice_not_ours(&f->choice);
	if (f->choice.status != PROXY_SIGN)
		return;
	for (size_t i = 0; i < f->choice.count; i++)
		begin_item(f, &f->choice.list[i]);
}

static void
on_no_header(void *filter, const char *why, const struct mail_header *part)
{
	struct filter *f = filter;

	(void)part;
	if (is_ours(f))
		proxy_sign_choice_no_header(&f->choice, why);
	else
		proxy_sign_choice_not_ours(&f->choice);
}

static void
on_body(void *filter, struct slice chunk)
{
	struct filter *f = filter;

	dkim_signing_set_body(f->set, chunk);
}

static void
tell_signing(struct filter *f, const struct proxy_outcome *outcome)
{
	if (f->choice.rule.n > 0)
		note_signing(f, "rule", strbuf_slice(&f->choice.rule));
	if (f->choice.from_fault.n > 0)
		note_signing(
		    f, "from-fault", strbuf_slice(&f->choice.from_fault));
	if (f->choice.left_out.n > 0)
		note_signing(f, "left-out", strbuf_slice(&f->choice.left_out));
	f->outcome(f->ctx, outcome); /* may free the filter */
}

static bool
rejects_unsignable(const struct filter *f)
{
	return rules(f)->unsignable == PROXY_UNSIGNABLE_REJECT;
}

static void
note_unsigned(struct filter *f, enum proxy_unsigned why, struct slice text)
{
	struct strbuf safe;

	note_signing(f, "unsigned", text);
	proxy_count_unsigned(f->env->counters, why);
	strbuf_init(&safe, 4 * REASON_CAP);
	escape_log(text, &safe);
	proxy_recording_unsigned(
	    f->env->recording, f->job.journal, strbuf_slice(&safe));
	strbuf_clear(&safe);
}

static void
put_on_top(struct item *item)
{
	struct filter *f = item->filter;
	struct strbuf name;

	if (item->failed || item->field.n == 0)
		return;
	if (proxy_edit_top(f->job.edit, strbuf_slice(&item->field)) != 0) {
		f->trouble = true;
		fail_item(item, "cannot sign");
		return;
	}
	strbuf_init(&name, REASON_CAP);
	print_name(item, &name);
	strbuf_addf(&name, ":%s", dkim_algorithm_name(item->algorithm));
	note_signing(f, "signed", strbuf_slice(&name));
	proxy_recording_signed(
	    f->env->recording, f->job.journal, strbuf_slice(&name));
	strbuf_clear(&name);
	f->made++;
	proxy_count(f->env->counters, PROXY_COUNT_SIGNATURES);
}

static bool
defers(const struct filter *f)
{
	return (f->trouble && rules(f)->on_error == PROXY_ON_ERROR_TEMPFAIL) ||
	    (f->unseen &&
		rules(f)->before_published == PROXY_BEFORE_PUBLISHED_TEMPFAIL);
}

/* It goes on as it is. */
static void
leave_alone(struct filter *f)
{
	struct strbuf name;

	strbuf_init(&name, REASON_CAP);
	for (size_t i = 0; i < f->count; i++) {
		strbuf_reset(&name);
		print_name(&f->items[i], &name);
		if (f->items[i].earlier != NULL)
			note_signing(f, "signed-before", strbuf_slice(&name));
	}
	strbuf_clear(&name);
	tell_signing(f, &passed);
}

/* All signatures are there that there will be. */
static void
complete_filter(struct filter *f)
{
	if (f->already) {
		leave_alone(f);
		return;
	}
	for (size_t i = 0; i < f->count && !defers(f); i++)
		put_on_top(&f->items[i]);
	if (f->made > 0 || f->trouble)
		proxy_count(f->env->counters, PROXY_COUNT_TO_SIGN);
	if (f->trouble)
		proxy_count(f->env->counters, PROXY_COUNT_SIGN_TROUBLE);
	if (defers(f)) {
		tell_signing(f, &trouble);
		return;
	}
	if (f->made == 0) {
		struct slice text = strbuf_slice(&f->choice.reason);
		enum proxy_unsigned why = f->choice.why;

		if (f->choice.status == PROXY_SIGN && f->count > 0) {
			why = f->no_key ? PROXY_UNSIGNED_NO_KEY
			    : f->unseen ? PROXY_UNSIGNED_NOT_PUBLISHED
					: PROXY_UNSIGNED_FAILED;
			text = slice_str(proxy_sign_unsigned_word(why));
		}
		note_unsigned(f, why, text);
	} else {
		struct strbuf *to = &f->choice.left_out;

		/* Beside one that was made: why the others were not is told as
		 * well. */
		for (size_t k = 0; k < f->count; k++) {
			if (f->items[k].keyless == NULL)
				continue;
			if (to->n > 0)
				strbuf_add_char(to, ',');
			print_name(&f->items[k], to);
			strbuf_addf(to, ":%s", f->items[k].keyless);
		}
	}
	if (f->made == 0 && f->unfit && rejects_unsignable(f))
		tell_signing(f, &unsignable);
	else
		tell_signing(f, &passed);
}

/* The message is complete. First its keys, then its signatures; nothing is
 * signed that is not going to be sent. */
static void
proceed(struct filter *f)
{
	bool likely = false;

	if (f->waiting > 0)
		return;
	if (!f->signing) {
		f->signing = true;
		f->waiting++; /* none of them ends it before all have begun */
		for (size_t i = 0; i < f->count; i++) {
			struct item *item = &f->items[i];

			if (item->failed || defers(f))
				continue;
			ask_for_signature(item);
			likely |= proxy_sign_asking_is_likely(item->asking);
		}
		f->waiting--;
		/* What is left to go wrong is trouble of ours. */
		if (f->job.passing != NULL && likely)
			f->job.passing(f->job.ctx);
	}
	if (f->waiting == 0)
		complete_filter(f);
}

static void
on_end(void *filter, proxy_outcome_fn *outcome, void *ctx)
{
	struct filter *f = filter;

	f->outcome = outcome;
	f->ctx = ctx;
	if (f->choice.status == PROXY_SIGN_UNSIGNABLE) {
		/* What the sender can mend: unsignable = pass | reject. */
		note_unsigned(
		    f, f->choice.why, strbuf_slice(&f->choice.reason));
		if (rejects_unsignable(f))
			tell_signing(f, &unsignable);
		else
			tell_signing(f, &passed);
		return;
	}
	dkim_signing_set_end(f->set);
	proceed(f);
}

static size_t
most_added(void *env)
{
	const struct proxy_sign_env *e = env;
	const struct proxy_signing_rules *r = &e->config->signing;
	bool maps = r->sender_map != NULL || r->listid_map != NULL;

	return ADDED_PER_SIGNATURE *
	    (maps ? PROXY_SIGNATURES_MAX : r->signatures.count);
}

const struct proxy_filter_ops proxy_filter_sign = {
    .begin = begin_filter_sign,
    .header = on_header,
    .no_header = on_no_header,
    .body = on_body,
    .end = on_end,
    .free = filter_free,
    .most_added = most_added,
};
