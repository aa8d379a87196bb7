/*
 * OpenDKIM's settings into ours. What cli/migrate_options.c says of an option
 * is not said again here; options that are not named here have nothing that
 * could be carried over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/xalloc.h"
#include "cli/migrate_opendkim_private.h"
#include "cli/migrate_options.h"

enum { REASON_MAX = 500 };

#define DEFAULTS "/etc/default/opendkim"
/* By milter, as OpenDKIM was asked: below Postfix's queue directory. */
#define LISTEN(name) \
	"milter:unix:/var/spool/postfix/signpost/" name " group=postfix"

struct migrate_setting *
migrate_opendkim_find(struct migrate_opendkim *m, const char *name)
{
	return migrate_settings_find(&m->plan->settings, name);
}

bool
migrate_opendkim_is(struct migrate_opendkim *m, const char *name)
{
	struct migrate_setting *setting = migrate_opendkim_find(m, name);

	return setting != NULL && migrate_is_yes(setting->value);
}

void
migrate_opendkim_put(struct strbuf *to, const char *name, const char *value)
{
	strbuf_addf(to, "%s = %s\n", name, value);
}

int
migrate_opendkim_read(
    struct migrate_opendkim *m, const char *name, struct migrate_set *set)
{
	struct migrate_setting *setting = migrate_opendkim_find(m, name);

	if (setting == NULL ||
	    migrate_set_read(set, setting, m->folder, &m->reading) != 0)
		return -1;
	if (set->type != MIGRATE_SET_OTHER)
		return 0;
	/* A database that only OpenDKIM can ask. */
	migrate_plan_note(&m->plan->todo, setting,
	    "a data set of type `%s' cannot be read here: write what is in it "
	    "into a file, a line KEY VALUE each, name that by file:/PATH, and "
	    "run this again",
	    set->kind);
	migrate_plan_tell(m->plan, setting, "not carried over: see below");
	return -1;
}

/* Options that a person has to do something about, where they are set. */
static void
name_the_rest(struct migrate_opendkim *m)
{
	for (size_t i = 0; i < m->plan->settings.count; i++) {
		struct migrate_setting *setting = &m->plan->settings.list[i];
		const struct migrate_option *option =
		    migrate_option_find(slice_str(setting->name));

		if (migrate_opendkim_find(m, setting->name) != setting &&
		    strcasecmp(setting->name, "Include") != 0)
			migrate_plan_tell(m->plan, setting,
			    "nothing: a later line says it again");
		else if (option->fate == MIGRATE_ACT &&
		    (option->type != MIGRATE_BOOL ||
			migrate_is_yes(setting->value)))
			migrate_plan_note(
			    &m->plan->todo, setting, "%s", option->advice);
	}
}

/* --- what happens when --- */

static const char *
action(struct migrate_opendkim *m, const char *name, const char *otherwise)
{
	const char *all = migrate_plan_value(m->plan, "On-Default", otherwise);

	return migrate_plan_value(m->plan, name, all);
}

static bool
begins_with(const char *word, char letter)
{
	return ascii_lower(word[0]) == letter;
}

/* A setting that knows only tempfail and pass. */
static void
set_trouble(struct migrate_opendkim *m, struct strbuf *to, const char *ours,
    const char *theirs, const char *otherwise)
{
	const char *word = action(m, theirs, otherwise);
	struct migrate_setting *setting = migrate_opendkim_find(m, theirs);

	migrate_opendkim_put(
	    to, ours, begins_with(word, 'a') ? "pass" : "tempfail");
	if (setting != NULL && !begins_with(word, 'a') &&
	    !begins_with(word, 't'))
		migrate_plan_note(&m->plan->differs, setting,
		    "such mail is answered 451 now: `%s' knows tempfail and "
		    "pass",
		    ours);
}

/* What mail is refused for; a word of `reject =`. dkim-required has dkim in
 * it, by its name and by what it does. */
static void
add_refusal(struct migrate_opendkim *m, const char *theirs, const char *word,
    struct strbuf *words)
{
	const char *what = action(m, theirs, "accept");
	struct migrate_setting *setting = migrate_opendkim_find(m, theirs);

