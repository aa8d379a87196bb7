/*
 * Every setting: its name, its bounds, what it is where it is left out (as
 * it would be written), and where its value goes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/evaluation.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/verifier.h"
#include "dns/resolver.h"
#include "proxy/settings/config_private.h"
#include "record/spamd.h"
#include "smtp/relay.h"
#include "smtp/server.h"

#define YEAR (366u * 86400u)
/* Bytes of one message of ours, without "file:line: ". */
#define MESSAGE_MAX 1024

/* --- the table --- */

static const struct proxy_word words_bool[] = {{"yes", 1}, {"no", 0},
    {"true", 1}, {"false", 0}, {"on", 1}, {"off", 0}, {"1", 1}, {"0", 0},
    {NULL, 0}};
static const struct proxy_word words_log[] = {{"syslog", LOGGING_SYSLOG},
    {"stderr", LOGGING_STDERR}, {"json", LOGGING_JSON}, {NULL, 0}};
static const struct proxy_word words_sandbox[] = {{"yes", PROXY_SANDBOX_YES},
    {"log", PROXY_SANDBOX_LOG}, {"no", PROXY_SANDBOX_NO}, {NULL, 0}};
static const struct proxy_word words_level[] = {{"error", LOGGING_ERROR},
    {"warning", LOGGING_WARNING}, {"info", LOGGING_INFO},
    {"debug", LOGGING_DEBUG}, {NULL, 0}};
static const struct proxy_word words_format[] = {
    {"rfc9990", RECORD_RFC9990}, {"rfc7489", RECORD_RFC7489}, {NULL, 0}};
static const struct proxy_word words_newline[] = {
    {"normalize", PROXY_BARE_NEWLINE_NORMALIZE},
    {"reject", PROXY_BARE_NEWLINE_REJECT}, {NULL, 0}};
static const struct proxy_word words_error[] = {
    {"tempfail", PROXY_ON_ERROR_TEMPFAIL}, {"pass", PROXY_ON_ERROR_PASS},
    {NULL, 0}};
static const struct proxy_word words_unsignable[] = {
    {"pass", PROXY_UNSIGNABLE_PASS}, {"reject", PROXY_UNSIGNABLE_REJECT},
    {NULL, 0}};
static const struct proxy_word words_published[] = {
    {"unsigned", PROXY_BEFORE_PUBLISHED_UNSIGNED},
    {"sign", PROXY_BEFORE_PUBLISHED_SIGN},
    {"tempfail", PROXY_BEFORE_PUBLISHED_TEMPFAIL}, {NULL, 0}};
static const struct proxy_word words_partial[] = {
    {"policy", PROXY_PARTIAL_BODY_POLICY}, {"pass", PROXY_PARTIAL_BODY_PASS},
    {NULL, 0}};
static const struct proxy_word words_origin[] = {
    {"authenticated", PROXY_ORIGIN_AUTHENTICATED},
    {"local", PROXY_ORIGIN_LOCAL}, {"none", 0}, {NULL, 0}};
static const struct proxy_word words_sender[] = {
    {"from", PROXY_SENDER_FROM}, {"sender", PROXY_SENDER_SENDER}, {NULL, 0}};
static const struct proxy_word words_check[] = {{"dkim", PROXY_CHECK_DKIM},
    {"domainkeys", PROXY_CHECK_DOMAINKEYS}, {"spf", PROXY_CHECK_SPF},
    {"senderid", PROXY_CHECK_SENDERID}, {"sender-id", PROXY_CHECK_SENDERID},
    {"dmarc", PROXY_CHECK_DMARC}, {"arc", PROXY_CHECK_ARC},
    {"iprev", PROXY_CHECK_IPREV}, {"all", PROXY_CHECK_ALL}, {"none", 0},
    {NULL, 0}};
static const struct proxy_word words_reject[] = {{"dkim", PROXY_REJECT_DKIM},
    {"dkim-required", PROXY_REJECT_DKIM | PROXY_REJECT_DKIM_REQUIRED},
    {"spf", PROXY_REJECT_SPF}, {"dmarc", PROXY_REJECT_DMARC}, {"none", 0},
    {NULL, 0}};

