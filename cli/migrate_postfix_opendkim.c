/* OpenDKIM's milters in Postfix, and who hands mail over instead: every
 * smtpd(8) that asked it, and pickup(8). */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/master_entry.h"
#include "cli/migrate_postfix_private.h"
#include "cli/samples.h"

enum { VALUE_MAX = 64 * 1024, NAME_LENGTH_MAX = 255 };

#define TO_OUT "signpost:[127.0.0.1]:10027"

/* What has mail of this host's own programs at port 25 signed; that of
 * `signpost setup'. */
#define LOCAL_TO_OUT                                            \
	"check_client_access inline:{{127=FILTER " TO_OUT "}, " \
	"{::1=FILTER " TO_OUT "}}"
#define CLIENTS_TO_OUT "check_client_access cidr:" MIGRATE_CLIENTS
#define NAMES_TO_OUT   "check_client_access regexp:" MIGRATE_NAMES
#define USERS_TO_OUT   "check_sasl_access static:{FILTER " TO_OUT "}"

static bool
has_milter(const struct migrate_wiring *w, struct slice list)
{
	struct slice milter;

	while (migrate_milter_next(&list, &milter))
		if (migrate_milter_is(
			milter, w->plan->socket, w->queue_directory))
			return true;
	return false;
}

static bool
is_milter(const struct migrate_wiring *w, struct slice milter)
{
	return migrate_milter_is(milter, w->plan->socket, w->queue_directory);
}

/* "$name" or "${name}" alone: what it is, expanded. */
static bool
is_macro(const struct migrate_wiring *w, struct slice milter,
    struct slice *name, struct slice *value)
{
	char *text;

	if (milter.n < 2 || milter.p[0] != '$')
		return false;
	*name = slice_after(milter, 1);
	if (name->n > 2 && (name->p[0] == '{' || name->p[0] == '('))
		*name = slice_first(slice_after(*name, 1), name->n - 2);
	text = xslicedup(*name);
	*value = cli_master_value(&w->master, NULL, text);
	free(text);
	return true;
}

/* The list without it. 0, or -1 where a person has to take it out: it comes by
 * a parameter that has others in it as well. */
static int
without_milter(
    const struct migrate_wiring *w, struct slice list, struct strbuf *out)
{
	struct slice milter, name, value, rest, one;
	int outcome = 0;

	while (migrate_milter_next(&list, &milter)) {
		if (is_milter(w, milter))
			continue;
		if (is_macro(w, milter, &name, &value) &&
		    has_milter(w, value) &&
		    !slice_equal(name, SLICE("smtpd_milters"))) {
			bool alone = true;

			rest = value;
			while (migrate_milter_next(&rest, &one))
				alone = alone && is_milter(w, one);
			if (alone)
				continue;
			outcome = -1;
		}
		if (out->n > 0)
			strbuf_add_str(out, ", ");
		strbuf_add(out, milter);
	}
	return outcome;
}

static void
edit_milters(struct migrate_wiring *w, const char *name)
{
	struct slice value;
	struct strbuf left;

	if (!migrate_postfix_find(w, name, &value) ||
	    !has_milter(w, cli_master_value(&w->master, NULL, name)))
		return;
	migrate_postfix_found(w, SLICE("main.cf"), name, value);
	strbuf_init(&left, VALUE_MAX);
	if (without_milter(w, value, &left) != 0)
		strbuf_addf(&w->plan->todo,
		    "main.cf: %s: take OpenDKIM's socket out of the parameter "
		    "that this names, with Postfix stopped (see steps)\n",
		    name);
	migrate_postfix_set(w, name, strbuf_slice(&left));
	strbuf_clear(&left);
}

/* --- who hands mail over --- */

/* "submission", "127.0.0.1:submission" and "587" are one service. */
static bool
is_submission(struct slice name)
{
	static const char *const names[] = {
	    "submission", "submissions", "smtps", "587", "465"};
	size_t colon = slice_find_last(name, ':');

	if (colon < name.n)
		name = slice_after(name, colon + 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equal(name, slice_str(names[i])))
			return true;
	return false;
}

static bool
is_loopback_only(const struct migrate_hosts *hosts)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (hosts->list[i].name || hosts->list[i].not ||
		    (!slice_starts_nocase(
			 slice_str(hosts->list[i].text), SLICE("127.")) &&
			strcmp(hosts->list[i].text, "::1") != 0))
			return false;
	return hosts->count > 0;
}

