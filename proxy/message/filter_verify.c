/*
 * Verifying a message; see filter_verify.h and, of its place on the way,
 * HACKING, "One message through the code".
 * SPF's questions need only the envelope and go out at DATA, the others
 * when the header is complete.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "auth/evaluation.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "mail/header.h"
#include "proxy/figures/counters.h"
#include "proxy/message/asking.h"
#include "proxy/message/filter_verify.h"
#include "proxy/message/reflection.h"
#include "proxy/message/refusal.h"

enum { VALUE_CAP = 1024, SEAL_MAX = 8192 };

struct filter {
	const struct proxy_verify_env *env;
	struct proxy_filter_job job;
	const struct mail_header *header; /* or the part that was kept of it */
	bool too_large;			  /* it is over its bound */
	struct sockaddr_storage client;	  /* AF_UNSPEC: not known */
	bool trusted;
	size_t forged, removed; /* fields left out */
	struct auth_evaluation *evaluation;
	struct proxy_asking *asking;
	struct auth_results *results;	    /* once all is settled */
	struct dkim_body_hashes *seal_body; /* where it is to be sealed */
	struct proxy_seal *seal;	    /* under way */
	struct proxy_refusal refusal;	    /* its text outlives the outcome */
	proxy_outcome_fn *outcome;
	void *ctx;
};

static const struct proxy_checking_rules *
rules(const struct filter *f)
{
	return &f->env->config->checking;
}

/* --- who handed it to us --- */

static void
client_parse(struct slice text, struct sockaddr_storage *to)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	char address[INET6_ADDRSTRLEN];

	memset(to, 0, sizeof(*to));
	if (text.n == 0 || text.n >= sizeof(address))
		return;
	memcpy(address, text.p, text.n);
	address[text.n] = '\0';
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		memcpy(to, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		memcpy(to, &v6, sizeof(v6));
}

