/*
 * Postfix's part of `signpost setup --wiring milter', and its way back: who
 * asks us, as etc/postfix/milter.cf has it. Nothing of it stands in the queue,
 * so what is taken out strands no mail.
 */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/kit/master.h"
#include "cli/kit/milters.h"
#include "cli/master_entry.h"
#include "cli/migrate_postfix.h"
#include "cli/setup_postfix_private.h"

enum { OUTPUT_MAX = 1024 * 1024, REASON_MAX = 1000, MACROS_DEEP = 4 };

/* As etc/postfix/milter.cf has them. */
#define TO_DIRECTORY "unix:signpost/"
#define TO_OUT	     TO_DIRECTORY "out"
#define TO_IN	     TO_DIRECTORY "in"

/* --- lists --- */

/* Those of others, in their order. */
static void
add_others(struct slice list, struct strbuf *to)
{
	struct slice milter, address;

	while (cli_milter_next(&list, &milter)) {
		address = cli_milter_address(milter);
		if (slice_equal(address, SLICE(TO_OUT)) ||
		    slice_equal(address, SLICE(TO_IN)))
			continue;
		strbuf_add_str(to, to->n > 0 ? ", " : "");
		strbuf_add(to, milter);
	}
}

/* Is it in the list, be it by another parameter that stands there as $name? */
static bool
has_milter(const struct setup_postfix *p, struct slice list,
    struct slice address, int deep)
{
	struct slice milter, value;

	if (cli_milters_have(list, address))
		return true;
	while (deep > 0 && cli_milter_next(&list, &milter)) {
		if (milter.n < 2 || milter.p[0] != '$')
			continue;
		milter = slice_after(milter, 1);
		if (milter.p[0] == '{' || milter.p[0] == '(')
			milter =
			    slice_first(slice_after(milter, 1), milter.n - 2);
		if (setup_postfix_value(p, NULL, milter, &value) &&
		    has_milter(p, value, address, deep - 1))
			return true;
	}
	return false;
}

/* What a service of that door is to ask. */
static const char *
list_for(const struct setup_wishes *wishes, enum setup_door door)
{
	if (door == SETUP_SUBMISSION)
		return TO_OUT;
	if (door != SETUP_INCOMING)
		return NULL;
	if (wishes->inbound)
		return TO_IN "," TO_OUT;
	return wishes->local ? TO_OUT : NULL;
}

/* --- the plan --- */

/* Where something is set: in a service, or (`entry` is NULL) in main.cf. */
struct place {
	const struct slice *entry;
	const char *service; /* its name and type */
};

static char *
name_place(const struct place *at, const char *name)
{
	return setup_postfix_print(
	    "%s: %s", at->entry == NULL ? "main.cf" : at->service, name);
}

/* The command that has the parameter so, whatever stands in the value. */
static char *
print_command(const struct place *at, const char *name, struct slice value)
{
	struct strbuf made, word, out;
	char *text;

	strbuf_init(&made, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&word, 2 * CLI_MASTER_ENTRY_MAX);
	strbuf_init(&out, 4 * CLI_MASTER_ENTRY_MAX);
	if (at->entry == NULL) {
		strbuf_addf(&word, "%s=%.*s", name, (int)value.n, value.p);
	} else {
		migrate_entry_set(*at->entry, name, value, &made);
		strbuf_addf(&word, "%s=%s", at->service, strbuf_text(&made));
	}
	escape_shell(strbuf_slice(&word), &out);
	text = setup_postfix_print("postconf %s %s",
	    at->entry == NULL ? "-e" : "-Me", strbuf_text(&out));
	strbuf_clear(&made);
	strbuf_clear(&word);
	strbuf_clear(&out);
	return text;
}

/* What a person has in the list stays there, and he is told how to put ours to
 * it: who checks comes before all that changes a message, who signs behind. */
static char *
print_how(const struct place *at, const char *name, const char *wanted,
    struct slice theirs)
{
	struct strbuf list;
	char *command, *text;

	strbuf_init(&list, CLI_MASTER_ENTRY_MAX);
	add_others(theirs, &list);
	if (strstr(wanted, TO_IN) != NULL) {
		struct strbuf all;

		strbuf_init(&all, CLI_MASTER_ENTRY_MAX);
		strbuf_addf(&all, TO_IN ", %s", strbuf_text(&list));
		strbuf_reset(&list);
		strbuf_add(&list, strbuf_slice(&all));
		strbuf_clear(&all);
	}
	strbuf_add_str(&list, ", " TO_OUT);
	command = print_command(at, name, strbuf_slice(&list));
	text = setup_postfix_print(
	    "it is %.*s now. With ours, and run this again: %s", (int)theirs.n,
	    theirs.p, command);
	free(command);
	strbuf_clear(&list);
	return text;
}

