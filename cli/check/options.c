/*
 * Parameters of Postfix that have to have one value for mail to stay whole,
 * and what acts on it behind the signature; see fit.h.
 */
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/xalloc.h"
#include "cli/check/fit.h"
#include "cli/check/wiring.h"
#include "cli/kit/milters.h"
#include "dkim/field_list.h"
#include "smtp/ehlo.h"

/* When a row counts: a direction and a wiring; and how much. */
enum {
	OUT = 1 << 0,
	IN = 1 << 1,
	AFTER = 1 << 2,
	BEFORE = 1 << 3,
	STOPS = 1 << 4, /* no mail comes through otherwise */
	BOTH = OUT | IN,
	ALWAYS = OUT | IN | AFTER | BEFORE
};

enum how {
	IS,	  /* the wanted value */
	OWN,	  /* the same, and said by the service's own line */
	LACKS,	  /* a list without that word */
	LOOPBACK, /* an address of it, or none */
	NO_TLS	  /* a level that does without; the wanted value will do */
};

struct wanted {
	const char *name;
	enum how how;
	const char *value;
	unsigned when;
	const char *why;
};

static const struct wanted transport_rows[] = {
    {"smtp_fallback_relay", IS, "", ALWAYS,
	"while signpost is down, mail goes that way and is not signed or "
	"checked"},
    {"smtp_bind_address", LOOPBACK, "127.0.0.1", ALWAYS | STOPS,
	"signpost lets in who comes from loopback (`allow')"},
    {"smtp_tls_wrappermode", IS, "no", ALWAYS | STOPS,
	"signpost speaks no TLS, and mail waits for ever"},
    {"smtp_tls_security_level", NO_TLS, "none", ALWAYS | STOPS,
	"signpost speaks no TLS, and mail waits for ever"},
    {"smtp_send_xforward_command", IS, "yes", ALWAYS,
	"signpost is not told whose mail it is"},
    {"smtp_header_checks", IS, "", IN | AFTER,
	"mail is changed before it is checked"},
    {"smtp_mime_header_checks", IS, "", IN | AFTER,
	"mail is changed before it is checked"},
    {"smtp_nested_header_checks", IS, "", IN | AFTER,
	"mail is changed before it is checked"},
    {"smtp_body_checks", IS, "", IN | AFTER,
	"mail is changed before it is checked"},
    {"smtp_generic_maps", IS, "", IN | AFTER,
	"mail is changed before it is checked"},
    {"smtp_line_length_limit", IS, "0", IN | AFTER,
	"longer lines are broken before they are checked"},
    {"smtp_discard_ehlo_keywords", LACKS, "8bitmime", IN | AFTER,
	"text of 8 bits is converted before it is checked"},
};

static const struct wanted back_rows[] = {
    {"local_header_rewrite_clients", IS, "", ALWAYS,
	"the header is rewritten behind us, and signatures break"},
    {"smtpd_upstream_proxy_protocol", IS, "", ALWAYS | STOPS,
	"signpost sends no PROXY header there, and no mail comes back"},
    {"smtpd_tls_wrappermode", IS, "no", ALWAYS | STOPS,
	"signpost speaks no TLS, and no mail comes back"},
    {"smtpd_tls_security_level", NO_TLS, "none", ALWAYS | STOPS,
	"signpost speaks no TLS, and no mail comes back"},
    {"smtpd_discard_ehlo_keywords", LACKS, "8bitmime", IN | AFTER,
	"we cannot announce it either, and text of 8 bits is converted before "
	"it is checked"},
};

static const struct wanted cleanup_rows[] = {
    {"remote_header_rewrite_domain", OWN, "", ALWAYS,
	"where main.cf sets it, the header is rewritten behind us and "
	"signatures break"},
    {"undisclosed_recipients_header", OWN, "", ALWAYS,
	"where main.cf sets it, a To is put on mail that was signed without "
	"one"},
    {"always_add_missing_headers", IS, "yes", BOTH | BEFORE,
	"mail without Date or Message-ID would stay so"},
    {"message_strip_characters", IS, "", OUT | BEFORE,
	"the message is changed behind its signature"},
};