/* Where it goes: of_front and offset. */
#define AT(member)  false, offsetof(struct proxy_config, member)
#define FRONT_AT(m) true, offsetof(struct proxy_front, m)
#define FRONT	    NULL /* in the section of every front */
/* A default that another room names: as it would be written. */
#define IN_TEXT(number)	   #number
#define IN_NUMBER(number)  IN_TEXT(number)
#define IN_SECONDS(number) IN_NUMBER(number) "s"
#define GIGA		   ((uint64_t)1 << 30)

static const struct proxy_setting settings[] = {
    {"signpost", "user", proxy_set_text, AT(user), "signpost", 0, 0, NULL,
	false},
    {"signpost", "hostname", proxy_set_name, AT(hostname), NULL, 0, 0, NULL,
	false},
    {"signpost", "workers", proxy_set_count_or_auto, AT(workers), "auto", 1,
	PROXY_WORKERS_MAX, NULL, false},
    {"signpost", "signers", proxy_set_count_or_auto, AT(signers), "auto", 1,
	PROXY_WORKERS_MAX, NULL, false},
    {"signpost", "keys_user", proxy_set_text, AT(keys_user), "signpost-keys", 0,
	0, NULL, false},
    {"signpost", "sign_timeout", proxy_set_time, AT(sign_timeout), "10s", 1,
	300, NULL, false},
    {"signpost", "log", proxy_set_word, AT(log), "syslog", 0, 0, words_log,
	false},
    {"signpost", "log_level", proxy_set_word, AT(log_level), "info", 0, 0,
	words_level, false},
    {"signpost", "pidfile", proxy_set_path, AT(pidfile), NULL, 0, 0, NULL,
	false},
    {"signpost", "control", proxy_set_path_or_none, AT(control),
	PROXY_CONTROL_PATH, 0, 0, NULL, false},
    {"signpost", "sandbox", proxy_set_word, AT(sandbox), "yes", 0, 0,
	words_sandbox, false},
    {"signpost", "drain_timeout", proxy_set_time, AT(drain_timeout), "300s", 0,
	86400, NULL, false},
    {"signpost", "stop_timeout", proxy_set_time, AT(stop_timeout), "30s", 0,
	3600, NULL, false},
    {"signpost", "watchdog", proxy_set_time, AT(watchdog), "60s",
	PROXY_WATCHDOG_LEAST, 86400, NULL, false},

    {FRONT, "user", proxy_set_text, FRONT_AT(user), NULL, 0, 0, NULL, false},
    {FRONT, "listen", proxy_add_listener, FRONT_AT(listen), NULL, 0, 0, NULL,
	true},
    {FRONT, "relay", proxy_set_endpoint, FRONT_AT(relay), NULL, 0, 0, NULL,
	false},
    {FRONT, "allow", proxy_add_network, FRONT_AT(allow), "127.0.0.0/8, ::1", 0,
	0, NULL, true},
    {FRONT, "proxies", proxy_add_network, FRONT_AT(proxies), "127.0.0.0/8, ::1",
	0, 0, NULL, true},
    {FRONT, "bare_newline", proxy_set_word, FRONT_AT(bare_newline), "normalize",
	0, 0, words_newline, false},
    {FRONT, "announce_8bitmime", proxy_set_bool, FRONT_AT(announce_8bitmime),
	"yes", 0, 0, words_bool, false},
    {FRONT, "spool_dir", proxy_set_path, FRONT_AT(spool_dir), NULL, 0, 0, NULL,
	false},
    {FRONT, "spool_max", proxy_set_size64, FRONT_AT(spool_max), "4G", 0,
	GIGA << 20, NULL, false},
    {FRONT, "spool_memory", proxy_set_size, FRONT_AT(spool_memory),
	IN_NUMBER(PROXY_SPOOL_MEMORY_KILOBYTES) "k", 4096, GIGA, NULL, false},
    {FRONT, "max_message_size", proxy_set_size64, FRONT_AT(max_message_size),
	"0", 0, GIGA << 10, NULL, false},
    {FRONT, "max_header_size", proxy_set_size, FRONT_AT(max_header_size),
	IN_NUMBER(PROXY_CONFIG_HEADER_KILOBYTES) "k", 4096, 64 << 20, NULL,
	false},
    {FRONT, "line_length", proxy_set_size, FRONT_AT(line_length), "998", 0,
	1 << 20, NULL, false},
    {FRONT, "max_recipients", proxy_set_count, FRONT_AT(max_recipients),
	IN_NUMBER(SMTP_SERVER_RECIPIENTS_MAX), 1, 1000000, NULL, false},
    {FRONT, "max_sessions", proxy_set_count, FRONT_AT(max_sessions), "500", 1,
	100000, NULL, false},
    {FRONT, "max_errors", proxy_set_count, FRONT_AT(max_errors),
	IN_NUMBER(SMTP_SERVER_ERRORS_MAX), 1, 100000, NULL, false},
    {FRONT, "idle_timeout", proxy_set_time, FRONT_AT(idle_timeout),
	IN_SECONDS(SMTP_SERVER_IDLE_S), 1, 86400, NULL, false},
    {FRONT, "proxy_header_timeout", proxy_set_time,
	FRONT_AT(proxy_header_timeout), IN_SECONDS(SMTP_SERVER_PROXY_HEADER_S),
	1, 3600, NULL, false},
    {FRONT, "connect_timeout", proxy_set_time, FRONT_AT(connect_timeout),
	IN_SECONDS(SMTP_RELAY_CONNECT_S), 1, 3600, NULL, false},
    {FRONT, "command_timeout", proxy_set_time, FRONT_AT(command_timeout),
	IN_SECONDS(SMTP_RELAY_COMMAND_S), 1, 3600, NULL, false},
    {FRONT, "write_timeout", proxy_set_time, FRONT_AT(write_timeout),
	IN_SECONDS(SMTP_RELAY_WRITE_S), 1, 3600, NULL, false},
    {FRONT, "dot_timeout", proxy_set_time, FRONT_AT(dot_timeout),
	IN_SECONDS(SMTP_RELAY_DOT_S), 1, 86400, NULL, false},

    {"out", "domain", proxy_add_domain, AT(signing.domains), NULL, 0, 0, NULL,
	true},
    {"out", "selector", proxy_set_name, AT(signing.selector), NULL, 0, 0, NULL,
	false},
    {"out", "keyfile", proxy_set_key_place, AT(signing.keyfile), NULL, 0, 0,
	NULL, false},
    /* Read by take_signature() below: commas stand within it. */
    {"out", "signature", NULL, false, 0, NULL, 0, 0, NULL, true},
    {"out", "sender_map", proxy_set_path, AT(signing.sender_map_path), NULL, 0,
	0, NULL, false},
    {"out", "listid_map", proxy_set_path, AT(signing.listid_map_path), NULL, 0,
	0, NULL, false},
    {"out", "sender_header", proxy_set_word, AT(signing.sender_header), "from",
	0, 0, words_sender, false},
    {"out", "sign_for", proxy_add_origin, AT(signing.sign_for),
	"authenticated, local", 0, 0, words_origin, true},
    {"out", "sign_all", proxy_set_bool, AT(signing.sign_all), "no", 0, 0,
	words_bool, false},
    {"out", "headers", proxy_add_string, AT(signing.headers), NULL, 0, 0, NULL,
	true},
    {"out", "ttl", proxy_set_time, AT(signing.ttl), "0", 0, 10 * YEAR, NULL,
	false},
    {"out", "on_error", proxy_set_word, AT(signing.on_error), "tempfail", 0, 0,
	words_error, false},
    {"out", "unsignable", proxy_set_word, AT(signing.unsignable), "pass", 0, 0,
	words_unsignable, false},
    {"out", "before_published", proxy_set_word, AT(signing.before_published),
	"unsigned", 0, 0, words_published, false},
    {"out", "keys_cached", proxy_set_count, AT(signing.keys_cached), "1000", 1,
	1000000, NULL, false},

    {"in", "authserv_id", proxy_add_authserv_id, AT(checking.authserv_ids),
	NULL, 0, 0, NULL, true},
    {"in", "trusted", proxy_add_network, AT(checking.trusted),
	"127.0.0.0/8, ::1", 0, 0, NULL, true},
    {"in", "check", proxy_set_flag, AT(checking.check), "all", 0, 0,
	words_check, true},
    {"in", "reject", proxy_set_flag, AT(checking.reject), "none", 0, 0,
	words_reject, true},
    {"in", "on_error", proxy_set_word, AT(checking.on_error), "tempfail", 0, 0,
	words_error, false},
    {"in", "on_dns_error", proxy_set_word, AT(checking.on_dns_error), "pass", 0,
	0, words_error, false},
    {"in", "dmarc_except", proxy_add_network, AT(checking.dmarc_except), NULL,
	0, 0, NULL, true},
    {"in", "arc_trusted", proxy_add_name, AT(checking.arc_trusted), NULL, 0, 0,
	NULL, true},
    {"in", "partial_body", proxy_set_word, AT(checking.partial_body), "policy",
	0, 0, words_partial, false},
    {"in", "remove_fields", proxy_add_field_name, AT(checking.remove_fields),
	"BIMI-Location, BIMI-Indicator", 0, 0, NULL, true},
    {"in", "max_signatures", proxy_set_count, AT(checking.max_signatures),
	IN_NUMBER(DKIM_VERIFIER_SIGNATURES_MAX), 1,
	DKIM_VERIFIER_SIGNATURES_MOST, NULL, false},
    {"in", "max_body_hashes", proxy_set_count, AT(checking.max_body_hashes),
	IN_NUMBER(DKIM_VERIFIER_HASHES_MAX), 1, DKIM_VERIFIER_HASHES_MOST, NULL,
	false},
    {"in", "max_questions", proxy_set_count, AT(checking.max_questions),
	IN_NUMBER(AUTH_EVALUATION_QUESTIONS_MAX), 1, 1000, NULL, false},
    {"in", "deadline", proxy_set_time, AT(checking.deadline),
	IN_SECONDS(PROXY_ASKING_DEADLINE_S), 1, 90, NULL, false},

    {"in", "seal_domain", proxy_set_domain, AT(checking.seal.domain), NULL, 0,
	0, NULL, false},
    {"in", "seal_selector", proxy_set_name, AT(checking.seal.selector), NULL, 0,
	0, NULL, false},
    {"in", "seal_keyfile", proxy_set_key_place, AT(checking.seal.keyfile), NULL,
	0, 0, NULL, false},

    {"dns", "nameserver", proxy_add_nameserver, AT(dns.nameservers), NULL, 0, 0,
	NULL, true},
    {"dns", "timeout", proxy_set_time, AT(dns.timeout),
	IN_SECONDS(DNS_TIMEOUT_S), 1, 60, NULL, false},
    {"dns", "trust_ad", proxy_set_bool, AT(dns.trust_ad), "no", 0, 0,
	words_bool, false},
    {"dns", "cache_size", proxy_set_size, AT(dns.cache_size),
	IN_NUMBER(DNS_CACHE_MEGABYTES) "M", 0, 4 * GIGA, NULL, false},

    {"metrics", "listen", proxy_add_listener, AT(metrics.listen), NULL, 0, 0,
	NULL, true},
    {"metrics", "allow", proxy_add_network, AT(metrics.allow),
	"127.0.0.0/8, ::1", 0, 0, NULL, true},
    {"metrics", "hosts", proxy_add_name, AT(metrics.hosts), NULL, 0, 0, NULL,
	true},

    {"reflector", "address", proxy_set_text, AT(reflector.address), NULL, 0, 0,
	NULL, false},
    {"reflector", "relay", proxy_set_endpoint, AT(reflector.relay), NULL, 0, 0,
	NULL, false},
    {"reflector", "spamd", proxy_set_endpoint, AT(reflector.spamd), NULL, 0, 0,
	NULL, false},
    {"reflector", "spamd_timeout", proxy_set_time, AT(reflector.spamd_timeout),
	IN_SECONDS(RECORD_SPAMD_S), 1, 300, NULL, false},
    {"reflector", "max_per_hour", proxy_set_count, AT(reflector.max_per_hour),
	"10", 1, 10000, NULL, false},
    {"reflector", "max_per_client", proxy_set_count,
	AT(reflector.max_per_client), "60", 1, 100000, NULL, false},
    {"reflector", "max_per_hour_all", proxy_set_count,
	AT(reflector.max_per_hour_all), "300", 1, 1000000, NULL, false},

    {"results", "user", proxy_set_text, AT(results.user), "signpost-record", 0,
	0, NULL, false},
    {"results", "database", proxy_set_path, AT(results.database), NULL, 0, 0,
	NULL, false},
    {"results", "keep", proxy_set_time, AT(results.keep), "9d", 2 * 86400, YEAR,
	NULL, false},
    {"results", "max_size", proxy_set_size64, AT(results.max_size), "512M",
	(uint64_t)1 << 20, GIGA << 10, NULL, false},
    {"results", "reporter", proxy_set_name, AT(results.reporter), NULL, 0, 0,
	NULL, false},
    {"results", "email", proxy_set_text, AT(results.email), NULL, 0, 0, NULL,
	false},
    {"results", "contact", proxy_set_text, AT(results.contact), NULL, 0, 0,
	NULL, false},
    {"results", "format", proxy_set_word, AT(results.format), "rfc9990", 0, 0,
	words_format, false},

    {"rotate", "every", proxy_set_time, AT(rotate.every), "180d", 86400,
	10 * YEAR, NULL, false},
    /* Where it is left out, as long as it must be: settle_rotate(). */
    {"rotate", "retire_after", proxy_set_time, AT(rotate.retire_after), NULL, 0,
	10 * YEAR, NULL, false},
    {"rotate", "name", proxy_add_selector_name, AT(rotate.names), "m%Y%m", 0, 0,
	NULL, true},
    {"rotate", "publish", proxy_set_path, AT(rotate.publish), NULL, 0, 0, NULL,
	false},
    {"rotate", "publish_user", proxy_set_text, AT(rotate.publish_user),
	"signpost-publish", 0, 0, NULL, false},
    {"rotate", "notify", proxy_set_text, AT(rotate.notify), NULL, 0, 0, NULL,
	false},
    {"rotate", "resolver", proxy_add_nameserver, AT(rotate.resolver), NULL, 0,
	0, NULL, true},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
_Static_assert(SETTINGS <= PROXY_SETTINGS_MAX, "seen has no room");

/* Besides those of the fronts. */
static const char *const sections[] = {
    "signpost", "dns", "metrics", "reflector", "results", "rotate"};

/* --- reports --- */

__attribute__((format(printf, 4, 0))) static void
report_setting(struct proxy_config_reading *reading, struct strbuf *to,
    unsigned line, const char *fmt, va_list args)
{
	char text[MESSAGE_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	if (line > 0)
		strbuf_addf(to, "%s:%u: %s\n", reading->name, line, text);
	else
		strbuf_addf(to, "%s: %s\n", reading->name, text);
}

void
proxy_config_error(
    struct proxy_config_reading *reading, unsigned line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_setting(reading, &reading->report->errors, line, fmt, args);
	va_end(args);
}

void
proxy_config_warn(
    struct proxy_config_reading *reading, unsigned line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_setting(reading, &reading->report->warnings, line, fmt, args);
	va_end(args);
}

const struct proxy_setting *
proxy_config_setting_at(size_t i)
{
	return i < SETTINGS ? &settings[i] : NULL;
}

const char *
proxy_config_section_at(size_t i)
{
	if (i < PROXY_FRONTS)
		return proxy_front_rows[i].name;
	i -= PROXY_FRONTS;
	return i < sizeof(sections) / sizeof(sections[0]) ? sections[i] : NULL;
}

/* --- reading --- */

bool
proxy_config_setting_is_of(const struct proxy_setting *s, const char *section)
{
	return s->section == FRONT
	    ? proxy_front_find(slice_str(section)) < PROXY_FRONTS
	    : strcmp(s->section, section) == 0;
}

/* Of the front that the section is of; 0 for what is of none. */
static size_t
number_of(const struct proxy_setting *s, const char *section)
{
	return s->of_front ? proxy_front_find(slice_str(section)) : 0;
}

static size_t
find_setting(const char *section, const char *name)
{
	size_t i;

	for (i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].name, name) == 0 &&
		    proxy_config_setting_is_of(&settings[i], section))
			return i;
	}
	return SETTINGS;
}

