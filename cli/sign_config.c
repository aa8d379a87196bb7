/*
 * signpost sign -c: as the proxy would sign, by the configuration's rules
 * and with its keys.
 */
#include <unistd.h>

#include "base/escape.h"
#include "cli/kit/chosen.h"
#include "cli/kit/cli.h"
#include "cli/kit/message.h"
#include "cli/kit/settings.h"
#include "cli/sign.h"
#include "dkim/signing_set.h"

struct job {
	const struct proxy_config *config;
	int64_t time; /* of the signatures */
	struct cli_chosen chosen;
	struct dkim_signing_set *set;
};

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct job *job = ctx;

	if (mail_header_count(header) > 0)
		cli_chosen_make(
		    &job->chosen, job->config, header, job->time, job->set);
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct job *job = ctx;

	dkim_signing_set_body(job->set, chunk);
}

/* What is not as it was wished for. */
static void
complain_of_job(const struct job *job)
{
	const struct cli_chosen *chosen = &job->chosen;
	struct strbuf safe;

	for (size_t i = 0; i < chosen->count; i++) {
		const struct cli_chosen_signature *one = &chosen->list[i];

		if (one->state != CLI_CHOSEN_GOOD)
			cli_error("no %s signature for %.*s: %s",
			    one->signing->kind->name, (int)one->domain.n,
			    one->domain.p, strbuf_text(&one->reason));
	}
	if (chosen->choice.left_out.n > 0) {
		strbuf_init(&safe, 8192);
		escape_log(strbuf_slice(&chosen->choice.left_out), &safe);
		cli_warn("left out: %s", strbuf_text(&safe));
		strbuf_clear(&safe);
	}
	if (chosen->choice.from_fault.n > 0)
		cli_warn("From is no list of addresses (%s), but all in it are "
			 "of one domain, which counts",
		    strbuf_text(&chosen->choice.from_fault));
}

static int
finish_job(struct job *job, struct cli_message *message, bool header_only)
{
	struct strbuf safe;
	enum cli_fate fate;
	struct cli_unsigned why;
	struct strbuf fields, reason;
	int status;

	if (cli_message_no_header(message) != NULL)
		proxy_sign_choice_no_header(
		    &job->chosen.choice, cli_message_no_header(message));
	complain_of_job(job);
	strbuf_init(&safe, 4096);
	fate = cli_chosen_fate(&job->chosen, &job->config->signing, &why);
	escape_log(slice_str(why.text), &safe);
	if (fate == CLI_FATE_REFUSED)
		cli_error("unsigned: %s: the proxy would answer 550, for "
			  "unsignable is reject",
		    strbuf_text(&safe));
	else if (fate == CLI_FATE_UNSIGNED)
		cli_error("unsigned: %s", strbuf_text(&safe));
	strbuf_clear(&safe);
	switch (fate) {
	case CLI_FATE_DEFERRED:
		cli_error("not signed: the proxy would answer 451, for %s is "
			  "tempfail",
		    why.why == PROXY_UNSIGNED_NOT_PUBLISHED ? "before_published"
							    : "on_error");
		return CLI_CONFIG;
	case CLI_FATE_REFUSED:
		return CLI_NO_MESSAGE;
	case CLI_FATE_UNSIGNED:
	case CLI_FATE_SIGNED:
		break;
	}
	status = CLI_NO_MESSAGE;
	strbuf_init(&reason, 1000);
	strbuf_init(
	    &fields, (size_t)DKIM_SIGNING_SET_MAX * DKIM_SIGNER_FIELD_MAX);
	dkim_signing_set_end(job->set);
	if (dkim_signing_set_seal_all(job->set, &fields, &reason) == 0)
		status =
		    cli_sign_print(message, strbuf_slice(&fields), header_only);
	else
		cli_error("cannot sign: %s", strbuf_text(&reason));
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
	job.time = time;
	job.set = dkim_signing_set_new();
	cli_chosen_init(&job.chosen);
	message = cli_message_new_bounded(&ops, &job, !header_only,
	    proxy_front_with(config, PROXY_FILTER_SIGN)->max_header_size);
	status = cli_message_read(message, STDIN_FILENO);
	if (status == CLI_OK)
		status = finish_job(&job, message, header_only);
	cli_message_free(message);
	dkim_signing_set_free(job.set);
	cli_chosen_clear(&job.chosen);
	proxy_config_free(config);
	return status;
}
