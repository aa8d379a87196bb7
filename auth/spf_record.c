/* RFC 7208 section 12's grammar, term by term. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "auth/spf_macro.h"
#include "auth/spf_record.h"
#include "base/number.h"
#include "base/xalloc.h"

enum { ADDRESS_TEXT_MAX = 64 };

static const struct {
	struct slice name;
	enum auth_spf_mechanism mechanism;
} mechanisms[] = {
    {SLICE_INIT("all"), AUTH_SPF_ALL},
    {SLICE_INIT("include"), AUTH_SPF_INCLUDE},
    {SLICE_INIT("a"), AUTH_SPF_A},
    {SLICE_INIT("mx"), AUTH_SPF_MX},
    {SLICE_INIT("ptr"), AUTH_SPF_PTR},
    {SLICE_INIT("ip4"), AUTH_SPF_IP4},
    {SLICE_INIT("ip6"), AUTH_SPF_IP6},
    {SLICE_INIT("exists"), AUTH_SPF_EXISTS},
};

/* RFC 7208 section 4.5: v=spf10 is another version, not this one with a zero
 * behind. */
bool
auth_spf_record_is_v1(struct slice text)
{
	return slice_starts_nocase(text, SLICE("v=spf1")) &&
	    (text.n == 6 || text.p[6] == ' ');
}

/* RFC 4406 section 3.1: "spf2." minor "/" scope *("," scope). */
bool
auth_spf_record_is_v2(struct slice text, struct slice scope)
{
	struct slice version = slice_first(text, slice_find(text, ' '));
	struct slice piece, scopes;

	if (!slice_starts_nocase(version, SLICE("spf2.0/")))
		return false;
	scopes = slice_after(version, 7);
	while (slice_cut(&scopes, ',', &piece))
		if (slice_equal_nocase(piece, scope))
			return true;
	return false;
}

static int
refuse_term(
    struct auth_spf_fault *fault, enum mail_reason why, struct slice term)
{
	*fault = (struct auth_spf_fault){why, term};
	return -1;
}

/* Takes "/length" off the end of `*arg`, behind that many slashes. 0 also
 * where there is none; -1 where it is no length. */
static int
take_prefix(
    struct slice *arg, struct slice slashes, unsigned max, unsigned *prefix)
{
	size_t digits = 0;
	struct slice head, number;
	uint64_t value;

	while (digits < arg->n && ascii_is_digit(arg->p[arg->n - digits - 1]))
		digits++;
	head = slice_first(*arg, arg->n - digits);
	number = slice_after(*arg, head.n);
	if (!slice_ends_nocase(head, slashes))
		return 0;
	/* Section 12: no zero in front, so that no two programs read another
	 * length. */
	if (digits == 0 || (digits > 1 && slice_find(number, '0') == 0) ||
	    number_parse(number, max, &value) != 0)
		return -1;
	*prefix = (unsigned)value;
	*arg = slice_first(head, head.n - slashes.n);
	return 0;
}

static int
parse_ip(struct slice arg, struct auth_spf_term *term)
{
	bool v4 = term->mechanism == AUTH_SPF_IP4;
	int family;
	unsigned char *network;
	char text[ADDRESS_TEXT_MAX];

	if (arg.n == 0 || arg.p[0] != ':')
		return -1;
	arg = slice_after(arg, 1);
	if (take_prefix(&arg, SLICE("/"), v4 ? 32 : 128,
		v4 ? &term->prefix4 : &term->prefix6) != 0 ||
	    arg.n == 0)
		return -1;
	family = v4 ? AF_INET : AF_INET6;
	network = term->network;
	/* inet_pton wants a C string: a NUL within would hide what follows
	 * it. */
	if (arg.n >= sizeof(text) || memchr(arg.p, '\0', arg.n) != NULL)
		return -1;
	memcpy(text, arg.p, arg.n);
	text[arg.n] = '\0';
	return inet_pton(family, text, network) == 1 ? 0 : -1;
}

/* a, mx (with lengths), ptr: the domain-spec may be left out. */
static int
parse_domain(struct slice arg, struct auth_spf_term *term)
{
	bool may_be_none = term->mechanism != AUTH_SPF_INCLUDE &&
	    term->mechanism != AUTH_SPF_EXISTS;

	if (term->mechanism == AUTH_SPF_A || term->mechanism == AUTH_SPF_MX) {
		/* dual-cidr-length: "/24", "//64", "/24//64". The IPv6 length
		 * first, for it stands last and both end in digits. */
		if (take_prefix(&arg, SLICE("//"), 128, &term->prefix6) != 0)
			return -1;
		if (take_prefix(&arg, SLICE("/"), 32, &term->prefix4) != 0)
			return -1;
	}
	if (arg.n == 0)
		return may_be_none ? 0 : -1;
	if (arg.p[0] != ':')
		return -1;
	term->domain = slice_after(arg, 1);
	return auth_spf_macro_is_domain(term->domain) ? 0 : -1;
}

