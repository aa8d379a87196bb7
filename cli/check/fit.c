/*
 * Which services of Postfix a front has to do with, and whether sizes and
 * waits fit; see fit.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/xalloc.h"
#include "cli/check/fit.h"
#include "cli/check/postconf.h"
#include "cli/check/wiring.h"
#include "proxy/message/edit.h"

enum { TIME_MAX = 1000 * 86400 };

/* "signed" or "checked", as the samples name the services of a front. */
static const char *
fit_word(const struct check_fit *fit)
{
	return fit->out ? "signed" : "checked";
}

/* --- what there is --- */

static bool
runs(const struct cli_service *service, const char *command)
{
	return slice_equal(service->command, slice_str(command));
}

static bool
is_way(struct check_fit *fit, const struct cli_service *service,
    const char *parameter, struct check_way *way)
{
	struct slice value = cli_master_value(fit->master, service, parameter);

	if (!check_postconf_leads(fit->front, fit->config->hostname, value))
		return false;
	*way = (struct check_way){.from = service};
	way->before =
	    slice_equal(slice_str(parameter), SLICE("smtpd_proxy_filter"));
	if (!way->before)
		way->transport = cli_master_find(
		    fit->master, slice_first(value, slice_find(value, ':')));
	return true;
}

/* smtpd prefers the proxy. */
static void
collect_way(struct check_fit *fit, const struct cli_service *service)
{
	struct check_way *way = &fit->ways[fit->count];
	bool takes_mail = runs(service, "smtpd") || runs(service, "pickup") ||
	    runs(service, "qmqpd");

	if (!takes_mail || fit->count == CHECK_WAYS_MAX ||
	    check_postconf_is_back(service, fit->front))
		return;
	if (!(runs(service, "smtpd") &&
		is_way(fit, service, "smtpd_proxy_filter", way)) &&
	    !is_way(fit, service, "content_filter", way))
		return;
	fit->count++;
	fit->before |= way->before;
	fit->after |= !way->before;
}

static const struct cli_service *
cleanup_of(const struct check_fit *fit, const struct cli_service *service)
{
	return cli_master_find(fit->master,
	    cli_master_value(fit->master, service, "cleanup_service_name"));
}

/* --- telling --- */

void
check_fit_add_setting(struct strbuf *to, const struct cli_service *service,
    const char *name, const char *wanted)
{
	struct strbuf shown;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	strbuf_addf(to, " '%s", check_shown(&shown, service->name));
	strbuf_addf(to, "/%s", check_shown(&shown, service->type));
	strbuf_addf(to, "/%s=%s'", name, wanted);
	strbuf_clear(&shown);
}

/* The cleanup of all mail cannot be set so without changing all mail: the way
 * back gets one of its own. */
void
check_fit_todo(struct check_fit *fit, const struct cli_service *service,
    const char *name, const char *wanted)
{
	const char *word = fit_word(fit);
	struct strbuf text, own;

	strbuf_init(&text, (size_t)8 * CHECK_SHOWN_MAX);
	strbuf_init(&own, CHECK_SHOWN_MAX);
	if (service == fit->cleanup && fit->back != NULL &&
	    slice_equal(service->name, SLICE("cleanup"))) {
		strbuf_addf(&own, "cleanup-%s", word);
		strbuf_addf(&text,
		    "postconf -M 'cleanup-%s/unix=cleanup-%s unix n - n - 0 "
		    "cleanup' && postconf -P",
		    word, word);
		check_fit_add_setting(&text, fit->back, "cleanup_service_name",
		    strbuf_text(&own));
		strbuf_addf(
		    &text, " 'cleanup-%s/unix/%s=%s'", word, name, wanted);
	} else {
		strbuf_add_str(&text, "postconf -P");
		check_fit_add_setting(&text, service, name, wanted);
	}
	check_report_todo(
	    fit->report, "%s && postfix reload", strbuf_text(&text));
	strbuf_clear(&text);
	strbuf_clear(&own);
}

static void
tell_value(struct check_fit *fit, enum check_result result,
    const struct cli_service *service, const char *name, const char *why)
{
	struct slice value = cli_master_value(fit->master, service, name);
	struct strbuf who, what;

	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&what, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, result,
	    "%s = %s in the service %s: %s", name, check_shown(&what, value),
	    check_shown(&who, service->name), why);
	strbuf_clear(&who);
	strbuf_clear(&what);
}

