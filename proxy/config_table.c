/*
 * Every setting: its name, its bounds, what it is where it is left out (as
 * it would be written), and where its value goes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/number.h"
#include "base/xalloc.h"
#include "dns/servers.h"
#include "mail/idn.h"
#include "proxy/config_private.h"

#define YEAR (366u * 86400u)
/* Bytes of one message of ours, without "file:line: ". */
#define MESSAGE_MAX 1024

struct word {
	const char *word;
	unsigned value;
};

struct setting;
typedef int setter(
    const struct setting *, void *field, struct slice, struct strbuf *reason);

struct setting {
	const char *section; /* FRONT: in [out] and [in] */
	const char *name;
	setter *set;
	size_t offset;	     /* in proxy_config, or in proxy_front */
	const char *initial; /* NULL: empty, none */
	uint64_t least, most;
	const struct word *words;
	bool many; /* values between commas, lines repeated and continued */
};

/* --- values --- */

static int
set_count(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	uint64_t n;

	if (number_parse(value, s->most, &n) != 0 || n < s->least) {
		strbuf_addf(reason, "is not a number from %llu to %llu",
		    (unsigned long long)s->least, (unsigned long long)s->most);
		return -1;
	}
	*(unsigned *)field = (unsigned)n;
	return 0;
}

/* "auto" is 0. */
static int
set_count_or_auto(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (slice_equal_nocase(value, SLICE("auto"))) {
		*(unsigned *)field = 0;
		return 0;
	}
	return set_count(s, field, value, reason);
}

static int
set_time(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	uint64_t n;

	if (number_parse_time(value, s->most, &n) != 0 || n < s->least) {
		strbuf_addf(reason,
		    "is not a time from %llu to %llu seconds (s, m, h, d)",
		    (unsigned long long)s->least, (unsigned long long)s->most);
		return -1;
	}
	*(unsigned *)field = (unsigned)n;
	return 0;
}

static int
parse_size(const struct setting *s, struct slice value, uint64_t *n,
    struct strbuf *reason)
{
	if (number_parse_size(value, s->most, n) != 0 || *n < s->least) {
		strbuf_addf(reason,
		    "is not a size from %llu to %llu bytes (k, M, G)",
		    (unsigned long long)s->least, (unsigned long long)s->most);
		return -1;
	}
	return 0;
}

static int
set_size(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	uint64_t n;

	if (parse_size(s, value, &n, reason) != 0)
		return -1;
	*(size_t *)field = (size_t)n;
	return 0;
}

static int
set_size64(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	return parse_size(s, value, field, reason);
}

static const struct word *
find_word(const struct setting *s, struct slice value)
{
	const struct word *w;

	for (w = s->words; w->word != NULL; w++)
		if (slice_equal_nocase(value, slice_str(w->word)))
			return w;
	return NULL;
}

static void
add_words(const struct setting *s, struct strbuf *reason)
{
	const struct word *w;

	strbuf_add_str(reason, "is none of");
	for (w = s->words; w->word != NULL; w++)
		strbuf_addf(reason, "%s %s", w == s->words ? "" : ",", w->word);
}

/* An enum: all of ours are as wide as unsigned. */
static int
set_word(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	const struct word *w = find_word(s, value);

	if (w == NULL) {
		add_words(s, reason);
		return -1;
	}
	memcpy(field, &w->value, sizeof(w->value));
	return 0;
}

static int
set_flag(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	const struct word *w = find_word(s, value);

	if (w == NULL) {
		add_words(s, reason);
		return -1;
	}
	*(unsigned *)field |= w->value;
	return 0;
}

static int
set_bool(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	const struct word *w = find_word(s, value);

	if (w == NULL) {
		strbuf_add_str(reason, "is not yes or no");
		return -1;
	}
	*(bool *)field = w->value != 0;
	return 0;
}

static int
set_text(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	char **to = field;

	(void)s;
	(void)reason;
	free(*to);
	*to = xslicedup(value);
	return 0;
}

