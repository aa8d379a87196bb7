/*
 * Postfix's part of `signpost setup`: what the samples of etc/postfix say,
 * compared with what postconf(1) tells, and put in by postconf(1) alone.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/master.h"
#include "cli/master_entry.h"
#include "cli/samples.h"
#include "cli/setup_postfix_private.h"

enum {
	RELOADS_APART_S = 1,
	OUTPUT_MAX = 1024 * 1024,
	REASON_MAX = 1000,
	ARGUMENT_MAX = CLI_MASTER_ENTRY_MAX + 256
};

#define OUT_FILTER   "signpost:[127.0.0.1]:10027"
#define IN_FILTER    "signpost-in:[127.0.0.1]:10025"
#define OUT_LISTENER "127.0.0.1:10027"
#define IN_LISTENER  "127.0.0.1:10025"
#define BACKUPS	     "/var/backups/signpost"

/* Mail of this host's own programs that comes in at port 25 goes to [out]. */
#define LOCAL_TO_OUT                                                \
	"check_client_access inline:{{127=FILTER " OUT_FILTER "}, " \
	"{::1=FILTER " OUT_FILTER "}}"

static const struct setup_service out_after[] = {
    {"signpost", "unix", cli_sample_out_after_queue},
    {"127.0.0.1:10028", "inet", cli_sample_out_after_queue},
    {"cleanup-signed", "unix", cli_sample_out_after_queue},
    {0},
};

static const struct setup_service out_before[] = {
    {"signpost", "unix", cli_sample_out_before_queue},
    {"127.0.0.1:10028", "inet", cli_sample_out_before_queue},
    {"cleanup-signed", "unix", cli_sample_out_before_queue},
    {0},
};

static const struct setup_service in_after[] = {
    {"signpost-in", "unix", cli_sample_in_after_queue},
    {"127.0.0.1:10026", "inet", cli_sample_in_after_queue},
    {"cleanup-checked", "unix", cli_sample_in_after_queue},
    {0},
};

static const struct setup_service in_before[] = {
    {"127.0.0.1:10026", "inet", cli_sample_in_before_queue},
    {"cleanup-checked", "unix", cli_sample_in_before_queue},
    {0},
};

static const struct setup_service none[] = {{0}};

/* What has mail handed to us, by option; blanks do not count. */
static const struct {
	const char *name, *value;
} hands[] = {
    {"content_filter", OUT_FILTER},
    {"content_filter", IN_FILTER},
    {"smtpd_end_of_data_restrictions", LOCAL_TO_OUT},
    {"smtpd_proxy_filter", OUT_LISTENER},
    {"smtpd_proxy_filter", IN_LISTENER},
};

/* Those that a line with smtpd_proxy_filter brings along, by the samples. */
static const char *const beside_proxy[] = {
    "smtpd_client_connection_count_limit",
    "smtpd_proxy_options",
    "smtpd_proxy_timeout",
    "smtpd_proxy_filter",
};

const struct setup_service *
setup_postfix_services(bool inbound, enum setup_wiring wiring)
{
	if (wiring == SETUP_MILTER)
		return none;
	if (inbound)
		return wiring == SETUP_BEFORE_QUEUE ? in_before : in_after;
	return wiring == SETUP_BEFORE_QUEUE ? out_before : out_after;
}

static size_t
count_equal(struct slice services, const struct setup_service *service)
{
	struct strbuf ours, theirs;
	size_t count = 0;

	strbuf_init(&ours, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&theirs, CLI_MASTER_ENTRY_MAX);
	for (; service->name != NULL; service++)
		count += cli_master_entry_find(slice_str(service->sample),
			     slice_str(service->name), slice_str(service->type),
			     &ours) &&
		    cli_master_entry_find(services, slice_str(service->name),
			slice_str(service->type), &theirs) &&
		    cli_master_entry_equal(
			strbuf_slice(&ours), strbuf_slice(&theirs));
	strbuf_clear(&ours);
	strbuf_clear(&theirs);
	return count;
}

