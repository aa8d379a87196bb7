/* One result after the other, in words; quoted strings are parts of words,
 * so that what a message says stays inside them. */
#include "auth/sealed.h"
#include "mail/token.h"

/* Octets looked at; results are hardly ever longer than a few hundred. */
enum { SEALED_MAX = 65536 };

/* A run without white space, comments and semicolons; what is quoted may
 * hold any of them. -1 on an open quotation mark. */
static int
take_sealed_word(struct slice *in, struct slice *word)
{
	struct slice begin = *in, quoted;

	while (in->n > 0 && in->p[0] != '\0' &&
	    strchr(" \t\r\n(;", in->p[0]) == NULL) {
		if (in->p[0] != '"')
			*in = slice_after(*in, 1);
		else if (mail_token_quoted(in, &quoted) != 0)
			return -1;
	}
	*word = slice_first(begin, begin.n - in->n);
	return 0;
}

/* One result, up to its ";". 1 where it is what is looked for, 0 where it
 * is not, -1 where it cannot be read. */
static int
take_result(struct slice *in, struct slice domain)
{
	static const struct slice property = SLICE_INIT("header.from=");
	bool passed = false, from = false, first = true;
	struct slice word;

	for (;;) {
		if (mail_token_cfws(in) != 0)
			return -1;
		if (in->n == 0 || in->p[0] == ';')
			break;
		if (take_sealed_word(in, &word) != 0 || word.n == 0)
			return -1;
		if (first)
			passed = slice_equal_nocase(word, SLICE("dmarc=pass"));
		else if (slice_starts_nocase(word, property) &&
		    slice_equal_nocase(slice_after(word, property.n), domain))
			from = true;
		first = false;
	}
	*in = slice_after(*in, 1);
	return passed && from;
}

bool
auth_sealed_dmarc_passed(struct slice results, struct slice domain)
{
	int outcome = 0;

	if (results.n > SEALED_MAX || domain.n == 0)
		return false;
	/* Before the first semicolon stands the authserv-id. */
	if (take_result(&results, domain) < 0)
		return false;
	while (results.n > 0 && outcome == 0)
		outcome = take_result(&results, domain);
	return outcome == 1;
}