static bool
fits(const struct wanted *row, struct slice value)
{
	/* dane looks for records, which no loopback has. */
	static const char *const plain[] = {"none", "may", "dane", NULL};

	switch (row->how) {
	case LACKS:
		return !cli_master_lists(value, slice_str(row->value));
	case LOOPBACK:
		return value.n == 0 ||
		    slice_starts_nocase(value, SLICE("127.")) ||
		    slice_search(value, SLICE("::1")) < value.n;
	case NO_TLS:
		return slice_is_one_of(value, plain);
	default:
		return slice_equal_nocase(value, slice_str(row->value));
	}
}

/* What Postfix does not know is not asked of it. */
static void
look_at_row(struct check_fit *fit, const struct cli_service *service,
    const struct wanted *row)
{
	struct slice value = cli_master_value(fit->master, service, row->name);
	bool sets = cli_service_sets(service, row->name, &value);
	struct strbuf who;

	if (!fits(row, value) && (value.n > 0 || sets)) {
		((row->when & STOPS) ? check_fit_fail : check_fit_warn)(fit,
		    service, row->name, row->how == LACKS ? "" : row->value,
		    row->why);
	} else if (row->how == OWN && !sets) {
		strbuf_init(&who, CHECK_SHOWN_MAX);
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "the service %s lacks -o %s=%s: %s",
		    check_shown(&who, service->name), row->name, row->value,
		    row->why);
		check_fit_todo(fit, service, row->name, row->value);
		strbuf_clear(&who);
	}
}

static void
look_at_rows(struct check_fit *fit, const struct cli_service *service,
    const struct wanted *rows, size_t count)
{
	unsigned direction = fit->out ? OUT : IN;
	/* The way back alone is there: as if after the queue. */
	unsigned wiring = fit->before ? BEFORE : AFTER;

	for (size_t i = 0; i < count && service != NULL; i++)
		if ((rows[i].when & direction) && (rows[i].when & wiring))
			look_at_row(fit, service, &rows[i]);
}

#define LOOK_AT(fit, service, rows) \
	look_at_rows(fit, service, rows, sizeof(rows) / sizeof((rows)[0]))

/* --- on the way in, after the queue: before the message is checked --- */

/* Header checks are for refusing mail, which has to happen at the front door;
 * so who has them there may want them there. */
static void
note_checks(struct check_fit *fit, const struct cli_service *from,
    const struct cli_service *cleanup, const char *name)
{
	struct slice value = cli_master_value(fit->master, cleanup, name);
	struct strbuf shown, command;

	if (value.n == 0 || fit->back == NULL)
		return;
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	strbuf_init(&command, (size_t)8 * CHECK_SHOWN_MAX);
	check_fit_add_setting(&command, from, "receive_override_options",
	    "no_header_body_checks");
	check_fit_add_setting(&command, fit->back, "receive_override_options",
	    "no_address_mappings,no_milters,no_unknown_recipient_checks");
	check_report_add(fit->report, &fit->about, CHECK_NOTE,
	    "%s = %s: where it changes mail (REPLACE, IGNORE, STRIP), "
	    "signatures break before they are checked",
	    name, check_shown(&shown, value));
	check_report_todo(fit->report,
	    "postconf -P%s && postfix reload, if it does: then it acts behind "
	    "us, and what it refuses there bounces",
	    strbuf_text(&command));
	strbuf_clear(&shown);
	strbuf_clear(&command);
}

/* Whose header is completed at the front door? Own clients', as the words of
 * Postfix's own that begin with permit_ say; with a table, perhaps any. */
static bool
completes_strangers(struct slice clients)
{
	struct slice item;

	while (cli_master_item(&clients, &item))
		if (!slice_starts_nocase(item, SLICE("permit_")))
			return true;
	return false;
}