unsigned
proxy_config_line(const struct proxy_config_reading *reading,
    const char *section, const char *name)
{
	size_t i = find_setting(section, name);

	if (i == SETTINGS)
		return 0;
	return reading->seen[number_of(&settings[i], section)][i];
}

static const char no_hash[] =
    "a comment behind a value begins with ; and not with #";

/* A comment as other programs have it. */
static bool
has_hash(struct slice value)
{
	for (size_t i = 1; i < value.n; i++)
		if (value.p[i] == '#' &&
		    (value.p[i - 1] == ' ' || value.p[i - 1] == '\t'))
			return value.p[0] != '"';
	return false;
}

/* A value as other programs have it. */
static bool
is_quoted(struct slice value)
{
	return value.n > 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
	    value.p[value.n - 1] == value.p[0];
}

/* Sets it: 0, or -1 and what is wrong. */
static int
try_value(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (has_hash(value))
		return strbuf_fail(reason, "%s", no_hash);
	if (is_quoted(value) && s->set == proxy_set_text)
		strbuf_add_str(reason, "stands without quotes");
	else if (s->set(s, field, value, reason) == 0)
		return 0;
	else if (is_quoted(value)) {
		strbuf_reset(reason);
		strbuf_add_str(reason, "stands without quotes");
	}
	return -1;
}

