/* Keys by files of selectors; see rotation.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cli/check/rotation.h"
#include "cli/kit/daemon.h"
#include "dkim/key.h"
#include "proxy/process/control.h"

enum { WAIT_S = 5, DAY = 86400, REASON_MAX = 1000 };

struct rotation {
	const struct check_keys *keys;
	const struct proxy_config *config;
	struct check_report *report;
	bool deaf; /* the daemon does not answer */
};

/* --- does one sign --- */

static void
report_staged(const struct rotation *r, const struct check_key *k)
{
	static const char *const does[] = {
	    [PROXY_BEFORE_PUBLISHED_UNSIGNED] = "mail has no such signature",
	    [PROXY_BEFORE_PUBLISHED_SIGN] =
		("mail is signed with it all the same"),
	    [PROXY_BEFORE_PUBLISHED_TEMPFAIL] = "mail is answered 451",
	};
	const struct check_about about = {"key", k->name};

	check_report_add(r->report, &about,
	    k->signs ? CHECK_NOTE : CHECK_WARNING,
	    "the key is staged, and no key of %s is active: %s "
	    "(before_published)",
	    dkim_key_type_name(dkim_key_type(k->key)),
	    does[r->config->signing.before_published]);
	check_report_todo(r->report,
	    "publish its record, then: signpost rotate activate -d %s%s",
	    k->domain, k->config);
}

/* --- does the daemon sign with it --- */

/* Does one of the answer's keys have that selector, or is none of the domain's
 * kind at all? */
static bool
names_selector(json_t *answer, const struct check_key *k)
{
	json_t *key;
	size_t i, of_kind = 0;

	json_array_foreach(json_object_get(answer, "keys"), i, key)
	{
		const char *selector =
		    json_string_value(json_object_get(key, "selector"));
		const char *algorithm =
		    json_string_value(json_object_get(key, "algorithm"));

		if (selector == NULL || algorithm == NULL ||
		    dkim_algorithm_key_type(dkim_algorithm_parse(
			slice_str(algorithm))) != dkim_key_type(k->key))
			continue;
		of_kind++;
		if (slice_equal_nocase(
			slice_str(selector), slice_str(k->selector)))
			return true;
	}
	return of_kind == 0;
}

/* NULL: it does not answer, or nothing of the kind. */
static json_t *
ask_of(struct rotation *r, const char *domain)
{
	struct strbuf request, answer, reason;
	struct cli_daemon_question question = {
	    .config = r->config->path, .wait_s = WAIT_S};
	json_t *object = NULL;

	strbuf_init(&request, REASON_MAX);
	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	strbuf_init(&reason, REASON_MAX);
	strbuf_addf(&request, "key %s", domain);
	question.request = strbuf_text(&request);
	if (cli_daemon_ask(&question, &answer, &reason) == 0)
		object = json_loadb(answer.p, answer.n, 0, NULL);
	else
		r->deaf = true;
	strbuf_clear(&reason);
	strbuf_clear(&answer);
	strbuf_clear(&request);
	return object;
}

static void
compare_with_daemon(struct rotation *r, const struct check_key *k)
{
	const struct check_about about = {"daemon", k->name};
	json_t *answer = ask_of(r, k->domain);

	if (answer != NULL && !names_selector(answer, k)) {
		check_report_add(r->report, &about, CHECK_WARNING,
		    "the daemon signs for %s with another key than this one, "
		    "which the file of selectors says signs",
		    k->domain);
		check_report_todo(r->report,
		    "if it changed within a minute, wait; else see the log, "
		    "which names what is wrong with that file");
	}
	json_decref(answer);
}

/* --- do records stay long enough --- */

/* As Postfix writes times: days where no unit stands behind. */
static bool
parse_queue_time(struct slice text, uint64_t *seconds)
{
	struct slice number = slice_first(text, text.n - (text.n > 0));

	if (text.n > 0 && text.p[text.n - 1] == 'w') {
		if (number_parse(number, 1000, seconds) != 0)
			return false;
		*seconds *= 7 * (uint64_t)DAY;
		return true;
	}
	if (number_parse(text, 10000, seconds) != 0)
		return number_parse_time(text, UINT32_MAX, seconds) == 0;
	*seconds *= DAY;
	return true;
}

static void
check_queue(const struct rotation *r, const struct cli_postfix *postfix)
{
	static const char name[] = "maximal_queue_lifetime";
	const struct check_about about = {"rotate", "retire_after"};
	uint64_t lifetime;
	unsigned days;

	if (postfix->status != CLI_POSTFIX_READ ||
	    !parse_queue_time(
		cli_master_value(&postfix->master, NULL, name), &lifetime) ||
	    r->config->rotate.retire_after >= lifetime + DAY)
		return;
	days = (unsigned)((lifetime + 2 * DAY - 1) / DAY);
	check_report_add(r->report, &about, CHECK_FAIL,
	    "a record is taken down %u days after its key signed for the last "
	    "time, and mail may be in Postfix's queue for %u (%s)",
	    r->config->rotate.retire_after / DAY, days - 1, name);
	check_report_todo(r->report,
	    "set retire_after = %ud in [rotate], or less than that in main.cf",
	    days);
}

void
check_rotation(const struct check_keys *keys, const struct proxy_config *config,
    const struct cli_postfix *postfix, struct check_report *report)
{
	struct rotation r = {keys, config, report, false};
	unsigned asked = 0;
	bool automatic = config->rotate.enabled;

	for (size_t i = 0; i < keys->count; i++) {
		const struct check_key *k = &keys->list[i];

		if (!config->signing.keys[k->rule].automatic || k->key == NULL)
			continue;
		automatic = true;
		if (k->unpublished)
			report_staged(&r, k);
		if (k->signs && !r.deaf && config->control[0] != '\0' &&
		    asked++ < CHECK_ROTATION_ASKED)
			compare_with_daemon(&r, k);
	}
	if (automatic)
		check_queue(&r, postfix);
}
