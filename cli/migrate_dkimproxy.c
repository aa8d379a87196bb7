/*
 * DKIMproxy's settings and maps into ours. Its maps are kept as they are where
 * we read them as it did; what it never found in them is taken out.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/migrate_dkimproxy_private.h"
#include "proxy/settings/address.h"
#include "proxy/settings/dkimproxy.h"

enum { VALUE_MAX = 64 * 1024, REASON_MAX = 1000 };

/* --- settings --- */

static bool
is_named(const struct migrate_setting *setting, const char *name)
{
	return strcmp(
		   proxy_dkimproxy_option_find(slice_str(setting->name))->name,
		   name) == 0;
}

/* The last of that name in that file; pidfile is pid_file and so on. */
struct migrate_setting *
migrate_dkimproxy_find(
    struct migrate_dkimproxy *m, const char *file, const char *name)
{
	struct migrate_settings *all = &m->plan->settings;

	for (size_t i = all->count; i > 0; i--)
		if (all->list[i - 1].file == file &&
		    is_named(&all->list[i - 1], name))
			return &all->list[i - 1];
	return NULL;
}

const char *
migrate_dkimproxy_value(
    struct migrate_dkimproxy *m, const char *file, const char *name)
{
	const struct migrate_setting *setting =
	    migrate_dkimproxy_find(m, file, name);

	return setting == NULL || setting->value[0] == '\0' ? NULL
							    : setting->value;
}

/* A name alone is a yes, as its manual has it. */
static bool
is_on(struct migrate_dkimproxy *m, const char *file, const char *name)
{
	const struct migrate_setting *setting =
	    migrate_dkimproxy_find(m, file, name);

	return setting != NULL && strcmp(setting->value, "0") != 0;
}

static void
put(struct strbuf *to, const char *name, const char *text)
{
	strbuf_addf(to, "%s = %s\n", name, text);
}