/* One value of the setting: shown in the error as it was written. */
static void
set_value(struct proxy_config_reading *reading, const struct proxy_setting *s,
    size_t front, struct slice value, unsigned line)
{
	char *base = s->of_front ? (char *)&reading->config->fronts[front]
				 : (char *)reading->config;
	struct strbuf reason, shown;

	strbuf_init(&reason, MESSAGE_MAX / 2);
	strbuf_init(&shown, MESSAGE_MAX / 4);
	if (try_value(s, base + s->offset, value, &reason) != 0) {
		escape_text(slice_first(value, 60), &shown);
		proxy_config_error(reading, line, "%s: \"%s%s\": %s", s->name,
		    strbuf_text(&shown), value.n > 60 ? "..." : "",
		    strbuf_text(&reason));
	}
	strbuf_clear(&reason);
	strbuf_clear(&shown);
}

/* The next item of a list; a comma within quotation marks ends none. */
static bool
cut_item(struct slice *rest, struct slice *item)
{
	bool quoted = false;
	size_t n = 0;

	if (rest->p == NULL)
		return false;
	for (; n < rest->n && (quoted || rest->p[n] != ','); n++) {
		if (rest->p[n] == '"')
			quoted = !quoted;
		else if (quoted && rest->p[n] == '\\' && n + 1 < rest->n)
			n++;
	}
	*item = slice_first(*rest, n);
	*rest = n < rest->n ? slice_after(*rest, n + 1) : slice_from(NULL, 0);
	return true;
}

