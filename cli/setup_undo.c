/*
 * `signpost setup --undo`: what setup put into Postfix and the service, taken
 * out again, and no mail stranded. Postfix keeps in the queue file by which
 * transport a message goes, so the transport stays until no message names it.
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/check/askers.h"
#include "cli/check/postconf.h"
#include "cli/kit/cli.h"
#include "cli/kit/settings.h"
#include "cli/master_entry.h"
#include "cli/setup_private.h"
#include "proxy/settings/config.h"

enum {
	QUEUE_MAX = 64 * 1024 * 1024, /* of postqueue -j, of postcat */
	IDS_AT_ONCE = 50,
	ID_MAX = 64,
	REASON_MAX = 1000,
	FLUSH_EVERY_MS = 10 * 1000,
	LOOK_EVERY_MS = 500,
	/* A message that moves from one part of the queue to another may be
	 * missed by one look. */
	CLEAR_LOOKS = 3
};

/* --- the lines that hand mail to us --- */

struct removing {
	struct setup *setup;
	struct slice name, type; /* of the service */
	bool proxy;		 /* it hands mail over before the queue */
	int outcome;
};

/* What goes where the service does not hand mail to us any more. */
static bool
goes_with_proxy(struct slice name, struct slice value)
{
	static const struct {
		const char *name, *value;
	} written[] = {
	    {"smtpd_client_connection_count_limit", "10"},
	    {"smtpd_proxy_options", "speed_adjust"},
	    {"smtpd_proxy_timeout", "1200s"},
	};

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		if (slice_equal(name, slice_str(written[i].name)) &&
		    slice_equal(value, slice_str(written[i].value)))
			return true;
	return false;
}

static void
on_option(void *ctx, struct slice name, struct slice value)
{
	struct removing *r = ctx;
	struct strbuf what;

	if (!setup_postfix_hands(name, value) &&
	    !(r->proxy && goes_with_proxy(name, value)))
		return;
	strbuf_init(&what, REASON_MAX);
	strbuf_addf(&what, "%.*s/%.*s/%.*s", (int)r->name.n, r->name.p,
	    (int)r->type.n, r->type.p, (int)name.n, name.p);
	const char *const argv[] = {
	    "postconf", "-PX", strbuf_text(&what), NULL};

	if (setup_postfix_backup(r->setup) != 0 ||
	    cli_steps_run(&r->setup->steps, "postfix", argv,
		"%.*s hands us no more mail", (int)r->name.n, r->name.p) != 0)
		r->outcome = -1;
	strbuf_clear(&what);
}

/* --- lines of somebody else --- */

/* Does Postfix hand mail to that front still? Then somebody else wired it, and
 * it would wait for ever. */
static bool
is_wired(struct setup *setup, const struct proxy_front *front,
    const char *hostname, const struct cli_master *master)
{
	struct check_asker askers[CHECK_ASKERS_MAX];
	struct check_postconf found;
	bool wired;

	if (!front->enabled || front->listen.count == 0)
		return false;
	check_postconf_search(&found, front, hostname, master);
	if (!found.found &&
	    check_askers_search(front, hostname, master, askers) > 0) {
		found.found = true;
		strbuf_addf(&found.who, "%.*s: %s = %.*s",
		    (int)askers[0].from->name.n, askers[0].from->name.p,
		    askers[0].name, (int)askers[0].list.n, askers[0].list.p);
	}
	wired = found.found;
	if (wired) {
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_STOP,
		    "mail is handed to [%s] still: %s", front->name,
		    strbuf_text(&found.who));
		cli_steps_todo("that is none of setup's lines: take it out, "
			       "postfix reload, and run this again");
	}
	check_postconf_clear(&found);
	return wired;
}

/* The same in a place that only a person can judge, such as restrictions with
 * FILTER in them. */
static bool
is_filter_named(struct setup *setup, struct slice text)
{
	static const struct slice filters[] = {
	    SLICE_INIT("signpost:["), SLICE_INIT("signpost-in:[")};
	struct slice line;

	while (slice_cut(&text, '\n', &line))
		for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]);
		     i++)
			if (slice_search(line, filters[i]) < line.n) {
				line = slice_trim(line);
				cli_steps_tell(&setup->steps, "postfix",
				    CLI_STEP_STOP,
				    "mail is handed to signpost still: %.*s",
				    (int)line.n, line.p);
				cli_steps_todo("take that out, postfix reload, "
					       "and run this again");
				return true;
			}
	return false;
}

