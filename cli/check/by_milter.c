/*
 * Where Postfix asks a front by milter: does it reach us, does it tell us whose
 * mail it is, what does it do while we are away, and does anything change the
 * message before it is checked or behind its signature; see fit.h.
 */
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "cli/check/fit.h"
#include "cli/check/postconf.h"
#include "cli/check/wiring.h"
#include "cli/kit/milters.h"

#define SAMPLE "/usr/share/doc/signpost/postfix/milter.cf"

enum { TEXT_MAX = 8 * CHECK_SHOWN_MAX, PATH_LENGTH_MAX = 4096, LEADING = 6 };

static const struct proxy_sign_for *
sign_for(const struct check_fit *fit)
{
	return &fit->config->signing.sign_for;
}

/* A list of milters, or what is like it, with something else in one place, as a
 * command for the service that has it. */
static void
todo_list(struct check_fit *fit, const struct check_asker *asker,
    const struct strbuf *list)
{
	struct slice own;
	struct strbuf text, name, shown;

	strbuf_init(&text, TEXT_MAX);
	strbuf_init(&name, CHECK_SHOWN_MAX);
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	(void)check_shown(&shown, strbuf_slice(list));
	if (asker->smtpd && cli_service_sets(asker->from, asker->name, &own)) {
		/* postconf -P takes no blanks. */
		for (size_t i = 0; i < shown.n; i++)
			if (shown.p[i] != ' ')
				strbuf_add_char(&name, shown.p[i]);
		strbuf_add_str(&text, "postconf -P");
		check_fit_add_setting(
		    &text, asker->from, asker->name, strbuf_text(&name));
	} else {
		strbuf_addf(&text, "postconf -e '%s=%s'", asker->name,
		    strbuf_text(&shown));
	}
	check_report_todo(
	    fit->report, "%s && postfix reload", strbuf_text(&text));
	strbuf_clear(&text);
	strbuf_clear(&name);
	strbuf_clear(&shown);
}

/* --- does it reach us --- */

static void
add_nobody(struct check_fit *fit)
{
	const struct proxy_listen *listen = NULL;
	struct strbuf at;

	for (size_t i = 0; i < fit->front->listen.count && listen == NULL; i++)
		if (fit->front->listen.list[i].kind == PROXY_LISTEN_MILTER)
			listen = &fit->front->listen.list[i];
	if (listen == NULL)
		return;
	strbuf_init(&at, CHECK_SHOWN_MAX);
	proxy_endpoint_print(&listen->at, &at);
	/* One that serves by both need not be used by both. */
	check_report_add(fit->report, &fit->about,
	    fit->count > 0 ? CHECK_NOTE : CHECK_WARNING,
	    "no milter of master.cf or main.cf is %s", strbuf_text(&at));
	check_report_todo(fit->report,
	    "the lines are in " SAMPLE ": smtpd_milters for services, "
	    "non_smtpd_milters in main.cf");
	strbuf_clear(&at);
}

/* The list with our socket as it is named below the queue directory; false where
 * it does not lie there. */
static bool
name_below(
    struct check_fit *fit, const struct check_asker *asker, struct strbuf *list)
{
	struct slice queue =
	    cli_master_value(fit->master, NULL, "queue_directory");
	struct slice path = slice_str(proxy_endpoint_path(&asker->listen->at));
	struct slice rest = asker->list, milter;

	if (queue.n == 0 || path.n <= queue.n + 1 || path.p[queue.n] != '/' ||
	    !slice_equal(slice_first(path, queue.n), queue))
		return false;
	path = slice_after(path, queue.n + 1);
	while (cli_milter_next(&rest, &milter)) {
		strbuf_add_str(list, list->n > 0 ? ", " : "");
		if (milter.p == asker->milter.p)
			strbuf_addf(list, "unix:%.*s", (int)path.n, path.p);
		else
			strbuf_add(list, milter);
	}
	return true;
}

static void
tell_asker(struct check_fit *fit, const struct check_asker *asker)
{
	struct strbuf who, list, named;

	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&list, CHECK_SHOWN_MAX);
	strbuf_init(&named, TEXT_MAX);
	if (asker->reached) {
		check_report_add(fit->report, &fit->about, CHECK_OK,
		    "%s: %s = %s", check_shown(&who, asker->from->name),
		    asker->name, check_shown(&list, asker->list));
	} else {
		check_report_add(fit->report, &fit->about, CHECK_FAIL,
		    "%s = %s: the service %s is in a chroot, where that path "
		    "leads nowhere: mail is put off",
		    asker->name, check_shown(&list, asker->list),
		    check_shown(&who, asker->from->name));
		if (name_below(fit, asker, &named))
			todo_list(fit, asker, &named);
		else
			check_report_todo(fit->report,
			    "have [%s] listen below the queue directory, as "
			    "the lines of " SAMPLE " have it",
			    fit->front->name);
	}
	strbuf_clear(&who);
	strbuf_clear(&list);
	strbuf_clear(&named);
}