enum setup_wiring
setup_postfix_wiring(struct slice services, bool inbound)
{
	size_t before = count_equal(
	    services, setup_postfix_services(inbound, SETUP_BEFORE_QUEUE));
	size_t after = count_equal(
	    services, setup_postfix_services(inbound, SETUP_AFTER_QUEUE));

	return before > after ? SETUP_BEFORE_QUEUE : SETUP_AFTER_QUEUE;
}

/* Equal but for blanks, which postconf puts where it likes. */
static bool
is_same_value(struct slice a, struct slice b)
{
	struct strbuf left, right;
	bool same;
	char c;

	strbuf_init(&left, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&right, CLI_MASTER_ENTRY_MAX);
	for (size_t i = 0; i < a.n; i++)
		if ((c = a.p[i]) != ' ' && c != '\t')
			strbuf_add_char(&left, c);
	for (size_t i = 0; i < b.n; i++)
		if ((c = b.p[i]) != ' ' && c != '\t')
			strbuf_add_char(&right, c);
	same = slice_equal(strbuf_slice(&left), strbuf_slice(&right));
	strbuf_clear(&left);
	strbuf_clear(&right);
	return same;
}

/* Is it that value, or a list of restrictions that has it first? */
static bool
begins_with_value(struct slice value, struct slice first)
{
	for (size_t n = value.n; n > 0; n--)
		if ((n == value.n || value.p[n] == ',') &&
		    is_same_value(slice_first(value, n), first))
			return true;
	return false;
}

bool
setup_postfix_hands(struct slice name, struct slice value)
{
	for (size_t i = 0; i < sizeof(hands) / sizeof(hands[0]); i++)
		if (slice_equal(name, slice_str(hands[i].name)) &&
		    is_same_value(value, slice_str(hands[i].value)))
			return true;
	return false;
}

/* --- what master.cf has --- */

enum setup_door
setup_postfix_door(struct slice entry, struct slice name)
{
	static const char *const submissions[] = {
	    "submission", "submissions", "smtps", "587", "465", NULL};
	static const char *const incoming[] = {"smtp", "smtpd", "25", NULL};

	if (!slice_equal(cli_master_entry_command(entry), SLICE("smtpd")))
		return SETUP_NO_DOOR;
	if (cli_service_is_one_of(name, submissions))
		return SETUP_SUBMISSION;
	return cli_service_is_one_of(name, incoming) ? SETUP_INCOMING
						     : SETUP_NO_DOOR;
}

bool
setup_postfix_next(struct slice *rest, struct slice *name, struct slice *type,
    struct strbuf *entry)
{
	struct slice line, columns;

	while (slice_cut(rest, '\n', &line)) {
		columns = slice_trim(line);
		if (columns.n == 0 ||
		    !cli_master_entry_names(columns, name, type))
			continue;
		if (cli_master_entry_find(columns, *name, *type, entry))
			return true;
	}
	return false;
}

/* --- the plan --- */

void
setup_postfix_add(struct setup_postfix *p, const struct setup_action *action)
{
	if (p->count == p->room) {
		p->room = p->room == 0 ? 16 : 2 * p->room;
		p->actions =
		    xreallocarray(p->actions, p->room, sizeof(*p->actions));
	}
	p->actions[p->count++] = *action;
}

char *
setup_postfix_print(const char *fmt, ...)
{
	struct strbuf text;
	va_list args;

	strbuf_init(&text, ARGUMENT_MAX);
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	return strbuf_detach(&text);
}

static void
plan_service(struct setup_postfix *p, const struct setup_service *service)
{
	struct setup_action action = {
	    .part = SETUP_PARTS_BELOW, .option = "-Me"};
	struct strbuf ours, theirs;

	strbuf_init(&ours, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&theirs, CLI_MASTER_ENTRY_MAX);
	(void)cli_master_entry_find(slice_str(service->sample),
	    slice_str(service->name), slice_str(service->type), &ours);
	action.about =
	    setup_postfix_print("service %s/%s", service->name, service->type);
	action.argument = setup_postfix_print(
	    "%s/%s=%s", service->name, service->type, strbuf_text(&ours));
	if (!cli_master_entry_find(strbuf_slice(&p->services),
		slice_str(service->name), slice_str(service->type), &theirs)) {
		action.state = CLI_STEP_WOULD;
	} else if (cli_master_entry_equal(
		       strbuf_slice(&ours), strbuf_slice(&theirs))) {
		action.state = CLI_STEP_OK;
	} else {
		action.state = CLI_STEP_STOP;
		action.todo = setup_postfix_print(
		    "master.cf has another service of that name: %s",
		    strbuf_text(&theirs));
	}
	strbuf_clear(&ours);
	strbuf_clear(&theirs);
	setup_postfix_add(p, &action);
}