static void
check_arriving(struct check_fit *fit, const struct cli_service *from)
{
	static const char *const checks[] = {"header_checks",
	    "mime_header_checks", "nested_header_checks", "body_checks"};
	static const char domain[] = "remote_header_rewrite_domain";
	static const char clients[] = "local_header_rewrite_clients";
	const struct cli_service *cleanup = cli_master_find(fit->master,
	    cli_master_value(fit->master, from, "cleanup_service_name"));
	struct slice value = cli_master_value(fit->master, cleanup, domain);
	struct strbuf shown;
	bool alone = cli_master_lists(
	    cli_master_value(fit->master, from, "receive_override_options"),
	    SLICE("no_header_body_checks"));

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !alone;
	     i++)
		note_checks(fit, from, cleanup, checks[i]);
	if (completes_strangers(cli_master_value(fit->master, from, clients)))
		check_fit_warn(fit, from, clients, "permit_inet_interfaces",
		    "strangers' headers are rewritten before their signatures "
		    "are checked");
	if (value.n == 0)
		return;
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "%s = %s in main.cf: strangers' headers are rewritten before "
	    "their signatures are checked",
	    domain, check_shown(&shown, value));
	check_report_todo(
	    fit->report, "postconf -X %s && postfix reload", domain);
	strbuf_clear(&shown);
}

/* --- behind the signature --- */

/* By which mail leaves for the world: all of smtp(8) but those to us. */
static bool
is_leaving(const struct check_fit *fit, const struct cli_service *service)
{
	for (size_t i = 0; i < fit->count; i++)
		if (fit->ways[i].transport == service)
			return false;
	return slice_equal(service->command, SLICE("smtp")) &&
	    !slice_equal(service->name, SLICE("signpost")) &&
	    !slice_equal(service->name, SLICE("signpost-in"));
}

static const struct cli_service *
transport_of(const struct check_fit *fit)
{
	for (size_t i = 0; i < fit->count; i++)
		if (fit->ways[i].transport != NULL)
			return fit->ways[i].transport;
	return NULL;
}

/* A list as postconf -P takes it: without blanks. */
static void
add_list(struct strbuf *to, struct slice list)
{
	struct strbuf shown;
	struct slice item;
	bool more = false;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	while (cli_master_item(&list, &item)) {
		strbuf_addf(
		    to, "%s%s", more ? "," : "", check_shown(&shown, item));
		more = true;
	}
	strbuf_clear(&shown);
}

/* Where it is set; with a word, where that is in it. main.cf's is told of
 * once. */
static void
check_leaving(
    struct check_fit *fit, const char *name, const char *word, const char *why)
{
	bool told = false;

	for (size_t i = 0; i < fit->master->count; i++) {
		const struct cli_service *service = &fit->master->list[i];
		struct slice value =
		    cli_master_value(fit->master, service, name);
		bool own = cli_service_sets(service, name, &value);
		struct strbuf who, what;
		const struct cli_service *there;
		struct slice its_value;
		struct strbuf shown, command;

		if (!is_leaving(fit, service) || value.n == 0 ||
		    (told && !own) ||
		    (word != NULL && !cli_master_lists(value, slice_str(word))))
			continue;
		told |= !own;
		strbuf_init(&who, CHECK_SHOWN_MAX);
		strbuf_init(&what, CHECK_SHOWN_MAX);
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "%s = %s in %s: %s", name, check_shown(&what, value),
		    own ? check_shown(&who, service->name) : "main.cf", why);
		/* What main.cf sets moves to the transport that leads to us,
		 * where it acts before the signature; before the queue there
		 * is no such place. */
		there = fit->before ? NULL : transport_of(fit);
		its_value = cli_master_value(fit->master, service, name);
		strbuf_init(&shown, CHECK_SHOWN_MAX);
		strbuf_init(&command, (size_t)4 * CHECK_SHOWN_MAX);
		if (there != NULL && fit->out) {
			add_list(&shown, its_value);
			strbuf_add_str(&command, "postconf -P");
			check_fit_add_setting(
			    &command, there, name, strbuf_text(&shown));
			strbuf_add_str(&command, " && ");
		}
		if (own)
			strbuf_addf(&command, "postconf -PX '%s/unix/%s'",
			    check_shown(&shown, service->name), name);
		else
			strbuf_addf(&command, "postconf -X %s", name);
		check_report_todo(fit->report, "%s && postfix reload%s",
		    strbuf_text(&command),
		    there == NULL && fit->out
			? " (or sign after the queue, where it "
			  "can be done before the signature)"
			: "");
		strbuf_clear(&shown);
		strbuf_clear(&command);
		strbuf_clear(&who);
		strbuf_clear(&what);
	}
}

