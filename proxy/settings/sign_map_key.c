/*
 * Keys of the maps that no address and no list-id ever is, as people bring
 * them along from other programs' maps; and what to write instead.
 */
#include "base/escape.h"
#include "mail/address.h"
#include "mail/idn.h"
#include "mail/token.h"
#include "proxy/settings/sign_map.h"

/* What of a key is quoted. */
enum { SHOWN = 200 };

/* "... words key behind" */
static int
write_instead(struct strbuf *reason, const char *words, struct slice key,
    const char *behind)
{
	strbuf_add_str(reason, words);
	escape_text(slice_first(key, SHOWN), reason);
	return strbuf_fail(reason, "%s", behind);
}

static int
tell_key(struct strbuf *reason, const char *text)
{
	return strbuf_fail(reason, "%s", text);
}

static bool
begins(struct slice key, const char *with)
{
	return slice_starts_nocase(key, slice_str(with));
}

/* By what they begin with. */
static int
check_beginning(struct slice key, struct strbuf *reason)
{
	static const char below[] = ", which stands for what is below it too";

	if (slice_equal(key, SLICE("*")) || slice_equal(key, SLICE("-")) ||
	    slice_equal(key, SLICE("%")) || slice_equal(key, SLICE("@")))
		return tell_key(reason,
		    "write . for every sender, and `none' behind a key for "
		    "whom nothing is signed");
	if (begins(key, "*."))
		return write_instead(
		    reason, "write ", slice_after(key, 2), below);
	if (begins(key, "."))
		return write_instead(
		    reason, "write ", slice_after(key, 1), below);
	if (begins(key, "@"))
		return write_instead(reason, "write *", key,
		    ", which stands for the addresses of exactly that domain, "
		    "or the domain alone, with what is below it");
	if (begins(key, "/") || begins(key, "!") || begins(key, "^"))
		return tell_key(reason,
		    "there are no patterns here: write an address, a domain "
		    "or *@DOMAIN");
	if (begins(key, "\"") || begins(key, "'"))
		return tell_key(reason,
		    "write it without quotes; where a local part has blanks "
		    "in it, write the domain alone");
	if (begins(key, "<"))
		return tell_key(reason, "write the address without its <>");
	if (begins(key, "mailto:"))
		return write_instead(reason, "write ", slice_after(key, 7), "");
	return 0;
}

static int
check_domain(struct slice domain, struct strbuf *reason)
{
	struct strbuf ascii;
	bool is;

	if (domain.n == 0)
		return tell_key(reason, "write the domain behind the @");
	if (domain.p[domain.n - 1] == '.')
		return write_instead(reason, "write ",
		    slice_first(domain, domain.n - 1),
		    ", without the final dot");
	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	is = mail_idn_to_ascii(domain, &ascii) == 0;
	strbuf_clear(&ascii);
	if (is && slice_find(domain, '_') == domain.n)
		return 0;
	if (!slice_is_ascii(domain))
		return tell_key(reason,
		    "IDNA does not know it as a domain name: write its "
		    "A-label (xn--...), if it has one");
	return tell_key(reason,
	    "a domain has letters, digits and hyphens between single dots");
}

/* RFC 2919 section 2: a list-id is a dot-atom, whose first label may be
 * anything. */
static int
check_list_id(struct slice key, struct strbuf *reason)
{
	size_t dot = slice_find(key, '.');

	if (slice_find(key, '@') < key.n)
		return slice_find(key, '*') < key.n
		    ? tell_key(
			  reason, "a list-id is no address: write a domain")
		    : 0;
	if (dot == key.n || !slice_is_ascii(slice_first(key, dot)))
		return check_domain(key, reason);
	for (size_t i = 0; i < dot; i++)
		if (!mail_token_is_atext(key.p[i]) || key.p[i] == '*')
			return tell_key(reason,
			    "there are no patterns here: write a list-id or a "
			    "domain");
	return check_domain(slice_after(key, dot + 1), reason);
}

static int
check_address(struct slice key, struct strbuf *reason)
{
	size_t at = slice_find_last(key, '@');
	struct slice local = slice_first(key, at);

	if (at == key.n)
		return check_domain(key, reason);
	if (slice_find(local, '*') < local.n && local.n > 1)
		return tell_key(reason,
		    "there are no patterns here: write an address, a domain "
		    "or *@DOMAIN");
	return check_domain(slice_after(key, at + 1), reason);
}

int
proxy_sign_map_key_check(struct slice key, bool list_ids, struct strbuf *reason)
{
	if (slice_equal(key, SLICE(".")))
		return 0;
	if (check_beginning(key, reason) != 0)
		return -1;
	return list_ids ? check_list_id(key, reason)
			: check_address(key, reason);
}
