/* RFC 9989 sections 4.7 and 4.8. Errors do not spoil a record, so this is
 * no taglist of RFC 6376. */
#include "auth/dmarc_record.h"

const char *
auth_dmarc_policy_word(enum auth_dmarc_policy policy)
{
	static const char *const words[] = {"none", "quarantine", "reject"};

	return words[policy];
}

/* Takes "name = value" up to the next ";" off the front. False at the end;
 * an empty name where there is no "=". */
static bool
take_tag(struct slice *rest, struct slice *name, struct slice *value)
{
	struct slice piece;
	size_t equals;

	if (!slice_cut(rest, ';', &piece))
		return false;
	equals = slice_find(piece, '=');
	*name = *value = SLICE("");
	if (equals < piece.n) {
		*name = slice_trim(slice_first(piece, equals));
		*value = slice_trim(slice_after(piece, equals + 1));
	}
	return true;
}

bool
auth_dmarc_record_is(struct slice text)
{
	struct slice name, value;

	return text.n > 0 && (text.p[0] == 'v' || text.p[0] == 'V') &&
	    take_tag(&text, &name, &value) &&
	    slice_equal_nocase(name, SLICE("v")) &&
	    slice_equal(value, SLICE("DMARC1"));
}

static void
set_request(struct auth_dmarc_request *request, struct slice value)
{
	if (request->present)
		return;
	request->present = true;
	for (enum auth_dmarc_policy policy = AUTH_DMARC_NONE;
	     policy <= AUTH_DMARC_REJECT; policy++)
		if (slice_equal_nocase(
			value, slice_str(auth_dmarc_policy_word(policy)))) {
			request->valid = true;
			request->policy = policy;
		}
}

/* What a tag of one letter was first; '\0' where it has not been yet. */
struct letters {
	char psd, t, adkim, aspf;
};

static void
set_letter(char *to, struct slice value, const char *letters)
{
	if (*to == '\0') {
		/* One letter of a set, in lower case; '\0' for anything
		 * else. */
		char c;

		if (value.n != 1)
			*to = '\0';
		else {
			c = ascii_lower(value.p[0]);
			*to =
			    c != '\0' && strchr(letters, c) != NULL ? c : '\0';
		}
	}
}

static void
set_text(struct slice *to, struct slice value)
{
	if (to->n > 0 || value.n == 0)
		return;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 ||
		    (unsigned char)value.p[i] > 0x7e)
			return;
	*to = value;
}

void
auth_dmarc_record_parse(struct slice text, struct auth_dmarc_record *record)
{
	struct letters letters = {'\0', '\0', '\0', '\0'};
	struct slice name, value;

	memset(record, 0, sizeof(*record));
	(void)take_tag(&text, &name, &value);
	while (take_tag(&text, &name, &value)) {
		if (slice_equal_nocase(name, SLICE("p")))
			set_request(&record->p, value);
		else if (slice_equal_nocase(name, SLICE("sp")))
			set_request(&record->sp, value);
		else if (slice_equal_nocase(name, SLICE("np")))
			set_request(&record->np, value);
		else if (slice_equal_nocase(name, SLICE("psd")))
			set_letter(&letters.psd, value, "ynu");
		else if (slice_equal_nocase(name, SLICE("t")))
			set_letter(&letters.t, value, "yn");
		else if (slice_equal_nocase(name, SLICE("adkim")))
			set_letter(&letters.adkim, value, "rs");
		else if (slice_equal_nocase(name, SLICE("aspf")))
			set_letter(&letters.aspf, value, "rs");
		else if (slice_equal_nocase(name, SLICE("rua")))
			set_text(&record->rua, value);
		else if (slice_equal_nocase(name, SLICE("ruf")))
			set_text(&record->ruf, value);
		else if (slice_equal_nocase(name, SLICE("fo")))
			set_text(&record->fo, value);
	}
	record->psd = letters.psd == '\0' ? 'u' : letters.psd;
	record->testing = letters.t == 'y';
	record->strict_dkim = letters.adkim == 's';
	record->strict_spf = letters.aspf == 's';
}

/* RFC 3986: a scheme, a colon and something; that will do to tell a URI
 * that could be meant from none. */
static bool
is_uri(struct slice uri)
{
	size_t colon = slice_find(uri, ':');

	if (colon == 0 || colon + 1 >= uri.n || !ascii_is_alpha(uri.p[0]))
		return false;
	for (size_t i = 0; i < colon; i++)
		if (!ascii_is_alnum(uri.p[i]) && uri.p[i] != '+' &&
		    uri.p[i] != '-' && uri.p[i] != '.')
			return false;
	return slice_find(uri, ' ') == uri.n;
}

bool
auth_dmarc_record_policy(const struct auth_dmarc_record *record, bool below,
    bool exists, enum auth_dmarc_policy *policy)
{
	bool readable = (record->p.valid || !record->p.present) &&
	    (record->sp.valid || !record->sp.present) &&
	    (record->np.valid || !record->np.present);

	*policy = AUTH_DMARC_NONE;
	if (!readable) {
		struct slice uri, rest = record->rua;

		while (rest.n > 0 && slice_cut(&rest, ',', &uri))
			if (is_uri(slice_trim(uri)))
				return true;
		return false;
	}
	if (below && !exists && record->np.present)
		*policy = record->np.policy;
	else if (below && record->sp.present)
		*policy = record->sp.policy;
	else if (record->p.present)
		*policy = record->p.policy;
	return true;
}
