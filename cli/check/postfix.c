/*
 * How Postfix is wired to us, by what postconf(1) prints. What stands in
 * tables (transport_maps, FILTER actions) is not seen there, so nothing found
 * is a warning.
 */
#include "cli/kit/postfix.h"
#include "cli/check/fit.h"
#include "cli/check/postconf.h"
#include "cli/check/wiring.h"
#include "cli/kit/capture.h"

#define SAMPLES "/usr/share/doc/signpost/postfix"

enum { OUTPUT_MAX = 256 * 1024, REASON_MAX = 512, ADDRESS_MAX = 256 };

struct postfix {
	const struct proxy_config *config;
	struct check_report *report;
	const struct cli_master *master;
};

static void
report_way_there(const struct postfix *postfix, const struct proxy_front *front,
    const struct check_postconf *found)
{
	const struct check_about about = {"postfix", front->name};
	struct check_report *report = postfix->report;
	struct check_asker askers[CHECK_ASKERS_MAX];
	/* One that serves by both need not be used by both. */
	bool asked = check_askers_search(front, postfix->config->hostname,
			 postfix->master, askers) > 0;
	struct strbuf text;

	strbuf_init(&text, CHECK_SHOWN_MAX);
	if (!found->found) {
		struct proxy_endpoint at = check_smtp_listener(front)->at;

		check_make_reachable(&at);
		proxy_endpoint_print(&at, &text);
		check_report_add(report, &about,
		    asked ? CHECK_NOTE : CHECK_WARNING,
		    "nothing in master.cf or main.cf hands mail to %s",
		    strbuf_text(&text));
		check_report_todo(report,
		    "the lines are in " SAMPLES "/%s-after-queue.cf: a "
		    "content_filter for %s, and the services it needs",
		    front->name, strbuf_text(&text));
	} else if (found->transport.n > 0 && !found->has_transport) {
		check_report_add(report, &about, CHECK_FAIL,
		    "%s, but master.cf has no service %s",
		    strbuf_text(&found->who),
		    check_shown(&text, found->transport));
		check_report_todo(report,
		    "append it to master.cf: it is in " SAMPLES
		    "/%s-after-queue.cf",
		    front->name);
	} else {
		check_report_add(
		    report, &about, CHECK_OK, "%s", strbuf_text(&found->who));
	}
	strbuf_clear(&text);
}

static void
report_front(const struct postfix *postfix, const struct proxy_front *front)
{
	struct check_postconf found;

	if (!front->enabled || front->listen.count == 0)
		return;
	if (front->relay.length == 0 ||
	    !proxy_front_speaks(front, PROXY_LISTEN_SMTP)) {
		check_fit(postfix->config, front, postfix->master,
		    postfix->report, true);
		return;
	}
	check_postconf_search(
	    &found, front, postfix->config->hostname, postfix->master);
	report_way_there(postfix, front, &found);
	if (proxy_endpoint_path(&front->relay) == NULL) {
		/* The way back may be another server's; then its answer to
		 * EHLO will do. */
		const struct check_about about = {"postfix", front->name};
		struct strbuf relay;

		strbuf_init(&relay, ADDRESS_MAX);
		proxy_endpoint_print(&front->relay, &relay);
		if (found.loop.n > 0) {
			check_report_add(postfix->report, &about, CHECK_FAIL,
			    "mail that comes back at %s is handed to us again: "
			    "%s",
			    strbuf_text(&relay), strbuf_text(&found.loop_text));
			check_report_todo(postfix->report,
			    "give the service %s of master.cf -o %.*s=, "
			    "as " SAMPLES "/%s-after-queue.cf has it",
			    strbuf_text(&relay), (int)found.loop.n,
			    found.loop.p, front->name);
		} else if (found.way_back) {
			check_report_add(postfix->report, &about, CHECK_OK,
			    "an smtpd of master.cf takes mail back at %s",
			    strbuf_text(&relay));
		} else {
			check_report_add(postfix->report, &about, CHECK_WARNING,
			    "no smtpd of master.cf listens at %s, our next hop",
			    strbuf_text(&relay));
			check_report_todo(postfix->report,
			    "append the service %s of " SAMPLES
			    "/%s-after-queue.cf, with its cleanup",
			    strbuf_text(&relay), front->name);
		}
		strbuf_clear(&relay);
	}
	check_fit(
	    postfix->config, front, postfix->master, postfix->report, true);
	check_postconf_clear(&found);
}

/* The last that it said on either of its outputs: with a file that it cannot
 * read it says which, and ends. */
static void
add_last_line(const char *const argv[], struct strbuf *to)
{
	struct strbuf said, reason, shown;
	struct slice rest, line, last = {NULL, 0};

	strbuf_init(&said, OUTPUT_MAX);
	strbuf_init(&reason, REASON_MAX);
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	(void)cli_capture_both(argv, CLI_POSTFIX_MS, &said, &reason);
	rest = strbuf_slice(&said);
	while (slice_cut(&rest, '\n', &line))
		if (slice_trim(line).n > 0)
			last = slice_trim(line);
	if (last.n > 0)
		strbuf_addf(to, ": %s", check_shown_reason(&shown, last));
	strbuf_clear(&said);
	strbuf_clear(&reason);
	strbuf_clear(&shown);
}

/* It ends by itself where Postfix's own programs would, too. */
static void
report_refusal(const struct cli_postfix *postfix, struct check_report *report)
{
	const struct check_about about = {"postfix", "postconf"};
	const char *const argv[] = {
	    strbuf_text(&postfix->path), postfix->option, NULL};
	const struct strbuf *reason = &postfix->reason;
	bool ended =
	    slice_starts_nocase(strbuf_slice(reason), SLICE("ends with"));
	struct strbuf last;

	strbuf_init(&last, CHECK_SHOWN_MAX + 2);
	if (ended)
		add_last_line(argv, &last);
	check_report_add(report, &about, ended ? CHECK_FAIL : CHECK_WARNING,
	    "%s %s %s%s", argv[0], argv[1], strbuf_text(reason),
	    strbuf_text(&last));
	check_report_todo(report,
	    ended ? "mend what it names (main.cf, master.cf; postfix check "
		    "looks at them too): the wiring was not looked at"
		  : "run it by hand; the wiring of Postfix was not looked at");
	strbuf_clear(&last);
}

void
check_postfix(const struct proxy_config *config,
    const struct cli_postfix *postfix, struct check_report *report)
{
	struct postfix looking = {config, report, &postfix->master};

	if (!proxy_fronts_any(config))
		return;
	switch (postfix->status) {
	case CLI_POSTFIX_NONE:
		check_report_add(report,
		    &(struct check_about){"postfix", "postconf"}, CHECK_NOTE,
		    "there is no Postfix here to look at");
		check_report_todo(report,
		    "have your mail server hand mail to the listener, and take "
		    "it back at the relay; or ask at one that is milter:");
		break;
	case CLI_POSTFIX_TROUBLE:
		report_refusal(postfix, report);
		break;
	case CLI_POSTFIX_READ:
		for (size_t i = 0; i < PROXY_FRONTS; i++)
			report_front(&looking, &config->fronts[i]);
	}
}