static void
plan_list(struct setup_postfix *p, const struct place *at, const char *name,
    const char *wanted)
{
	struct setup_action action = {.part = SETUP_PARTS_HAND};
	struct slice theirs = {NULL, 0}, rest = slice_str(wanted), one;
	struct strbuf others;
	bool complete = true;

	strbuf_init(&others, CLI_MASTER_ENTRY_MAX);
	(void)setup_postfix_value(p, at->entry, slice_str(name), &theirs);
	add_others(theirs, &others);
	while (cli_milter_next(&rest, &one))
		complete = complete && has_milter(p, theirs, one, MACROS_DEEP);
	action.about = name_place(at, name);
	action.option = at->entry == NULL ? "-e" : "-Pe";
	action.argument = at->entry == NULL
	    ? setup_postfix_print("%s=%s", name, wanted)
	    : setup_postfix_print("%s/%s=%s", at->service, name, wanted);
	if (complete) {
		action.state = CLI_STEP_OK;
	} else if (others.n == 0) {
		action.state = CLI_STEP_WOULD;
	} else {
		action.state = CLI_STEP_STOP;
		action.todo = print_how(at, name, wanted, theirs);
	}
	strbuf_clear(&others);
	setup_postfix_add(p, &action);
}

/* One of main.cf's with a value of its own, or a list that has that word. */
static void
plan_word(struct setup_postfix *p, const char *name, const char *wanted,
    const char *todo)
{
	struct setup_action action = {.part = SETUP_PARTS_HAND, .option = "-e"};
	const struct place at = {NULL, NULL};
	struct slice theirs = {NULL, 0};

	action.about = name_place(&at, name);
	action.argument = setup_postfix_print("%s=%s", name, wanted);
	if (!setup_postfix_value(p, NULL, slice_str(name), &theirs)) {
		action.state = CLI_STEP_WOULD;
	} else if (cli_master_lists(theirs, slice_str(wanted))) {
		action.state = CLI_STEP_OK;
	} else {
		action.state = CLI_STEP_STOP;
		action.todo = setup_postfix_print(
		    "it is %.*s now. %s", (int)theirs.n, theirs.p, todo);
	}
	setup_postfix_add(p, &action);
}

/* What keeps the milters of a service from seeing its mail. */
static void
plan_obstacles(struct setup_postfix *p, const struct place *at)
{
	static const char proxy[] = "smtpd_proxy_filter",
			  override[] = "receive_override_options";
	struct setup_action action = {
	    .part = SETUP_PARTS_HAND, .state = CLI_STEP_STOP};
	struct slice value;

	if (setup_postfix_value(p, at->entry, slice_str(proxy), &value)) {
		action.about = name_place(at, proxy);
		action.todo = setup_postfix_print(
		    "it is %.*s now: Postfix shows no message of this service "
		    "to milters. Sign and check by --wiring before-queue, or "
		    "take it out",
		    (int)value.n, value.p);
		setup_postfix_add(p, &action);
	}
	if (setup_postfix_value(p, at->entry, slice_str(override), &value) &&
	    cli_master_lists(value, SLICE("no_milters"))) {
		action.about = name_place(at, override);
		action.todo = setup_postfix_print(
		    "it is %.*s now: take no_milters out of it, and run this "
		    "again",
		    (int)value.n, value.p);
		setup_postfix_add(p, &action);
	}
}