static bool
has_names(const struct migrate_plan *plan)
{
	for (size_t i = 0; i < plan->internal.count; i++)
		if (plan->internal.list[i].name)
			return true;
	for (size_t i = 0; i < plan->peers.count; i++)
		if (plan->peers.list[i].name)
			return true;
	return false;
}

static void
leave_to_person(struct migrate_wiring *w, const struct cli_service *service,
    const char *why)
{
	strbuf_addf(&w->plan->todo, "master.cf: %.*s: %s\n",
	    (int)service->name.n, service->name.p, why);
}

/* An smtpd that asked OpenDKIM. */
static void
hand_mail_over(struct migrate_wiring *w, const struct cli_service *service,
    struct migrate_change *change)
{
	struct slice filter =
	    cli_master_value(&w->master, service, "content_filter");
	struct strbuf restrictions;
	struct migrate_plan *plan;
	struct slice there;

	if (filter.n > 0) {
		leave_to_person(w, service,
		    "mail goes to another filter from here. Where mail comes "
		    "back from that filter, put -o content_filter=" TO_OUT
		    " (signed) or =signpost-in:[127.0.0.1]:10025 (checked) to "
		    "the smtpd that takes it; until then nothing of it is "
		    "signed");
		return;
	}
	if (w->plan->out && is_submission(service->name)) {
		migrate_change_set(change, "content_filter", SLICE(TO_OUT));
		return;
	}
	if (w->plan->in) {
		if (!w->plan->refuses) {
			migrate_change_set(change, "content_filter",
			    SLICE("signpost-in:[127.0.0.1]:10025"));
		} else {
			migrate_change_set(change, "smtpd_proxy_filter",
			    SLICE("127.0.0.1:10025"));
			migrate_change_companions(change, service,
			    cli_sample_in_before_queue, "smtp");
			if (w->plan->out)
				leave_to_person(w, service,
				    "mail is checked before the queue here, "
				    "for OpenDKIM "
				    "refused some of it; mail of own hosts "
				    "that is to be "
				    "signed needs a service of its own: "
				    "in-before-queue.cf in "
				    "/usr/share/doc/signpost/postfix "
				    "says how");
		}
	}
	if (!w->plan->out || w->plan->refuses)
		return;
	strbuf_init(&restrictions, VALUE_MAX);
	/* Which mail of such a service is ours to sign, before what stands
	 * there. */
	plan = w->plan;
	there = cli_master_value(
	    &w->master, service, "smtpd_end_of_data_restrictions");
	if (is_loopback_only(&plan->internal) && plan->peers.count == 0)
		strbuf_add_str(&restrictions, LOCAL_TO_OUT);
	else
		strbuf_addf(&restrictions, "%s%s",
		    has_names(plan) ? NAMES_TO_OUT ", " : "", CLIENTS_TO_OUT);
	if (slice_equal_nocase(
		cli_master_value(&w->master, service, "smtpd_sasl_auth_enable"),
		SLICE("yes")))
		strbuf_add_str(&restrictions, ", " USERS_TO_OUT);
	if (there.n > 0)
		strbuf_addf(&restrictions, ", %.*s", (int)there.n, there.p);
	migrate_change_set(change, "smtpd_end_of_data_restrictions",
	    strbuf_slice(&restrictions));
	strbuf_clear(&restrictions);
}

/* --- a service --- */

static void
take_own_milters(struct migrate_wiring *w, const struct cli_service *service,
    struct migrate_change *change, const char *name)
{
	struct slice raw, value;
	struct strbuf left;

	if (!cli_service_sets(service, name, &value) || !has_milter(w, value) ||
	    !cli_master_entry_option(
		strbuf_slice(&change->entry), slice_str(name), &raw))
		return;
	migrate_postfix_found(w, service->name, name, raw);
	strbuf_init(&left, VALUE_MAX);
	if (without_milter(w, raw, &left) != 0)
		leave_to_person(w, service,
		    "take OpenDKIM's socket out of the parameter that its "
		    "milters name, with Postfix stopped (see steps)");
	migrate_change_set(change, name, strbuf_slice(&left));
	strbuf_clear(&left);
}