void
check_fit_warn(struct check_fit *fit, const struct cli_service *service,
    const char *name, const char *wanted, const char *why)
{
	tell_value(fit, CHECK_WARNING, service, name, why);
	check_fit_todo(fit, service, name, wanted);
}

void
check_fit_fail(struct check_fit *fit, const struct cli_service *service,
    const char *name, const char *wanted, const char *why)
{
	tell_value(fit, CHECK_FAIL, service, name, why);
	check_fit_todo(fit, service, name, wanted);
}

/* --- sizes --- */

/* In bytes; 0: none. */
static uint64_t
limit_in(const struct check_fit *fit, const struct cli_service *service)
{
	uint64_t limit = 0;

	(void)number_parse(
	    cli_master_value(fit->master, service, "message_size_limit"),
	    UINT64_MAX, &limit);
	return limit;
}

static void
report_size(
    struct check_fit *fit, uint64_t front, const struct cli_service *service)
{
	uint64_t back = limit_in(fit, service);
	struct strbuf who;

	/* A message of just the one limit must not be over the other once it
	 * has grown. */
	if (back == 0 ||
	    (front != 0 && back >= front && back - front >= PROXY_EDIT_TOP_MAX))
		return;
	strbuf_init(&who, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_FAIL,
	    "message_size_limit is %" PRIu64 " in the service %s, and a "
	    "message that was accepted may have %" PRIu64 " and what we put "
	    "on it: it would bounce, or be refused (0: no limit)",
	    back, check_shown(&who, service->name), front);
	check_fit_todo(fit, service, "message_size_limit", "0");
	strbuf_clear(&who);
}

static void
check_sizes(struct check_fit *fit)
{
	uint64_t front = limit_in(fit, NULL);
	uint64_t own = fit->front->max_message_size;

	for (size_t i = 0; i < fit->count; i++) {
		const struct check_way *way = &fit->ways[i];
		uint64_t taken;
		uint64_t a;
		uint64_t b;

		/* Before the queue no cleanup sees the message; the front
		 * door of pickup is its cleanup. */
		if (way->before)
			taken = limit_in(fit, way->from);
		else {
			a = limit_in(fit, way->from);
			b = limit_in(fit, cleanup_of(fit, way->from));
			taken = a == 0 || (b != 0 && b < a) ? b : a;
		}
		if (i == 0 || taken == 0 || (front != 0 && taken > front))
			front = taken;
	}
	report_size(fit, front, fit->back);
	if (fit->cleanup != NULL)
		report_size(fit, front, fit->cleanup);
	if (own == 0 || !fit->after || (front != 0 && own >= front))
		return;
	check_report_add(fit->report, &fit->about, CHECK_FAIL,
	    "max_message_size of [%s] is %" PRIu64
	    ", and Postfix accepts %" PRIu64
	    " (0: no limit): what is between them would bounce",
	    fit->front->name, own, front);
	check_report_todo(
	    fit->report, "max_message_size = 0 in [%s]", fit->front->name);
}

/* --- waits --- */

static void
check_wait(struct check_fit *fit, const struct check_way *way)
{
	const struct cli_service *service =
	    way->before ? way->from : way->transport;
	const char *name = "smtpd_proxy_timeout";
	char wanted[32];
	uint64_t seconds = 0;
	struct slice value;
	struct strbuf why;

	/* A transport that more than one service names is told of once. */
	for (const struct check_way *w = fit->ways; w < way && !way->before;
	     w++)
		if (w->transport == service)
			return;
	if (service == NULL)
		return;
	if (!way->before)
		name = runs(service, "lmtp") ? "lmtp_data_done_timeout"
					     : "smtp_data_done_timeout";
	/* "1200s", "20m"; a number alone is seconds. */
	value = cli_master_value(fit->master, service, name);
	(void)number_parse_time(value, TIME_MAX, &seconds);
	if (value.n == 0 || seconds > fit->front->dot_timeout)
		return;
	strbuf_init(&why, CHECK_SHOWN_MAX);
	strbuf_addf(&why,
	    "we wait %u s for the next hop's answer (dot_timeout of [%s]); "
	    "who gives up before that makes second copies",
	    fit->front->dot_timeout, fit->front->name);
	(void)snprintf(
	    wanted, sizeof(wanted), "%us", 2 * fit->front->dot_timeout);
	check_fit_warn(fit, service, name, wanted, strbuf_text(&why));
	strbuf_clear(&why);
}