/* Postfix's programs connect as its user, whose only group is his own. */
static void
check_rights(struct check_fit *fit, const struct check_asker *asker)
{
	const struct proxy_rights *rights = &asker->listen->rights;
	const char *path = proxy_endpoint_path(&asker->listen->at);
	struct slice owner = cli_master_value(fit->master, NULL, "mail_owner");
	char folder[PATH_LENGTH_MAX];
	const struct group *its;
	struct strbuf group;
	struct stat st;
	size_t n;

	if (path == NULL)
		return;
	strbuf_init(&group, CHECK_SHOWN_MAX);
	(void)check_shown(&group, owner.n > 0 ? owner : SLICE("postfix"));
	n = slice_find_last(slice_str(path), '/');
	memcpy(folder, path, n);
	folder[n] = '\0';
	if ((rights->mode & 0002) == 0 &&
	    strcmp(rights->group, strbuf_text(&group)) != 0) {
		check_report_add(fit->report, &fit->about, CHECK_FAIL,
		    "Postfix's user %s may not open %s: mail is put off",
		    strbuf_text(&group), path);
		check_report_todo(fit->report,
		    "group=%s behind it in `listen =' of [%s]",
		    strbuf_text(&group), fit->front->name);
	} else if (stat(folder, &st) == 0 && (st.st_mode & S_IXOTH) == 0 &&
	    ((st.st_mode & S_IXGRP) == 0 ||
		(its = getgrgid(st.st_gid)) == NULL ||
		strcmp(its->gr_name, strbuf_text(&group)) != 0)) {
		check_report_add(fit->report, &fit->about, CHECK_FAIL,
		    "Postfix's user %s has no access to the directory %s, "
		    "where our socket is: mail is put off",
		    strbuf_text(&group), folder);
		check_report_todo(fit->report, "chgrp %s %s && chmod 750 %s",
		    strbuf_text(&group), folder, folder);
	}
	strbuf_clear(&group);
}

/* --- what it does while we are away --- */

static void
check_action(struct check_fit *fit, const struct check_asker *asker, bool *told)
{
	static const char name[] = "milter_default_action";
	static const struct {
		struct slice word;
		const char *out, *in;
	} actions[] = {
	    {SLICE_INIT("accept"), "mail leaves unsigned",
		"mail comes in unchecked, with whatever results it claims"},
	    {SLICE_INIT("reject"), "mail is refused for good",
		"mail is refused for good"},
	    {SLICE_INIT("quarantine"), "mail is held until somebody lets it go",
		"mail is held until somebody lets it go"},
	    {SLICE_INIT("shutdown"), "clients are disconnected",
		"clients are disconnected"},
	};
	struct slice value = cli_master_value(fit->master, asker->from, name),
		     ignored;
	bool inside =
	    cli_milter_option(asker->milter, "default_action", &value);
	bool own = inside || cli_service_sets(asker->from, name, &ignored);
	struct strbuf who;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		/* main.cf's is told of once. */
		if (!slice_equal_nocase(value, actions[i].word) ||
		    (!own && *told))
			continue;
		*told = *told || !own;
		strbuf_init(&who, CHECK_SHOWN_MAX);
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "%s = %.*s in %s%s: while signpost is away, %s",
		    inside ? "default_action" : name, (int)value.n, value.p,
		    own ? "the service " : "main.cf",
		    own ? check_shown(&who, asker->from->name) : "",
		    fit->out ? actions[i].out : actions[i].in);
		if (inside)
			check_report_todo(fit->report,
			    "take default_action out of the braces in %s",
			    asker->name);
		else if (own)
			check_fit_todo(fit, asker->from, name, "tempfail");
		else
			check_report_todo(fit->report,
			    "postconf -e %s=tempfail && postfix reload "
			    "(another "
			    "milter can have its own: { inet:..., "
			    "default_action=accept })",
			    name);
		strbuf_clear(&who);
	}
}

/* --- what it tells us --- */