	if (setting == NULL)
		setting = migrate_opendkim_find(m, "On-Default");
	if (begins_with(what, 'r')) {
		if (slice_search(strbuf_slice(words), slice_str(word)) ==
		    words->n)
			strbuf_addf(
			    words, "%s%s", words->n == 0 ? "" : ", ", word);
	} else if (!begins_with(what, 'a') && setting != NULL) {
		migrate_plan_note(&m->plan->todo, setting,
		    "mail is refused for it (`reject = %s') or taken; let a "
		    "filter behind signpost read Authentication-Results",
		    word);
	}
}

/* --- hosts --- */

static void
read_hosts(
    struct migrate_opendkim *m, const char *name, struct migrate_hosts *to)
{
	struct migrate_set set = {.count = 0};

	if (migrate_opendkim_read(m, name, &set) == 0)
		migrate_hosts_read(
		    m->plan, migrate_opendkim_find(m, name), &set, to);
	migrate_set_clear(&set);
}

/* Whose mail OpenDKIM signed: who logged in, and InternalHosts, among which
 * 127.0.0.1 stands for what comes by no SMTP, too. */
static void
set_sign_for(struct migrate_opendkim *m)
{
	struct migrate_setting *setting =
	    migrate_opendkim_find(m, "InternalHosts");
	const struct migrate_hosts *internal = &m->plan->internal;
	struct strbuf list;

	strbuf_init(&list, 1024 * 1024);
	strbuf_add_str(&list, "authenticated");
	if (migrate_hosts_contain(internal, "127.0.0.1"))
		strbuf_add_str(&list, ", local");
	if (!migrate_hosts_networks(internal, &m->plan->peers, &list))
		migrate_plan_note(&m->plan->todo, setting,
		    "too many exceptions: write the networks whose mail is "
		    "signed to `sign_for' of [out]");
	for (size_t i = 0; i < internal->count; i++)
		if (internal->list[i].name)
			migrate_plan_note(&m->plan->todo, setting,
			    "%s%s: `sign_for' of [out] has networks, no names "
			    "of hosts: where a client of that name does not "
			    "log in, its address belongs there",
			    internal->list[i].not ? "!" : "",
			    internal->list[i].text);
	migrate_opendkim_put(
	    &m->plan->out_text, "sign_for", strbuf_text(&list));
	strbuf_clear(&list);
}

/* Names are nothing that `trusted' has. */
static void
add_trusted(struct migrate_opendkim *m, const char *name,
    const struct migrate_hosts *hosts, struct strbuf *to)
{
	struct migrate_setting *setting = migrate_opendkim_find(m, name);

	for (size_t i = 0; i < hosts->count; i++) {
		const struct migrate_host *host = &hosts->list[i];

		if (host->not &&!host->name)
			migrate_plan_note(&m->plan->differs, setting,
			    "`trusted' of [in] has no exceptions: mail of %s "
			    "is checked, and never refused",
			    host->text);
		else if (!host->name &&
		    !slice_starts_nocase(
			slice_str(host->text), SLICE("127.")) &&
		    strcmp(host->text, "::1") != 0)
			strbuf_addf(to, ", %s", host->text);
	}
}

static void
set_hosts(struct migrate_opendkim *m)
{
	struct strbuf trusted;

	if (migrate_opendkim_find(m, "InternalHosts") == NULL)
		migrate_hosts_add(&m->plan->internal,
		    &(struct migrate_host){.text = "127.0.0.1", .bits = 32});
	read_hosts(m, "InternalHosts", &m->plan->internal);
	read_hosts(m, "PeerList", &m->plan->peers);
	if (m->plan->out)
		set_sign_for(m);
	if (!m->verifies)
		return;
	strbuf_init(&trusted, 1024 * 1024);
	strbuf_add_str(&trusted, "127.0.0.0/8, ::1");
	add_trusted(m, "InternalHosts", &m->plan->internal, &trusted);
	add_trusted(m, "PeerList", &m->plan->peers, &trusted);
	if (strcmp(strbuf_text(&trusted), "127.0.0.0/8, ::1") != 0)
		migrate_opendkim_put(
		    &m->plan->in_text, "trusted", strbuf_text(&trusted));
	if (m->plan->peers.count > 0)
		strbuf_add_str(&m->plan->differs,
		    "PeerList: mail of these hosts gets an "
		    "Authentication-Results field; it is never refused\n");
	strbuf_clear(&trusted);
}

