/*
 * signpost sign -c: as the proxy would sign, by the configuration's rules
 * and with its keys.
 */
#include <unistd.h>

#include "cli/chosen.h"
#include "cli/cli.h"
#include "cli/message.h"
#include "cli/settings.h"
#include "cli/sign.h"
#include "cli/signatures.h"
#include "dkim/signer.h"

struct job {
	const struct proxy_config *config;
	struct cli_chosen chosen;
	struct cli_signatures *signatures;
	bool trouble, no_key;
};

static void
complain(struct job *job, const struct cli_chosen_signature *one,
    const struct strbuf *reason)
{
	cli_error("no %s signature for %.*s: %s",
	    proxy_signature_type_name(one->signing->type), (int)one->domain.n,
	    one->domain.p, strbuf_text(reason));
	job->trouble = true;
}

static void
add_signature(struct job *job, const struct cli_chosen_signature *one,
    const struct mail_header *header)
{
	const struct proxy_signing *signing = one->signing;
	struct cli_signature wish = {
	    .domainkeys = signing->type == PROXY_SIGNATURE_DOMAINKEYS,
	    .domain = one->domain,
	    .selector = signing->selector,
	    .identity = signing->identity,
	    .algorithm = signing->algorithm,
	    .header_canon = signing->header_canon,
	    .body_canon = signing->body_canon,
	    .fields = signing->fields,
	    .key = one->key,
	};
	struct strbuf reason;

	strbuf_init(&reason, 1000);
	if (cli_signatures_add(job->signatures, &wish, header, &reason) != 0)
		complain(job, one, &reason);
	strbuf_clear(&reason);
}

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct job *job = ctx;

	if (mail_header_count(header) == 0)
		return;
	cli_chosen_make(&job->chosen, job->config, header);
	for (size_t i = 0; i < job->chosen.count; i++) {
		const struct cli_chosen_signature *one = &job->chosen.list[i];

		if (one->key != NULL)
			add_signature(job, one, header);
		else if (one->status == PROXY_KEY_MISSING)
			job->no_key = true;
		else
			complain(job, one, &one->reason);
	}
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct job *job = ctx;

	cli_signatures_body(job->signatures, chunk);
}

/* Why nothing is signed, as the proxy's log would say. */
static void
tell_unsigned(const struct job *job)
{
	const struct proxy_sign_choice *choice = &job->chosen.choice;
	const char *why = strbuf_text(&choice->reason);

	if (choice->status == PROXY_SIGN)
		why = job->no_key  ? "no-key"
		    : job->trouble ? "failed"
				   : "left-out";
	cli_error("unsigned: %s", why);
}

static int
finish(struct job *job, struct cli_message *message, bool header_only)
{
	const struct proxy_signing_rules *rules = &job->config->signing;
	struct strbuf fields, reason;
	int status;

	if (job->chosen.choice.left_out.n > 0)
		cli_warn(
		    "left out: %s", strbuf_text(&job->chosen.choice.left_out));
	if (job->trouble && rules->on_error == PROXY_ON_ERROR_TEMPFAIL)
		return CLI_CONFIG;
	if (cli_signatures_count(job->signatures) == 0)
		tell_unsigned(job);
	if (job->chosen.choice.status == PROXY_SIGN_UNSIGNABLE &&
	    rules->unsignable == PROXY_UNSIGNABLE_REJECT)
		return CLI_NO_MESSAGE;
	strbuf_init(&reason, 1000);
	strbuf_init(
	    &fields, (size_t)CLI_SIGNATURES_MAX * DKIM_SIGNER_FIELD_MAX);
	if (cli_signatures_end(job->signatures, &fields, &reason) == 0) {
		status =
		    cli_sign_print(message, strbuf_slice(&fields), header_only);
	} else {
		cli_error("cannot sign: %s", strbuf_text(&reason));
		status = CLI_CONFIG;
	}
	strbuf_clear(&reason);
	strbuf_clear(&fields);
	return status;
}

int
cli_sign_by_config(const char *path, int64_t time, bool header_only)
{
	static const struct mail_reader_ops ops = {on_header, on_body};
	struct job job = {0};
	struct proxy_config *config;
	struct cli_message *message;
	int status;

	status =
	    cli_config_load(path != NULL ? path : PROXY_CONFIG_PATH, &config);
	if (status != CLI_OK)
		return status;
	job.config = config;
	job.signatures = cli_signatures_new(time, config->signing.ttl);
	cli_chosen_init(&job.chosen);
	message = cli_message_new(&ops, &job, !header_only);
	status = cli_message_read(message, STDIN_FILENO);
	if (status == CLI_OK)
		status = finish(&job, message, header_only);
	cli_message_free(message);
	cli_signatures_free(job.signatures);
	cli_chosen_clear(&job.chosen);
	proxy_config_free(config);
	return status;
}