bool
setup_postfix_value(const struct setup_postfix *p, const struct slice *entry,
    struct slice name, struct slice *value)
{
	struct slice rest = strbuf_slice(&p->parameters), line;

	if (entry != NULL && cli_master_entry_option(*entry, name, value))
		return value->n > 0;
	while (slice_cut(&rest, '\n', &line)) {
		size_t at = slice_find(line, '=');

		*value = slice_trim(slice_after(line, at + 1));
		if (at < line.n &&
		    slice_equal(slice_trim(slice_first(line, at)), name))
			return value->n > 0;
	}
	return false;
}

/* Does mail that another filter has handed back come to us from there, by that
 * option of some other smtpd? */
static bool
comes_from_filter(
    const struct setup_postfix *p, struct slice option, struct slice value)
{
	struct slice rest = strbuf_slice(&p->services), name, type, theirs;
	struct strbuf entry;
	bool comes = false;

	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	while (!comes && setup_postfix_next(&rest, &name, &type, &entry))
		comes =
		    slice_equal(cli_master_entry_command(strbuf_slice(&entry)),
			SLICE("smtpd")) &&
		    setup_postfix_door(strbuf_slice(&entry), name) ==
			SETUP_NO_DOOR &&
		    cli_master_entry_option(
			strbuf_slice(&entry), option, &theirs) &&
		    is_same_value(theirs, value);
	strbuf_clear(&entry);
	return comes;
}

/* Whose value stands there instead, and what to do about it. */
static char *
print_todo(struct slice entry, struct slice service, const char *name,
    const char *value, struct slice theirs)
{
	if (strcmp(name, "smtpd_end_of_data_restrictions") == 0)
		return setup_postfix_print(
		    "it is %.*s now. Both, ours first: postconf -Me "
		    "'%.*s=%.*s -o {%s=%s, %.*s}'",
		    (int)theirs.n, theirs.p, (int)service.n, service.p,
		    (int)entry.n, entry.p, name, value, (int)theirs.n,
		    theirs.p);
	return setup_postfix_print(
	    "it is %.*s now. Where that is a filter of yours, put this "
	    "line to the smtpd that takes mail back from it instead, "
	    "and run this again: -o %s=%s",
	    (int)theirs.n, theirs.p, name, value);
}

/* One option of a service that is there. */
static void
plan_option(struct setup_postfix *p, struct slice entry, struct slice service,
    const char *name, const char *value)
{
	struct setup_action action = {
	    .part = SETUP_PARTS_HAND, .option = "-Pe"};
	struct slice theirs = {NULL, 0}, wanted = slice_str(value);

	action.about =
	    setup_postfix_print("%.*s: %s", (int)service.n, service.p, name);
	if (strchr(value, ' ') == NULL) {
		action.argument = setup_postfix_print(
		    "%.*s/%s=%s", (int)service.n, service.p, name, value);
	} else {
		/* postconf -P takes no blanks: the service anew, with the
		 * option. Other options of it come later in the plan. */
		action.option = "-Me";
		action.argument =
		    setup_postfix_print("%.*s=%.*s -o {%s=%s}", (int)service.n,
			service.p, (int)entry.n, entry.p, name, value);
	}
	if (!setup_postfix_value(p, &entry, slice_str(name), &theirs)) {
		action.state = CLI_STEP_WOULD;
	} else if (begins_with_value(theirs, wanted) ||
	    comes_from_filter(p, slice_str(name), wanted)) {
		action.state = CLI_STEP_OK;
	} else {
		action.state = CLI_STEP_STOP;
		action.todo = print_todo(entry, service, name, value, theirs);
	}
	setup_postfix_add(p, &action);
}