static int
set_path(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (value.p[0] != '/') {
		strbuf_add_str(reason, "is not an absolute path");
		return -1;
	}
	return set_text(s, field, value, reason);
}

/* A host or domain name, in A-labels. */
static int
set_name(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct strbuf name;
	int result = -1;

	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(value, &name) == 0)
		result = set_text(s, field, strbuf_slice(&name), reason);
	else
		strbuf_add_str(reason, "is no domain name");
	strbuf_clear(&name);
	return result;
}

static int
add_string(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	(void)s;
	(void)reason;
	proxy_strings_add(field, value);
	return 0;
}

static int
add_name(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct strbuf name;
	int result = 0;

	(void)s;
	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(value, &name) == 0) {
		proxy_strings_add(field, strbuf_slice(&name));
	} else {
		strbuf_add_str(reason, "is no domain name");
		result = -1;
	}
	strbuf_clear(&name);
	return result;
}

/* `*`, which stays as it is, or a name. */
static int
add_domain(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (slice_equal(value, SLICE("*")))
		return add_string(s, field, value, reason);
	return add_name(s, field, value, reason);
}

static int
add_network(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct proxy_networks *to = field;
	struct proxy_network network;

	(void)s;
	if (proxy_network_parse(value, &network, reason) != 0)
		return -1;
	if ((to->count & (to->count - 1)) == 0)
		to->list = xreallocarray(to->list,
		    to->count == 0 ? 1 : to->count * 2, sizeof(*to->list));
	to->list[to->count++] = network;
	return 0;
}

static int
add_nameserver(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct proxy_strings *to = field;
	struct dns_servers *servers;
	struct strbuf own;
	int result;

	(void)s;
	if (to->count == DNS_SERVERS_MAX) {
		strbuf_addf(
		    reason, "is one name server more than %d", DNS_SERVERS_MAX);
		return -1;
	}
	servers = dns_servers_new(false);
	strbuf_init(&own, MESSAGE_MAX);
	result = dns_servers_add(servers, value, &own);
	if (result == 0)
		proxy_strings_add(to, value);
	else
		strbuf_add_str(
		    reason, "is no name server's address (ADDR or ADDR:PORT)");
	strbuf_clear(&own);
	dns_servers_free(servers);
	return result;
}

static int
set_endpoint(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	(void)s;
	return proxy_endpoint_parse(value, field, reason);
}

/* "ADDR:PORT" or "ADDR:PORT proxy". */
static int
add_listener(const struct setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct proxy_listeners *to = field;
	struct proxy_listen listen = {.proxy_protocol = false};
	struct slice address = value, word = SLICE("");
	size_t i;

	(void)s;
	for (i = 0; i < value.n; i++)
		if (value.p[i] == ' ' || value.p[i] == '\t') {
			address = slice_first(value, i);
			word = slice_trim(slice_after(value, i));
			break;
		}
	listen.proxy_protocol = slice_equal_nocase(word, SLICE("proxy"));
	if (word.n > 0 && !listen.proxy_protocol) {
		strbuf_add_str(reason, "only `proxy` may follow the address");
		return -1;
	}
	if (to->count == PROXY_LISTENERS_MAX) {
		strbuf_addf(
		    reason, "is the listener over %d", PROXY_LISTENERS_MAX);
		return -1;
	}
	if (proxy_endpoint_parse(address, &listen.at, reason) != 0)
		return -1;
	to->list = xreallocarray(to->list, to->count + 1, sizeof(*to->list));
	to->list[to->count++] = listen;
	return 0;
}

/* --- the table --- */

static const struct word words_bool[] = {{"yes", 1}, {"no", 0}, {"true", 1},
    {"false", 0}, {"on", 1}, {"off", 0}, {"1", 1}, {"0", 0}, {NULL, 0}};
static const struct word words_log[] = {{"syslog", LOGGING_SYSLOG},
    {"stderr", LOGGING_STDERR}, {"json", LOGGING_JSON}, {NULL, 0}};
static const struct word words_level[] = {{"error", LOGGING_ERROR},
    {"warning", LOGGING_WARNING}, {"info", LOGGING_INFO},
    {"debug", LOGGING_DEBUG}, {NULL, 0}};
