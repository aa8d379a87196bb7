/* One ARC set on a message at hand; see seal.h. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/kit/checking.h"
#include "cli/kit/cli.h"
#include "cli/kit/message.h"
#include "cli/kit/resolve.h"
#include "cli/seal.h"
#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "dkim/key.h"
#include "dkim/signed_text.h"

/* --- what is sealed --- */

/* The evaluation, done, for the texts of its results; NULL and *status. */
static struct auth_evaluation *
evaluate(
    const struct cli_seal *seal, const struct cli_message *message, int *status)
{
	static const struct mail_reader_ops ops = {NULL, cli_checking_body};
	struct auth_rules rules = {.checks = 1u << AUTH_DKIM |
		1u << AUTH_DOMAINKEYS | 1u << AUTH_DMARC | 1u << AUTH_ARC};
	struct auth_client nobody = {.address = {NULL, 0}};
	struct auth_evaluation *evaluation;
	struct cli_resolver *resolver =
	    cli_resolver_new(&seal->dns, NULL, "sign: --nameserver");

	if (resolver == NULL) {
		*status = CLI_USAGE;
		return NULL;
	}
	evaluation = auth_evaluation_new(&rules, &nobody, seal->time);
	auth_evaluation_header(evaluation, cli_message_header(message));
	*status = cli_message_replay(message, &ops, evaluation);
	auth_evaluation_end(evaluation);
	cli_checking_resolve(resolver, evaluation);
	cli_resolver_free(resolver);
	return evaluation;
}

/* --- sealing --- */

struct sealing {
	const struct dkim_arc_sealing *what;
	struct dkim_body_hashes *body;
	struct dkim_arc_sealer *sealer;
	struct strbuf reason;
};

static void
on_sealing_header(void *ctx, const struct mail_header *header)
{
	struct sealing *s = ctx;

	s->sealer = dkim_arc_sealer_new(s->what, header, s->body, &s->reason);
}

static void
on_sealing_body(void *ctx, struct slice chunk)
{
	struct sealing *s = ctx;

	dkim_body_hashes_write(s->body, chunk);
}

static int
sign_both(struct sealing *s, const struct dkim_key *key, struct strbuf *fields)
{
	enum dkim_algorithm algorithm = s->what->algorithm;
	struct strbuf signature;
	const char *why;
	int outcome;

	dkim_body_hashes_end(s->body);
	why = dkim_signed_text_odd(dkim_arc_sealer_message_text(s->sealer));
	if (why != NULL)
		return strbuf_fail(
		    &s->reason, "what the message's signature covers: %s", why);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	outcome = dkim_key_sign(key, algorithm,
	    dkim_arc_sealer_message_digest(s->sealer), &signature);
	if (outcome == 0) {
		dkim_arc_sealer_message_seal(
		    s->sealer, strbuf_slice(&signature));
		strbuf_reset(&signature);
		/* With the sets of earlier hops. */
		why = dkim_signed_text_odd(dkim_arc_sealer_text(s->sealer));
		if (why != NULL) {
			strbuf_clear(&signature);
			return strbuf_fail(
			    &s->reason, "what the seal covers: %s", why);
		}
		outcome = dkim_key_sign(key, algorithm,
		    dkim_arc_sealer_digest(s->sealer), &signature);
	}
	if (outcome == 0)
		outcome = dkim_arc_sealer_seal(
		    s->sealer, strbuf_slice(&signature), fields);
	if (outcome != 0)
		strbuf_add_str(&s->reason, "the key does not sign");
	strbuf_clear(&signature);
	return outcome;
}

static int
make_set(const struct cli_seal *seal, const struct dkim_arc_sealing *what,
    const struct cli_message *message, struct strbuf *fields)
{
	static const struct mail_reader_ops ops = {
	    on_sealing_header, on_sealing_body};
	struct sealing s = {.what = what, .body = dkim_body_hashes_new()};
	int status;

	strbuf_init(&s.reason, 1000);
	status = cli_message_replay(message, &ops, &s);
	if (status == CLI_OK &&
	    (s.sealer == NULL || sign_both(&s, seal->key, fields) != 0)) {
		cli_error("cannot seal: %s", strbuf_text(&s.reason));
		status = what->chain == MAIL_VERDICT_TEMPERROR ? CLI_TEMPORARY
							       : CLI_NO_MESSAGE;
	}
	dkim_arc_sealer_free(s.sealer);
	dkim_body_hashes_free(s.body);
	strbuf_clear(&s.reason);
	return status;
}

static int
seal_results(const struct cli_seal *seal, const struct auth_results *results,
    const struct cli_message *message, struct strbuf *fields)
{
	const struct auth_result *arc = auth_results_find(results, AUTH_ARC);
	struct strbuf value;
	struct dkim_arc_sealing what = {
	    .domain = seal->domain,
	    .selector = seal->selector,
	    .algorithm = seal->algorithm != DKIM_ALGORITHM_UNKNOWN
		? seal->algorithm
		: dkim_key_algorithm(seal->key),
	    .fields = seal->fields,
	    .chain = arc == NULL ? MAIL_VERDICT_NONE : arc->verdict,
	    .time = seal->time,
	};
	int status;
	char host[CLI_HOST_MAX];

	strbuf_init(&value, AUTH_RESULTS_MOST);
	cli_host_name(host);
	(void)auth_results_print_value(results,
	    slice_str(seal->authserv_id != NULL ? seal->authserv_id : host),
	    &value);
	what.results = strbuf_slice(&value);
	status = make_set(seal, &what, message, fields);
	strbuf_clear(&value);
	return status;
}

int
cli_seal_message(const struct cli_seal *seal, const struct cli_message *message,
    struct strbuf *fields)
{
	struct auth_results *results = xcalloc(1, sizeof(*results));
	int status;
	struct auth_evaluation *evaluation = evaluate(seal, message, &status);

	if (status == CLI_OK) {
		auth_evaluation_results(evaluation, results);
		status = seal_results(seal, results, message, fields);
	}
	auth_evaluation_free(evaluation);
	free(results);
	return status;
}
