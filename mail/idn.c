/*
 * Domain names as A-labels; see idn.h. All that is compared or asked is in
 * A-labels, since two spellings of one name must be one name. Most names are
 * ASCII already and go a short way past libidn2, which costs a hundred times
 * as much.
 */
#include <idn2.h>
#include <stdlib.h>

#include "base/escape.h"
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

/*
 * Ranges of characters of which something is left whatever is mapped and
 * composed: they are not ignored, and not drawn into one before them. Not all
 * that there are.
 */
static const struct {
	uint32_t first, last;
} lasting[] = {
    {0x30, 0x39},
    {0x41, 0x5a},
    {0x61, 0x7a},
    {0xc0, 0xd6},
    {0xd8, 0xf6},
    {0xf8, 0x24f},
    {0x3b1, 0x3c9},
    {0x410, 0x44f},
    {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},
    {0xac00, 0xd7a3},
    {0xff21, 0xff3a},
    {0xff41, 0xff5a},
    {0x1d400, 0x1d7ff},
};

static bool
is_lasting(uint32_t c)
{
	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		if (c >= lasting[i].first && c <= lasting[i].last)
			return true;
	return false;
}

/* The character that begins there, of `n` bytes; U+FFFD for any fault. */
static uint32_t
character(struct slice s, size_t *n)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c;

	*n = escape_utf8_length(s);
	if (*n == 0) {
		*n = 1;
		return 0xfffd;
	}
	c = (unsigned char)s.p[0] & mask[*n];
	for (size_t i = 1; i < *n; i++)
		c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
	return c;
}

/*
 * Is it certain that a label has no room in DNS? An A-label is longer than
 * its U-label. The conversion finds that out at the end of its work, which
 * takes a hundred times as long, and whoever sends mail may put hundreds of
 * such names into it.
 */
static bool
is_too_long(struct slice domain)
{
	size_t label = 0, n;

	for (; domain.n > 0; domain = slice_after(domain, n)) {
		uint32_t c = character(domain, &n);

		/* U+3002 and its kin count as dots. */
		if (c == '.' || c == 0x3002 || c == 0xff0e || c == 0xff61)
			label = 0;
		else
			label += is_lasting(c);
		if (label > MAIL_IDN_LABEL_MAX)
			return true;
	}
	return false;
}

int
mail_idn_to_ascii(struct slice domain, struct strbuf *out)
{
	if (domain.n == 0 || domain.n > IDN_INPUT_MAX ||
	    slice_find(domain, '\0') < domain.n)
		return -1;
	if (!slice_is_ascii(domain))
		return is_too_long(domain) ? -1 : convert_to_ascii(domain, out);
	return mail_idn_is_ascii_name(domain) ? add_lower(domain, out) : -1;
}
