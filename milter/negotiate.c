/* What is agreed upon with a mail server; see negotiate.h. */
#include <string.h>

#include "milter/negotiate.h"
#include "milter/packet.h"

enum {
	OCTETS = 12,	/* three numbers */
	MACRO_STEPS = 7 /* connect, HELO, MAIL, RCPT, DATA, end of message, end
			   of header; the protocol has no more words for them */
};

/* A mail server may have to look an address up for what nobody reads. */
static const char *const macros[MACRO_STEPS] = {
    "i", "i", "i {auth_authen}", "i", "i", "i", "i"};

static uint32_t
take_octets(struct slice *data)
{
	uint32_t number = 0;

	for (size_t i = 0; i < 4; i++)
		number = number << 8 | (unsigned char)data->p[i];
	*data = slice_after(*data, 4);
	return number;
}

/* Where the rest of a body may be skipped its chunks get answers, by which
 * that is said. */
static uint32_t
wanted_steps(const struct milter_wishes *wishes, uint32_t offered)
{
	uint32_t steps = MILTER_NO_UNKNOWN | MILTER_NO_DATA |
	    MILTER_QUIET_HEADER | MILTER_QUIET_CONNECT | MILTER_QUIET_HELO |
	    MILTER_QUIET_RCPT | MILTER_QUIET_END_OF_HEADER |
	    MILTER_LEADING_SPACE;

	if (!wishes->answers_mail)
		steps |= MILTER_QUIET_MAIL;
	if (wishes->skips && (offered & MILTER_MAY_SKIP) != 0)
		return steps | MILTER_MAY_SKIP;
	return steps | MILTER_QUIET_BODY;
}

int
milter_negotiate(struct slice data, const struct milter_wishes *wishes,
    struct milter_terms *terms, struct strbuf *reason)
{
	uint32_t changes = wishes->changes ? MILTER_CHANGES_FIELDS : 0;
	uint32_t actions = MILTER_ADDS_FIELDS | changes, offered;

	*terms = (struct milter_terms){0};
	if (data.n < OCTETS)
		return strbuf_fail(reason, "an offer of %zu octets", data.n);
	terms->version = take_octets(&data);
	offered = take_octets(&data);
	terms->steps = take_octets(&data);
	if (terms->version < MILTER_VERSION_LEAST)
		return strbuf_fail(
		    reason, "version %u of the protocol", terms->version);
	if (terms->version > MILTER_VERSION_MOST)
		terms->version = MILTER_VERSION_MOST;
	if ((offered & actions) != actions)
		return strbuf_fail(reason,
		    "actions 0x%x are offered, and 0x%x are needed", offered,
		    actions);
	terms->actions = actions | (offered & MILTER_NAMES_MACROS);
	terms->steps &= wanted_steps(wishes, terms->steps);
	return 0;
}

int
milter_print_terms(const struct milter_terms *terms, struct strbuf *out)
{
	uint32_t length = OCTETS + 1;

	if ((terms->actions & MILTER_NAMES_MACROS) != 0)
		for (size_t i = 0; i < MACRO_STEPS; i++)
			length += 4 + (uint32_t)strlen(macros[i]) + 1;
	milter_print_number(length, out);
	strbuf_add_char(out, MILTER_NEGOTIATE);
	milter_print_number(terms->version, out);
	milter_print_number(terms->actions, out);
	milter_print_number(terms->steps, out);
	if ((terms->actions & MILTER_NAMES_MACROS) != 0)
		for (uint32_t i = 0; i < MACRO_STEPS; i++) {
			milter_print_number(i, out);
			strbuf_add_str(out, macros[i]);
			strbuf_add_char(out, '\0');
		}
	return out->full ? -1 : 0;
}

bool
milter_terms_want_answer(const struct milter_terms *terms, char code)
{
	static const struct {
		char code;
		uint32_t quiet; /* 0: always answered */
	} rows[] = {
	    {MILTER_BODY, MILTER_QUIET_BODY},
	    {MILTER_CONNECT, MILTER_QUIET_CONNECT},
	    {MILTER_DATA, MILTER_QUIET_DATA},
	    {MILTER_END, 0},
	    {MILTER_END_OF_HEADER, MILTER_QUIET_END_OF_HEADER},
	    {MILTER_HEADER, MILTER_QUIET_HEADER},
	    {MILTER_HELO, MILTER_QUIET_HELO},
	    {MILTER_MAIL, MILTER_QUIET_MAIL},
	    {MILTER_NEGOTIATE, 0},
	    {MILTER_RCPT, MILTER_QUIET_RCPT},
	    {MILTER_UNKNOWN, MILTER_QUIET_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return (terms->steps & rows[i].quiet) == 0;
	return false;
}
