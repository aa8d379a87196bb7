/*
 * XFORWARD; see xforward.h. Values are xtext, and come from a client that
 * `allow` lets in; all the same they end up in logs, in results and in the
 * next hop's log, so what is no address, no port or has a control character in
 * it is refused here, at the door.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "base/number.h"
#include "smtp/xforward.h"

static const struct slice unavailable = SLICE_INIT("[UNAVAILABLE]");
static const struct slice tempunavail = SLICE_INIT("[TEMPUNAVAIL]");
static const struct slice ipv6_prefix = SLICE_INIT("IPV6:");
static const struct slice verb = SLICE_INIT("XFORWARD");

/* Leaves room in a line for the verb and any name. */
enum { VALUE_PRINTED_MAX = SMTP_XFORWARD_LINE_MAX - 20 };

static bool
is_address(struct slice value)
{
	unsigned char raw[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	/* inet_pton wants a C string. */
	if (value.n >= sizeof(text) || slice_find(value, '\0') < value.n)
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return inet_pton(AF_INET, text, raw) == 1 ||
	    inet_pton(AF_INET6, text, raw) == 1;
}

static bool
is_port(struct slice value)
{
	uint64_t port;

	return number_parse(value, 65535, &port) == 0;
}

static bool
is_source(struct slice value)
{
	return slice_equal_nocase(value, SLICE("LOCAL")) ||
	    slice_equal_nocase(value, SLICE("REMOTE"));
}

static const struct attribute {
	struct slice word;
	bool (*fits)(struct slice value);
	const char *misfit;
} attributes[SMTP_XFORWARD_NAMES] = {
    [SMTP_XFORWARD_NAME] = {SLICE_INIT("NAME"), NULL, NULL},
    [SMTP_XFORWARD_ADDR] = {SLICE_INIT("ADDR"), is_address, "bad ADDR syntax"},
    [SMTP_XFORWARD_PORT] = {SLICE_INIT("PORT"), is_port, "bad PORT syntax"},
    [SMTP_XFORWARD_PROTO] = {SLICE_INIT("PROTO"), NULL, NULL},
    [SMTP_XFORWARD_HELO] = {SLICE_INIT("HELO"), NULL, NULL},
    [SMTP_XFORWARD_IDENT] = {SLICE_INIT("IDENT"), NULL, NULL},
    [SMTP_XFORWARD_SOURCE] = {SLICE_INIT("SOURCE"), is_source,
	"bad SOURCE value"},
};

const char *
smtp_xforward_word(enum smtp_xforward_name name)
{
	return attributes[name].word.p;
}

static int
find_name(struct slice word)
{
	for (int i = 0; i < SMTP_XFORWARD_NAMES; i++)
		if (slice_equal_nocase(word, attributes[i].word))
			return i;
	return -1;
}

unsigned
smtp_xforward_bit(struct slice name)
{
	int i = find_name(name);

	return i < 0 ? 0 : 1U << i;
}

/* 0; -1 on bad xtext. Over the length a value is set to nothing. */
static int
decode(struct slice xtext, char *value, size_t *n)
{
	size_t to = 0;

	for (size_t i = 0; i < xtext.n; i++) {
		int c = (unsigned char)xtext.p[i];

		if (c == '+') {
			int high = i + 2 < xtext.n
			    ? number_hex_digit(xtext.p[i + 1])
			    : -1;
			int low = i + 2 < xtext.n
			    ? number_hex_digit(xtext.p[i + 2])
			    : -1;

			if (high < 0 || low < 0)
				return -1;
			c = high * 16 + low;
			i += 2;
		}
		if (to < SMTP_XFORWARD_VALUE_MAX) {
			/* Postfix hands on what a stranger said as HELO:
			 * what could not be printed becomes a question mark
			 * there too. */
			value[to] = c < 0x20 || c == 0x7f ? '?' : (char)c;
		}
		to++;
	}
	*n = to <= SMTP_XFORWARD_VALUE_MAX ? to : 0;
	return 0;
}

static void
put_attribute(struct smtp_xforward *x, int name, struct slice value)
{
	enum smtp_xforward_state state = SMTP_XFORWARD_KNOWN;

	if (value.n == 0 || slice_equal_nocase(value, unavailable))
		state = SMTP_XFORWARD_UNAVAILABLE;
	else if (slice_equal_nocase(value, tempunavail))
		state = SMTP_XFORWARD_TEMPUNAVAIL;
	x->attributes[name].state = state;
	/* Nothing is kept of a value that is not known: "[UNAVAILABLE]" must
	 * never be taken for a name. */
	x->attributes[name].n =
	    (unsigned char)(state == SMTP_XFORWARD_KNOWN ? value.n : 0);
	if (state == SMTP_XFORWARD_KNOWN)
		memcpy(x->attributes[name].value, value.p, value.n);
}

/* One NAME=xtext. */
static int
read_attribute(struct smtp_xforward *x, struct slice word, unsigned *named,
    struct strbuf *reason)
{
	size_t equals = slice_find(word, '='), n;
	int name = find_name(slice_first(word, equals));
	char value[SMTP_XFORWARD_VALUE_MAX];
	struct slice text;

	if (name < 0 || equals == word.n)
		return strbuf_fail(reason, "bad attribute name");
	if (decode(slice_after(word, equals + 1), value, &n) != 0)
		return strbuf_fail(reason, "bad attribute value");
	text = slice_from(value, n);
	if (name == SMTP_XFORWARD_ADDR &&
	    slice_starts_nocase(text, ipv6_prefix))
		text = slice_after(text, ipv6_prefix.n);
	if (attributes[name].misfit != NULL && text.n > 0 &&
	    !slice_equal_nocase(text, unavailable) &&
	    !slice_equal_nocase(text, tempunavail) &&
	    !attributes[name].fits(text))
		return strbuf_fail(reason, "%s", attributes[name].misfit);
	put_attribute(x, name, text);
	*named |= 1U << name;
	return 0;
}

/* All of a line or nothing: half of it would be a client that nobody has
 * described. */
int
smtp_xforward_parse(struct smtp_xforward *x, struct slice argument,
    unsigned *named, struct strbuf *reason)
{
	struct smtp_xforward copy = *x;
	struct slice word;

	*named = 0;
	while (slice_cut(&argument, ' ', &word))
		if (word.n > 0 &&
		    read_attribute(&copy, word, named, reason) != 0)
			return -1;
	if (*named == 0)
		return strbuf_fail(reason, "no attribute");
	*x = copy;
	return 0;
}

struct slice
smtp_xforward_get(const struct smtp_xforward *x, enum smtp_xforward_name name)
{
	return slice_from(x->attributes[name].value, x->attributes[name].n);
}

int
smtp_xforward_set(
    struct smtp_xforward *x, enum smtp_xforward_name name, struct slice value)
{
	if (value.n > SMTP_XFORWARD_VALUE_MAX)
		return -1;
	/* A control character here would end up as a line of its own in the
	 * next hop's dialogue. */
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
			return -1;
	put_attribute(x, (int)name, value);
	return 0;
}

static bool
is_xchar(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '+' && c != '=';
}

static size_t
encoded_length(struct slice value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++)
		n += is_xchar((unsigned char)value.p[i]) ? 1 : 3;
	return n;
}

