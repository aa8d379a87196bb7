/* Domain names as A-labels and U-labels; see idn.h. */
#include <idn2.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "mail/idn.h"

/* A U-label has at most as many characters as its A-label has bytes, four
 * bytes each. */
enum { IDN_INPUT_MAX = 4 * MAIL_IDN_NAME_MAX };

static bool
is_label(struct slice label)
{
	if (label.n == 0 || label.n > MAIL_IDN_LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i];

		if (!ascii_is_alnum(c) && c != '-' && c != '_')
			return false;
	}
	return true;
}

bool
mail_idn_is_ascii_name(struct slice rest)
{
	struct slice label;

	if (rest.n == 0 || rest.n > MAIL_IDN_NAME_MAX)
		return false;
	while (slice_cut(&rest, '.', &label))
		if (!is_label(label))
			return false;
	return true;
}

static int
add_lower(struct slice name, struct strbuf *out)
{
	char *to = strbuf_reserve(out, name.n);

	if (to == NULL)
		return -1;
	for (size_t i = 0; i < name.n; i++)
		to[i] = ascii_lower(name.p[i]);
	to[name.n] = '\0';
	out->n += name.n;
	return 0;
}

static bool
is_all_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}

/* TR46 in its non-transitional form maps case and width as people type it,
 * then IDNA2008 rules. */
static int
convert_to_ascii(struct slice domain, struct strbuf *out)
{
	char *input = xslicedup(domain);
	uint8_t *ascii = NULL;
	int outcome = -1;

	if (idn2_lookup_u8((const uint8_t *)input, &ascii,
		IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		struct slice name = slice_str((const char *)ascii);

		if (mail_idn_is_ascii_name(name))
			outcome = add_lower(name, out);
		idn2_free(ascii);
	}
	free(input);
	return outcome;
}

int
mail_idn_to_ascii(struct slice domain, struct strbuf *out)
{
	if (domain.n == 0 || domain.n > IDN_INPUT_MAX ||
	    slice_find(domain, '\0') < domain.n)
		return -1;
	if (!is_all_ascii(domain))
		return convert_to_ascii(domain, out);
	return mail_idn_is_ascii_name(domain) ? add_lower(domain, out) : -1;
}

/* The U-label, only where it leads back to the same A-label: else two names
 * could look the same. */
static int
add_unicode_label(struct slice label, struct strbuf *out)
{
	char *input = xslicedup(label), *unicode = NULL;
	struct strbuf back;
	int outcome;

	strbuf_init(&back, MAIL_IDN_NAME_MAX);
	if (idn2_to_unicode_8z8z(input, &unicode, IDN2_NONTRANSITIONAL) ==
		IDN2_OK &&
	    mail_idn_to_ascii(slice_str(unicode), &back) == 0 &&
	    slice_equal(strbuf_slice(&back), label))
		outcome = strbuf_add_str(out, unicode);
	else
		outcome = strbuf_add(out, label);
	idn2_free(unicode);
	strbuf_clear(&back);
	free(input);
	return outcome;
}

static int
add_unicode(struct slice name, struct strbuf *out)
{
	struct slice label, rest = name;
	size_t before = out->n;

	while (slice_cut(&rest, '.', &label)) {
		if (label.p != name.p)
			(void)strbuf_add_char(out, '.');
		if (slice_starts_nocase(label, SLICE("xn--")))
			(void)add_unicode_label(label, out);
		else
			(void)strbuf_add(out, label);
	}
	if (!out->full)
		return 0;
	strbuf_truncate(out, before);
	return -1;
}

int
mail_idn_to_unicode(struct slice domain, struct strbuf *out)
{
	struct strbuf ascii;
	int outcome = -1;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(domain, &ascii) == 0)
		outcome = add_unicode(strbuf_slice(&ascii), out);
	strbuf_clear(&ascii);
	return outcome;
}