static const struct word words_newline[] = {
    {"normalize", PROXY_BARE_NEWLINE_NORMALIZE},
    {"reject", PROXY_BARE_NEWLINE_REJECT}, {NULL, 0}};
static const struct word words_error[] = {{"tempfail", PROXY_ON_ERROR_TEMPFAIL},
    {"pass", PROXY_ON_ERROR_PASS}, {NULL, 0}};
static const struct word words_unsignable[] = {{"pass", PROXY_UNSIGNABLE_PASS},
    {"reject", PROXY_UNSIGNABLE_REJECT}, {NULL, 0}};
static const struct word words_sender[] = {
    {"from", PROXY_SENDER_FROM}, {"sender", PROXY_SENDER_SENDER}, {NULL, 0}};
static const struct word words_check[] = {{"dkim", PROXY_CHECK_DKIM},
    {"domainkeys", PROXY_CHECK_DOMAINKEYS}, {"spf", PROXY_CHECK_SPF},
    {"senderid", PROXY_CHECK_SENDERID}, {"sender-id", PROXY_CHECK_SENDERID},
    {"dmarc", PROXY_CHECK_DMARC}, {"arc", PROXY_CHECK_ARC},
    {"iprev", PROXY_CHECK_IPREV}, {"all", PROXY_CHECK_ALL}, {"none", 0},
    {NULL, 0}};
static const struct word words_reject[] = {{"dkim", PROXY_REJECT_DKIM},
    {"dkim-required", PROXY_REJECT_DKIM | PROXY_REJECT_DKIM_REQUIRED},
    {"spf", PROXY_REJECT_SPF}, {"dmarc", PROXY_REJECT_DMARC}, {"none", 0},
    {NULL, 0}};

#define AT(member)  offsetof(struct proxy_config, member)
#define FRONT_AT(m) offsetof(struct proxy_front, m)
#define FRONT	    NULL
#define GIGA	    ((uint64_t)1 << 30)

