/* Which key the running daemon signs with; see live_keys.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/daemon.h"
#include "cli/kit/live.h"
#include "cli/kit/live_keys.h"
#include "proxy/keys/key_files.h"
#include "proxy/process/control.h"

/* Seconds: it answers at once, or it hangs. */
enum { WAIT_S = 5 };

struct cli_live_keys {
	const struct proxy_config *config;
	bool met, deaf; /* it has been asked; there is nobody to ask */
	unsigned asked;
	char *author, *domain; /* of the last answer; NULL: none as yet */
	struct cli_live live;
};

struct cli_live_keys *
cli_live_keys_new(const struct proxy_config *config)
{
	struct cli_live_keys *keys = xcalloc(1, sizeof(*keys));

	keys->config = config;
	return keys;
}

static void
forget_answer(struct cli_live_keys *keys)
{
	cli_live_clear(&keys->live);
	free(keys->author);
	free(keys->domain);
	keys->author = keys->domain = NULL;
}

void
cli_live_keys_free(struct cli_live_keys *keys)
{
	if (keys == NULL)
		return;
	forget_answer(keys);
	free(keys);
}

/* Does one answer that serves by our file? Of another one's keys nothing is
 * to be learned. */
static void
meet_daemon(struct cli_live_keys *keys)
{
	struct cli_daemon_question question = {
	    .config = keys->config->path, .request = "state", .wait_s = WAIT_S};
	struct strbuf answer, reason;
	const char *path;
	json_t *state = NULL;

	keys->met = true;
	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	if (cli_daemon_ask(&question, &answer, &reason) == 0)
		state = json_loadb(answer.p, answer.n, 0, NULL);
	else if (!question.absent && !question.forbidden)
		cli_warn("the daemon does not say what it signs with, and the "
			 "files of selectors count: %s",
		    strbuf_text(&reason));
	path = json_string_value(
	    json_object_get(json_object_get(state, "configuration"), "path"));
	keys->deaf =
	    path == NULL || !cli_daemon_same_file(path, keys->config->path);
	json_decref(state);
	strbuf_clear(&reason);
	strbuf_clear(&answer);
}

/* 0, and what it has for them is in keys->live; else -1. */
static int
ask_daemon(struct cli_live_keys *keys, const struct cli_live_wish *wish)
{
	const struct cli_live_question question = {
	    .config = keys->config->path,
	    .author = wish->author,
	    .domain = wish->domain,
	    .wait_s = WAIT_S,
	};
	struct strbuf reason;

	if (!keys->met)
		meet_daemon(keys);
	if (keys->deaf)
		return -1;
	if (keys->author != NULL &&
	    slice_equal_nocase(slice_str(keys->author), wish->author) &&
	    slice_equal_nocase(slice_str(keys->domain), wish->domain))
		return 0;
	forget_answer(keys);
	if (keys->asked++ == CLI_LIVE_KEYS_ASKED_MAX)
		cli_warn("the daemon was asked for %d domains and is asked for "
			 "no more: the files of selectors count",
		    CLI_LIVE_KEYS_ASKED_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	if (keys->asked > CLI_LIVE_KEYS_ASKED_MAX) {
		keys->deaf = true;
	} else if (cli_live_ask(&question, &keys->live, &reason) != 0) {
		cli_warn("the daemon does not say what it signs with, and the "
			 "files of selectors count: %s",
		    strbuf_text(&reason));
		keys->deaf = true;
		cli_live_clear(&keys->live);
	} else {
		keys->author = xslicedup(wish->author);
		keys->domain = xslicedup(wish->domain);
	}
	strbuf_clear(&reason);
	return keys->deaf ? -1 : 0;
}

/* A selector that settings name is not one that a file names. */
static bool
is_fixed(const struct proxy_config *config, const char *selector)
{
	for (size_t i = 0; i < config->signing.key_count; i++)
		if (!config->signing.keys[i].automatic &&
		    strcmp(config->signing.keys[i].selector, selector) == 0)
			return true;
	return false;
}

static bool
is_wanted(const struct cli_live_key *key, enum dkim_algorithm algorithm)
{
	return algorithm == DKIM_ALGORITHM_UNKNOWN ||
	    dkim_algorithm_key_type(algorithm) == key->type;
}

const struct cli_live_key *
cli_live_keys_find(struct cli_live_keys *keys, const struct cli_live_wish *wish)
{
	const struct cli_live_key *best = NULL;

	if (ask_daemon(keys, wish) != 0)
		return NULL;
	for (size_t i = 0; i < keys->live.count; i++) {
		const struct cli_live_key *key = &keys->live.keys[i];

		if (!is_wanted(key, wish->rule->algorithm))
			continue;
		if (slice_equal_nocase(slice_str(key->selector), wish->named))
			return key;
		/* While one is replaced, most signers are right. */
		if (!is_fixed(keys->config, key->selector) &&
		    (best == NULL || key->signers > best->signers))
			best = key;
	}
	return best;
}

const char *
cli_live_keys_failure(const struct cli_live_keys *keys)
{
	return keys->deaf ? NULL : keys->live.failure;
}