/* One that goes along with it: what the service itself says stays, whatever
 * main.cf says. */
static void
plan_companion(struct setup_postfix *p, struct slice entry,
    struct slice service, const char *name, const char *value)
{
	struct setup_action action = {
	    .part = SETUP_PARTS_HAND, .option = "-Pe"};
	struct slice theirs;

	action.about =
	    setup_postfix_print("%.*s: %s", (int)service.n, service.p, name);
	action.argument = setup_postfix_print(
	    "%.*s/%s=%s", (int)service.n, service.p, name, value);
	action.state = cli_master_entry_option(entry, slice_str(name), &theirs)
	    ? CLI_STEP_OK
	    : CLI_STEP_WOULD;
	setup_postfix_add(p, &action);
}

/* The options that the sample gives to a service which hands mail to us
 * before the queue. */
static void
plan_proxy(struct setup_postfix *p, struct slice entry, struct slice service,
    const char *sample, const char *its_name)
{
	struct strbuf ours, value;
	struct slice wanted;

	strbuf_init(&ours, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&value, CLI_MASTER_ENTRY_MAX);
	(void)cli_master_entry_find(
	    slice_str(sample), slice_str(its_name), SLICE("inet"), &ours);
	for (size_t i = 0; i < sizeof(beside_proxy) / sizeof(beside_proxy[0]);
	     i++) {
		if (!cli_master_entry_option(strbuf_slice(&ours),
			slice_str(beside_proxy[i]), &wanted))
			continue;
		strbuf_reset(&value);
		strbuf_add(&value, wanted);
		if (strcmp(beside_proxy[i], "smtpd_proxy_filter") == 0)
			plan_option(p, entry, service, beside_proxy[i],
			    strbuf_text(&value));
		else
			plan_companion(p, entry, service, beside_proxy[i],
			    strbuf_text(&value));
	}
	strbuf_clear(&ours);
	strbuf_clear(&value);
}

/* --- which service hands what --- */

/* Is it the smtpd of in-before-queue.cf for this host's own programs? */
static bool
is_for_own(struct slice entry, struct slice service)
{
	struct slice value;

	return slice_starts_nocase(service, SLICE("127.0.0.1:")) &&
	    cli_master_entry_option(entry, SLICE("content_filter"), &value) &&
	    is_same_value(value, slice_str(OUT_FILTER));
}

/* The one for mail of strangers. True where mail of this host's own programs
 * comes in by it, too, and cannot be signed. */
static bool
plan_incoming(struct setup_postfix *p, struct slice entry, struct slice service)
{
	const struct setup_wishes *wishes = &p->setup->wishes;
	bool before =
	    wishes->wiring == SETUP_BEFORE_QUEUE || wishes->reject_dmarc;

	/* Before the queue that takes an smtpd of its own (the sample says so),
	 * whose address only a person knows. */
	if (wishes->local && !(wishes->inbound && before))
		plan_option(p, entry, service, "smtpd_end_of_data_restrictions",
		    LOCAL_TO_OUT);
	if (!wishes->inbound)
		return false;
	if (!before)
		plan_option(p, entry, service, "content_filter", IN_FILTER);
	else if (!is_for_own(entry, service))
		plan_proxy(
		    p, entry, service, cli_sample_in_before_queue, "smtp");
	return before && wishes->local;
}

/* What hands mail to us: every service by which mail is submitted, the one
 * for mail of strangers, and pickup. How many of the first there are. */