/* --- services that are missing --- */

/* As a transport's next hop, "[127.0.0.1]:10027"; false for a path, to which
 * smtp(8) cannot speak. */
static bool
add_next_hop(const struct proxy_front *front, struct strbuf *to)
{
	struct proxy_endpoint at = check_smtp_listener(front)->at;
	struct slice text;
	struct strbuf plain;

	if (proxy_endpoint_path(&at) != NULL)
		return false;
	check_make_reachable(&at);
	strbuf_init(&plain, CHECK_SHOWN_MAX);
	proxy_endpoint_print(&at, &plain);
	text = strbuf_slice(&plain);
	if (text.p[0] == '[') {
		strbuf_add(to, text);
	} else {
		size_t colon = slice_find_last(text, ':');

		strbuf_addf(to, "[%.*s]%s", (int)colon, text.p,
		    strbuf_text(&plain) + colon);
	}
	strbuf_clear(&plain);
	return true;
}

/* Mail by sendmail(1). */
static void
check_pickup(struct check_fit *fit)
{
	const struct cli_service *pickup = NULL;
	struct strbuf at;

	for (size_t i = 0; i < fit->master->count && pickup == NULL; i++)
		if (runs(&fit->master->list[i], "pickup"))
			pickup = &fit->master->list[i];
	if (!fit->out || pickup == NULL || fit->count == 0)
		return;
	for (size_t i = 0; i < fit->count; i++)
		if (fit->ways[i].from == pickup)
			return;
	for (size_t i = 0; i < fit->asker_count; i++)
		if (!fit->askers[i].smtpd)
			return;
	strbuf_init(&at, CHECK_SHOWN_MAX);
	if (!add_next_hop(fit->front, &at))
		return;
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "pickup does not hand mail to us: what this host itself sends "
	    "(sendmail, cron, web applications) stays unsigned");
	check_report_todo(fit->report,
	    "postconf -P 'pickup/unix/content_filter=signpost:%s' && postfix "
	    "reload (the transport signpost is in "
	    "/usr/share/doc/signpost/postfix/out-after-queue.cf)",
	    strbuf_text(&at));
	strbuf_clear(&at);
}

void
check_fit(const struct proxy_config *config, const struct proxy_front *front,
    const struct cli_master *master, struct check_report *report, bool ask)
{
	struct check_fit *fit = xcalloc(1, sizeof(*fit));

	fit->config = config;
	fit->front = front;
	fit->master = master;
	fit->report = report;
	fit->about = (struct check_about){"postfix", front->name};
	fit->out = front->filter == PROXY_FILTER_SIGN;
	fit->ask = ask;
	for (size_t i = 0; i < fit->master->count; i++) {
		const struct cli_service *service = &fit->master->list[i];

		if (check_postconf_is_back(service, fit->front))
			fit->back = service;
		else
			collect_way(fit, service);
	}
	fit->asker_count = check_askers_search(
	    fit->front, fit->config->hostname, fit->master, fit->askers);
	check_fit_milters(fit);
	if (fit->back != NULL)
		fit->cleanup = cleanup_of(fit, fit->back);
	if (fit->back != NULL) {
		const char *word = fit_word(fit);
		struct strbuf who, name;

		if (fit->cleanup == NULL) {
			strbuf_init(&who, CHECK_SHOWN_MAX);
			strbuf_init(&name, CHECK_SHOWN_MAX);
			check_report_add(fit->report, &fit->about, CHECK_FAIL,
			    "the smtpd at %s names the cleanup service %s, "
			    "which master.cf "
			    "does not have: no mail comes back",
			    check_shown(&who, fit->back->name),
			    check_shown(&name,
				cli_master_value(fit->master, fit->back,
				    "cleanup_service_name")));
			check_report_todo(fit->report,
			    "append cleanup-%s to master.cf: it is in "
			    "/usr/share/doc/signpost/postfix/%s-%s-queue.cf",
			    word, fit->front->name,
			    fit->before ? "before" : "after");
			strbuf_clear(&who);
			strbuf_clear(&name);
		}
		check_sizes(fit);
	}
	for (size_t i = 0; i < fit->count; i++)
		check_wait(fit, &fit->ways[i]);
	check_pickup(fit);
	check_fit_options(fit);
	if (!fit->out)
		check_fit_trust(fit);
	free(fit);
}
