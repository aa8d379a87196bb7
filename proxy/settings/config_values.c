/* One value of a setting, from text into its field, or why not. */
#include <stdlib.h>
#include <string.h>

#include "auth/results.h"
#include "base/number.h"
#include "base/xalloc.h"
#include "dns/servers.h"
#include "mail/idn.h"
#include "mail/token.h"
#include "proxy/settings/config_private.h"
#include "proxy/settings/sign_map.h"

/* Bytes of a reason. */
#define MESSAGE_MAX 512

int
proxy_set_count(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	uint64_t n;

	if (number_parse(value, s->most, &n) != 0 || n < s->least)
		return strbuf_fail(reason, "is not a number from %llu to %llu",
		    (unsigned long long)s->least, (unsigned long long)s->most);
	*(unsigned *)field = (unsigned)n;
	return 0;
}

/* "auto" is 0. */
int
proxy_set_count_or_auto(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	if (slice_equal_nocase(value, SLICE("auto"))) {
		*(unsigned *)field = 0;
		return 0;
	}
	return proxy_set_count(s, field, value, reason);
}

int
proxy_set_time(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	uint64_t n;

	if (number_parse_time(value, s->most, &n) != 0 || n < s->least)
		return strbuf_fail(reason,
		    "is not a time from %llu to %llu seconds (s, m, h, d)",
		    (unsigned long long)s->least, (unsigned long long)s->most);
	*(unsigned *)field = (unsigned)n;
	return 0;
}

static int
parse_size(const struct proxy_setting *s, struct slice value, uint64_t *n,
    struct strbuf *reason)
{
	if (number_parse_size(value, s->most, n) != 0 || *n < s->least)
		return strbuf_fail(reason,
		    "is not a size from %llu to %llu bytes (k, M, G)",
		    (unsigned long long)s->least, (unsigned long long)s->most);
	return 0;
}

int
proxy_set_size(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	uint64_t n;

	if (parse_size(s, value, &n, reason) != 0)
		return -1;
	*(size_t *)field = (size_t)n;
	return 0;
}

int
proxy_set_size64(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	return parse_size(s, value, field, reason);
}

static const struct proxy_word *
find_word(const struct proxy_setting *s, struct slice value)
{
	const struct proxy_word *w;

	for (w = s->words; w->word != NULL; w++)
		if (slice_equal_nocase(value, slice_str(w->word)))
			return w;
	return NULL;
}

static void
add_words(const struct proxy_setting *s, struct strbuf *reason)
{
	const struct proxy_word *w;

	strbuf_add_str(reason, "is none of");
	for (w = s->words; w->word != NULL; w++)
		strbuf_addf(reason, "%s %s", w == s->words ? "" : ",", w->word);
}

/* An enum: all of ours are as wide as unsigned. */
int
proxy_set_word(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	const struct proxy_word *w = find_word(s, value);

	if (w == NULL) {
		add_words(s, reason);
		return -1;
	}
	memcpy(field, &w->value, sizeof(w->value));
	return 0;
}

int
proxy_set_flag(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	const struct proxy_word *w = find_word(s, value);

	if (w == NULL) {
		add_words(s, reason);
		return -1;
	}
	/* Flags add up: the setting is a list of such words. */
	*(unsigned *)field |= w->value;
	return 0;
}

int
proxy_set_bool(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	const struct proxy_word *w = find_word(s, value);

	if (w == NULL)
		return strbuf_fail(reason, "is not yes or no");
	*(bool *)field = w->value != 0;
	return 0;
}

int
proxy_set_text(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	char **to = field;

	(void)s;
	(void)reason;
	free(*to);
	*to = xslicedup(value);
	return 0;
}

/* A relative path would depend on where the daemon was started. */
int
proxy_set_path(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (value.p[0] != '/')
		return strbuf_fail(reason, "is not an absolute path");
	return proxy_set_text(s, field, value, reason);
}