static size_t
plan_hands(struct setup_postfix *p)
{
	struct slice rest = strbuf_slice(&p->services), name, type, command;
	enum setup_door door;
	size_t submitted = 0;
	struct strbuf entry;
	bool unsigned_own = false, signed_own = false;

	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	while (setup_postfix_next(&rest, &name, &type, &entry)) {
		struct slice line = strbuf_slice(&entry);
		char *its = setup_postfix_print(
		    "%.*s/%.*s", (int)name.n, name.p, (int)type.n, type.p);
		struct slice service = slice_str(its);

		command = cli_master_entry_command(line);
		door = setup_postfix_door(line, name);
		if (slice_equal(command, SLICE("pickup")) &&
		    p->setup->wishes.local) {
			plan_option(
			    p, line, service, "content_filter", OUT_FILTER);
		} else if (door == SETUP_SUBMISSION) {
			if (p->setup->wishes.wiring == SETUP_BEFORE_QUEUE)
				plan_proxy(p, line, service,
				    cli_sample_out_before_queue, "submission");
			else
				plan_option(p, line, service, "content_filter",
				    OUT_FILTER);
			submitted++;
		} else if (door == SETUP_INCOMING) {
			unsigned_own |= plan_incoming(p, line, service);
			signed_own |= is_for_own(line, service);
		}
		free(its);
	}
	strbuf_clear(&entry);
	if (unsigned_own && !signed_own) {
		struct setup_action action = {.part = SETUP_PARTS_HAND,
		    .state = CLI_STEP_OK,
		    .about = setup_postfix_print(
			"what this host's own programs send by port 25 is not "
			"signed: /usr/share/doc/signpost/postfix/"
			"in-before-queue.cf has the smtpd for it")};

		setup_postfix_add(p, &action);
	}
	return submitted;
}

/* --- from outside --- */

static int
ask_postconf(const struct setup *setup, const char *option,
    struct strbuf *output, struct strbuf *reason)
{
	const char *const argv[] = {"postconf", option, NULL};

	return cli_steps_ask(&setup->steps, argv, output, reason);
}

struct setup_postfix *
setup_postfix_new(struct setup *setup)
{
	const struct setup_wishes *wishes = &setup->wishes;
	bool milter = wishes->wiring == SETUP_MILTER;
	const struct setup_service *service;
	struct setup_postfix *p = xcalloc(1, sizeof(*p));
	size_t submitted;
	struct strbuf reason;

	p->setup = setup;
	strbuf_init(&p->services, OUTPUT_MAX);
	strbuf_init(&p->parameters, OUTPUT_MAX);
	strbuf_init(&reason, REASON_MAX);
	if (ask_postconf(setup, "-M", &p->services, &reason) != 0 ||
	    ask_postconf(setup, "-n", &p->parameters, &reason) != 0) {
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_STOP,
		    "postconf: %s", strbuf_text(&reason));
		cli_steps_todo("install Postfix (apt-get install postfix), or "
			       "hand mail to 127.0.0.1:10027 by another mail "
			       "server");
		strbuf_clear(&reason);
		setup_postfix_free(p);
		return NULL;
	}
	strbuf_clear(&reason);
	service = setup_postfix_services(false, wishes->wiring);
	for (; service->name != NULL; service++)
		plan_service(p, service);
	service = setup_postfix_services(true,
	    wishes->reject_dmarc && !milter ? SETUP_BEFORE_QUEUE
					    : wishes->wiring);
	for (; wishes->inbound && service->name != NULL; service++)
		plan_service(p, service);
	submitted = milter ? setup_milter_plan(p) : plan_hands(p);
	if (submitted == 0) {
		struct setup_action action = {.part = SETUP_PARTS_HAND,
		    .state = wishes->local ? CLI_STEP_OK : CLI_STEP_STOP,
		    .about = setup_postfix_print(
			"no submission service: nobody submits mail by 587 or "
			"465"),
		    .todo = setup_postfix_print(
			"man signpost, POSTFIX, has the lines of one; run "
			"setup again when it is there")};

		setup_postfix_add(p, &action);
	}
	return p;
}

void
setup_postfix_free(struct setup_postfix *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->actions[i].argument);
		free(p->actions[i].about);
		free(p->actions[i].todo);
	}
	free(p->actions);
	strbuf_clear(&p->services);
	strbuf_clear(&p->parameters);
	free(p);
}

bool
setup_postfix_is_blocked(struct setup_postfix *p)
{
	bool blocked = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct setup_action *action = &p->actions[i];

		if (action->state != CLI_STEP_STOP)
			continue;
		blocked = true;
		cli_steps_tell(&p->setup->steps, "postfix", CLI_STEP_STOP, "%s",
		    action->about);
		cli_steps_todo("%s", action->todo);
	}
	return blocked;
}