static void
set_values(struct proxy_config_reading *reading, const struct proxy_setting *s,
    size_t front, struct slice value, unsigned line)
{
	struct slice piece, rest = value;

	if (!s->many) {
		set_value(reading, s, front, value, line);
		return;
	}
	while (cut_item(&rest, &piece)) {
		piece = slice_trim(piece);
		if (piece.n > 0)
			set_value(reading, s, front, piece, line);
	}
}

/* Are there more ( than ) in it? */
static bool
is_open(const char *text)
{
	int depth = 0;

	for (; *text != '\0'; text++)
		depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
	return depth > 0;
}

/* Continued lines are one text, for the parentheses may span them. */
static void
go_on_with_signature(struct proxy_strings *to, struct slice value)
{
	char **last = &to->list[to->count - 1];
	struct strbuf joined;

	strbuf_init(&joined, PROXY_CONFIG_FILE_MAX);
	strbuf_add_str(&joined, *last);
	strbuf_add_char(&joined, is_open(*last) ? ' ' : ',');
	strbuf_add(&joined, value);
	free(*last);
	*last = strbuf_detach(&joined);
}

static void
take_signature(struct proxy_config_reading *reading, struct slice value,
    unsigned line, bool continued)
{
	size_t n = reading->signatures.count;

	if (continued && n > 0) {
		go_on_with_signature(&reading->signatures, value);
		return;
	}
	reading->signature_lines = xreallocarray(
	    reading->signature_lines, n + 1, sizeof(*reading->signature_lines));
	reading->signature_lines[n] = line;
	proxy_strings_add(&reading->signatures, value);
}