/* Options that dkimproxy.out alone has. */
static bool
signs(struct migrate_dkimproxy *m, const char *file)
{
	static const char *const names[] = {"domain", "selector", "keyfile",
	    "method", "dkim_method", "domainkeys_method", "signature",
	    "sender_map", "listid_map", "identity"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (migrate_dkimproxy_find(m, file, names[i]) != NULL)
			return true;
	return false;
}

/* Which file is whose: each is the one or the other. */
static void
sort_files(struct migrate_dkimproxy *m)
{
	const struct migrate_settings *all = &m->plan->settings;
	const char *told = NULL;

	for (size_t i = 0; i < all->count; i++) {
		const char *file = all->list[i].file;
		bool out = file != m->out && file != m->in && signs(m, file);

		if (file == m->out || file == m->in || file == told)
			continue;
		if (out ? m->out != NULL : m->in != NULL) {
			told = file;
			strbuf_addf(&m->plan->errors,
			    "%s: it is a second configuration of "
			    "dkimproxy.%s, besides %s: name one of each\n",
			    file, out ? "out" : "in", out ? m->out : m->in);
		} else if (out)
			m->out = file;
		else
			m->in = file;
	}
}

/* --- addresses --- */

/* As we write it, or an error. */
static void
put_address(struct migrate_dkimproxy *m, struct strbuf *to, const char *name,
    struct migrate_setting *setting, const char *text, const char **kept)
{
	struct proxy_endpoint endpoint;
	struct strbuf reason, printed;

	strbuf_init(&reason, REASON_MAX);
	strbuf_init(&printed, REASON_MAX);
	if (proxy_endpoint_parse(slice_str(text), &endpoint, &reason) != 0) {
		migrate_plan_note(&m->plan->errors, setting,
		    "%s: %s; here an address is given by number", text,
		    strbuf_text(&reason));
	} else {
		proxy_endpoint_print(&endpoint, &printed);
		*kept =
		    migrate_pool_keep(&m->plan->pool, strbuf_slice(&printed));
		put(to, name, *kept);
		migrate_plan_tell(m->plan, setting, "%s = %s", name, *kept);
	}
	strbuf_clear(&reason);
	strbuf_clear(&printed);
}

/* Either ADDRESS:PORT, or the two apart. */
static void
set_address(struct migrate_dkimproxy *m, const char *file, struct strbuf *to,
    const char *const names[3], const char **kept)
{
	struct migrate_setting *both =
	    migrate_dkimproxy_find(m, file, names[0]);
	struct migrate_setting *host =
	    migrate_dkimproxy_find(m, file, names[1]);
	const char *port = migrate_dkimproxy_value(m, file, names[2]);
	const char *relay = strcmp(names[0], "relay") == 0 ? "25" : NULL;

	if (both != NULL) {
		put_address(m, to, names[0], both, both->value, kept);
		return;
	}
	if (port == NULL)
		port = relay;
	if (host != NULL && port != NULL)
		put_address(m, to, names[0], host,
		    migrate_pool_printf(
			&m->plan->pool, "%s:%s", host->value, port),
		    kept);
	else
		strbuf_addf(
		    &m->plan->errors, "%s: there is no `%s'\n", file, names[0]);
}

static void
set_addresses(struct migrate_dkimproxy *m, const char *file, struct strbuf *to,
    const char **listen, const char **relay)
{
	static const char *const listens[] = {"listen", "host", "port"};
	static const char *const relays[] = {
	    "relay", "relay_host", "relay_port"};

	set_address(m, file, to, listens, listen);
	set_address(m, file, to, relays, relay);
}

/* --- [out] --- */

/* One signs all mail; of several the sender's, or its nearest parent. */
static void
set_domain(struct migrate_dkimproxy *m, bool made)
{
	struct migrate_setting *setting =
	    migrate_dkimproxy_find(m, m->out, "domain");
	struct strbuf *to = &m->plan->out_text;
	struct slice rest, item;
	struct strbuf list;
	size_t count = 0;

	if (setting == NULL)
		return;
	if (!made) {
		migrate_plan_tell(m->plan, setting,
		    "nothing: with maps and no `signature' DKIMproxy signed by "
		    "the maps alone");
		return;
	}
	strbuf_init(&list, VALUE_MAX);
	rest = slice_str(setting->value);
	while (rest.n > 0 && slice_cut(&rest, ',', &item)) {
		item = slice_trim(item);
		if (item.n > 0)
			strbuf_addf(&list, "%s%.*s", count++ == 0 ? "" : ", ",
			    (int)item.n, item.p);
	}
	put(to, "domain", strbuf_text(&list));
	if (count == 1)
		put(to, "sign_all", "yes");
	migrate_plan_tell(m->plan, setting, "[out] domain = %s%s",
	    strbuf_text(&list),
	    count == 1 ? ", sign_all = yes: one alone signs all mail" : "");
	strbuf_clear(&list);
}

static void
put_signature(
    struct migrate_dkimproxy *m, struct migrate_setting *at, const char *text)
{
	struct strbuf methods, reason;

	strbuf_init(&methods, VALUE_MAX);
	strbuf_init(&reason, REASON_MAX);
	(void)migrate_dkimproxy_methods(m, slice_str(text), &methods);
	if (migrate_dkimproxy_collect(m, strbuf_slice(&methods),
		migrate_dkimproxy_find(m, m->out, "domain") == NULL, at,
		&reason) != 0)
		migrate_plan_note(
		    &m->plan->errors, at, "%s", strbuf_text(&reason));
	put(&m->plan->out_text, "signature", strbuf_text(&methods));
	migrate_plan_tell(
	    m->plan, at, "[out] signature = %s", strbuf_text(&methods));
	strbuf_clear(&methods);
	strbuf_clear(&reason);
}

/* Where there is neither a signature nor a map, DKIM. */
static void
set_signatures(struct migrate_dkimproxy *m)
{
	struct migrate_settings *all = &m->plan->settings;
	struct migrate_setting at = {
	    .file = m->out, .line = 1, .name = "signature"};
	bool made = false;

	for (size_t i = 0; i < all->count; i++)
		made |= all->list[i].file == m->out &&
		    is_named(&all->list[i], "signature");
	set_domain(m,
	    made ||
		(migrate_dkimproxy_find(m, m->out, "sender_map") == NULL &&
		    migrate_dkimproxy_find(m, m->out, "listid_map") == NULL));
	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].file == m->out &&
		    is_named(&all->list[i], "signature"))
			put_signature(m, &all->list[i], all->list[i].value);
	if (!made && migrate_dkimproxy_find(m, m->out, "sender_map") == NULL &&
	    migrate_dkimproxy_find(m, m->out, "listid_map") == NULL)
		put_signature(m, &at, "dkim");
}