static void
check_macros(struct check_fit *fit, const struct check_asker *asker)
{
	static const char mail[] = "milter_mail_macros";
	static const char *const all[] = {mail, "milter_rcpt_macros",
	    "milter_data_macros", "milter_end_of_header_macros",
	    "milter_end_of_data_macros"};
	bool wants_login =
	    (sign_for(fit)->origins & PROXY_ORIGIN_AUTHENTICATED) != 0;
	bool knows_id = false;
	struct slice value;
	struct strbuf who;

	strbuf_init(&who, CHECK_SHOWN_MAX);
	value = cli_master_value(fit->master, asker->from, mail);
	/* A Postfix without the parameter is none that we know. */
	if (fit->out && wants_login && asker->smtpd && value.n > 0 &&
	    !cli_master_lists(value, SLICE("{auth_authen}"))) {
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "%s has no {auth_authen} in the service %s: it does not "
		    "tell us who logged in, and mail of `authenticated' stays "
		    "unsigned",
		    mail, check_shown(&who, asker->from->name));
		check_report_todo(fit->report,
		    cli_service_sets(asker->from, mail, &value)
			? "take %s out of that service's lines"
			: "postconf -X %s && postfix reload",
		    mail);
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		value = cli_master_value(fit->master, asker->from, all[i]);
		knows_id = knows_id || value.n == 0 ||
		    cli_master_lists(value, SLICE("i")) ||
		    cli_master_lists(value, SLICE("{i}"));
	}
	if (!knows_id) {
		check_report_add(fit->report, &fit->about, CHECK_NOTE,
		    "no macro i in the service %s: the log has numbers of our "
		    "own, not Postfix's queue ids",
		    check_shown(&who, asker->from->name));
		check_report_todo(fit->report,
		    "postconf -X milter_end_of_data_macros && postfix reload");
	}
	strbuf_clear(&who);
}

/* Whose mail comes by a service where nobody can log in? */
static void
check_nobody(struct check_fit *fit, const struct check_asker *asker)
{
	static const char name[] = "smtpd_sasl_auth_enable";
	static const struct slice doors[] = {SLICE_INIT("submission"),
	    SLICE_INIT("submissions"), SLICE_INIT("smtps"), SLICE_INIT("587"),
	    SLICE_INIT("465")};
	struct slice door = asker->from->name;
	bool submits = false;
	struct strbuf who;

	door = slice_find_last(door, ':') < door.n
	    ? slice_after(door, slice_find_last(door, ':') + 1)
	    : door;
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
		submits = submits || slice_equal(door, doors[i]);
	if (!fit->out || !asker->smtpd || !submits ||
	    sign_for(fit)->networks.count > 0 ||
	    slice_equal_nocase(
		cli_master_value(fit->master, asker->from, name), SLICE("yes")))
		return;
	strbuf_init(&who, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "nobody logs in at the service %s (%s), and `sign_for' names no "
	    "network: nothing of it is signed",
	    check_shown(&who, asker->from->name), name);
	check_report_todo(fit->report,
	    "add the networks of your clients to `sign_for' of [%s]",
	    fit->front->name);
	strbuf_clear(&who);
}

/* --- who else acts on the message --- */

/* Milters by their names that change nothing which is signed; of others we
 * cannot know. */
static bool
may_change(struct slice milter)
{
	static const char *const others[] = {"clamav", "opendmarc", "greylist",
	    "policyd-spf", "signpost/", NULL};

	return !slice_has_one_of(milter, others);
}

/* The list with ours behind all others, or before them. */
static void
put_ours(const struct check_asker *asker, bool last, struct strbuf *list)
{
	struct slice rest = asker->list, milter;

	if (!last)
		strbuf_add(list, asker->milter);
	while (cli_milter_next(&rest, &milter))
		if (milter.p != asker->milter.p)
			strbuf_addf(list, "%s%.*s", list->n > 0 ? ", " : "",
			    (int)milter.n, milter.p);
	if (last)
		strbuf_addf(
		    list, ", %.*s", (int)asker->milter.n, asker->milter.p);
}