static bool
is_loopback_peer(const struct sockaddr_storage *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	memcpy(&v6, address, sizeof(v6));
	memcpy(&v4, address, sizeof(v4));
	if (address->ss_family == AF_INET)
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	return address->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

/* A peer on our own host that says nothing of a client is a mail server
 * without XFORWARD, not the client. */
static void
find_client(struct filter *f)
{
	const struct proxy_envelope *e = f->job.envelope;

	client_parse(strbuf_slice(&e->client_address), &f->client);
	if (!e->client_told && is_loopback_peer(&f->client))
		memset(&f->client, 0, sizeof(f->client));
}

static bool
client_is_in(const struct filter *f, const struct proxy_networks *networks)
{
	return f->client.ss_family != AF_UNSPEC &&
	    proxy_networks_contain(
		networks, (const struct sockaddr *)&f->client);
}

/* A peer that is near us and names no client may hand on anyone's mail. What a
 * milter says comes from a user of the mail server's own is that. */
static bool
is_peer_trusted(const struct filter *f)
{
	const struct proxy_envelope *e = f->job.envelope;

	return e->local || e->login.n > 0 ||
	    (e->client_told && client_is_in(f, &rules(f)->trusted));
}

/* It forwards, or the message lies in a queue already. */
static bool
is_dmarc_excepted(const struct filter *f)
{
	return f->job.envelope->queued ||
	    client_is_in(f, &rules(f)->dmarc_except);
}

/* --- the evaluation --- */

static unsigned
checks_for(const struct filter *f)
{
	static const enum auth_method methods[] = {AUTH_DKIM, AUTH_DOMAINKEYS,
	    AUTH_SPF, AUTH_SENDERID, AUTH_DMARC, AUTH_ARC,
	    AUTH_IPREV}; /* in the order of enum proxy_check's bits */
	const unsigned not_for_our_own =
	    1u << AUTH_SPF | 1u << AUTH_SENDERID | 1u << AUTH_DMARC;
	unsigned checks = 0;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (rules(f)->check & 1u << i)
			checks |= 1u << methods[i];
	return f->trusted ? checks & ~not_for_our_own : checks;
}

static struct auth_evaluation *
make_evaluation(const struct filter *f)
{
	const struct proxy_verify_env *env = f->env;
	const struct proxy_envelope *e = f->job.envelope;
	bool known = f->client.ss_family != AF_UNSPEC;
	struct auth_rules what = {
	    .checks = checks_for(f),
	    .dkim.partial_body =
		rules(f)->partial_body == PROXY_PARTIAL_BODY_PASS,
	    .dkim.signatures = rules(f)->max_signatures,
	    .dkim.hashes = rules(f)->max_body_hashes,
	    .questions = rules(f)->max_questions,
	    .receiver = slice_str(env->config->hostname),
	    .arc_trusted = env->arc_trusted,
	    .arc_trusted_count = rules(f)->arc_trusted.count,
	};
	struct auth_client client = {.mail_from = strbuf_slice(&e->sender)};

	if (known) {
		client.address = strbuf_slice(&e->client_address);
		client.helo = strbuf_slice(&e->client_helo);
	}
	return auth_evaluation_new(&what, &client, clock_wall_s());
}

static bool
ask_evaluation(void *evaluation, struct dns_question *question)
{
	return auth_evaluation_ask(evaluation, question);
}

static void
answer_evaluation(void *evaluation, const struct dns_question *question,
    const struct dns_answer *what)
{
	auth_evaluation_answer(evaluation, question, what);
}

const struct proxy_asking_ops proxy_asking_evaluation = {
    ask_evaluation, answer_evaluation};

static void *
begin_filter_verify(void *env, const struct proxy_filter_job *job)
{
	struct filter *f = xcalloc(1, sizeof(*f));
	struct proxy_asking_limits limits;
	const struct proxy_envelope *e = job->envelope;

	f->env = env;
	f->job = *job;
	limits = (struct proxy_asking_limits){
	    rules(f)->max_questions, rules(f)->deadline * 1000, job->trace};
	find_client(f);
	f->trusted = is_peer_trusted(f);
	job->again->wanted =
	    proxy_reflection_wants_message(f->env->config, job->envelope);
	if (f->trusted)
		proxy_journal_note(f->job.journal, "trusted",
		    e->local		 ? SLICE("local")
			: e->login.n > 0 ? SLICE("authenticated")
					 : strbuf_slice(&e->client_address));
	f->evaluation = make_evaluation(f);
	f->asking = proxy_asking_new(f->env->base, f->env->resolver, &limits,
	    &proxy_asking_evaluation, f->evaluation);
	proxy_asking_go(f->asking);
	return f;
}

static void
filter_free(void *filter)
{
	struct filter *f = filter;

	proxy_asking_free(f->asking);
	proxy_seal_cancel(f->seal);
	dkim_body_hashes_free(f->seal_body);
	free(f->results);
	auth_evaluation_free(f->evaluation);
	free(f);
}

static void
on_header(void *filter, const struct mail_header *header)
{
	struct filter *f = filter;

	f->header = header;
	auth_evaluation_header(f->evaluation, header);
	if (f->env->sealing != NULL) {
		f->seal_body = dkim_body_hashes_new();
		proxy_sealing_want(f->seal_body);
	}
	proxy_asking_go(f->asking);
}

static void
on_no_header(void *filter, const char *why, const struct mail_header *part)
{
	struct filter *f = filter;

	f->header = part;
	f->too_large = true;
	auth_evaluation_no_header(f->evaluation);
	proxy_journal_note(f->job.journal, "unchecked", slice_str(why));
}

static void
on_body(void *filter, struct slice chunk)
{
	struct filter *f = filter;

	auth_evaluation_body(f->evaluation, chunk);
	if (f->seal_body != NULL)
		dkim_body_hashes_write(f->seal_body, chunk);
}

/* What reads it: signatures of the message, and a seal of ours. */
static bool
wants_body(void *filter)
{
	static const struct slice names[] = {SLICE_INIT("DKIM-Signature"),
	    SLICE_INIT("DomainKey-Signature"),
	    SLICE_INIT("ARC-Message-Signature")};
	const struct filter *f = filter;

	if (f->too_large)
		return false;
	if (f->seal_body != NULL)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mail_header_last(f->header, names[i]) != NULL)
			return true;
	return false;
}

/* --- the outcome --- */

/* The last thing done: the filter may be gone after it. */
static void
tell_verifying(struct filter *f, enum proxy_verdict verdict,
    enum proxy_cause cause, const char *text)
{
	struct proxy_outcome outcome = {verdict, cause, text};

	f->outcome(f->ctx, &outcome);
}

/* "dkim=pass:example.org" of a signature, "spf=pass" of the others. */
static void
note_result(struct filter *f, const struct auth_result *result)
{
	bool signature =
	    result->method == AUTH_DKIM || result->method == AUTH_DOMAINKEYS;
	struct strbuf value;

	strbuf_init(&value, VALUE_CAP);
	strbuf_add_str(&value, mail_verdict_word(result->verdict));
	if (signature && result->domain.n > 0) {
		strbuf_add_char(&value, ':');
		strbuf_add(&value, result->domain);
	}
	proxy_journal_note(f->job.journal, auth_method_name(result->method),
	    strbuf_slice(&value));
	strbuf_clear(&value);
}

static bool
is_to_be_removed(const struct filter *f, const struct mail_field *field)
{
	const struct proxy_strings *names = &rules(f)->remove_fields;

	for (size_t i = 0; i < names->count && !f->trusted; i++)
		if (slice_equal_nocase(field->name, slice_str(names->list[i])))
			return true;
	return false;
}