static const struct setting settings[] = {
    {"signpost", "user", set_text, AT(out.user), "signpost", 0, 0, NULL, false},
    {"signpost", "hostname", set_name, AT(hostname), NULL, 0, 0, NULL, false},
    {"signpost", "workers", set_count_or_auto, AT(workers), "auto", 1, 1024,
	NULL, false},
    {"signpost", "log", set_word, AT(log), "syslog", 0, 0, words_log, false},
    {"signpost", "log_level", set_word, AT(log_level), "info", 0, 0,
	words_level, false},
    {"signpost", "pidfile", set_path, AT(pidfile), NULL, 0, 0, NULL, false},
    {"signpost", "drain_timeout", set_time, AT(drain_timeout), "300s", 0, 86400,
	NULL, false},
    {"signpost", "stop_timeout", set_time, AT(stop_timeout), "30s", 0, 3600,
	NULL, false},

    {FRONT, "listen", add_listener, FRONT_AT(listen), NULL, 0, 0, NULL, true},
    {FRONT, "relay", set_endpoint, FRONT_AT(relay), NULL, 0, 0, NULL, false},
    {FRONT, "allow", add_network, FRONT_AT(allow), "127.0.0.0/8, ::1", 0, 0,
	NULL, true},
    {FRONT, "bare_newline", set_word, FRONT_AT(bare_newline), "normalize", 0, 0,
	words_newline, false},
    {FRONT, "announce_8bitmime", set_bool, FRONT_AT(announce_8bitmime), "yes",
	0, 0, words_bool, false},
    {FRONT, "spool_dir", set_path, FRONT_AT(spool_dir), NULL, 0, 0, NULL,
	false},
    {FRONT, "spool_max", set_size64, FRONT_AT(spool_max), "4G", 0, GIGA << 20,
	NULL, false},
    {FRONT, "spool_memory", set_size, FRONT_AT(spool_memory), "64k", 4096, GIGA,
	NULL, false},
    {FRONT, "max_message_size", set_size64, FRONT_AT(max_message_size), "0", 0,
	GIGA << 10, NULL, false},
    {FRONT, "max_header_size", set_size, FRONT_AT(max_header_size), "512k",
	4096, 64 << 20, NULL, false},
    {FRONT, "max_recipients", set_count, FRONT_AT(max_recipients), "1000", 1,
	1000000, NULL, false},
    {FRONT, "max_sessions", set_count, FRONT_AT(max_sessions), "500", 1, 100000,
	NULL, false},
    {FRONT, "max_errors", set_count, FRONT_AT(max_errors), "20", 1, 100000,
	NULL, false},
    {FRONT, "idle_timeout", set_time, FRONT_AT(idle_timeout), "300s", 1, 86400,
	NULL, false},
    {FRONT, "proxy_header_timeout", set_time, FRONT_AT(proxy_header_timeout),
	"60s", 1, 3600, NULL, false},
    {FRONT, "connect_timeout", set_time, FRONT_AT(connect_timeout), "60s", 1,
	3600, NULL, false},
    {FRONT, "command_timeout", set_time, FRONT_AT(command_timeout), "60s", 1,
	3600, NULL, false},
    {FRONT, "write_timeout", set_time, FRONT_AT(write_timeout), "180s", 1, 3600,
	NULL, false},
    {FRONT, "dot_timeout", set_time, FRONT_AT(dot_timeout), "600s", 1, 86400,
	NULL, false},

    {"out", "domain", add_domain, AT(signing.domains), NULL, 0, 0, NULL, true},
    {"out", "selector", set_name, AT(signing.selector), NULL, 0, 0, NULL,
	false},
    {"out", "keyfile", set_path, AT(signing.keyfile), NULL, 0, 0, NULL, false},
    /* Read by take_signature() below: commas stand within it. */
    {"out", "signature", NULL, 0, NULL, 0, 0, NULL, true},
    {"out", "sender_map", set_path, AT(signing.sender_map_path), NULL, 0, 0,
	NULL, false},
    {"out", "listid_map", set_path, AT(signing.listid_map_path), NULL, 0, 0,
	NULL, false},
    {"out", "sender_header", set_word, AT(signing.sender_header), "from", 0, 0,
	words_sender, false},
    {"out", "sign_all", set_bool, AT(signing.sign_all), "no", 0, 0, words_bool,
	false},
    {"out", "headers", add_string, AT(signing.headers), NULL, 0, 0, NULL, true},
    {"out", "ttl", set_time, AT(signing.ttl), "0", 0, 10 * YEAR, NULL, false},
    {"out", "on_error", set_word, AT(signing.on_error), "tempfail", 0, 0,
	words_error, false},
    {"out", "unsignable", set_word, AT(signing.unsignable), "pass", 0, 0,
	words_unsignable, false},
    {"out", "keys_cached", set_count, AT(signing.keys_cached), "1000", 1,
	1000000, NULL, false},

    {"in", "user", set_text, AT(in.user), "signpost-in", 0, 0, NULL, false},
    {"in", "authserv_id", add_name, AT(checking.authserv_ids), NULL, 0, 0, NULL,
	true},
    {"in", "trusted", add_network, AT(checking.trusted), NULL, 0, 0, NULL,
	true},
    {"in", "check", set_flag, AT(checking.check), "all", 0, 0, words_check,
	true},
    {"in", "reject", set_flag, AT(checking.reject), "none", 0, 0, words_reject,
	true},
    {"in", "on_error", set_word, AT(checking.on_error), "tempfail", 0, 0,
	words_error, false},
    {"in", "on_dns_error", set_word, AT(checking.on_dns_error), "pass", 0, 0,
	words_error, false},
    {"in", "dmarc_except", add_network, AT(checking.dmarc_except), NULL, 0, 0,
	NULL, true},
    {"in", "arc_trusted", add_name, AT(checking.arc_trusted), NULL, 0, 0, NULL,
	true},
    {"in", "max_signatures", set_count, AT(checking.max_signatures), "10", 1,
	100, NULL, false},
    {"in", "max_body_hashes", set_count, AT(checking.max_body_hashes), "6", 1,
	64, NULL, false},
    {"in", "max_questions", set_count, AT(checking.max_questions), "60", 1,
	1000, NULL, false},
    {"in", "deadline", set_time, AT(checking.deadline), "20s", 1, 90, NULL,
	false},

    {"dns", "nameserver", add_nameserver, AT(dns.nameservers), NULL, 0, 0, NULL,
	true},
    {"dns", "timeout", set_time, AT(dns.timeout), "5s", 1, 60, NULL, false},
    {"dns", "trust_ad", set_bool, AT(dns.trust_ad), "no", 0, 0, words_bool,
	false},
    {"dns", "cache_size", set_size, AT(dns.cache_size), "8M", 0, 4 * GIGA, NULL,
	false},

    {"metrics", "listen", add_listener, AT(metrics.listen), NULL, 0, 0, NULL,
	true},
    {"metrics", "allow", add_network, AT(metrics.allow), "127.0.0.0/8, ::1", 0,
	0, NULL, true},

    {"reflector", "address", set_text, AT(reflector.address), NULL, 0, 0, NULL,
	false},
    {"reflector", "relay", set_endpoint, AT(reflector.relay), NULL, 0, 0, NULL,
	false},
    {"reflector", "spamd", set_endpoint, AT(reflector.spamd), NULL, 0, 0, NULL,
	false},
    {"reflector", "spamd_timeout", set_time, AT(reflector.spamd_timeout), "30s",
	1, 300, NULL, false},
    {"reflector", "max_per_hour", set_count, AT(reflector.max_per_hour), "10",
	1, 10000, NULL, false},

    {"results", "database", set_path, AT(results.database), NULL, 0, 0, NULL,
	false},
    {"results", "keep", set_time, AT(results.keep), "9d", 2 * 86400, YEAR, NULL,
	false},
    {"results", "max_size", set_size64, AT(results.max_size), "512M",
	(uint64_t)1 << 20, GIGA << 10, NULL, false},
    {"results", "reporter", set_name, AT(results.reporter), NULL, 0, 0, NULL,
	false},
    {"results", "email", set_text, AT(results.email), NULL, 0, 0, NULL, false},
    {"results", "contact", set_text, AT(results.contact), NULL, 0, 0, NULL,
	false},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
_Static_assert(SETTINGS <= PROXY_SETTINGS_MAX, "seen has no room");

static const char *const sections[] = {
    "signpost", "out", "in", "dns", "metrics", "reflector", "results"};

/* --- reports --- */

static void
add_report(struct strbuf *to, const char *name, unsigned line, const char *text)
{
	if (line > 0)
		strbuf_addf(to, "%s:%u: %s\n", name, line, text);
	else
		strbuf_addf(to, "%s: %s\n", name, text);
}

__attribute__((format(printf, 4, 0))) static void
report(struct proxy_config_reading *reading, struct strbuf *to, unsigned line,
    const char *fmt, va_list args)
{
	char text[MESSAGE_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	add_report(to, reading->name, line, text);
}

void
proxy_config_error(
    struct proxy_config_reading *reading, unsigned line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(reading, &reading->report->errors, line, fmt, args);
	va_end(args);
}

void
proxy_config_warn(
    struct proxy_config_reading *reading, unsigned line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(reading, &reading->report->warnings, line, fmt, args);
	va_end(args);
}

/* --- reading --- */

static bool
is_front(const char *section)
{
	return strcmp(section, "out") == 0 || strcmp(section, "in") == 0;
}

static size_t
side_of(const struct setting *s, const char *section)
{
	return s->section == FRONT && strcmp(section, "in") == 0 ? 1 : 0;
}

static size_t
find_setting(const char *section, const char *name)
{
	size_t i;

	for (i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (settings[i].section == FRONT
			? is_front(section)
			: strcmp(settings[i].section, section) == 0)
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
	return reading->seen[side_of(&settings[i], section)][i];
}

static void *
field_of(struct proxy_config *config, const struct setting *s, size_t side)
{
	char *base = (char *)config;

	if (s->section == FRONT)
		base = side == 1 ? (char *)&config->in : (char *)&config->out;
	return base + s->offset;
}

/* One value of the setting: shown in the error as it was written. */
static void
set_value(struct proxy_config_reading *reading, const struct setting *s,
    size_t side, struct slice value, unsigned line)
{
	struct strbuf reason, shown;

	strbuf_init(&reason, MESSAGE_MAX / 2);
	strbuf_init(&shown, MESSAGE_MAX / 4);
	if (s->set(s, field_of(reading->config, s, side), value, &reason) !=
	    0) {
		escape_log(slice_first(value, 60), &shown);
		proxy_config_error(reading, line, "%s: \"%s%s\": %s", s->name,
		    strbuf_text(&shown), value.n > 60 ? "..." : "",
		    strbuf_text(&reason));
	}
	strbuf_clear(&reason);
	strbuf_clear(&shown);
}

static void
set_values(struct proxy_config_reading *reading, const struct setting *s,
    size_t side, struct slice value, unsigned line)
{
	struct slice piece, rest = value;

	if (!s->many) {
		set_value(reading, s, side, value, line);
		return;
	}
	while (rest.p != NULL && slice_cut(&rest, ',', &piece)) {
		piece = slice_trim(piece);
		if (piece.n > 0)
			set_value(reading, s, side, piece, line);
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
	struct strbuf shown;
	size_t i;

	reading->known_section = true;
	for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (slice_equal(name, slice_str(sections[i])))
			break;
	if (slice_equal(name, SLICE("out")))
		reading->config->out.enabled = true;
	if (slice_equal(name, SLICE("in")))
		reading->config->in.enabled = true;
	if (i < sizeof(sections) / sizeof(sections[0]))
		return;
	reading->known_section = false;
	strbuf_init(&shown, MESSAGE_MAX / 2);
	escape_log(name, &shown);
	proxy_config_error(
	    reading, line, "unknown section [%s]", strbuf_text(&shown));
	strbuf_clear(&shown);
}

/* May the setting stand here, at this line? */
static bool
may_set(struct proxy_config_reading *reading, const struct setting *s,
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
	const struct setting *s;
	struct strbuf shown;
	unsigned *seen;
	size_t i;

	if (section[0] == '\0')
		proxy_config_error(
		    reading, line, "a setting before the first [section]");
	if (section[0] == '\0' || !reading->known_section)
		return;
	i = find_setting(section, name);
	if (i == SETTINGS) {
		strbuf_init(&shown, MESSAGE_MAX / 2);
		escape_log(slice_str(name), &shown);
		proxy_config_error(reading, line, "unknown setting %s in [%s]",
		    strbuf_text(&shown), section);
		strbuf_clear(&shown);
		return;
	}
	s = &settings[i];
	seen = &reading->seen[side_of(s, section)][i];
	if (!may_set(reading, s, *seen, line, continued))
		return;
	*seen = *seen == 0 ? line : *seen;
	if (value.n == 0 && !s->many)
		proxy_config_error(reading, line, "%s has no value", s->name);
	else if (s->set == NULL)
		take_signature(reading, value, line, continued);
	else
		set_values(reading, s, side_of(s, section), value, line);
}

static void
on_error(void *ctx, unsigned line, const char *text)
{
	proxy_config_error(ctx, line, "%s", text);
}

static void
fill_in(struct proxy_config_reading *reading)
{
	const struct setting *s;
	size_t i, side;

	for (i = 0; i < SETTINGS; i++) {
		s = &settings[i];
		for (side = 0; side < (s->section == FRONT ? 2 : 1); side++)
			if (reading->seen[side][i] == 0 && s->initial != NULL)
				set_values(
				    reading, s, side, slice_str(s->initial), 0);
	}
}

void
proxy_config_read_settings(
    struct proxy_config_reading *reading, struct slice text)
{
	static const struct proxy_ini_ops ops = {
	    on_section, on_setting, on_error};

	proxy_ini_read(text, &ops, reading);
	fill_in(reading);
}