static void
edit_service(struct migrate_wiring *w, const struct cli_service *service)
{
	bool smtpd = slice_equal(service->command, SLICE("smtpd"));
	bool pickup = slice_equal(service->command, SLICE("pickup"));
	struct migrate_change change = {.changed = false};

	strbuf_init(&change.entry, CLI_MASTER_ENTRY_MAX);
	if (!cli_master_entry_find(w->from->services, service->name,
		service->type, &change.entry)) {
		strbuf_clear(&change.entry);
		return;
	}
	take_own_milters(w, service, &change, "smtpd_milters");
	take_own_milters(w, service, &change, "non_smtpd_milters");
	if (smtpd &&
	    has_milter(
		w, cli_master_value(&w->master, service, "smtpd_milters")) &&
	    !cli_master_lists(cli_master_value(&w->master, service,
				  "receive_override_options"),
		SLICE("no_milters")))
		hand_mail_over(w, service, &change);
	if (pickup && w->plan->out &&
	    migrate_hosts_contain(&w->plan->internal, "127.0.0.1") &&
	    has_milter(
		w, cli_master_value(&w->master, NULL, "non_smtpd_milters"))) {
		if (cli_master_value(&w->master, service, "content_filter").n >
		    0)
			leave_to_person(w, service,
			    "mail goes to another filter from here; see "
			    "above");
		else
			migrate_change_set(
			    &change, "content_filter", SLICE(TO_OUT));
	}
	if (change.changed)
		migrate_change_add(&w->to->hands, service->name, service->type,
		    strbuf_slice(&change.entry));
	strbuf_clear(&change.entry);
}

/* --- tables of clients --- */

/* DUNNO: what stands behind the table is asked. */
static const char *
action_of(const struct migrate_host *host, bool peer)
{
	return peer || host->not ? "DUNNO" : "FILTER " TO_OUT;
}

/* The more precise entry stands first, for Postfix takes the first. */
static void
add_networks(struct strbuf *to, const struct migrate_hosts *hosts,
    unsigned bits, bool peer)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (!hosts->list[i].name && hosts->list[i].bits == bits)
			strbuf_addf(to, "%s\t%s\n", hosts->list[i].text,
			    action_of(&hosts->list[i], peer));
}

/* A name as an expression: all of it, or what ends so where it begins with a
 * dot. */
static void
add_name(struct strbuf *to, const struct migrate_host *host, bool peer)
{
	strbuf_add_str(to, host->text[0] == '.' ? "/" : "/^");
	for (const char *c = host->text; *c != '\0'; c++) {
		if (!ascii_is_alnum(*c) && *c != '-' && *c != '_')
			strbuf_add_char(to, '\\');
		strbuf_add_char(to, *c);
	}
	strbuf_addf(to, "$/\t%s\n", action_of(host, peer));
}

/* Those of that length; a whole name before one that is what others end
 * with. */
static void
add_host_names(struct strbuf *to, const struct migrate_hosts *hosts,
    size_t length, bool whole, bool peer)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (hosts->list[i].name &&
		    strlen(hosts->list[i].text) == length &&
		    (hosts->list[i].text[0] != '.') == whole)
			add_name(to, &hosts->list[i], peer);
}

static void
add_tables(struct migrate_wiring *w)
{
	const struct migrate_plan *plan = w->plan;
	struct strbuf *names = &w->to->names;

	if (is_loopback_only(&plan->internal) && plan->peers.count == 0) {
		if (!migrate_hosts_contain(&plan->internal, "::1"))
			strbuf_add_str(&w->plan->differs,
			    "InternalHosts: mail that comes by SMTP from ::1 "
			    "and all of 127.0.0.0/8 is signed, not that of "
			    "127.0.0.1 alone\n");
		return;
	}
	for (unsigned bits = 128; bits <= 128; bits--) {
		add_networks(&w->to->clients, &plan->peers, bits, true);
		add_networks(&w->to->clients, &plan->internal, bits, false);
	}
	for (size_t i = 0; i < 2; i++)
		for (size_t length = NAME_LENGTH_MAX; length > 0; length--) {
			add_host_names(
			    names, &plan->peers, length, i == 0, true);
			add_host_names(
			    names, &plan->internal, length, i == 0, false);
		}
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
	edit_milters(w, "smtpd_milters");
	edit_milters(w, "non_smtpd_milters");
	for (size_t i = 0; i < w->master.count; i++)
		edit_service(w, &w->master.list[i]);
	if (w->to->found.n == 0)
		strbuf_addf(&w->plan->todo,
		    "opendkim: no milter of Postfix's is its Socket, %s: have "
		    "Postfix hand mail to signpost by signpost(8), WIRING "
		    "POSTFIX\n",
		    w->plan->socket);
	if (w->plan->out) {
		migrate_postfix_ways(w, false, false, SLICE("127.0.0.1:10028"));
		add_tables(w);
	}
	if (w->plan->in)
		migrate_postfix_ways(
		    w, true, w->plan->refuses, SLICE("127.0.0.1:10026"));
}