static bool
is_wired_by_hand(struct setup *setup)
{
	const char *const services[] = {"postconf", "-Mfx", NULL};
	const char *const parameters[] = {"postconf", "-x", NULL};
	const char *path = strbuf_text(&setup->config_path);
	struct strbuf master_cf, main_cf, reason;
	struct proxy_report ignored;
	bool wired = false;

	strbuf_init(&master_cf, QUEUE_MAX);
	strbuf_init(&main_cf, QUEUE_MAX);
	strbuf_init(&reason, REASON_MAX);
	proxy_report_init(&ignored);
	/* Without a configuration nobody knows where we listen. */
	if (cli_config_read(path, &setup->config, &ignored) == CLI_OK &&
	    cli_steps_ask(&setup->steps, services, &master_cf, &reason) == 0 &&
	    cli_steps_ask(&setup->steps, parameters, &main_cf, &reason) == 0) {
		const struct proxy_front *fronts = setup->config->fronts;
		struct cli_master master;

		cli_master_read(
		    &master, strbuf_slice(&master_cf), strbuf_slice(&main_cf));
		for (size_t i = 0; i < PROXY_FRONTS; i++)
			wired |= is_wired(setup, &fronts[i],
			    setup->config->hostname, &master);
		wired = wired ||
		    is_filter_named(setup, strbuf_slice(&master_cf)) ||
		    is_filter_named(setup, strbuf_slice(&main_cf));
	}
	proxy_report_clear(&ignored);
	strbuf_clear(&master_cf);
	strbuf_clear(&main_cf);
	strbuf_clear(&reason);
	return wired;
}

/* --- the queue --- */

/* Does a message with that filter wait for us, by a transport of the samples or
 * by one that somebody named otherwise? */
static bool
goes_by_us(struct setup *setup, struct slice filter)
{
	static const struct slice transports[] = {SLICE_INIT("signpost"),
	    SLICE_INIT("signpost-in"), SLICE_INIT("signpost-own")};
	size_t colon = slice_find(filter, ':');
	struct slice transport = slice_first(filter, colon);
	struct slice hop = slice_after(filter, colon + 1);

	setup->checked_waits |= slice_equal(transport, SLICE("signpost-in"));
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (slice_equal(transport, transports[i]))
			return true;
	return slice_equal(hop, SLICE("[127.0.0.1]:10027")) ||
	    slice_equal(hop, SLICE("[127.0.0.1]:10025"));
}

/* How many of these messages go by us; -1 where postcat does not get to its
 * end. */
static int64_t
count_named(struct setup *setup, const char *const argv[])
{
	struct strbuf out, reason;
	struct slice rest, line;
	int64_t named = 0;

	strbuf_init(&out, QUEUE_MAX);
	strbuf_init(&reason, REASON_MAX);
	if (cli_steps_ask(&setup->steps, argv, &out, &reason) != 0)
		named = -1;
	rest = strbuf_slice(&out);
	while (named >= 0 && slice_cut(&rest, '\n', &line))
		if (slice_starts_nocase(line, SLICE("content_filter:")))
			named += goes_by_us(
			    setup, slice_trim(slice_after(line, 15)));
	strbuf_clear(&out);
	strbuf_clear(&reason);
	return named;
}

/* The same of `n` messages of the queue. postcat stops at the first that has
 * gone meanwhile, and says nothing of those behind it: then each is looked at
 * by itself, and one that cannot be has gone. */
static int64_t
count_messages(struct setup *setup, char ids[][ID_MAX], size_t n)
{
	const char *argv[IDS_AT_ONCE + 3] = {"postcat", "-eq"};
	int64_t named;

	for (size_t i = 0; i < n; i++)
		argv[2 + i] = ids[i];
	argv[2 + n] = NULL;
	named = count_named(setup, argv);
	if (named >= 0)
		return named;
	named = 0;
	argv[3] = NULL;
	for (size_t i = 0; i < n; i++) {
		argv[2] = ids[i];
		/* One that cannot be looked at has gone, or Postfix moves it at
		 * this moment; then the next look finds it. */
		named += count_named(setup, argv) > 0;
	}
	return named;
}

/* `"queue_id": "3DDB346"` of one line of postqueue -j. */
static bool
find_id(struct slice line, char id[ID_MAX])
{
	size_t at = slice_search(line, SLICE("\"queue_id\": \""));
	struct slice value = slice_after(line, at + 13);
	size_t n = slice_find(value, '"');

	if (at == line.n || n == 0 || n == value.n || n >= ID_MAX)
		return false;
	memcpy(id, value.p, n);
	id[n] = '\0';
	return true;
}