static bool
is_forged(const struct filter *f, const struct mail_field *field)
{
	return auth_results_is_forged(
	    field, f->env->ids, rules(f)->authserv_ids.count);
}

static void
note_number(struct filter *f, const char *name, size_t number)
{
	struct strbuf value;

	if (number == 0)
		return;
	strbuf_init(&value, VALUE_CAP);
	strbuf_addf(&value, "%zu", number);
	proxy_journal_note(f->job.journal, name, strbuf_slice(&value));
	strbuf_clear(&value);
}

/* Of a header that is too large, behind the part that was kept. */
static bool
drops(void *filter, const struct mail_field *field, bool whole)
{
	struct filter *f = filter;
	bool results =
	    slice_equal_nocase(field->name, SLICE("Authentication-Results"));

	if (results && (!whole || is_forged(f, field))) {
		f->forged++;
		return true;
	}
	if (is_to_be_removed(f, field)) {
		f->removed++;
		return true;
	}
	return false;
}

/* Leaves out what claims to be ours, and what no stranger may send. 0, or -1
 * where it cannot be. */
static int
drop_fields(struct filter *f)
{
	size_t count = mail_header_count(f->header);

	for (size_t i = 0; i < count; i++) {
		const struct mail_field *field = mail_header_at(f->header, i);

		if (is_forged(f, field))
			f->forged++;
		else if (is_to_be_removed(f, field))
			f->removed++;
		else
			continue;
		if (proxy_edit_remove(f->job.edit, f->header, i) != 0)
			return -1;
	}
	note_number(f, "forged", f->forged);
	note_number(f, "removed", f->removed);
	return 0;
}

/* Our field on top. */
static int
put_on_top(struct filter *f, const struct auth_results *results)
{
	struct strbuf field;
	int result;

	strbuf_init(&field, PROXY_EDIT_TOP_MAX);
	result = auth_results_print_field(results, f->env->ids[0], &field);
	if (result == 0)
		result = proxy_edit_top(f->job.edit, strbuf_slice(&field));
	strbuf_clear(&field);
	return result;
}

/* Whatever on_error says: a forged field must not go through. */
static void
pass_on(struct filter *f)
{
	if (drop_fields(f) != 0 || put_on_top(f, f->results) != 0)
		tell_verifying(f, PROXY_REFUSE_FOR_NOW, PROXY_CAUSE_OURS,
		    "cannot put the results on the message");
	else
		tell_verifying(f, PROXY_PASS, PROXY_CAUSE_NONE, NULL);
}

/* A message that cannot be sealed goes on without; a signer, or a
 * key, that is not there is trouble, which on_error decides about. */
static void
on_sealed(void *ctx, enum proxy_seal_status status, struct slice fields,
    const char *reason)
{
	struct filter *f = ctx;

	trace_line(f->job.trace, "seal of %s: %s", rules(f)->seal.domain,
	    status == PROXY_SEAL_MADE ? "made" : "not made");
	if (status == PROXY_SEAL_MADE &&
	    proxy_edit_top(f->job.edit, fields) == 0) {
		proxy_journal_note(
		    f->job.journal, "sealed", slice_str(rules(f)->seal.domain));
		pass_on(f);
		return;
	}
	proxy_journal_note(f->job.journal, "unsealed", slice_str(reason));
	if (status == PROXY_SEAL_TROUBLE &&
	    rules(f)->on_error == PROXY_ON_ERROR_TEMPFAIL)
		tell_verifying(f, PROXY_REFUSE_FOR_NOW, PROXY_CAUSE_OURS,
		    "cannot seal the message now");
	else
		pass_on(f);
}

/* Whoever writes to the reflector alone wants to be told what fails. */
static struct proxy_refusal
judge_message(const struct filter *f, const struct proxy_reflection *reflection)
{
	const struct proxy_envelope *envelope = f->job.envelope;

	if (reflection->alone)
		return proxy_reflection_refusal(
		    reflection, envelope, f->results);
	/* For a text; empty where it is not known. */
	return proxy_refusal_judge(rules(f), f->results,
	    f->client.ss_family == AF_UNSPEC
		? SLICE("")
		: strbuf_slice(&f->job.envelope->client_address),
	    is_dmarc_excepted(f));
}