static struct slice
take_qualifier(struct slice text, enum mail_verdict *qualifier)
{
	*qualifier = MAIL_VERDICT_PASS;
	switch (text.p[0]) {
	case '+':
		break;
	case '-':
		*qualifier = MAIL_VERDICT_FAIL;
		break;
	case '~':
		*qualifier = MAIL_VERDICT_SOFTFAIL;
		break;
	case '?':
		*qualifier = MAIL_VERDICT_NEUTRAL;
		break;
	default:
		return text;
	}
	return slice_after(text, 1);
}

static int
parse_mechanism(struct slice text, struct auth_spf_term *term)
{
	struct slice rest;
	size_t n = 0;

	*term =
	    (struct auth_spf_term){.text = text, .prefix4 = 32, .prefix6 = 128};
	/* Section 4.6.2: none means +, so a bare "all" lets everybody in. */
	rest = take_qualifier(text, &term->qualifier);
	/* A name ends at the first octet that may be in none: "a:b" and
	 * "a/24". */
	while (n < rest.n && ascii_is_alnum(rest.p[n]))
		n++;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (slice_equal_nocase(
			slice_first(rest, n), mechanisms[i].name)) {
			struct slice arg;

			term->mechanism = mechanisms[i].mechanism;
			arg = slice_after(rest, n);
			switch (term->mechanism) {
			case AUTH_SPF_ALL:
				return arg.n == 0 ? 0 : -1;
			case AUTH_SPF_IP4:
			case AUTH_SPF_IP6:
				return parse_ip(arg, term);
			case AUTH_SPF_INCLUDE:
			case AUTH_SPF_A:
			case AUTH_SPF_MX:
			case AUTH_SPF_PTR:
			case AUTH_SPF_EXISTS:
				return parse_domain(arg, term);
			}
			return -1;
		}
	return -1;
}

/* The length of a modifier's name and "="; 0 where the term is none. Told from
 * a mechanism by its "=" alone (section 4.6.1), whose name may not have a colon
 * or slash before it. */
static size_t
modifier_length(struct slice text)
{
	size_t n = 0;

	if (text.n == 0 || !ascii_is_alpha(text.p[0]))
		return 0;
	while (n < text.n &&
	    (ascii_is_alnum(text.p[n]) || text.p[n] == '-' ||
		text.p[n] == '_' || text.p[n] == '.'))
		n++;
	return n < text.n && text.p[n] == '=' ? n + 1 : 0;
}

/* Section 6: redirect= and exp= may each stand once in a record. */
static int
set_once(bool *has, struct slice *to, struct slice value)
{
	if (*has || !auth_spf_macro_is_domain(value))
		return -1;
	*has = true;
	*to = value;
	return 0;
}

static int
parse_modifier(struct slice text, size_t n, struct auth_spf_record *record)
{
	struct slice name = slice_first(text, n - 1);
	struct slice value = slice_after(text, n);

	if (slice_equal_nocase(name, SLICE("redirect")))
		return set_once(
		    &record->has_redirect, &record->redirect, value);
	if (slice_equal_nocase(name, SLICE("exp")))
		return set_once(
		    &record->has_explanation, &record->explanation, value);
	/* Section 6: others are ignored, but must be well formed. */
	return auth_spf_macro_is_string(value) ? 0 : -1;
}

static int
parse_term(struct slice text, struct auth_spf_record *record,
    struct auth_spf_fault *fault)
{
	size_t n = modifier_length(text);

	if (n > 0) {
		if (parse_modifier(text, n, record) != 0)
			return refuse_term(
			    fault, MAIL_REASON_SPF_MODIFIER_BAD, text);
		return 0;
	}
	if (parse_mechanism(text, &record->terms[record->count]) != 0)
		return refuse_term(fault, MAIL_REASON_SPF_MECHANISM_BAD, text);
	record->count++;
	return 0;
}

/* Section 4.5 and RFC 8616 section 4: a record is ASCII. A control character in
 * it could otherwise reach a log or a result field. */
static bool
is_printable(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 ||
		    (unsigned char)text.p[i] >= 0x7f)
			return false;
	return true;
}

int
auth_spf_record_parse(struct slice text, struct auth_spf_record *record,
    struct auth_spf_fault *fault)
{
	struct slice term;
	size_t words = 0;

	memset(record, 0, sizeof(*record));
	if (text.n > AUTH_SPF_RECORD_MAX)
		return refuse_term(fault, MAIL_REASON_SPF_RECORD_LONG, text);
	if (!is_printable(text))
		return refuse_term(
		    fault, MAIL_REASON_SPF_RECORD_NOT_ASCII, text);
	/* As many as there are words at most: one allocation, bounded by the
	 * record. */
	for (size_t i = 0; i < text.n; i++)
		words += text.p[i] != ' ' && (i == 0 || text.p[i - 1] == ' ');
	record->terms = xcalloc(words + 1, sizeof(*record->terms));
	(void)slice_cut(&text, ' ', &term); /* the version */
	/* The whole record before anything is evaluated: section 4.6 makes one
	 * mistake anywhere a permerror, even behind a term that matches. */
	while (slice_cut(&text, ' ', &term)) {
		if (term.n > 0 && parse_term(term, record, fault) != 0) {
			auth_spf_record_clear(record);
			return -1;
		}
	}
	return 0;
}

void
auth_spf_record_clear(struct auth_spf_record *record)
{
	free(record->terms);
	memset(record, 0, sizeof(*record));
}