/* What its macros are is looked at with the rest of the rule. */
int
proxy_set_key_place(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	if (slice_starts_nocase(value, SLICE(PROXY_KEY_CREDENTIAL)))
		return proxy_set_text(s, field, value, reason);
	return proxy_set_path(s, field, value, reason);
}

/* The word none is the empty text. */
int
proxy_set_path_or_none(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	if (slice_equal(value, SLICE("none")))
		return proxy_set_text(s, field, SLICE(""), reason);
	if (value.p[0] == '/')
		return proxy_set_text(s, field, value, reason);
	return strbuf_fail(reason, "is neither an absolute path nor none");
}

/* A host or domain name, in A-labels. */
int
proxy_set_name(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct strbuf name;
	int result = -1;

	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(value, &name) == 0)
		result = proxy_set_text(s, field, strbuf_slice(&name), reason);
	else
		strbuf_add_str(reason, "is no domain name");
	strbuf_clear(&name);
	return result;
}

int
proxy_add_string(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	(void)s;
	(void)reason;
	proxy_strings_add(field, value);
	return 0;
}

int
proxy_add_name(const struct proxy_setting *s, void *field, struct slice value,
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

/* A selector, or a template of one: %Y, %m and %d become the day's. */
int
proxy_add_selector_name(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	struct strbuf name, ascii;
	int result = 0;

	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	for (size_t i = 0; i < value.n && result == 0; i++) {
		if (value.p[i] != '%') {
			strbuf_add_char(&name, value.p[i]);
			continue;
		}
		i++;
		if (i < value.n && value.p[i] == 'Y')
			strbuf_add_str(&name, "2026");
		else if (i < value.n &&
		    (value.p[i] == 'm' || value.p[i] == 'd'))
			strbuf_add_str(&name, "12");
		else
			result = strbuf_fail(
			    reason, "knows %%Y, %%m and %%d, and no other %%");
	}
	if (result == 0 &&
	    (name.full || slice_find(strbuf_slice(&name), '_') < name.n ||
		mail_idn_to_ascii(strbuf_slice(&name), &ascii) != 0 ||
		!slice_equal(strbuf_slice(&ascii), strbuf_slice(&name))))
		result = strbuf_fail(reason,
		    "is no selector in small letters, digits and hyphens");
	if (result == 0)
		result = proxy_add_string(s, field, value, reason);
	strbuf_clear(&ascii);
	strbuf_clear(&name);
	return result;
}

/* RFC 5322 section 3.6.8: printable ASCII but the colon. */
int
proxy_add_field_name(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] > '~' || value.p[i] == ':')
			return strbuf_fail(
			    reason, "is no name of a header field");
	return proxy_add_string(s, field, value, reason);
}

/* A domain name, any other token, or any text in quotation marks (RFC 8601
 * section 2.2). */
int
proxy_add_authserv_id(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	struct slice rest = value, taken;
	struct strbuf id;
	int result = 0;

	(void)s;
	strbuf_init(&id, AUTH_RESULTS_ID_MAX);
	/* The whole of it in either case: a string or a token with something
	 * behind it is none. */
	if (value.n > 0 && value.p[0] == '"')
		result = mail_token_quoted(&rest, &taken) != 0 || rest.n > 0
		    ? -1
		    : mail_token_unquote(taken, &id);
	else if (mail_idn_to_ascii(value, &id) != 0 &&
	    mail_token_mime(&rest, &taken) == 0 && rest.n == 0)
		strbuf_add(&id, value);
	if (result == 0 && auth_results_is_id(strbuf_slice(&id))) {
		proxy_strings_add(field, strbuf_slice(&id));
	} else {
		strbuf_addf(reason,
		    "is no name of at most %d octets, nor text in "
		    "quotation marks",
		    AUTH_RESULTS_ID_MAX);
		result = -1;
	}
	strbuf_clear(&id);
	return result;
}

/* What DNS allows and the domain of a mail address does not have. */
static int
check_mail_domain(struct slice value, struct strbuf *reason)
{
	if (slice_find(value, '_') == value.n)
		return 0;
	return strbuf_fail(reason,
	    "has an underscore, and the domain of a mail address has letters, "
	    "digits and hyphens");
}

