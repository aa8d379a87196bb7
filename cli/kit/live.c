/* What the daemon signs with; see live.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "auth/results.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/checking.h"
#include "cli/kit/daemon.h"
#include "cli/kit/live.h"
#include "cli/kit/resolve.h"
#include "mail/reader.h"
#include "proxy/process/control.h"

/* Seconds: a signer has sign_timeout, and is asked twice. */
enum { WAIT_S = 40, REQUEST_MAX = 300, HEADER_CAP = 1 << 20 };

/* The object that it answers; NULL and the reason. */
static json_t *
ask_daemon(const struct cli_live_question *about, const char *what,
    struct strbuf *reason)
{
	struct cli_daemon_question question = {.config = about->config,
	    .wait_s = about->wait_s == 0 ? WAIT_S : about->wait_s};
	struct strbuf request, answer;
	const char *error;
	json_t *object = NULL;

	strbuf_init(&request, REQUEST_MAX);
	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	strbuf_addf(
	    &request, "%s %.*s", what, (int)about->author.n, about->author.p);
	question.request = strbuf_text(&request);
	if (cli_daemon_ask(&question, &answer, reason) == 0) {
		object = json_loadb(answer.p, answer.n, 0, NULL);
		error = json_string_value(json_object_get(object, "error"));
		if (json_object_get(object, what) == NULL || error != NULL) {
			strbuf_addf(reason, "the daemon says: %s",
			    error == NULL ? "nothing that is known" : error);
			json_decref(object);
			object = NULL;
		}
	}
	strbuf_clear(&request);
	strbuf_clear(&answer);
	return object;
}

static void
take_key(struct cli_live *live, const json_t *key, struct slice domain)
{
	const char *algorithm = cli_daemon_text(key, "algorithm");
	struct cli_live_key *to;

	if (!slice_equal_nocase(
		slice_str(cli_daemon_text(key, "domain")), domain))
		return;
	/* Two signatures may be made with one key. */
	for (size_t i = 0; i < live->count; i++)
		if (strcmp(live->keys[i].selector,
			cli_daemon_text(key, "selector")) == 0) {
			if (cli_daemon_number(key, "used") > live->keys[i].used)
				live->keys[i].used =
				    cli_daemon_number(key, "used");
			return;
		}
	if (live->count == CLI_LIVE_KEYS_MAX)
		return;
	to = &live->keys[live->count++];
	*to = (struct cli_live_key){
	    .selector = xstrdup(cli_daemon_text(key, "selector")),
	    .type = strncmp(algorithm, "ed25519", strlen("ed25519")) == 0
		? DKIM_KEY_ED25519
		: DKIM_KEY_RSA,
	    .everywhere = cli_daemon_number(key, "everywhere"),
	    .used = cli_daemon_number(key, "used"),
	    .signers = (size_t)cli_daemon_number(key, "signers"),
	};
}

int
cli_live_ask(const struct cli_live_question *question, struct cli_live *live,
    struct strbuf *reason)
{
	json_t *object = ask_daemon(question, "key", reason);
	json_t *key, *keys = json_object_get(object, "keys");
	json_t *failures = json_object_get(object, "failures");
	size_t i;

	*live = (struct cli_live){0};
	if (object == NULL)
		return -1;
	live->signers = (size_t)cli_daemon_number(object, "signers");
	json_array_foreach(keys, i, key)
	{
		take_key(live, key, question->domain);
	}
	if (json_array_size(failures) > 0)
		live->failure = xstrdup(
		    cli_daemon_text(json_array_get(failures, 0), "reason"));
	json_decref(object);
	return 0;
}

void
cli_live_clear(struct cli_live *live)
{
	for (size_t i = 0; i < live->count; i++)
		free(live->keys[i].selector);
	free(live->failure);
	*live = (struct cli_live){0};
}

const struct cli_live_key *
cli_live_find(const struct cli_live *live, struct slice selector)
{
	for (size_t i = 0; i < live->count; i++)
		if (slice_equal_nocase(
			slice_str(live->keys[i].selector), selector))
			return &live->keys[i];
	return NULL;
}

bool
cli_live_has_only(
    const struct cli_live *live, enum dkim_key_type type, struct slice selector)
{
	const struct cli_live_key *key = cli_live_find(live, selector);

	if (key == NULL || key->signers < live->signers)
		return false;
	for (size_t i = 0; i < live->count; i++)
		if (live->keys[i].type == type && &live->keys[i] != key)
			return false;
	return true;
}

/* --- a trial --- */

static bool
passes(const struct auth_results *results, struct slice domain,
    struct slice selector, struct strbuf *reason)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct auth_result *result = &results->list[i];

		if (result->method != AUTH_DKIM ||
		    !slice_equal_nocase(result->domain, domain) ||
		    !slice_equal_nocase(result->selector, selector))
			continue;
		if (result->verdict == MAIL_VERDICT_PASS)
			return true;
		strbuf_reset(reason);
		strbuf_addf(reason, "its trial signature does not verify: %s",
		    result->reason);
		return false;
	}
	strbuf_addf(reason, "its trial for %.*s has no signature by %.*s",
	    (int)domain.n, domain.p, (int)selector.n, selector.p);
	return false;
}

int
cli_live_try(const struct cli_live_question *question, struct slice selector,
    struct cli_resolver *resolver, struct strbuf *reason)
{
	static const struct mail_reader_ops ops = {
	    cli_checking_header, cli_checking_body};
	struct auth_rules rules = {.checks = 1u << AUTH_DKIM};
	struct auth_client client = {.address = {NULL, 0}};
	json_t *object = ask_daemon(question, "trial", reason);
	struct auth_results *results = xcalloc(1, sizeof(*results));
	struct auth_evaluation *evaluation =
	    auth_evaluation_new(&rules, &client, clock_wall_s());
	struct mail_reader *reader =
	    mail_reader_new(HEADER_CAP, &ops, evaluation);
	int outcome = -1;

	if (object != NULL &&
	    (mail_reader_write(
		 reader, slice_str(cli_daemon_text(object, "message"))) != 0 ||
		mail_reader_end(reader) != 0)) {
		strbuf_add_str(reason, "its trial is no message");
	} else if (object != NULL) {
		auth_evaluation_end(evaluation);
		cli_checking_resolve(resolver, evaluation);
		auth_evaluation_results(evaluation, results);
		outcome = passes(results, question->domain, selector, reason)
		    ? 0
		    : -1;
	}
	auth_evaluation_free(evaluation);
	mail_reader_free(reader);
	free(results);
	json_decref(object);
	return outcome;
}
