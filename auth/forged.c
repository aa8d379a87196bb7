/*
 * Authentication-Results that claim to be ours (RFC 8601 section 5). Only
 * the id is read. Whoever believes the field later may read it more
 * leniently than we, so what is not plainly another's id counts as forged.
 */
#include "auth/results.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "mail/token.h"

enum { ID_MAX = 1024 };

static bool
is_id_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* The id without quotation marks; -1 where there is none. */
static int
take_id(struct slice *in, struct strbuf *id)
{
	struct slice raw;
	size_t n = 0;

	if (mail_token_cfws(in) != 0)
		return -1;
	if (in->n > 0 && in->p[0] == '"') {
		struct strbuf text;

		if (mail_token_quoted(in, &raw) != 0)
			return -1;
		/* Without white space, which a quoted id may be folded at.
		 * What has other controls in it is nobody's. */
		strbuf_init(&text, ID_MAX);
		(void)mail_token_unquote(raw, &text);
		for (size_t i = 0; i < text.n; i++) {
			if (is_id_control(text.p[i]))
				id->full = true;
			else if (text.p[i] != ' ' && text.p[i] != '\t')
				strbuf_add_char(id, text.p[i]);
		}
		id->full = id->full || text.full;
		strbuf_clear(&text);
		return id->full ? -1 : 0;
	}
	while (n < in->n &&
	    (mail_token_is_mime(in->p[n]) || (unsigned char)in->p[n] > 0x7f))
		n++;
	raw = slice_first(*in, n);
	*in = slice_after(*in, n);
	return strbuf_add(id, raw);
}

/* The version, which an id's end cannot look like, and nothing behind it. */
static bool
is_version(struct slice in)
{
	size_t digits = 0;

	while (digits < in.n && ascii_is_digit(in.p[digits]))
		digits++;
	in = slice_after(in, digits);
	return digits > 0 && mail_token_cfws(&in) == 0 &&
	    (in.n == 0 || in.p[0] == ';');
}

/*
 * Does what follows leave no doubt where the id ends: its ";", the end, or
 * white space and then what continues no name? "ours .example;" and
 * "ou(comment)rs.example;" would be ours to a reader that drops white space
 * and comments first.
 */
static bool
ends_clearly(struct slice in, struct slice id)
{
	bool space = mail_token_fws(&in);
	struct slice before = in;

	if (mail_token_cfws(&in) != 0)
		return false;
	if (in.n == 0 || in.p[0] == ';')
		return true;
	if (ascii_is_digit(in.p[0]) && (space || in.n < before.n))
		return is_version(in);
	return space && in.n == before.n && mail_token_is_mime(in.p[0]) &&
	    in.p[0] != '.' && id.p[id.n - 1] != '.';
}

/* The form in which ids compare: without white space, in A-labels where it
 * is a domain name. Whether it is one. */
static bool
fold_id(struct slice id, struct strbuf *out)
{
	struct strbuf bare;
	bool name;

	strbuf_init(&bare, ID_MAX);
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] != ' ' && id.p[i] != '\t')
			strbuf_add_char(&bare, id.p[i]);
	/* One dot behind it is the root's; a lenient reader may drop more. */
	id = strbuf_slice(&bare);
	while (id.n > 1 && id.p[id.n - 1] == '.')
		id.n--;
	while (id.n > 1 && id.p[0] == '.')
		id = slice_after(id, 1);
	name = mail_idn_to_ascii(id, out) == 0;
	if (!name)
		strbuf_add(out, id);
	strbuf_clear(&bare);
	return name;
}

/* All before the version or the ";" without white space, controls, comments
 * and quotation marks: what a careless reader might take for the id. */
static void
squeeze(struct slice in, struct strbuf *out)
{
	while (in.n > 0 && in.p[0] != ';') {
		size_t before = in.n;

		if (mail_token_cfws(&in) != 0 || in.n == 0 || in.p[0] == ';')
			return;
		if (out->n > 0 && in.n < before && is_version(in))
			return;
		if (in.p[0] != '"' && !is_id_control(in.p[0]))
			strbuf_add_char(out, in.p[0]);
		in = slice_after(in, 1);
	}
}

/* What is foreign is folded once, for that is what may take long: a tenth of
 * a millisecond for letters that are not ASCII's. */
static bool
is_another(struct slice id, const struct slice *ids, size_t id_count)
{
	struct strbuf folded, own;
	bool is_name, another;

	strbuf_init(&folded, ID_MAX);
	is_name = fold_id(id, &folded);
	/* An id in other letters than ASCII's must be a domain name. Readers
	 * take white space off that is not ASCII (trim(), strip()), drop what
	 * has no width or is no UTF-8, and may find our id in what is left. */
	another = slice_is_ascii(id) || (is_name && id.p[id.n - 1] != '.');
	for (size_t i = 0; i < id_count && another; i++) {
		strbuf_init(&own, ID_MAX);
		(void)fold_id(ids[i], &own);
		another = !slice_equal_nocase(
		    strbuf_slice(&own), strbuf_slice(&folded));
		strbuf_clear(&own);
	}
	strbuf_clear(&folded);
	return another;
}

bool
auth_results_is_forged(
    const struct mail_field *field, const struct slice *ids, size_t id_count)
{
	struct slice in = field->value;
	struct strbuf id, squeezed;
	bool forged;

	if (!slice_equal_nocase(field->name, SLICE("Authentication-Results")))
		return false;
	strbuf_init(&id, ID_MAX);
	strbuf_init(&squeezed, ID_MAX);
	squeeze(in, &squeezed);
	forged = take_id(&in, &id) != 0 || id.n == 0 ||
	    !ends_clearly(in, strbuf_slice(&id)) ||
	    !is_another(strbuf_slice(&id), ids, id_count) ||
	    (!slice_equal(strbuf_slice(&id), strbuf_slice(&squeezed)) &&
		!is_another(strbuf_slice(&squeezed), ids, id_count));
	strbuf_clear(&id);
	strbuf_clear(&squeezed);
	return forged;
}