/* The prefix and the value as they stand in a command. What would fill more
 * than a line is not known rather than cut. */
static struct slice
printable(const struct smtp_xforward *x, int name, struct slice *prefix)
{
	struct slice value =
	    smtp_xforward_get(x, (enum smtp_xforward_name)name);

	*prefix = (struct slice){NULL, 0};
	if (x->attributes[name].state == SMTP_XFORWARD_TEMPUNAVAIL)
		return tempunavail;
	if (value.n == 0 || encoded_length(value) > VALUE_PRINTED_MAX)
		return unavailable;
	if (name == SMTP_XFORWARD_ADDR && slice_find(value, ':') < value.n)
		*prefix = ipv6_prefix;
	return value;
}

unsigned
smtp_xforward_print(
    const struct smtp_xforward *x, unsigned wanted, struct strbuf *out)
{
	size_t room = SMTP_XFORWARD_LINE_MAX - verb.n;
	unsigned printed = 0;

	for (int i = 0; i < SMTP_XFORWARD_NAMES; i++) {
		struct slice prefix, value = printable(x, i, &prefix);
		size_t n =
		    2 + attributes[i].word.n + prefix.n + encoded_length(value);

		if ((wanted >> i & 1) == 0 ||
		    x->attributes[i].state == SMTP_XFORWARD_UNSET)
			continue;
		/* What does not fit goes into the next command: the caller sees
		 * what is printed. */
		if (n > room)
			break;
		if (printed == 0)
			strbuf_add(out, verb);
		strbuf_addf(out, " %s=", attributes[i].word.p);
		strbuf_add(out, prefix);
		for (size_t k = 0; k < value.n; k++) {
			unsigned char c = (unsigned char)value.p[k];

			if (is_xchar(c))
				strbuf_add_char(out, (char)c);
			else
				strbuf_addf(out, "+%02X", c);
		}
		room -= n;
		printed |= 1U << i;
	}
	assert(!out->full);
	return printed;
}