static void
settle_filter(struct filter *f)
{
	const struct proxy_config *config = f->env->config;
	const struct auth_results *results = f->results;
	const struct proxy_reflection reflection = proxy_reflection_judge(
	    config->reflector.address, f->job.envelope, results, f->header);

	for (size_t i = 0; i < results->count; i++)
		note_result(f, &results->list[i]);
	if (!f->trusted)
		f->refusal = judge_message(f, &reflection);
	if (f->env->checked != NULL)
		f->env->checked(
		    f->env->ctx, &f->job, results, f->refusal.verdict);
	proxy_reflection_record(
	    &reflection, config, &f->job, results, f->header);
	if (f->refusal.verdict == PROXY_REFUSE_FOR_NOW &&
	    f->env->counters != NULL)
		proxy_count(f->env->counters, PROXY_COUNT_PUT_OFF);
	if (f->refusal.verdict != PROXY_PASS)
		tell_verifying(
		    f, f->refusal.verdict, f->refusal.cause, f->refusal.text);
	else if (f->seal_body != NULL) {
		const struct auth_result *arc =
		    auth_results_find(f->results, AUTH_ARC);
		struct proxy_seal_job job = {
		    .header = f->header,
		    .body = f->seal_body,
		    .chain = arc == NULL ? MAIL_VERDICT_NONE : arc->verdict,
		};
		struct strbuf value;

		strbuf_init(&value, PROXY_EDIT_TOP_MAX);
		(void)auth_results_print_value(
		    f->results, f->env->ids[0], &value);
		job.results = strbuf_slice(&value);
		dkim_body_hashes_end(f->seal_body);
		trace_line(
		    f->job.trace, "seal of %s: asked", rules(f)->seal.domain);
		f->seal = proxy_seal_begin(f->env->sealing, &job, on_sealed, f);
		strbuf_clear(&value);
		if (f->job.passing != NULL && proxy_seal_is_likely(f->seal))
			f->job.passing(f->job.ctx);
	} else
		pass_on(f);
}

static void
on_settled(void *ctx)
{
	struct filter *f = ctx;

	assert(auth_evaluation_done(f->evaluation));
	f->results = xcalloc(1, sizeof(*f->results));
	auth_evaluation_results(f->evaluation, f->results);
	if (f->too_large) {
		/* Who refuses nothing gets such mail too, marked: behind the
		 * queue a refusal would be a bounce. */
		for (size_t i = 0; i < f->results->count; i++)
			note_result(f, &f->results->list[i]);
		if (!f->trusted && rules(f)->reject != 0)
			tell_verifying(f, PROXY_REFUSE, PROXY_CAUSE_FORM,
			    "the header is too large to be checked");
		else
			pass_on(f);
	} else
		settle_filter(f);
}

static void
on_end(void *filter, proxy_outcome_fn *outcome, void *ctx)
{
	struct filter *f = filter;

	f->outcome = outcome;
	f->ctx = ctx;
	if (f->trusted && f->env->counters != NULL)
		proxy_count(f->env->counters, PROXY_COUNT_TRUSTED);
	auth_evaluation_end(f->evaluation);
	proxy_asking_wait(f->asking, on_settled, f);
}

static size_t
most_added(void *env)
{
	const struct proxy_verify_env *e = env;

	/* A seal begins with the results once more. */
	return AUTH_RESULTS_MOST +
	    (e->sealing == NULL ? 0 : AUTH_RESULTS_MOST + SEAL_MAX);
}

/* As it will be once the message is there. A refusal for anything else would be
 * a bounce behind the queue, or be said to whom nothing is refused. */
static bool
judges_sender(void *env, const struct proxy_envelope *envelope)
{
	struct filter f = {.env = env, .job.envelope = envelope};
	unsigned reject = rules(&f)->reject;

	find_client(&f);
	if (is_dmarc_excepted(&f))
		reject &= ~(unsigned)PROXY_REJECT_DMARC;
	return !is_peer_trusted(&f) &&
	    (reject & (PROXY_REJECT_SPF | PROXY_REJECT_DMARC)) != 0;
}

const struct proxy_filter_ops proxy_filter_verify = {
    .begin = begin_filter_verify,
    .header = on_header,
    .no_header = on_no_header,
    .drops = drops,
    .body = on_body,
    .wants_body = wants_body,
    .end = on_end,
    .free = filter_free,
    .most_added = most_added,
    .judges_sender = judges_sender,
};

/* --- what the filters share --- */

static struct slice *
slices_of(const struct proxy_strings *strings)
{
	struct slice *slices = xcalloc(strings->count + 1, sizeof(*slices));

	for (size_t i = 0; i < strings->count; i++)
		slices[i] = slice_str(strings->list[i]);
	return slices;
}

void
proxy_verify_env_init(struct proxy_verify_env *env)
{
	const struct proxy_checking_rules *checking = &env->config->checking;

	assert(checking->authserv_ids.count > 0);
	env->ids = slices_of(&checking->authserv_ids);
	env->arc_trusted = slices_of(&checking->arc_trusted);
}

void
proxy_verify_env_clear(struct proxy_verify_env *env)
{
	free(env->ids);
	free(env->arc_trusted);
}
