/* The list and its field. Every byte that came from the message goes
 * through add_result_value(); words of ours go in as they are. */
#include "auth/results.h"
#include "base/escape.h"
#include "mail/fold.h"
#include "mail/idn.h"
#include "mail/token.h"

enum {
	VALUE_MAX = 320,     /* octets of a property's value */
	REASON_MAX = 250,    /* of a reason shown */
	PIECE_MAX = 1000,    /* of either, quoted and escaped */
	SIGNATURE_LEAST = 8, /* octets of b= (RFC 6008 section 4) */
	SIGNATURE_MOST = 64
};

static const char *const method_names[AUTH_METHODS] = {
    [AUTH_DKIM] = "dkim",
    [AUTH_DOMAINKEYS] = "domainkeys",
    [AUTH_SPF] = "spf",
    [AUTH_SENDERID] = "sender-id",
    [AUTH_DMARC] = "dmarc",
    [AUTH_ARC] = "arc",
    [AUTH_IPREV] = "iprev",
};

const char *
auth_method_name(enum auth_method method)
{
	return method_names[method];
}

const struct auth_result *
auth_results_find(const struct auth_results *results, enum auth_method method)
{
	for (size_t i = 0; i < results->count; i++)
		if (results->list[i].method == method)
			return &results->list[i];
	return NULL;
}

bool
auth_results_has(const struct auth_results *results, enum auth_method method,
    enum mail_verdict verdict)
{
	for (size_t i = 0; i < results->count; i++)
		if (results->list[i].method == method &&
		    results->list[i].verdict == verdict)
			return true;
	return false;
}

static bool
is_token(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!mail_token_is_mime(text.p[i]))
			return false;
	return text.n > 0;
}

/* RFC 8601 section 2.2: pvalue is a value or [[local-part] "@"] domain. */
static bool
is_bare(struct slice value)
{
	size_t at = slice_find_last(value, '@');
	struct slice rest = slice_first(value, at), local;

	if (at == value.n)
		return is_token(value);
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] > 0x7f)
			return false;
	if (!mail_idn_is_ascii_name(slice_after(value, at + 1)))
		return false;
	return at == 0 ||
	    (mail_token_dot_atom(&rest, &local) == 0 && rest.n == 0);
}

/* C0, DEL, and C1 (U+0080 to U+009F). */
static bool
is_result_control(struct slice character)
{
	unsigned char c = (unsigned char)character.p[0];

	if (character.n == 2)
		return c == 0xc2 && (unsigned char)character.p[1] < 0xa0;
	return c < 0x20 || c == 0x7f;
}

/*
 * A quoted string. Controls and what is not UTF-8 become "?", and so does a
 * semicolon: within quotation marks it is harmless, but not every reader of
 * this field knows of quotation marks.
 */
static void
add_quoted(struct slice text, struct strbuf *out)
{
	strbuf_add_char(out, '"');
	while (text.n > 0) {
		size_t n = escape_utf8_length(text);
		struct slice character = slice_first(text, n == 0 ? 1 : n);
		char c = text.p[0];

		if (n == 0 || c == ';' || is_result_control(character)) {
			strbuf_add_char(out, '?');
		} else {
			if (c == '"' || c == '\\')
				strbuf_add_char(out, '\\');
			strbuf_add(out, character);
		}
		text = slice_after(text, character.n);
	}
	strbuf_add_char(out, '"');
}

/* A value that is too long is left out: the beginning of a name or address
 * is another's ("...@bank.example" of "...@bank.example.evil.example"). */
static void
add_property(struct mail_fold *fold, const char *type, const char *name,
    struct slice value)
{
	struct strbuf piece;

	if (value.n == 0 || value.n > VALUE_MAX || name == NULL)
		return;
	strbuf_init(&piece, PIECE_MAX);
	strbuf_addf(&piece, "%s.%s=", type, name);
	if (is_bare(value))
		strbuf_add(&piece, value);
	else
		add_quoted(value, &piece);
	if (!piece.full)
		mail_fold_word(fold, strbuf_slice(&piece));
	strbuf_clear(&piece);
}

/* Of an address whose domain was judged that alone, where all of it is too
 * long (RFC 8601 section 2.2: the local part may be left out). */
static void
add_result_address(struct mail_fold *fold, const char *type, const char *name,
    struct slice address)
{
	size_t at = slice_find_last(address, '@');

	if (address.n > VALUE_MAX)
		address = slice_after(address, at);
	add_property(fold, type, name, address);
}

static void
add_reason(struct mail_fold *fold, const char *reason)
{
	struct slice text = slice_str(reason == NULL ? "" : reason);
	struct strbuf piece;

	if (text.n == 0)
		return;
	strbuf_init(&piece, PIECE_MAX);
	strbuf_add_str(&piece, "reason=");
	add_quoted(slice_first(text, REASON_MAX), &piece);
	if (text.n > REASON_MAX) {
		strbuf_truncate(&piece, piece.n - 1);
		strbuf_add_str(&piece, "...\"");
	}
	if (!piece.full)
		mail_fold_word(fold, strbuf_slice(&piece));
	strbuf_clear(&piece);
}