static void
check_changes(struct check_fit *fit)
{
	static const char *const names[] = {"smtp_header_checks",
	    "smtp_mime_header_checks", "smtp_nested_header_checks",
	    "smtp_body_checks", "smtp_generic_maps"};

	if (!fit->out && fit->config->checking.seal.domain == NULL)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_leaving(fit, names[i], NULL,
		    "it acts on mail that leaves, behind its signature");
}

/* "[mail.example]:587"; a name without brackets stands for its MX hosts, of
 * which there may be many. The resolver's own bounds hold. */
static bool
find_relayhost(struct slice relayhost, struct proxy_endpoint *to)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	size_t end = slice_find(relayhost, ']');
	struct slice port = slice_after(relayhost, end + 2);
	struct addrinfo *found = NULL;
	char *host, *service;

	if (relayhost.n == 0 || relayhost.p[0] != '[' || end == relayhost.n)
		return false;
	host = xslicedup(slice_from(relayhost.p + 1, end - 1));
	service = xslicedup(port.n > 0 ? port : SLICE("25"));
	if (getaddrinfo(host, service, &hints, &found) == 0) {
		memcpy(&to->address, found->ai_addr, found->ai_addrlen);
		to->length = found->ai_addrlen;
		freeaddrinfo(found);
	}
	free(host);
	free(service);
	return found != NULL;
}

static void
check_relayhost(struct check_fit *fit)
{
	const struct cli_service *there = transport_of(fit);
	struct slice relayhost =
	    cli_master_value(fit->master, NULL, "relayhost");
	struct proxy_endpoint at;
	struct strbuf shown;

	if (!fit->ask || !find_relayhost(relayhost, &at) ||
	    !check_peer_lacks(fit->config, &at, SMTP_EXT_8BITMIME))
		return;
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "relayhost = %s does not offer 8BITMIME: text of 8 bits is "
	    "converted for it, behind its signature",
	    check_shown(&shown, relayhost));
	if (there != NULL && !fit->before)
		check_fit_todo(
		    fit, there, "smtp_discard_ehlo_keywords", "8bitmime");
	else
		check_report_todo(fit->report,
		    "postconf -e disable_mime_output_conversion=yes && postfix "
		    "reload (it is sent as it is then), or sign after the "
		    "queue");
	strbuf_clear(&shown);
}

/* A server that does not offer 8BITMIME gets what is converted for it; unless
 * it was converted before the signature. */
static void
check_conversion(struct check_fit *fit)
{
	const struct cli_service *there = transport_of(fit);
	struct slice discarded = {NULL, 0};

	if (there != NULL)
		discarded = cli_master_value(
		    fit->master, there, "smtp_discard_ehlo_keywords");
	if (!fit->out || !fit->front->announce_8bitmime ||
	    cli_master_lists(discarded, SLICE("8bitmime")) ||
	    slice_equal(cli_master_value(fit->master, NULL,
			    "disable_mime_output_conversion"),
		SLICE("yes")))
		return;
	check_leaving(fit, "smtp_discard_ehlo_keywords", "8bitmime",
	    "text of 8 bits is converted behind its signature "
	    "(`announce_8bitmime = no' has it converted before)");
	check_leaving(fit, "smtp_discard_ehlo_keyword_address_maps", NULL,
	    "where it takes 8BITMIME away, text of 8 bits is converted behind "
	    "its signature");
	check_relayhost(fit);
}

static uint64_t
line_length(const struct check_fit *fit, const struct cli_service *service)
{
	uint64_t limit = 0;

	(void)number_parse(
	    cli_master_value(fit->master, service, "smtp_line_length_limit"),
	    UINT32_MAX, &limit);
	return limit;
}

/* After the queue: what the way to us leaves whole must not be broken behind
 * us. Before it all that is broken is broken behind us. */