size_t
setup_milter_plan(struct setup_postfix *p)
{
	const struct setup_wishes *wishes = &p->setup->wishes;
	struct slice rest = strbuf_slice(&p->services), name, type, line;
	const struct place main_cf = {NULL, NULL};
	size_t submitted = 0;
	struct strbuf entry;

	if (setup_postfix_value(p, NULL, SLICE("queue_directory"), &line) &&
	    !slice_equal(line, SLICE("/var/spool/postfix"))) {
		struct setup_action action = {.part = SETUP_PARTS_HAND,
		    .state = CLI_STEP_STOP,
		    .about = name_place(&main_cf, "queue_directory")};

		action.todo = setup_postfix_print(
		    "it is %.*s now, and setup has us listen below "
		    "/var/spool/postfix: do it by hand (man signpost, BY "
		    "MILTER)",
		    (int)line.n, line.p);
		setup_postfix_add(p, &action);
	}
	/* While nobody answers mail has to wait, before anybody asks. */
	plan_word(p, "milter_default_action", "tempfail",
	    "While signpost is down, mail would go on unsigned, or be refused "
	    "for good. Have it wait, and run this again: postconf -e "
	    "milter_default_action=tempfail (another milter can have its own: "
	    "{ inet:..., default_action=accept } in the list)");
	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	while (setup_postfix_next(&rest, &name, &type, &entry)) {
		enum setup_door door;
		const char *list;
		char *its;

		line = strbuf_slice(&entry);
		door = setup_postfix_door(line, name);
		list = list_for(wishes, door);
		submitted += door == SETUP_SUBMISSION;
		if (list == NULL)
			continue;
		its = setup_postfix_print(
		    "%.*s/%.*s", (int)name.n, name.p, (int)type.n, type.p);
		plan_obstacles(p, &(struct place){&line, its});
		plan_list(
		    p, &(struct place){&line, its}, "smtpd_milters", list);
		free(its);
	}
	strbuf_clear(&entry);
	if (wishes->local) {
		plan_list(p, &main_cf, "non_smtpd_milters", TO_OUT);
		plan_word(p, "internal_mail_filter_classes", "bounce",
		    "For bounces of Postfix's own to be signed: postconf -e "
		    "'internal_mail_filter_classes=bounce, notify'");
	}
	return submitted;
}

/* --- another wiring --- */

/* What stands in the way of the wiring that is wished for: a service of the
 * others, by name, or a line that asks us by milter. */
static bool
find_other(struct slice services, struct slice parameters, bool milter,
    struct strbuf *found)
{
	struct slice rest = services, name, type, value;
	struct strbuf entry;

	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	for (int i = 0; milter && i < 4 && found->n == 0; i++) {
		const struct setup_service *of = setup_postfix_services(
		    i > 1, i % 2 == 0 ? SETUP_AFTER_QUEUE : SETUP_BEFORE_QUEUE);

		for (; of->name != NULL && found->n == 0; of++)
			if (cli_master_entry_find(services, slice_str(of->name),
				slice_str(of->type), &entry))
				strbuf_addf(
				    found, "service %s/%s", of->name, of->type);
	}
	while (!milter && found->n == 0 &&
	    setup_postfix_next(&rest, &name, &type, &entry))
		if (cli_master_entry_option(
			strbuf_slice(&entry), SLICE("smtpd_milters"), &value) &&
		    (cli_milters_have(value, SLICE(TO_OUT)) ||
			cli_milters_have(value, SLICE(TO_IN))))
			strbuf_addf(found, "%.*s: smtpd_milters=%.*s",
			    (int)name.n, name.p, (int)value.n, value.p);
	while (!milter && found->n == 0 && slice_cut(&parameters, '\n', &value))
		if (slice_search(value, SLICE("_milters = ")) < value.n &&
		    slice_search(value, SLICE(TO_DIRECTORY)) < value.n)
			strbuf_addf(
			    found, "main.cf: %.*s", (int)value.n, value.p);
	strbuf_clear(&entry);
	return found->n > 0;
}

bool
setup_milter_is_other(struct setup *setup)
{
	const char *const ask[][3] = {
	    {"postconf", "-M", NULL}, {"postconf", "-n", NULL}};
	struct strbuf services, parameters, text;
	bool other;

	strbuf_init(&services, OUTPUT_MAX);
	strbuf_init(&parameters, OUTPUT_MAX);
	strbuf_init(&text, REASON_MAX);
	/* Where it cannot be asked that is told later. */
	other = cli_steps_ask(&setup->steps, ask[0], &services, &text) == 0 &&
	    cli_steps_ask(&setup->steps, ask[1], &parameters, &text) == 0;
	strbuf_reset(&text);
	other = other &&
	    find_other(strbuf_slice(&services), strbuf_slice(&parameters),
		setup->wishes.wiring == SETUP_MILTER, &text);
	if (other && !setup->wishes.wiring_said) {
		setup->wishes.wiring = SETUP_MILTER;
		other = false;
	}
	if (other) {
		cli_steps_tell(&setup->steps, "postfix", CLI_STEP_STOP,
		    "mail goes through signpost by another wiring: %s",
		    strbuf_text(&text));
		cli_steps_todo("signpost setup --undo takes that out; then run "
			       "this again");
	}
	strbuf_clear(&services);
	strbuf_clear(&parameters);
	strbuf_clear(&text);
	return other;
}

/* --- back --- */