static void
check_order(struct check_fit *fit, const struct check_asker *asker)
{
	/* Those that sign, by the names and ports that they are known by. */
	static const char *const signers[] = {"dkim", ":8891", ":12301", NULL};
	struct slice rest = asker->list, milter;
	struct strbuf who, what, list;
	bool behind = false, wrong = false;

	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&what, CHECK_SHOWN_MAX);
	strbuf_init(&list, TEXT_MAX);
	while (!wrong && cli_milter_next(&rest, &milter)) {
		if (milter.p == asker->milter.p)
			behind = true;
		else
			wrong = behind == fit->out && may_change(milter);
	}
	if (wrong) {
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "%s stands %s ours in %s of the service %s: what it "
		    "changes is changed %s",
		    check_shown(&what, milter), fit->out ? "behind" : "before",
		    asker->name, check_shown(&who, asker->from->name),
		    fit->out ? "behind the signature" : "before it is checked");
		put_ours(asker, fit->out, &list);
		todo_list(fit, asker, &list);
	}
	rest = asker->list;
	while (fit->out && cli_milter_next(&rest, &milter)) {
		if (milter.p == asker->milter.p || !may_change(milter) ||
		    !slice_has_one_of(milter, signers))
			continue;
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "%s = %s in the service %s: if %.*s signs, mail is signed "
		    "twice",
		    asker->name, check_shown(&what, asker->list),
		    check_shown(&who, asker->from->name),
		    (int)slice_first(milter, 200).n, milter.p);
		check_report_todo(
		    fit->report, "take it out of that list, or have it verify");
		break;
	}
	strbuf_clear(&who);
	strbuf_clear(&what);
	strbuf_clear(&list);
}

/* --- where the message goes besides --- */

/* Before the queue Postfix has no message to show. */
static void
check_proxy(struct check_fit *fit, const struct check_asker *asker)
{
	static const char name[] = "smtpd_proxy_filter";

	if (asker->smtpd &&
	    cli_master_value(fit->master, asker->from, name).n > 0)
		check_fit_fail(fit, asker->from, name, "",
		    "Postfix shows its milters no message then: nothing of it "
		    "is signed or checked by milter");
}

/* A content filter gets the message once it was signed. */
static void
check_filter(struct check_fit *fit, const struct check_asker *asker)
{
	static const char name[] = "content_filter";
	struct slice value = cli_master_value(fit->master, asker->from, name);
	struct strbuf who, what;

	if (!fit->out || !asker->smtpd || value.n == 0)
		return;
	if (check_postconf_leads(fit->front, fit->config->hostname, value)) {
		check_fit_warn(fit, asker->from, name, "",
		    "it is signed by milter already, and is signed twice");
		return;
	}
	if (check_postconf_leads_to_any(fit->config, value))
		return;
	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&what, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "%s = %s in the service %s: what it changes is changed behind the "
	    "signature",
	    name, check_shown(&what, value),
	    check_shown(&who, asker->from->name));
	check_report_todo(fit->report,
	    "let it only add fields; or sign where mail comes back from it, "
	    "after the queue (signpost(8), WIRING POSTFIX)");
	strbuf_clear(&who);
	strbuf_clear(&what);
}

/* Is there a content filter that is not ours, from which mail comes back? */
static bool
has_filter(const struct check_fit *fit)
{
	for (size_t i = 0; i <= fit->master->count; i++) {
		struct slice value = cli_master_value(fit->master,
		    i < fit->master->count ? &fit->master->list[i] : NULL,
		    "content_filter");

		if (value.n > 0 &&
		    !check_postconf_leads_to_any(fit->config, value))
			return true;
	}
	return false;
}

/* Would what comes in at a service on loopback be signed? By which protocol it
 * comes in at localhost is the filter's choice. */
static bool
signs_loopback(const struct check_fit *fit, const struct cli_service *service)
{
	const struct proxy_networks *networks = &sign_for(fit)->networks;
	struct slice name = service->name;

	return (!slice_starts_nocase(name, SLICE("[")) &&
		   proxy_networks_contain_text(networks, SLICE("127.0.0.1"))) ||
	    (!slice_starts_nocase(name, SLICE("127.")) &&
		proxy_networks_contain_text(networks, SLICE("::1")));
}

/* What comes back from a filter comes from loopback, whoever wrote it, and was
 * shown to us when it came. */
static void
check_coming_back(struct check_fit *fit, const struct check_asker *asker)
{
	static const char name[] = "receive_override_options";
	struct slice value = cli_master_value(fit->master, asker->from, name);
	struct strbuf who, wanted;

	if (!asker->smtpd || !check_is_for_reinjection(asker->from) ||
	    cli_master_value(fit->master, asker->from, "content_filter").n >
		0 ||
	    !has_filter(fit) || (fit->out && !signs_loopback(fit, asker->from)))
		return;
	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&wanted, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    fit->out
		? "%s takes mail that a content filter puts back in from "
		  "loopback, which is in `sign_for', and asks us again: "
		  "strangers' mail is signed"
		: "%s takes mail that a content filter puts back in from "
		  "loopback, and asks us again: it is `trusted' then, and the "
		  "results that it was given are taken out as forged",
	    check_shown(&who, asker->from->name));
	(void)check_shown(&wanted, value);
	for (size_t i = 0; i < wanted.n; i++)
		if (wanted.p[i] == ' ')
			wanted.p[i] = ',';
	strbuf_addf(&wanted, "%sno_milters", wanted.n > 0 ? "," : "");
	check_fit_todo(fit, asker->from, name, strbuf_text(&wanted));
	strbuf_clear(&who);
	strbuf_clear(&wanted);
}

