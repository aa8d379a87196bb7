/*
 * The running daemon; see daemon.h. That a file is right says nothing of what
 * runs: it may have been read before the last edit, or refused. So the daemon
 * is asked what it goes by, and what it says is held against what the file
 * says now.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check/daemon.h"
#include "cli/kit/daemon.h"
#include "proxy/process/build_id.h"
#include "proxy/process/control.h"

/* Seconds: it answers at once, or it hangs. */
enum { WAIT_S = 5, STAMP_MAX = 128 };

struct json_t *
check_daemon_state(const char *path, bool *absent, struct strbuf *reason)
{
	struct cli_daemon_question question = {
	    .config = path, .request = "state", .wait_s = WAIT_S};
	struct strbuf answer;
	json_t *state = NULL;

	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	if (cli_daemon_ask(&question, &answer, reason) == 0) {
		state = json_loadb(answer.p, answer.n, 0, NULL);
		if (json_object_get(state, "workers") == NULL) {
			strbuf_add_str(
			    reason, "its answer is none that is known");
			json_decref(state);
			state = NULL;
		}
	}
	*absent = question.absent;
	strbuf_clear(&answer);
	return state;
}

/* How to have it read its settings, by whoever started it, is told with the
 * listeners (cli/check/peers.c); this does everywhere. */
static const char how_to_reload[] = "signpost reload";

static void
look_at_configuration(const json_t *configuration, const char *path,
    const struct proxy_config *config, struct check_report *report)
{
	const struct check_about about = {"daemon", path};
	struct strbuf stamp;

	if (!cli_daemon_same_file(
		path, cli_daemon_text(configuration, "path"))) {
		check_report_add(report, &about, CHECK_NOTE,
		    "the daemon that runs serves by another file, %s",
		    cli_daemon_text(configuration, "path"));
		return;
	}
	if (config == NULL) {
		check_report_add(report, &about, CHECK_FAIL,
		    "the file has mistakes by now, and the daemon serves by "
		    "what it was before");
		check_report_todo(report, "signpost serve -t names them");
		return;
	}
	strbuf_init(&stamp, STAMP_MAX);
	proxy_config_stamp(config, &stamp);
	if (strcmp(strbuf_text(&stamp),
		cli_daemon_text(configuration, "stamp")) != 0) {
		check_report_add(report, &about, CHECK_FAIL,
		    "the file or a map has changed, and the daemon serves by "
		    "what it was before");
		check_report_todo(
		    report, "have it read the file (%s)", how_to_reload);
	}
	strbuf_clear(&stamp);
}

void
check_daemon_look(const struct json_t *state, const char *path,
    const struct proxy_config *config, struct check_report *report)
{
	struct strbuf who;
	struct check_about about = {"daemon", ""};
	struct strbuf ours;
	const json_t *reload;
	struct strbuf shown;
	size_t silent, missing;

	strbuf_init(&who, 64);
	strbuf_addf(&who, "process %lld",
	    (long long)json_integer_value(json_object_get(state, "pid")));
	about.subject = strbuf_text(&who);
	strbuf_init(&ours, STAMP_MAX);
	proxy_build_id(&ours);
	if (strcmp(strbuf_text(&ours), cli_daemon_text(state, "build")) != 0) {
		check_report_add(report, &about, CHECK_WARNING,
		    "it runs another program than this one (it is signpost "
		    "%s)",
		    cli_daemon_text(state, "version"));
		check_report_todo(report,
		    "restart it, so that it runs what is installed now");
	}
	strbuf_clear(&ours);
	look_at_configuration(
	    json_object_get(state, "configuration"), path, config, report);
	reload = json_object_get(state, "reload");
	if (strcmp(cli_daemon_text(reload, "result"), "refused") == 0) {
		strbuf_init(&shown, CHECK_SHOWN_MAX);
		check_report_add(report, &about, CHECK_FAIL,
		    "its last reload was refused: %s",
		    check_shown_reason(
			&shown, slice_str(cli_daemon_text(reload, "why"))));
		check_report_todo(report, "correct that, and reload again (%s)",
		    how_to_reload);
		strbuf_clear(&shown);
	}
	silent = json_array_size(json_object_get(state, "silent"));
	missing = json_array_size(json_object_get(state, "missing"));
	if (silent > 0) {
		check_report_add(report, &about, CHECK_FAIL,
		    "%zu of its processes give no sign of life", silent);
		check_report_todo(report,
		    "see the log; they are replaced after [signpost] watchdog");
	}
	if (missing > 0) {
		check_report_add(report, &about, CHECK_FAIL,
		    "%zu of its processes have ended and are to be replaced",
		    missing);
		check_report_todo(report, "the log says why");
	}
	strbuf_clear(&who);
}

void
check_daemon(const struct proxy_config *config, struct check_report *report)
{
	size_t before = report->count;
	struct strbuf reason;
	bool absent;
	json_t *state;

	strbuf_init(&reason, 1000);
	state = check_daemon_state(config->path, &absent, &reason);
	/* Where nobody listens, the listeners tell whether it runs at all; and
	 * who wrote `control = none` knows it. */
	if (state == NULL && config->control[0] != '\0' &&
	    (!absent || report->running)) {
		check_report_add(report,
		    &(struct check_about){"daemon", "control"}, CHECK_NOTE,
		    "the daemon is not asked by which settings it serves: %s",
		    strbuf_text(&reason));
		check_report_todo(report,
		    "run this as root, who may ask; see [signpost] control");
	}
	if (state != NULL)
		check_daemon_look(state, config->path, config, report);
	if (state != NULL && report->count == before)
		check_report_add(report,
		    &(struct check_about){"daemon", config->path}, CHECK_OK,
		    "it serves by what this file says");
	json_decref(state);
	strbuf_clear(&reason);
}
