/*
 * One line from a client; see command.h. Only CRLF ends a line: who took a
 * bare LF for an end as well could be made to see commands in what another
 * server took for text. Verbs are compared without case, and what follows is
 * left as it came, for the next hop is to get it so.
 */
#include <string.h>

#include "smtp/command.h"

static const struct slice verbs[SMTP_VERBS] = {
    [SMTP_EHLO] = SLICE_INIT("EHLO"),
    [SMTP_HELO] = SLICE_INIT("HELO"),
    [SMTP_MAIL] = SLICE_INIT("MAIL"),
    [SMTP_RCPT] = SLICE_INIT("RCPT"),
    [SMTP_DATA] = SLICE_INIT("DATA"),
    [SMTP_RSET] = SLICE_INIT("RSET"),
    [SMTP_NOOP] = SLICE_INIT("NOOP"),
    [SMTP_QUIT] = SLICE_INIT("QUIT"),
    [SMTP_XFORWARD] = SLICE_INIT("XFORWARD"),
    [SMTP_VRFY] = SLICE_INIT("VRFY"),
    [SMTP_BDAT] = SLICE_INIT("BDAT"),
    [SMTP_OTHER] = SLICE_INIT("command"),
};

/* RFC 5321 and 821, 2033, 3207, 4954, 1985, 2645; Postfix's XCLIENT. */
static const struct slice others[] = {SLICE_INIT("HELP"), SLICE_INIT("EXPN"),
    SLICE_INIT("LHLO"), SLICE_INIT("STARTTLS"), SLICE_INIT("AUTH"),
    SLICE_INIT("ETRN"), SLICE_INIT("ATRN"), SLICE_INIT("TURN"),
    SLICE_INIT("SEND"), SLICE_INIT("SOML"), SLICE_INIT("SAML"),
    SLICE_INIT("XCLIENT")};

const char *
smtp_verb_name(enum smtp_verb verb)
{
	return verbs[verb].p;
}

static enum smtp_verb
verb_of(struct slice word)
{
	for (int i = 0; i < SMTP_OTHER; i++)
		if (slice_equal_nocase(word, verbs[i]))
			return (enum smtp_verb)i;
	return SMTP_OTHER;
}

/* NULL where it is none. */
static const char *
known(struct slice word)
{
	enum smtp_verb verb = verb_of(word);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (slice_equal_nocase(word, others[i]))
			return others[i].p;
	return verb == SMTP_OTHER ? NULL : smtp_verb_name(verb);
}

bool
smtp_verb_is_known(struct slice word)
{
	return known(word) != NULL;
}

/* Where the first CRLF begins; in.n where there is none. */
static size_t
find_crlf(struct slice in)
{
	for (size_t at = 0; at < in.n;) {
		const char *lf = memchr(in.p + at, '\n', in.n - at);

		if (lf == NULL)
			break;
		if (lf > in.p && lf[-1] == '\r')
			return (size_t)(lf - in.p) - 1;
		at = (size_t)(lf - in.p) + 1;
	}
	return in.n;
}

static struct slice
first_line_word(struct slice line)
{
	size_t n = 0;

	while (n < line.n && !ascii_is_blank(line.p[n]))
		n++;
	return slice_first(line, n);
}

const char *
smtp_line_verb(struct slice line)
{
	const char *verb = known(first_line_word(line));

	return verb == NULL ? "unknown" : verb;
}

enum smtp_parse
smtp_command_parse(struct slice in, size_t *used, struct smtp_command *command,
    enum smtp_command_fault *fault)
{
	struct slice window = slice_first(in, SMTP_COMMAND_MAX);
	size_t end = find_crlf(window);
	struct slice line, word;

	*used = 0;
	if (end == window.n) {
		if (window.n < SMTP_COMMAND_MAX)
			return SMTP_MORE;
		*used = window.n;
		*fault = SMTP_COMMAND_LONG;
		return SMTP_BAD;
	}
	*used = end + 2;
	line = slice_first(in, end);
	if (slice_find(line, '\r') < line.n ||
	    slice_find(line, '\n') < line.n ||
	    slice_find(line, '\0') < line.n) {
		*fault = SMTP_COMMAND_BYTES;
		return SMTP_BAD;
	}
	while (line.n > 0 && ascii_is_blank(line.p[0]))
		line = slice_after(line, 1);
	word = first_line_word(line);
	command->line = line;
	command->verb = verb_of(word);
	command->argument = slice_trim(slice_after(line, word.n));
	return SMTP_DONE;
}

bool
smtp_command_skip_begin(struct slice used)
{
	return used.n > 0 && used.p[used.n - 1] == '\r';
}

enum smtp_parse
smtp_command_skip(struct slice in, size_t *used, bool *cr)
{
	size_t end;

	*used = 0;
	if (in.n == 0)
		return SMTP_MORE;
	if (*cr && in.p[0] == '\n') {
		*used = 1;
		return SMTP_DONE;
	}
	end = find_crlf(in);
	if (end < in.n) {
		*used = end + 2;
		return SMTP_DONE;
	}
	*cr = in.p[in.n - 1] == '\r';
	*used = in.n;
	return SMTP_MORE;
}