static int
run_postconf(struct setup *setup, const char *option, const char *argument,
    const char *about)
{
	const char *const argv[] = {"postconf", option, argument, NULL};

	return setup_postfix_backup(setup) != 0
	    ? -1
	    : cli_steps_run(&setup->steps, "postfix", argv, "%s", about);
}

/* The list of one place without ours. 0, also where they are not in it; -1. */
static int
drop_from(struct setup_postfix *p, const struct place *at, const char *name)
{
	struct slice value;
	struct strbuf left, made;
	char *about, *argument;
	int outcome;

	if (at->entry != NULL
		? !cli_master_entry_option(*at->entry, slice_str(name), &value)
		: !setup_postfix_value(p, NULL, slice_str(name), &value))
		return 0;
	if (!cli_milters_have(value, SLICE(TO_OUT)) &&
	    !cli_milters_have(value, SLICE(TO_IN)))
		return 0;
	strbuf_init(&left, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&made, CLI_MASTER_ENTRY_MAX);
	add_others(value, &left);
	if (at->entry == NULL && left.n == 0) {
		argument = setup_postfix_print("%s", name);
	} else if (at->entry == NULL) {
		argument =
		    setup_postfix_print("%s=%s", name, strbuf_text(&left));
	} else if (left.n == 0) {
		argument = setup_postfix_print("%s/%s", at->service, name);
	} else {
		migrate_entry_set(*at->entry, name, strbuf_slice(&left), &made);
		argument = setup_postfix_print(
		    "%s=%s", at->service, strbuf_text(&made));
	}
	about = setup_postfix_print(
	    "%s asks us no more", at->entry == NULL ? name : at->service);
	outcome = run_postconf(p->setup,
	    at->entry == NULL ? (left.n == 0 ? "-X" : "-e")
			      : (left.n == 0 ? "-PX" : "-Me"),
	    argument, about);
	free(about);
	free(argument);
	strbuf_clear(&left);
	strbuf_clear(&made);
	return outcome;
}

/* What setup wrote beside the lists, which is as Postfix has it by itself, or of
 * use to nobody else. */
static int
drop_word(struct setup_postfix *p, const char *name, const char *written)
{
	struct slice value;

	if (!setup_postfix_value(p, NULL, slice_str(name), &value) ||
	    !slice_equal(value, slice_str(written)))
		return 0;
	return run_postconf(p->setup, "-X", name, name);
}

int
setup_milter_undo(struct setup *setup)
{
	const char *const ask[][3] = {
	    {"postconf", "-M", NULL}, {"postconf", "-n", NULL}};
	const struct place main_cf = {NULL, NULL};
	struct setup_postfix p = {.setup = setup};
	struct slice rest, name, type, line;
	struct strbuf entry, reason;
	int outcome;

	strbuf_init(&p.services, OUTPUT_MAX);
	strbuf_init(&p.parameters, OUTPUT_MAX);
	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&reason, REASON_MAX);
	outcome =
	    cli_steps_ask(&setup->steps, ask[0], &p.services, &reason) != 0 ||
		cli_steps_ask(&setup->steps, ask[1], &p.parameters, &reason) !=
		    0
	    ? -1
	    : 0;
	/* The lists go last: by them it is known that the rest is setup's. */
	if (outcome == 0 &&
	    (slice_search(strbuf_slice(&p.services), SLICE(TO_DIRECTORY)) <
		    p.services.n ||
		slice_search(strbuf_slice(&p.parameters), SLICE(TO_DIRECTORY)) <
		    p.parameters.n) &&
	    (drop_word(&p, "internal_mail_filter_classes", "bounce") != 0 ||
		drop_word(&p, "milter_default_action", "tempfail") != 0))
		outcome = -1;
	rest = strbuf_slice(&p.services);
	while (
	    outcome == 0 && setup_postfix_next(&rest, &name, &type, &entry)) {
		char *its = setup_postfix_print(
		    "%.*s/%.*s", (int)name.n, name.p, (int)type.n, type.p);

		line = strbuf_slice(&entry);
		outcome =
		    drop_from(&p, &(struct place){&line, its}, "smtpd_milters");
		free(its);
	}
	if (outcome == 0)
		outcome = drop_from(&p, &main_cf, "smtpd_milters");
	if (outcome == 0)
		outcome = drop_from(&p, &main_cf, "non_smtpd_milters");
	strbuf_clear(&p.services);
	strbuf_clear(&p.parameters);
	strbuf_clear(&entry);
	strbuf_clear(&reason);
	return outcome;
}
