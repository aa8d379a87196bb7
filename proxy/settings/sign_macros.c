/* DKIMproxy's macros in d= and i=, and ours in the path of a key file. */
#include "base/escape.h"
#include "proxy/settings/sign_map.h"

static struct slice
take_macro_word(struct slice text)
{
	size_t n = 0;

	while (n < text.n && (ascii_is_alnum(text.p[n]) || text.p[n] == '_'))
		n++;
	return slice_first(text, n);
}

static bool
cut_domain(struct slice *name)
{
	if (!slice_ends_nocase(*name, SLICE("domain")))
		return false;
	name->n -= sizeof("domain") - 1;
	return true;
}

static bool
is_macro(struct slice name)
{
	while (cut_domain(&name))
		continue;
	return slice_equal(name, SLICE("key")) ||
	    slice_equal(name, SLICE("sender"));
}

/* "senderdomain" is what stands behind the @ of "sender", and so on. */
static struct slice
value_of(struct slice name, const struct proxy_macros *macros)
{
	struct slice value;
	bool domain = false;
	size_t at;

	while (cut_domain(&name))
		domain = true;
	value = slice_equal(name, SLICE("key")) ? macros->key : macros->sender;
	at = slice_find_last(value, '@');
	return domain && at < value.n ? slice_after(value, at + 1) : value;
}

static int
complain_of_macro(struct slice name, struct strbuf *reason)
{
	strbuf_add_str(reason, "unknown macro $");
	escape_log(slice_first(name, 60), reason);
	return -1;
}

int
proxy_macros_check(struct slice text, struct strbuf *reason)
{
	struct slice name;
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] != '$')
			continue;
		if (i + 1 < text.n && text.p[i + 1] == '$') {
			i++;
			continue;
		}
		name = take_macro_word(slice_after(text, i + 1));
		if (name.n > 0 && !is_macro(name))
			return complain_of_macro(name, reason);
	}
	return 0;
}

int
proxy_macros_expand(
    struct slice text, const struct proxy_macros *macros, struct strbuf *out)
{
	struct slice name;
	size_t i;

	for (i = 0; i < text.n; i++) {
		name = SLICE("");
		if (text.p[i] == '$')
			name = take_macro_word(slice_after(text, i + 1));
		if (name.n > 0) {
			strbuf_add(out, value_of(name, macros));
			i += name.n;
			continue;
		}
		if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '$')
			i++;
		strbuf_add_char(out, text.p[i]);
	}
	return out->full ? -1 : 0;
}

int
proxy_key_template_check(struct slice file, struct strbuf *reason)
{
	struct slice name;
	size_t i;

	static const struct slice credential = SLICE_INIT(PROXY_KEY_CREDENTIAL);

	if (slice_starts_nocase(file, credential)) {
		name = slice_after(file, credential.n);
		if (name.n == 0 || slice_find(name, '/') < name.n)
			return strbuf_fail(
			    reason, "a credential has a name, not a path");
	} else if (file.n == 0 || file.p[0] != '/') {
		return strbuf_fail(reason, "a key file needs an absolute path");
	}
	for (i = 0; i < file.n; i++) {
		if (file.p[i] != '$')
			continue;
		name = take_macro_word(slice_after(file, i + 1));
		if (!slice_equal(name, SLICE("domain")) &&
		    !slice_equal(name, SLICE("selector")))
			return complain_of_macro(name, reason);
	}
	return 0;
}