/* --- the sections --- */

static void
set_number(struct migrate_opendkim *m, struct strbuf *to, const char *ours,
    const char *theirs)
{
	struct migrate_setting *setting = migrate_opendkim_find(m, theirs);
	uint64_t number;

	if (setting == NULL)
		return;
	if (number_parse(slice_str(setting->value), UINT32_MAX, &number) != 0 ||
	    number == 0)
		migrate_plan_tell(m->plan, setting,
		    "nothing: ours has always a bound, and keeps its own");
	else
		migrate_opendkim_put(to, ours, setting->value);
}

static void
make_out(struct migrate_opendkim *m)
{
	struct migrate_plan *plan = m->plan;
	struct strbuf *to = &plan->out_text;

	if (migrate_opendkim_find(m, "KeyTable") != NULL ||
	    migrate_opendkim_find(m, "SigningTable") != NULL)
		migrate_opendkim_by_tables(m);
	else
		migrate_opendkim_by_domain(m);
	if (plan->entry_count == 0) {
		strbuf_add_str(&plan->differs,
		    "nothing is signed: no Domain and no table says whose "
		    "mail\n");
		return;
	}
	plan->out = true;
	migrate_opendkim_put(to, "listen", LISTEN("out"));
	migrate_opendkim_options(m);
	migrate_opendkim_headers(m);
	migrate_opendkim_sender(m);
	set_number(m, to, "ttl", "SignatureTTL");
	set_number(m, to, "max_header_size", "MaximumHeaders");
	set_trouble(m, to, "on_error", "On-SignatureError", "tempfail");
	if (migrate_opendkim_is(m, "RequiredHeaders") ||
	    migrate_opendkim_is(m, "StrictHeaders"))
		migrate_opendkim_put(to, "unsignable", "reject");
	strbuf_add_str(&plan->differs,
	    "a message with two From fields is not signed (`unsignable'); "
	    "OpenDKIM signed it by the first\n");
}

/* What Authentication-Results begins with, and which of them are taken out. */
static void
set_authserv(struct migrate_opendkim *m)
{
	const char *id = migrate_plan_value(m->plan, "AuthservID", "HOSTNAME");
	struct migrate_setting *from = migrate_opendkim_find(m, "RemoveARFrom");
	struct migrate_set set = {.count = 0};
	struct strbuf text;

	strbuf_init(&text, 64 * 1024);
	if (strcmp(id, "HOSTNAME") != 0)
		strbuf_add_str(&text, id);
	(void)migrate_opendkim_read(m, "RemoveARFrom", &set);
	for (size_t i = 0; i < set.count; i++)
		if (text.n == 0 || set.list[i].key[0] == '.')
			migrate_plan_note(&m->plan->todo, from,
			    "%s: name each host in `authserv_id' of "
			    "[in], behind the name that is written",
			    set.list[i].key);
		else
			strbuf_addf(&text, ", %s", set.list[i].key);
	if (text.n == 0)
		strbuf_add_str(&m->plan->differs,
		    "AuthservID: Authentication-Results begins with the name "
		    "of this machine; OpenDKIM took Postfix's myhostname. "
		    "Where they differ: authserv_id = NAME in [in]\n");
	else
		migrate_opendkim_put(
		    &m->plan->in_text, "authserv_id", strbuf_text(&text));
	strbuf_clear(&text);
	migrate_set_clear(&set);
}

static void
make_in(struct migrate_opendkim *m)
{
	struct migrate_plan *plan = m->plan;
	struct strbuf *to = &plan->in_text, refusals;

	plan->in = true;
	migrate_opendkim_put(to, "listen", LISTEN("in"));
	set_authserv(m);
	migrate_opendkim_put(to, "check", "dkim");
	strbuf_add_str(&plan->differs,
	    "[in] could check SPF, DMARC, ARC and others as well: `check = "
	    "all'\n");
	strbuf_init(&refusals, REASON_MAX);
	add_refusal(m, "On-NoSignature", "dkim-required", &refusals);
	add_refusal(m, "On-BadSignature", "dkim", &refusals);
	add_refusal(m, "On-KeyNotFound", "dkim", &refusals);
	if (refusals.n > 0)
		migrate_opendkim_put(to, "reject", strbuf_text(&refusals));
	strbuf_clear(&refusals);
	set_trouble(m, to, "on_dns_error", "On-DNSError", "tempfail");
	set_trouble(m, to, "on_error", "On-InternalError", "tempfail");
	set_number(m, to, "max_signatures", "MaximumSignaturesToVerify");
	set_number(m, to, "max_header_size", "MaximumHeaders");
}