static void
on_section(void *ctx, struct slice name, unsigned line)
{
	struct proxy_config_reading *reading = ctx;
	struct strbuf shown, guess;
	size_t front = proxy_front_find(name);
	const char *known;

	if (front < PROXY_FRONTS)
		reading->config->fronts[front].enabled = true;
	if (slice_equal(name, SLICE("rotate")))
		reading->config->rotate.enabled = true;
	reading->known_section = true;
	for (size_t i = 0; (known = proxy_config_section_at(i)) != NULL; i++)
		if (slice_equal(name, slice_str(known)))
			return;
	reading->known_section = false;
	strbuf_init(&shown, MESSAGE_MAX / 2);
	escape_text(name, &shown);
	strbuf_init(&guess, MESSAGE_MAX / 4);
	proxy_config_guess_section(strbuf_text(&shown), &guess);
	proxy_config_error(reading, line, "unknown section [%s]%s",
	    strbuf_text(&shown), strbuf_text(&guess));
	strbuf_clear(&guess);
	strbuf_clear(&shown);
}

static void
refuse_name(struct proxy_config_reading *reading, const char *section,
    const char *name, unsigned line)
{
	struct strbuf shown, guess;

	strbuf_init(&shown, MESSAGE_MAX / 4);
	strbuf_init(&guess, MESSAGE_MAX / 2);
	escape_text(slice_str(name), &shown);
	if (strpbrk(name, " \t") != NULL)
		strbuf_add_str(&guess, ": write NAME = VALUE");
	else
		proxy_config_guess_setting(section, name, &guess);
	proxy_config_error(reading, line, "unknown setting %s in [%s]%s",
	    strbuf_text(&shown), section, strbuf_text(&guess));
	strbuf_clear(&shown);
	strbuf_clear(&guess);
}