/* How many messages in the queue go by a transport of ours; -1 where the queue
 * cannot be looked at, and the reason. */
static int64_t
count_waiting(struct setup *setup, struct strbuf *reason)
{
	const char *const list[] = {"postqueue", "-j", NULL};
	char ids[IDS_AT_ONCE][ID_MAX];
	struct strbuf out;
	struct slice rest, line;
	int64_t named = 0;
	size_t n = 0;

	strbuf_init(&out, QUEUE_MAX);
	strbuf_reset(reason);
	if (cli_steps_ask(&setup->steps, list, &out, reason) != 0) {
		strbuf_clear(&out);
		return -1;
	}
	rest = strbuf_slice(&out);
	while (slice_cut(&rest, '\n', &line)) {
		n += find_id(line, ids[n]);
		if (n == IDS_AT_ONCE || (n > 0 && rest.p == NULL)) {
			named += count_messages(setup, ids, n);
			n = 0;
		}
	}
	strbuf_clear(&out);
	return named;
}

/* What waits needs its transport, the way back and the daemon: where one of
 * them is gone it would wait for ever. */
static void
restore_way(struct setup *setup)
{
	struct setup_postfix *postfix;

	setup->wishes.local = true;
	setup->wishes.inbound = setup->checked_waits;
	postfix = setup_postfix_new(setup);
	if (postfix != NULL &&
	    setup_postfix_take(postfix, SETUP_PARTS_BELOW) == 0)
		setup_postfix_reload(setup);
	setup_postfix_free(postfix);
	setup_service_start(setup);
}

/* Waits until no message goes by us: CLI_OK, or CLI_TEMPORARY where some still
 * do, which is told. */
static int
drain(struct setup *setup)
{
	const struct timespec nap = {0, LOOK_EVERY_MS * 1000000L};
	int64_t end = clock_ms() + (int64_t)setup->wishes.wait * 1000;
	int64_t flushed = clock_ms() - FLUSH_EVERY_MS, waiting;
	unsigned clear = 0;
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	if (setup->wishes.wait > 0 && !setup->steps.dry &&
	    count_waiting(setup, &reason) > 0)
		restore_way(setup);
	for (;;) {
		waiting = count_waiting(setup, &reason);
		clear = waiting == 0 ? clear + 1 : 0;
		if (waiting < 0 || setup->steps.dry || clear == CLEAR_LOOKS ||
		    (waiting > 0 && clock_ms() >= end))
			break;
		if (clock_ms() - flushed >= FLUSH_EVERY_MS) {
			const char *const argv[] = {"postqueue", "-f", NULL};
			struct strbuf out, why;

			strbuf_init(&out, REASON_MAX);
			strbuf_init(&why, REASON_MAX);
			(void)cli_steps_ask(&setup->steps, argv, &out, &why);
			strbuf_clear(&out);
			strbuf_clear(&why);
			flushed = clock_ms();
		}
		(void)nanosleep(&nap, NULL);
	}
	if (waiting < 0)
		cli_steps_tell(&setup->steps, "queue", CLI_STEP_STOP,
		    "cannot be looked at: postqueue: %s", strbuf_text(&reason));
	else if (waiting > 0 && !setup->steps.dry)
		cli_steps_tell(&setup->steps, "queue", CLI_STEP_STOP,
		    "%lld messages wait for signpost; its services stay until "
		    "they are gone",
		    (long long)waiting);
	else
		cli_steps_tell(&setup->steps, "queue", CLI_STEP_OK,
		    "%lld messages wait for signpost", (long long)waiting);
	strbuf_clear(&reason);
	if (waiting != 0 && !setup->steps.dry) {
		cli_steps_todo("postqueue -p says what keeps them; then run "
			       "this again (--wait waits longer)");
		return CLI_TEMPORARY;
	}
	return CLI_OK;
}

/* A client that was connected all the while has its mail handed over by the old
 * lines. What it sent since the queue was looked at would wait for ever. */
static bool
has_late_mail(struct setup *setup)
{
	struct strbuf reason;
	bool late;

	strbuf_init(&reason, REASON_MAX);
	late = !setup->steps.dry && count_waiting(setup, &reason) > 0;
	strbuf_clear(&reason);
	if (!late)
		return false;
	restore_way(setup);
	cli_steps_tell(&setup->steps, "queue", CLI_STEP_STOP,
	    "a client that was still connected sent mail by signpost");
	cli_steps_todo("its services are there again; run this once more");
	return true;
}

/* --- the services --- */