static void
note_others(struct migrate_opendkim *m)
{
	struct migrate_setting *setting =
	    migrate_opendkim_find(m, "SyslogFacility");

	if (setting != NULL && strcasecmp(setting->value, "mail") != 0)
		migrate_plan_note(&m->plan->todo, setting,
		    "the facility is mail: have the log daemon sort by the "
		    "names signpost/out and signpost/in");
	setting = migrate_opendkim_find(m, "Minimum");
	if (setting != NULL)
		migrate_plan_note(&m->plan->differs, setting,
		    "a signature that leaves any part of the body out is no "
		    "pass now (`partial_body')");
}

/* Debian's service may give it on the command line. */
static const char *
find_socket(struct migrate_opendkim *m)
{
	const char *socket = migrate_plan_value(m->plan, "Socket", NULL);
	const struct migrate_files *files = m->plan->files;
	struct strbuf text, ignored;
	struct slice rest, line;

	if (socket != NULL)
		return socket;
	strbuf_init(&text, 64 * 1024);
	strbuf_init(&ignored, REASON_MAX);
	if (files->read(files->ctx, DEFAULTS, &text, &ignored) == 0) {
		rest = strbuf_slice(&text);
		while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
			line = slice_trim(line);
			if (!slice_starts_nocase(line, SLICE("SOCKET=")))
				continue;
			line = slice_after(line, 7);
			if (line.n > 1 &&
			    (line.p[0] == '"' || line.p[0] == '\''))
				line = slice_first(
				    slice_after(line, 1), line.n - 2);
			socket = migrate_pool_keep(&m->plan->pool, line);
		}
	}
	strbuf_clear(&text);
	strbuf_clear(&ignored);
	return socket;
}

void
migrate_plan_opendkim(struct migrate_plan *plan)
{
	struct migrate_opendkim m = {.plan = plan,
	    .reading = {
		&plan->pool, &plan->settings, plan->files, &plan->errors}};
	const char *mode = migrate_plan_value(plan, "Mode", "sv");
	const char *user = migrate_plan_value(plan, "UserID", NULL);
	struct migrate_setting *servers;

	m.folder = migrate_plan_value(plan, "BaseDirectory", NULL);
	m.signs = strchr(mode, 's') != NULL;
	m.verifies = strchr(mode, 'v') != NULL;
	plan->socket = find_socket(&m);
	plan->pidfile = migrate_plan_value(plan, "PidFile", NULL);
	/* userid[:group] */
	if (user != NULL) {
		plan->user = migrate_pool_keep(&plan->pool,
		    slice_first(
			slice_str(user), slice_find(slice_str(user), ':')));
		plan->group =
		    strchr(user, ':') == NULL ? NULL : strchr(user, ':') + 1;
	}
	if (migrate_opendkim_find(&m, "ExemptDomains") != NULL)
		(void)migrate_opendkim_read(&m, "ExemptDomains", &m.exempt);
	if (m.signs)
		make_out(&m);
	if (m.verifies)
		make_in(&m);
	set_hosts(&m);
	if (plan->out || plan->in) {
		servers = migrate_opendkim_find(&m, "Nameservers");
		if (servers != NULL)
			migrate_opendkim_put(
			    &plan->dns_text, "nameserver", servers->value);
		set_number(&m, &plan->dns_text, "timeout", "DNSTimeout");
	} else
		strbuf_add_str(&plan->errors,
		    "opendkim: this configuration neither signs nor checks "
		    "anything\n");
	note_others(&m);
	name_the_rest(&m);
	migrate_set_clear(&m.signing);
	migrate_set_clear(&m.keys);
	migrate_set_clear(&m.domains);
	migrate_set_clear(&m.exempt);
}
