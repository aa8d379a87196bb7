/*
 * OpenDKIM's milters in Postfix: where one stands, ours stand from now on. Who
 * asked it asks us, at the same place among other milters; so a content filter
 * and what comes back from it are as they were.
 */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/kit/milters.h"
#include "cli/master_entry.h"
#include "cli/migrate_postfix_private.h"

enum { VALUE_MAX = 64 * 1024, MACROS_DEEP = 8 };

/* As etc/postfix/milter.cf has them. */
#define TO_OUT "unix:signpost/out"
#define TO_IN  "unix:signpost/in"

static bool
is_theirs(const struct migrate_wiring *w, struct slice milter)
{
	return migrate_milter_is(milter, w->plan->socket, w->queue_directory);
}

static bool
has_theirs(const struct migrate_wiring *w, struct slice list)
{
	struct slice milter;

	while (cli_milter_next(&list, &milter))
		if (is_theirs(w, milter))
			return true;
	return false;
}

/* "$name" or "${name}" alone: what it is, as main.cf has it. */
static bool
find_macro(
    const struct migrate_wiring *w, struct slice milter, struct slice *value)
{
	struct slice name;
	char *text;
	bool found;

	if (milter.n < 2 || milter.p[0] != '$')
		return false;
	name = slice_after(milter, 1);
	if (name.n > 2 && (name.p[0] == '{' || name.p[0] == '('))
		name = slice_first(slice_after(name, 1), name.n - 2);
	text = xslicedup(name);
	found = migrate_postfix_find(w, text, value) &&
	    has_theirs(w, cli_master_value(&w->master, NULL, text));
	free(text);
	return found;
}

/* --- lists --- */

/* Which of ours take its place: who checks before who signs. */
enum ours { OUT = 1 << 0, IN = 1 << 1 };

static void
add_milter(struct strbuf *to, struct slice milter)
{
	if (cli_milters_have(strbuf_slice(to), cli_milter_address(milter)))
		return;
	strbuf_add_str(to, to->n > 0 ? ", " : "");
	strbuf_add(to, milter);
}

/* In place of theirs, with what its braces say. */
static void
add_one(struct strbuf *to, struct slice theirs, struct slice ours)
{
	struct slice address = cli_milter_address(theirs);
	struct strbuf made;

	strbuf_init(&made, VALUE_MAX);
	strbuf_add(&made, slice_first(theirs, (size_t)(address.p - theirs.p)));
	strbuf_add(&made, ours);
	strbuf_add(&made,
	    slice_after(theirs, (size_t)(address.p - theirs.p) + address.n));
	add_milter(to, strbuf_slice(&made));
	strbuf_clear(&made);
}

/* The list with ours in place of theirs; where it has theirs by another
 * parameter, what that has stands there. */
static void
add_exchanged(const struct migrate_wiring *w, struct slice list, unsigned ours,
    int deep, struct strbuf *to)
{
	struct slice milter, value;

	while (cli_milter_next(&list, &milter)) {
		if (!is_theirs(w, milter)) {
			if (deep > 0 && find_macro(w, milter, &value))
				add_exchanged(w, value, ours, deep - 1, to);
			else
				add_milter(to, milter);
			continue;
		}
		if (ours & IN)
			add_one(to, milter, SLICE(TO_IN));
		if (ours & OUT)
			add_one(to, milter, SLICE(TO_OUT));
	}
}

/* Mail of strangers is checked, and what is ours is signed. What is submitted,
 * or came by no SMTP, is nobody's to check where it is signed. */
static unsigned
ours_for(const struct migrate_wiring *w, bool strangers)
{
	if (w->plan->out)
		return OUT | (strangers && w->plan->in ? IN : 0);
	return strangers ? IN : 0;
}

static void
edit_main(struct migrate_wiring *w, const char *name, bool strangers)
{
	struct slice value;
	struct strbuf made;

	if (!migrate_postfix_find(w, name, &value) ||
	    !has_theirs(w, cli_master_value(&w->master, NULL, name)))
		return;
	migrate_postfix_found(w, SLICE("main.cf"), name, value);
	strbuf_init(&made, VALUE_MAX);
	add_exchanged(w, value, ours_for(w, strangers), MACROS_DEEP, &made);
	migrate_postfix_set(w, name, strbuf_slice(&made));
	strbuf_clear(&made);
}

/* --- services --- */

/* Its own list; or main.cf's, where what takes its place there is not for this
 * service. */
static void
exchange_own(struct migrate_wiring *w, const struct cli_service *service,
    struct migrate_change *change, const char *name)
{
	static const char *const submissions[] = {
	    "submission", "submissions", "smtps", "587", "465", NULL};
	bool smtpd = strcmp(name, "smtpd_milters") == 0;
	bool strangers =
	    smtpd && !cli_service_is_one_of(service->name, submissions);
	struct slice value, raw = {NULL, 0};
	bool own = cli_service_sets(service, name, &value);
	struct strbuf made;

	if (own && has_theirs(w, value) &&
	    cli_master_entry_option(
		strbuf_slice(&change->entry), slice_str(name), &raw))
		migrate_postfix_found(w, service->name, name, raw);
	else if (own || !smtpd || strangers || !w->plan->in ||
	    !slice_equal(service->command, SLICE("smtpd")) ||
	    !migrate_postfix_find(w, name, &raw) ||
	    !has_theirs(w, cli_master_value(&w->master, NULL, name)))
		return;
	strbuf_init(&made, VALUE_MAX);
	add_exchanged(w, raw, ours_for(w, strangers), MACROS_DEEP, &made);
	migrate_change_set(change, name, strbuf_slice(&made));
	strbuf_clear(&made);
}

static void
edit_service(struct migrate_wiring *w, const struct cli_service *service)
{
	struct migrate_change change = {.changed = false};

	strbuf_init(&change.entry, CLI_MASTER_ENTRY_MAX);
	if (cli_master_entry_find(w->from->services, service->name,
		service->type, &change.entry)) {
		exchange_own(w, service, &change, "smtpd_milters");
		exchange_own(w, service, &change, "non_smtpd_milters");
	}
	if (change.changed)
		migrate_change_add(&w->to->hands, service->name, service->type,
		    strbuf_slice(&change.entry));
	strbuf_clear(&change.entry);
}

void
migrate_postfix_opendkim(struct migrate_wiring *w)
{
	if (w->plan->socket == NULL) {
		strbuf_add_str(&w->plan->todo,
		    "opendkim: there is no Socket, so its lines in Postfix "
		    "are not known: name it by Socket, and run this again\n");
		return;
	}
	edit_main(w, "smtpd_milters", true);
	edit_main(w, "non_smtpd_milters", false);
	for (size_t i = 0; i < w->master.count; i++)
		edit_service(w, &w->master.list[i]);
	if (w->to->found.n == 0)
		strbuf_addf(&w->plan->todo,
		    "opendkim: no milter of Postfix's is its Socket, %s: have "
		    "Postfix ask signpost by signpost(8), BY MILTER\n",
		    w->plan->socket);
	if (w->queue_directory.n > 0 &&
	    !slice_equal(w->queue_directory, SLICE("/var/spool/postfix")))
		strbuf_addf(&w->plan->todo,
		    "main.cf: queue_directory is %.*s: listen below it, in "
		    "signpost, a directory that Postfix's user reaches\n",
		    (int)w->queue_directory.n, w->queue_directory.p);
}