static int
remove_service(struct setup *setup, const struct setup_service *service,
    struct slice services)
{
	struct strbuf ours, theirs, what;
	int outcome = 0;

	strbuf_init(&ours, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&theirs, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&what, REASON_MAX);
	strbuf_addf(&what, "%s/%s", service->name, service->type);
	(void)cli_master_entry_find(slice_str(service->sample),
	    slice_str(service->name), slice_str(service->type), &ours);
	const char *const argv[] = {
	    "postconf", "-MX", strbuf_text(&what), NULL};

	if (!cli_master_entry_find(services, slice_str(service->name),
		slice_str(service->type), &theirs)) {
		/* nothing to take out */
	} else if (cli_master_entry_equal(
		       strbuf_slice(&ours), strbuf_slice(&theirs))) {
		outcome = setup_postfix_backup(setup);
		if (outcome == 0)
			outcome = cli_steps_run(&setup->steps, "postfix", argv,
			    "service %s", strbuf_text(&what));
	} else {
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_OK,
		    "service %s stays: it is not as setup wrote it",
		    strbuf_text(&what));
		cli_steps_todo(
		    "postconf -MX %s removes it", strbuf_text(&what));
	}
	strbuf_clear(&ours);
	strbuf_clear(&theirs);
	strbuf_clear(&what);
	return outcome;
}

/* A service is taken out as the wiring wrote it that it is equal to; of another
 * one it is told that it stays. */
static int
remove_services(struct setup *setup)
{
	const char *const argv[] = {"postconf", "-M", NULL};
	struct strbuf services, reason;
	int outcome;

	strbuf_init(&services, QUEUE_MAX);
	strbuf_init(&reason, REASON_MAX);
	outcome = cli_steps_ask(&setup->steps, argv, &services, &reason);
	for (int i = 0; i < 2 && outcome == 0; i++) {
		const struct setup_service *of = setup_postfix_services(i == 1,
		    setup_postfix_wiring(strbuf_slice(&services), i == 1));

		for (; of->name != NULL && outcome == 0; of++)
			outcome =
			    remove_service(setup, of, strbuf_slice(&services));
	}
	strbuf_clear(&services);
	strbuf_clear(&reason);
	return outcome;
}

int
setup_undo(struct setup *setup)
{
	int status;
	const char *const argv[] = {"postconf", "-M", NULL};
	struct removing r = {.setup = setup};
	struct strbuf services, reason;
	struct slice rest, line, value;

	/* 0; or -1 where Postfix cannot be asked or changed. */
	strbuf_init(&services, QUEUE_MAX);
	strbuf_init(&reason, REASON_MAX);
	r.outcome = cli_steps_ask(&setup->steps, argv, &services, &reason);
	if (r.outcome != 0)
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_FAILED,
		    "postconf: %s", strbuf_text(&reason));
	rest = strbuf_slice(&services);
	while (r.outcome == 0 && slice_cut(&rest, '\n', &line)) {
		if (!cli_master_entry_names(line, &r.name, &r.type))
			continue;
		r.proxy = cli_master_entry_option(
			      line, SLICE("smtpd_proxy_filter"), &value) &&
		    setup_postfix_hands(SLICE("smtpd_proxy_filter"), value);
		cli_master_entry_options(line, on_option, &r);
	}
	strbuf_clear(&services);
	strbuf_clear(&reason);
	if (r.outcome != 0 || setup_milter_undo(setup) != 0)
		return cli_steps_status(&setup->steps);
	/* Even where nothing was there to take out: an earlier undo may have
	 * been ended before it came here. */
	setup_postfix_reload(setup);
	if (!setup->steps.dry && is_wired_by_hand(setup))
		return cli_steps_status(&setup->steps);
	status = drain(setup);
	if (status != CLI_OK)
		return status;
	if (remove_services(setup) != 0)
		return cli_steps_status(&setup->steps);
	setup_postfix_reload(setup);
	if (has_late_mail(setup))
		return CLI_TEMPORARY;
	setup_service_stop(setup);
	cli_steps_tell(&setup->steps, "kept", CLI_STEP_OK,
	    "settings, private keys, results, users");
	cli_steps_todo(
	    "rm -r /etc/signpost removes settings and keys for good");
	cli_steps_todo("rm -r /var/lib/signpost /var/lib/signpost-in "
		       "/var/lib/signpost-record removes "
		       "results");
	cli_steps_todo("userdel signpost; userdel signpost-in; userdel "
		       "signpost-keys; userdel signpost-record; userdel "
		       "signpost-publish");
	return cli_steps_status(&setup->steps);
}