/* May the setting stand here, at this line? */
static bool
may_set(struct proxy_config_reading *reading, const struct proxy_setting *s,
    unsigned before, unsigned line, bool continued)
{
	if (s->many)
		return true;
	if (continued)
		proxy_config_error(reading, line,
		    "%s is no list: an indented line cannot go on with it",
		    s->name);
	else if (before != 0)
		proxy_config_error(reading, line,
		    "%s was set before, at line %u", s->name, before);
	return !continued && before == 0;
}

static void
on_setting(void *ctx, const char *section, const char *name, struct slice value,
    unsigned line, bool continued)
{
	struct proxy_config_reading *reading = ctx;
	const struct proxy_setting *s;
	unsigned *seen;
	size_t i;

	if (section[0] == '\0')
		proxy_config_error(
		    reading, line, "a setting before the first [section]");
	if (section[0] == '\0' || !reading->known_section)
		return;
	i = find_setting(section, name);
	if (i == SETTINGS) {
		refuse_name(reading, section, name, line);
		return;
	}
	s = &settings[i];
	seen = &reading->seen[number_of(s, section)][i];
	if (!may_set(reading, s, *seen, line, continued))
		return;
	*seen = *seen == 0 ? line : *seen;
	if (value.n == 0 && !s->many)
		proxy_config_error(reading, line, "%s has no value", s->name);
	else if (s->set == NULL && has_hash(value))
		proxy_config_error(reading, line, "%s: %s", s->name, no_hash);
	else if (s->set == NULL)
		take_signature(reading, value, line, continued);
	else
		set_values(reading, s, number_of(s, section), value, line);
}

static void
on_error(void *ctx, unsigned line, const char *text)
{
	proxy_config_error(ctx, line, "%s", text);
}

static void
fill_in(struct proxy_config_reading *reading, const char *section)
{
	const struct proxy_setting *s;

	for (size_t i = 0; i < SETTINGS; i++) {
		size_t front;

		s = &settings[i];
		if (!proxy_config_setting_is_of(s, section))
			continue;
		front = number_of(s, section);
		if (reading->seen[front][i] == 0 && s->initial != NULL)
			set_values(reading, s, front, slice_str(s->initial), 0);
	}
}

void
proxy_config_read_settings(
    struct proxy_config_reading *reading, struct slice text)
{
	static const struct proxy_ini_ops ops = {
	    on_section, on_setting, on_error};
	const char *section;

	proxy_ini_read(text, &ops, reading);
	for (size_t i = 0; (section = proxy_config_section_at(i)) != NULL; i++)
		fill_in(reading, section);
}