/* As much of b= as tells it from the others' (RFC 6008 section 4). */
static struct slice
signature_prefix(
    const struct auth_results *results, const struct auth_result *result)
{
	size_t n = SIGNATURE_LEAST;

	for (size_t i = 0; i < results->count; i++) {
		struct slice other = results->list[i].signature;

		if (&results->list[i] == result ||
		    slice_equal(other, result->signature))
			continue;
		while (n < SIGNATURE_MOST && n < result->signature.n &&
		    slice_equal(slice_first(other, n),
			slice_first(result->signature, n)))
			n++;
	}
	return slice_first(result->signature, n);
}

static void
add_result_text(struct mail_fold *fold, const struct auth_results *results,
    const struct auth_result *result)
{
	struct strbuf piece;

	strbuf_add_str(fold->out, ";\r\n\t");
	fold->column = 8;
	strbuf_init(&piece, PIECE_MAX);
	strbuf_addf(&piece, "%s=%s", method_names[result->method],
	    mail_verdict_word(result->verdict));
	mail_fold_glue(fold, strbuf_slice(&piece));
	/* A comment is made of numbers and words of ours alone. */
	strbuf_reset(&piece);
	if (result->method == AUTH_ARC && result->instance > 0)
		strbuf_addf(&piece, "(i=%u)", result->instance);
	else if (result->method == AUTH_DMARC && result->policy != NULL)
		strbuf_addf(&piece, "(p=%s)", result->policy);
	else if (result->bits > 0)
		strbuf_addf(&piece, "(%u-bit key%s)", result->bits,
		    result->authentic ? ", DNSSEC" : "");
	if (piece.n > 0)
		mail_fold_word(fold, strbuf_slice(&piece));
	strbuf_clear(&piece);
	add_reason(fold, result->reason);
	switch (result->method) {
	case AUTH_DKIM:
	case AUTH_DOMAINKEYS:
		add_property(fold, "header", "d", result->domain);
		add_property(fold, "header", "s", result->selector);
		add_property(fold, "header", "a", result->algorithm);
		add_property(
		    fold, "header", "b", signature_prefix(results, result));
		if (result->method == AUTH_DKIM)
			add_result_address(
			    fold, "header", "i", result->identity);
		break;
	case AUTH_SPF:
		/* HELO's name is no address, whatever is in it. */
		if (result->property != NULL &&
		    strcmp(result->property, "helo") == 0)
			add_property(
			    fold, "smtp", result->property, result->identity);
		else
			add_result_address(
			    fold, "smtp", result->property, result->identity);
		break;
	case AUTH_SENDERID:
		add_result_address(
		    fold, "header", result->property, result->identity);
		break;
	case AUTH_DMARC:
		add_property(fold, "header", result->property, result->domain);
		add_property(
		    fold, "policy", "dmarc", slice_str(result->disposition));
		break;
	case AUTH_IPREV:
		add_property(fold, "policy", "iprev", result->identity);
		break;
	case AUTH_ARC:
		break;
	}
}

bool
auth_results_is_id(struct slice text)
{
	struct slice rest = text;

	if (text.n == 0 || text.n > AUTH_RESULTS_ID_MAX ||
	    !escape_is_utf8(text))
		return false;
	while (rest.n > 0) {
		size_t n = escape_utf8_length(rest);

		if (is_result_control(slice_first(rest, n)))
			return false;
		rest = slice_after(rest, n);
	}
	return true;
}

int
auth_results_print_value(const struct auth_results *results,
    struct slice authserv_id, struct strbuf *out)
{
	struct mail_fold fold = {.out = out};

	if (!auth_results_is_id(authserv_id))
		return -1;
	/* As it is: it is nobody's but ours, and must be found again. */
	if (is_token(authserv_id)) {
		strbuf_add(out, authserv_id);
	} else {
		strbuf_add_char(out, '"');
		for (size_t i = 0; i < authserv_id.n; i++) {
			if (authserv_id.p[i] == '"' || authserv_id.p[i] == '\\')
				strbuf_add_char(out, '\\');
			strbuf_add_char(out, authserv_id.p[i]);
		}
		strbuf_add_char(out, '"');
	}
	if (results->count == 0)
		strbuf_add_str(out, "; none");
	else {
		size_t begin = fold.out->n, left_out = 0;
		struct strbuf piece;

		for (size_t i = 0; i < results->count; i++) {
			if ((results->list[i].method == AUTH_DKIM ||
				results->list[i].method == AUTH_DOMAINKEYS) &&
			    fold.out->n - begin > AUTH_RESULTS_FIELD_MAX)
				left_out++;
			else
				add_result_text(
				    &fold, results, &results->list[i]);
		}
		if (left_out != 0) {
			strbuf_init(&piece, PIECE_MAX);
			strbuf_addf(&piece, "(%zu more left out)", left_out);
			mail_fold_word(&fold, strbuf_slice(&piece));
			strbuf_clear(&piece);
		}
	}
	return out->full ? -1 : 0;
}

int
auth_results_print_field(const struct auth_results *results,
    struct slice authserv_id, struct strbuf *out)
{
	strbuf_add_str(out, "Authentication-Results: ");
	if (auth_results_print_value(results, authserv_id, out) != 0)
		return -1;
	return strbuf_add_str(out, "\r\n");
}