int
proxy_set_domain(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (check_mail_domain(value, reason) != 0)
		return -1;
	return proxy_set_name(s, field, value, reason);
}

/* `*`, which stays as it is, or a name. */
int
proxy_add_domain(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	if (slice_equal(value, SLICE("*")))
		return proxy_add_string(s, field, value, reason);
	if (check_mail_domain(value, reason) != 0)
		return -1;
	return proxy_add_name(s, field, value, reason);
}

int
proxy_add_network(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
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

/* A word, or a network. */
int
proxy_add_origin(const struct proxy_setting *s, void *field, struct slice value,
    struct strbuf *reason)
{
	struct proxy_sign_for *to = field;
	struct strbuf own;
	int result;

	if (find_word(s, value) != NULL)
		return proxy_set_flag(s, &to->origins, value, reason);
	strbuf_init(&own, MESSAGE_MAX);
	result = proxy_add_network(s, &to->networks, value, &own);
	if (result != 0)
		strbuf_add_str(reason,
		    "is none of authenticated, local, none, and no network");
	strbuf_clear(&own);
	return result;
}

int
proxy_add_nameserver(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	struct proxy_strings *to = field;
	struct dns_servers *servers;
	struct strbuf own;
	int result;

	(void)s;
	if (to->count == DNS_SERVERS_MAX)
		return strbuf_fail(
		    reason, "is one name server more than %d", DNS_SERVERS_MAX);
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

int
proxy_set_endpoint(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	(void)s;
	return proxy_endpoint_parse(value, field, reason);
}

/* Takes the first word off; words have blanks between them. */
static struct slice
cut_word(struct slice *rest)
{
	struct slice word = *rest;
	size_t n = 0;

	while (n < word.n && word.p[n] != ' ' && word.p[n] != '\t')
		n++;
	*rest = slice_trim(slice_after(word, n));
	return slice_first(word, n);
}

/* "ADDR:PORT", with words behind it: "proxy", "mode=0666", "group=x". */
static int
parse_listen(struct slice value, struct proxy_listen *to, struct strbuf *reason)
{
	/* What is spoken there. */
	static const struct slice milter = SLICE_INIT("milter:");
	struct slice rest = value, word = cut_word(&rest);

	if (slice_starts_nocase(word, milter)) {
		to->kind = PROXY_LISTEN_MILTER;
		word = slice_after(word, milter.n);
	}
	if (proxy_endpoint_parse(word, &to->at, reason) != 0)
		return -1;
	while (rest.n > 0) {
		word = cut_word(&rest);
		if (slice_equal_nocase(word, SLICE("proxy")))
			to->proxy_protocol = true;
		else if (proxy_rights_parse(word, &to->rights, reason) != 0)
			return -1;
	}
	if (to->kind == PROXY_LISTEN_MILTER && to->proxy_protocol)
		return strbuf_fail(reason, "`proxy` is not for milter:");
	if (proxy_endpoint_path(&to->at) == NULL &&
	    (to->rights.mode != 0 || to->rights.group[0] != '\0'))
		return strbuf_fail(
		    reason, "mode= and group= are for unix:/PATH alone");
	return 0;
}

int
proxy_add_listener(const struct proxy_setting *s, void *field,
    struct slice value, struct strbuf *reason)
{
	struct proxy_listeners *to = field;
	struct proxy_listen listen;

	memset(&listen, 0, sizeof(listen));
	if (to->count == PROXY_LISTENERS_MAX)
		return strbuf_fail(
		    reason, "is the listener over %d", PROXY_LISTENERS_MAX);
	if (parse_listen(value, &listen, reason) != 0)
		return -1;
	if (listen.kind == PROXY_LISTEN_MILTER && s->section != NULL)
		return strbuf_fail(
		    reason, "no milter is spoken in this section");
	to->list = xreallocarray(to->list, to->count + 1, sizeof(*to->list));
	to->list[to->count++] = listen;
	return 0;
}