/* --- of main.cf --- */

/* Mail by sendmail(1), and Postfix's own. */
static void
check_local(struct check_fit *fit)
{
	static const char classes[] = "internal_mail_filter_classes";
	static const char override[] = "receive_override_options";
	const struct check_asker *asker = NULL;
	const struct cli_service *pickup = NULL;
	struct strbuf ours;

	for (size_t i = 0; i < fit->asker_count && asker == NULL; i++)
		if (!fit->askers[i].smtpd)
			asker = &fit->askers[i];
	if (!fit->out || (sign_for(fit)->origins & PROXY_ORIGIN_LOCAL) == 0 ||
	    (asker == NULL && fit->count > 0))
		return;
	for (size_t i = 0; i < fit->master->count; i++)
		if (slice_equal(fit->master->list[i].command, SLICE("pickup")))
			pickup = &fit->master->list[i];
	if (asker == NULL && pickup != NULL &&
	    cli_master_lists(cli_master_value(fit->master, pickup, override),
		SLICE("no_milters"))) {
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "pickup has its milters switched off (%s): what this host "
		    "itself sends stays unsigned",
		    override);
		check_fit_todo(fit, pickup, override, "");
	} else if (asker == NULL) {
		strbuf_init(&ours, CHECK_SHOWN_MAX);
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "non_smtpd_milters does not name us: what this host itself "
		    "sends (sendmail, cron, web applications) stays unsigned");
		check_report_todo(fit->report,
		    "postconf -e non_smtpd_milters=%s && postfix reload, with "
		    "what stands there before it",
		    check_shown(
			&ours, cli_milter_address(fit->askers[0].milter)));
		strbuf_clear(&ours);
	} else if (!cli_master_lists(
		       cli_master_value(fit->master, NULL, classes),
		       SLICE("bounce"))) {
		check_report_add(fit->report, &fit->about, CHECK_NOTE,
		    "%s lacks bounce: Postfix's own bounces stay unsigned",
		    classes);
		check_report_todo(fit->report,
		    "postconf -e %s=bounce && postfix reload", classes);
	}
}

/* Whether the header is shown as it is. */
static void
check_protocol(struct check_fit *fit)
{
	static const char protocol[] = "milter_protocol",
			  checks[] = "milter_header_checks";
	struct slice value = cli_master_value(fit->master, NULL, protocol);
	uint64_t version = 0;
	struct strbuf shown;

	/* "6", or with words behind it. */
	if (number_parse(slice_first(value, slice_find(value, ',')), UINT32_MAX,
		&version) == 0 &&
	    version > 0 && version < LEADING) {
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "%s = %u: blanks behind a field's colon are not shown, and "
		    "some signatures with c=simple of the header break",
		    protocol, (unsigned)version);
		check_report_todo(
		    fit->report, "postconf -X %s && postfix reload", protocol);
	}
	value = cli_master_value(fit->master, fit->askers[0].from, checks);
	if (value.n == 0)
		return;
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_NOTE,
	    "%s = %s acts on the fields that we add: none of them may be taken "
	    "out or changed there",
	    checks, check_shown(&shown, value));
	check_report_todo(fit->report,
	    "see that it leaves DKIM-Signature and Authentication-Results "
	    "alone");
	strbuf_clear(&shown);
}

void
check_fit_milters(struct check_fit *fit)
{
	bool action_told = false;

	if (!proxy_front_speaks(fit->front, PROXY_LISTEN_MILTER))
		return;
	if (fit->asker_count == 0) {
		add_nobody(fit);
		return;
	}
	for (size_t i = 0; i < fit->asker_count; i++)
		tell_asker(fit, &fit->askers[i]);
	check_rights(fit, &fit->askers[0]);
	for (size_t i = 0; i < fit->asker_count; i++) {
		const struct check_asker *asker = &fit->askers[i];

		check_proxy(fit, asker);
		check_action(fit, asker, &action_told);
		check_macros(fit, asker);
		check_nobody(fit, asker);
		check_order(fit, asker);
		check_filter(fit, asker);
		check_coming_back(fit, asker);
	}
	check_local(fit);
	check_protocol(fit);
}