static void
check_lines_of(struct check_fit *fit, const struct cli_service *service)
{
	const struct cli_service *there = transport_of(fit);
	uint64_t limit = line_length(fit, service), before = 0;

	if (there != NULL && !fit->before)
		before = line_length(fit, there);
	if (limit == 0 || (before != 0 && before <= limit))
		return;
	if (there != NULL && !fit->before) {
		char wanted[24];

		(void)snprintf(wanted, sizeof(wanted), "%" PRIu64, limit);
		check_fit_warn(fit, there, "smtp_line_length_limit", wanted,
		    "longer lines than mail leaves with are broken behind "
		    "their signature");
		return;
	}
	check_report_add(fit->report, &fit->about, CHECK_NOTE,
	    "smtp_line_length_limit = %" PRIu64
	    ": longer lines are broken behind their signature; the log says "
	    "risk=line-length of them",
	    limit);
	check_report_todo(fit->report,
	    "postconf -e smtp_line_length_limit=0 && postfix reload, and "
	    "line_length = 0 in [%s]",
	    fit->front->name);
}

/* The service that mail leaves by unless it is told otherwise. */
static void
check_lines(struct check_fit *fit)
{
	const struct cli_service *service =
	    cli_master_find(fit->master, SLICE("smtp"));
	uint64_t limit;

	if (!fit->out || service == NULL)
		return;
	check_lines_of(fit, service);
	limit = line_length(fit, service);
	/* By milter as before the queue. */
	if ((!fit->before && fit->count > 0) ||
	    fit->front->line_length == limit)
		return;
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "line_length of [%s] is %zu, and smtp_line_length_limit %" PRIu64
	    ": the log does not tell of the lines that Postfix breaks",
	    fit->front->name, fit->front->line_length, limit);
	check_report_todo(fit->report, "line_length = %" PRIu64 " in [%s]",
	    limit, fit->front->name);
}

/* --- the header, behind us --- */

/* A long field is cut off at header_size_limit by the cleanup that comes
 * first, and must not be cut by a later one. */
static void
check_header_size(struct check_fit *fit)
{
	static const char name[] = "header_size_limit";
	uint64_t back = 0, taken = fit->front->max_header_size, usual = 0;
	char wanted[24];

	(void)number_parse(
	    cli_master_value(fit->master, NULL, name), UINT32_MAX, &usual);
	if (!fit->before)
		taken = usual;
	if (fit->cleanup == NULL || taken == 0 ||
	    number_parse(cli_master_value(fit->master, fit->cleanup, name),
		UINT32_MAX, &back) != 0 ||
	    back >= taken)
		return;
	(void)snprintf(wanted, sizeof(wanted), "%" PRIu64, taken);
	check_fit_warn(fit, fit->cleanup, name, wanted,
	    "longer fields are cut off behind us, and signatures break");
}

/* Before the queue fields are dropped behind us; to drop one that we sign
 * breaks the signature. */
static void
check_dropped(struct check_fit *fit)
{
	static const char name[] = "message_drop_headers";
	struct slice rest, item;
	struct dkim_field_list *fields;

	if (!fit->out || !fit->before || fit->cleanup == NULL)
		return;
	fields = dkim_field_list_new();
	rest = cli_master_value(fit->master, fit->cleanup, name);
	while (cli_master_item(&rest, &item))
		if (dkim_field_list_has(fields, item)) {
			check_fit_warn(fit, fit->cleanup, name,
			    "bcc,content-length,resent-bcc,return-path",
			    "fields that are signed are taken out behind the "
			    "signature");
			break;
		}
	dkim_field_list_free(fields);
}

/* --- another signer --- */

/* Our own are told of where they are looked at (by_milter). */
static bool
lists_a_signer(const struct check_fit *fit, const struct cli_service *from,
    struct slice milters)
{
	/* Filters by their names that do not sign; of others we cannot know. */
	static const char *const others[] = {
	    "clamav", "spamass", "opendmarc", "greylist", "policyd-spf", NULL};
	struct slice item;