int
setup_postfix_take(struct setup_postfix *p, enum setup_part part)
{
	struct cli_steps *steps = &p->setup->steps;

	for (size_t i = 0; i < p->count; i++) {
		const struct setup_action *action = &p->actions[i];
		const char *const argv[] = {
		    "postconf", action->option, action->argument, NULL};

		if (action->part != part || action->state == CLI_STEP_STOP)
			continue;
		if (action->state == CLI_STEP_OK)
			cli_steps_tell(
			    steps, "postfix", CLI_STEP_OK, "%s", action->about);
		else if (setup_postfix_backup(p->setup) != 0 ||
		    cli_steps_run(
			steps, "postfix", argv, "%s", action->about) != 0)
			return -1;
	}
	return 0;
}

/* Postfix's folder. 0, or -1 and the reason. */
static int
find_folder(
    const struct setup *setup, struct strbuf *folder, struct strbuf *reason)
{
	const char *const argv[] = {
	    "postconf", "-xh", "config_directory", NULL};

	if (cli_steps_ask(&setup->steps, argv, folder, reason) != 0)
		return -1;
	while (folder->n > 0 && folder->p[folder->n - 1] == '\n')
		strbuf_truncate(folder, folder->n - 1);
	return 0;
}

static int
copy_to(struct setup *setup, const char *from, const char *to)
{
	char *main_cf = setup_postfix_print("%s/main.cf", from);
	char *master_cf = setup_postfix_print("%s/master.cf", from);
	const char *const make[] = {
	    "install", "-d", "-m", "0700", BACKUPS, to, NULL};
	const char *const copy[] = {"cp", "-p", main_cf, master_cf, to, NULL};
	int outcome = cli_steps_run(
	    &setup->steps, "postfix", make, "a folder for copies");

	if (outcome == 0)
		outcome = cli_steps_run(&setup->steps, "postfix", copy,
		    "main.cf and master.cf as they are now");
	free(main_cf);
	free(master_cf);
	return outcome;
}

int
setup_postfix_backup(struct setup *setup)
{
	struct strbuf from, to, reason;
	time_t now = (time_t)clock_wall_s();
	char stamp[32];
	struct tm utc;

	if (setup->backed_up)
		return 0;
	strbuf_init(&from, REASON_MAX);
	strbuf_init(&to, REASON_MAX);
	strbuf_init(&reason, REASON_MAX);
	(void)gmtime_r(&now, &utc);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	strbuf_addf(&to, BACKUPS "/%s", stamp);
	if (find_folder(setup, &from, &reason) != 0)
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_FAILED,
		    "postconf: %s", strbuf_text(&reason));
	else
		setup->backed_up =
		    copy_to(setup, strbuf_text(&from), strbuf_text(&to)) == 0;
	strbuf_clear(&from);
	strbuf_clear(&to);
	strbuf_clear(&reason);
	return setup->backed_up ? 0 : -1;
}

void
setup_postfix_reload(struct setup *setup)
{
	const char *const status[] = {"postfix", "status", NULL};
	const char *const reload[] = {"postfix", "reload", NULL};
	const struct timespec pause = {RELOADS_APART_S, 0};
	struct strbuf out, reason;

	/* Postfix's master that logs by postlogd (maillog_file) can wait for
	 * ever where it is asked again before there is a new postlogd. */
	if (setup->reloaded && !setup->steps.dry)
		(void)nanosleep(&pause, NULL);
	setup->reloaded = true;
	strbuf_init(&out, REASON_MAX);
	strbuf_init(&reason, REASON_MAX);
	if (cli_steps_ask(&setup->steps, status, &out, &reason) != 0) {
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_OK,
		    "it does not run, and reads its files when it is started");
	} else if (setup->backed_up) {
		(void)cli_steps_run(
		    &setup->steps, "postfix", reload, "reads its files again");
	} else {
		/* An earlier setup may have been ended before it came here. */
		(void)cli_steps_run_again(
		    &setup->steps, "postfix", reload, "runs by these files");
	}
	strbuf_clear(&out);
	strbuf_clear(&reason);
}