static void
make_out(struct migrate_dkimproxy *m)
{
	struct migrate_plan *plan = m->plan;
	struct migrate_setting *identity =
	    migrate_dkimproxy_find(m, m->out, "identity");
	const char *selector = migrate_dkimproxy_value(m, m->out, "selector");
	struct migrate_setting *setting;

	plan->out = true;
	migrate_plan_refuse_auto(
	    plan, migrate_dkimproxy_find(m, m->out, "selector"));
	set_addresses(
	    m, m->out, &plan->out_text, &plan->out_listen, &plan->out_relay);
	if (selector != NULL)
		put(&plan->out_text, "selector", selector);
	setting = migrate_dkimproxy_find(m, m->out, "keyfile");
	if (setting != NULL) {
		if (setting->value[0] != '/')
			migrate_plan_note(&m->plan->errors, setting,
			    "DKIMproxy looked for it where it was started; "
			    "write the "
			    "whole path");
		put(&m->plan->out_text, "keyfile", setting->value);
		migrate_plan_tell(m->plan, setting,
		    "[out] keyfile, which may be another path: see steps");
	}
	set_signatures(m);
	migrate_dkimproxy_map(m, "sender_map", false, &plan->sender_map);
	migrate_dkimproxy_map(m, "listid_map", true, &plan->listid_map);
	put(&plan->out_text, "sender_header", "sender");
	put(&plan->out_text, "on_error",
	    is_on(m, m->out, "reject_error") ? "tempfail" : "pass");
	if (identity != NULL)
		migrate_plan_tell(plan, identity,
		    "nothing: DKIMproxy 1.4.1 reads it and never puts it into "
		    "a signature. Where i= is wanted: signature = "
		    "dkim(i=%s)",
		    identity->value);
	strbuf_add_str(&plan->differs,
	    "a=: DKIM signatures are rsa-sha256, which RFC 8301 asks for; "
	    "DKIMproxy made rsa-sha1 where no a= said otherwise\n"
	    "h=: more fields are signed, and From, To, Cc and Subject "
	    "oversigned: signpost.conf(5), `headers'\n"
	    "a message with two From fields is not signed (`unsignable')\n");
}

/* What was made of those that are used further up, or in several places. */
static void
tell_others(struct migrate_dkimproxy *m)
{
	static const struct {
		const char *name;
		bool out;
		const char *told;
	} others[] = {
	    {"selector", true, "[out] selector"},
	    {"method", true, "c= of signatures that have none"},
	    {"dkim_method", true, "c= of dkim signatures that have none"},
	    {"domainkeys_method", true,
		"c= of domainkeys signatures that have none"},
	    {"reject_error", true, "[out] on_error"},
	    {"reject_error", false, "[in] on_dns_error and on_error"},
	    {"reject_fail", false, "nothing: see below"},
	    {"hostname", false, "[in] authserv_id"},
	    {"relay_port", true, "[out] relay"},
	    {"relay_port", false, "[in] relay"},
	    {"port", true, "[out] listen"},
	    {"port", false, "[in] listen"},
	    {"user", true, "nothing: signpost has users of its own"},
	    {"user", false, "nothing: signpost has users of its own"},
	    {"pidfile", true, "nothing: the service has its own"},
	    {"pidfile", false, "nothing: the service has its own"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const char *file = others[i].out ? m->out : m->in;
		struct migrate_setting *setting = file == NULL
		    ? NULL
		    : migrate_dkimproxy_find(m, file, others[i].name);

		if (setting != NULL)
			migrate_plan_tell(
			    m->plan, setting, "%s", others[i].told);
	}
}

/* --- [in] --- */

static void
make_in(struct migrate_dkimproxy *m)
{
	struct migrate_plan *plan = m->plan;
	struct strbuf *to = &plan->in_text;
	struct migrate_setting *fail =
	    migrate_dkimproxy_find(m, m->in, "reject_fail");
	const char *hostname = migrate_dkimproxy_value(m, m->in, "hostname");
	const char *trouble =
	    is_on(m, m->in, "reject_error") ? "tempfail" : "pass";

	plan->in = true;
	set_addresses(m, m->in, to, &plan->in_listen, &plan->in_relay);
	if (hostname != NULL)
		put(to, "authserv_id", hostname);
	put(to, "check", "dkim, domainkeys");
	put(to, "on_dns_error", trouble);
	put(to, "on_error", trouble);
	if (fail != NULL)
		migrate_plan_note(&plan->differs, fail,
		    "DKIMproxy refused by policies that nobody publishes any "
		    "more (ADSP). DMARC took their place, before the queue "
		    "alone: check = all, reject = dmarc and a dmarc_except; "
		    "see signpost.conf(5), REFUSING MAIL");
	strbuf_add_str(&plan->differs,
	    "X-DKIM-Authentication-Results is not written: "
	    "Authentication-Results has it\n"
	    "[in] could check SPF, DMARC, ARC and others as well: `check = "
	    "all'\n");
}

void
migrate_plan_dkimproxy(struct migrate_plan *plan)
{
	struct migrate_dkimproxy m = {.plan = plan};
	const char *file;

	sort_files(&m);
	if (m.out != NULL)
		make_out(&m);
	if (m.in != NULL)
		make_in(&m);
	tell_others(&m);
	file = m.out != NULL ? m.out : m.in;
	if (file == NULL) {
		strbuf_add_str(
		    &plan->errors, "dkimproxy: no option in these files\n");
		return;
	}
	plan->user = migrate_dkimproxy_value(&m, file, "user");
	plan->group = migrate_dkimproxy_value(&m, file, "group");
	plan->pidfile = migrate_dkimproxy_value(&m, file, "pidfile");
	if (plan->pidfile == NULL)
		plan->pidfile = migrate_dkimproxy_value(&m, file, "pid_file");
}