	for (size_t i = 0; i < fit->asker_count; i++)
		if (fit->askers[i].from == from)
			return false;
	while (cli_milter_next(&milters, &item))
		if (!slice_has_one_of(item, others))
			return true;
	return false;
}

static void
check_milters(struct check_fit *fit, const struct cli_service *from)
{
	bool smtpd = slice_equal(from->command, SLICE("smtpd"));
	const char *name = smtpd ? "smtpd_milters" : "non_smtpd_milters";
	struct slice value = cli_master_value(fit->master, from, name);
	struct strbuf who, what;

	if (!lists_a_signer(fit, from, value) ||
	    cli_master_lists(
		cli_master_value(fit->master, from, "receive_override_options"),
		SLICE("no_milters")))
		return;
	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&what, (size_t)3 * CHECK_SHOWN_MAX);
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "%s = %s in the service %s, whose mail we sign: if one of them "
	    "signs, mail is signed twice",
	    name, check_shown(&what, value), check_shown(&who, from->name));
	strbuf_reset(&what);
	check_fit_add_setting(&what, from,
	    smtpd ? "smtpd_milters" : "receive_override_options",
	    smtpd ? "" : "no_milters");
	check_report_todo(
	    fit->report, "postconf -P%s && postfix reload", strbuf_text(&what));
	strbuf_clear(&who);
	strbuf_clear(&what);
}

void
check_fit_options(struct check_fit *fit)
{
	/* A transport that more than one service names is looked at once. */
	for (size_t i = 0; i < fit->count; i++) {
		const struct cli_service *own = fit->ways[i].transport;
		size_t k = 0;

		while (k < i && fit->ways[k].transport != own)
			k++;
		if (k == i && own != NULL &&
		    slice_equal(own->command, SLICE("smtp")))
			LOOK_AT(fit, own, transport_rows);
	}
	if (fit->back != NULL) {
		static const char name[] = "receive_override_options";
		static const struct wanted words[] = {
		    {"no_milters", LACKS, NULL, ALWAYS,
			"milters change what was signed or checked"},
		    {"no_address_mappings", LACKS, NULL, BOTH | AFTER,
			"aliases expand, and mail is copied, a second time"},
		    {"no_header_body_checks", LACKS, NULL, OUT | AFTER | BEFORE,
			"header and body checks change what was signed"},
		    {"no_header_body_checks", LACKS, NULL, IN | AFTER,
			"header and body checks act a second time"},
		};
		struct slice value;
		unsigned direction;
		unsigned wiring;
		struct strbuf whole, why;

		LOOK_AT(fit, fit->back, back_rows);
		LOOK_AT(fit, fit->cleanup, cleanup_rows);
		value = cli_master_value(fit->master, fit->back, name);
		direction = fit->out ? OUT : IN;
		wiring = fit->before ? BEFORE : AFTER;
		strbuf_init(&whole, CHECK_SHOWN_MAX);
		strbuf_addf(&whole,
		    "no_milters,no_unknown_recipient_checks%s%s",
		    fit->before ? "" : ",no_address_mappings",
		    fit->before && !fit->out ? "" : ",no_header_body_checks");
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (!(words[i].when & direction) ||
			    !(words[i].when & wiring) ||
			    cli_master_lists(value, slice_str(words[i].name)))
				continue;
			strbuf_init(&why, CHECK_SHOWN_MAX);
			strbuf_addf(
			    &why, "without %s %s", words[i].name, words[i].why);
			check_fit_warn(fit, fit->back, name,
			    strbuf_text(&whole), strbuf_text(&why));
			strbuf_clear(&why);
		}
		strbuf_clear(&whole);
		check_header_size(fit);
		check_dropped(fit);
	}
	if (fit->count == 0 && fit->asker_count == 0)
		return;
	check_changes(fit);
	check_conversion(fit);
	check_lines(fit);
	for (size_t i = 0; i < fit->count && fit->out; i++)
		check_milters(fit, fit->ways[i].from);
	for (size_t i = 0; i < fit->count && !fit->out; i++)
		if (!fit->ways[i].before)
			check_arriving(fit, fit->ways[i].from);
}
