/* The answer as a message; see reflect.h. */
#include "record/reflect.h"
#include "auth/summary.h"
#include "base/base64.h"
#include "base/escape.h"
#include "mail/fold.h"
#include "mail/idn.h"
#include "mail/token.h"
#include "record/date.h"
#include "record/kept.h"
#include "record/mailbox.h"

enum {
	LINE_MAX_OCTETS = 900,
	HEADER_LINES_MAX = 2000,
	QP_COLUMNS = 75,
	WORD_OCTETS = 42 /* of an encoded word, before it is encoded */
};

static const char *const proofs[] = {
    [RECORD_PROOF_NONE] = "none",
    [RECORD_PROOF_REFUTED] = "refuted",
    [RECORD_PROOF_SPF] = "spf",
    [RECORD_PROOF_DKIM] = "dkim",
};

const char *
record_proof_word(enum record_proof proof)
{
	return proofs[proof];
}

int
record_proof_parse(struct slice word, enum record_proof *proof)
{
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++)
		if (slice_equal(word, slice_str(proofs[i]))) {
			*proof = (enum record_proof)i;
			return 0;
		}
	return -1;
}

static bool
is_stranger(const struct record_reflection *r)
{
	return r->proof != RECORD_PROOF_SPF && r->proof != RECORD_PROOF_DKIM;
}

/* --- its header --- */

/* A value for a field of ours: printable ASCII, not too long. */
static bool
is_field_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n < LINE_MAX_OCTETS;
}

/* <dot-atom@domain>: what a stranger cannot put words in. */
static bool
is_plain_id(struct slice id)
{
	struct slice left;

	if (id.n > RECORD_REFLECT_ID_MAX || !is_field_text(id) ||
	    !mail_token_char(&id, '<') ||
	    mail_token_dot_atom(&id, &left) != 0 ||
	    !mail_token_char(&id, '@') || id.n < 2 || id.p[id.n - 1] != '>')
		return false;
	id.n--;
	return mail_idn_is_ascii_name(id) && id.n <= RECORD_REFLECT_NAME_MAX;
}

static void
add_in_reply_to(const struct record_reflection *r, struct strbuf *mail)
{
	struct slice id = r->message_id;

	if (id.n == 0 || !is_field_text(id) ||
	    (r->proof != RECORD_PROOF_SPF && !is_plain_id(id)))
		return;
	strbuf_addf(mail, "In-Reply-To: %.*s\r\n", (int)id.n, id.p);
	if (!is_stranger(r))
		strbuf_addf(mail, "References: %.*s\r\n", (int)id.n, id.p);
}

/* RFC 2047, by whole characters. */
static void
add_encoded(struct slice text, struct mail_fold *fold)
{
	while (text.n > 0) {
		struct strbuf word;
		size_t n = 0;

		while (n < text.n && n + 4 <= WORD_OCTETS)
			n += escape_utf8_length(slice_after(text, n));
		strbuf_init(&word, 128);
		strbuf_add_str(&word, "=?utf-8?B?");
		(void)base64_encode(slice_first(text, n), &word);
		strbuf_add_str(&word, "?=");
		mail_fold_word(fold, strbuf_slice(&word));
		strbuf_clear(&word);
		text = slice_after(text, n);
	}
}

static void
add_subject(const struct record_reflection *r, struct strbuf *mail)
{
	struct slice subject = slice_trim(r->subject), text, word;
	struct mail_fold fold;
	struct strbuf line;
	bool utf8;

	mail_fold_begin(&fold, mail, SLICE("Subject"));
	if (is_stranger(r) || subject.n == 0) {
		mail_fold_word(&fold, SLICE("Summary of Results"));
		mail_fold_end(&fold);
		return;
	}
	mail_fold_word(&fold, SLICE("Summary of Results:"));
	strbuf_init(&line, RECORD_REFLECT_SUBJECT_MAX);
	/* The beginning of a value on one line, in whole characters: no line
	 * ends, no control characters. */
	utf8 = escape_is_utf8(subject);
	for (size_t i = 0; i < subject.n && line.n < RECORD_REFLECT_SUBJECT_MAX;
	     i++) {
		unsigned char c = (unsigned char)subject.p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (c == '\t')
			c = ' ';
		else if (c < ' ' || c == 0x7f || (c > 0x7f && !utf8))
			c = '?';
		strbuf_add_char(&line, (char)c);
	}
	while (utf8 && line.n > 0 && !escape_is_utf8(strbuf_slice(&line)))
		strbuf_truncate(&line, line.n - 1);
	if (line.n == RECORD_REFLECT_SUBJECT_MAX)
		strbuf_truncate(
		    &line, slice_find_last(strbuf_slice(&line), ' '));
	text = slice_trim(strbuf_slice(&line));
	if (!is_field_text(text))
		add_encoded(text, &fold);
	else
		while (slice_cut(&text, ' ', &word))
			if (word.n > 0)
				mail_fold_word(&fold, word);
	mail_fold_end(&fold);
	strbuf_clear(&line);
}

/* --- its text --- */

/* One line of text: control characters as '?', cut to what SMTP carries. */
static void
add_mail_line(struct slice line, const char *before, struct strbuf *text)
{
	strbuf_add_str(text, before);
	line = slice_first(line, LINE_MAX_OCTETS);
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if ((unsigned char)c < ' ' && c != '\t')
			c = '?';
		strbuf_add_char(text, c);
	}
	strbuf_add_str(text, "\r\n");
}

/* The next line of LF or CRLF text, without its end. */
static bool
next_line(struct slice *rest, struct slice *line)
{
	if (rest->n == 0 || !slice_cut(rest, '\n', line))
		return false;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool
is_check_line(struct slice line)
{
	return slice_search(line, SLICE(" check: ")) < line.n;
}

static void
add_summary(const struct record_reflection *r, struct strbuf *text)
{
	struct slice rest = r->summary, line;
	bool checks = false, told = r->spam.n == 0;

	while (next_line(&rest, &line)) {
		if (!told && checks && !is_check_line(line)) {
			add_mail_line(r->spam, "SpamAssassin check: ", text);
			told = true;
		}
		checks = checks || is_check_line(line);
		add_mail_line(line, "", text);
	}
	if (!told)
		add_mail_line(r->spam, "SpamAssassin check: ", text);
}

static void
add_rules(const struct record_reflection *r, struct strbuf *text)
{
	struct slice rest = r->rules, rule;
	struct mail_fold fold;

	if (rest.n == 0)
		return;
	strbuf_add_str(text, "\r\nSpamAssassin: ");
	add_mail_line(r->spam, "", text);
	mail_fold_begin(&fold, text, SLICE("  Rules"));
	while (slice_cut(&rest, ' ', &rule))
		if (is_field_text(rule))
			mail_fold_word(&fold, rule);
	mail_fold_end(&fold);
}

static void
add_mail_text(struct slice text, struct strbuf *mail)
{
	struct slice line;

	if (slice_is_ascii(text)) {
		strbuf_add_str(mail, "Content-Transfer-Encoding: 7bit\r\n\r\n");
		strbuf_add(mail, text);
		return;
	}
	strbuf_add_str(
	    mail, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	while (next_line(&text, &line)) {
		/* RFC 2045 section 6.7: one line. */
		size_t column = 0;

		for (size_t i = 0; i < line.n; i++) {
			unsigned char c = (unsigned char)line.p[i];
			bool last = i + 1 == line.n;
			bool plain = (c > ' ' && c < 0x7f && c != '=') ||
			    ((c == ' ' || c == '\t') && !last);

			if (column + (plain ? 1 : 3) > QP_COLUMNS) {
				strbuf_add_str(mail, "=\r\n");
				column = 0;
			}
			if (plain)
				strbuf_add_char(mail, (char)c);
			else
				strbuf_addf(mail, "=%02X", c);
			column += plain ? 1 : 3;
		}
		strbuf_add_str(mail, "\r\n");
	}
}

int
record_reflect_print(const struct record_reflection *r, struct strbuf *mail)
{
	struct strbuf text;
	struct slice domain =
	    slice_after(r->from, slice_find_last(r->from, '@') + 1);

	if (!is_field_text(r->from) || !is_field_text(r->id) ||
	    slice_find(r->to, '\r') < r->to.n ||
	    slice_find(r->to, '\n') < r->to.n || r->to.n > RECORD_MAILBOX_MAX)
		return -1;
	strbuf_addf(mail, "From: <%.*s>\r\n", (int)r->from.n, r->from.p);
	/* Whom it goes to, the envelope says; what is not ASCII, or a
	 * stranger's own choice of words, does not stand in the header. */
	if (is_stranger(r) || !slice_is_ascii(r->to))
		strbuf_add_str(mail, "To: undisclosed-recipients:;\r\n");
	else
		strbuf_addf(mail, "To: <%.*s>\r\n", (int)r->to.n, r->to.p);
	add_subject(r, mail);
	strbuf_add_str(mail, "Date: ");
	(void)record_date_print(r->now, mail);
	strbuf_addf(mail, "\r\nMessage-ID: <%.*s@%.*s>\r\n", (int)r->id.n,
	    r->id.p, (int)domain.n, domain.p);
	add_in_reply_to(r, mail);
	strbuf_add_str(mail,
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n");
	strbuf_init(&text, RECORD_REFLECT_MAIL_MAX);
	add_summary(r, &text);
	if (!is_stranger(r)) {
		struct slice rest, line;
		int lines;

		add_rules(r, &text);
		rest = slice_first(r->header, RECORD_REFLECT_HEADER_MAX);
		lines = 0;
		strbuf_add_str(&text,
		    r->proof == RECORD_PROOF_SPF
			? "\r\nThe header of your message, as it came to "
			  "us:\r\n\r\n"
			: "\r\nWhat your signature covers of your message's "
			  "header, as it came to us:\r\n\r\n");
		while (lines++ < HEADER_LINES_MAX && next_line(&rest, &line))
			add_mail_line(line, "> ", &text);
		if (r->header.n > RECORD_REFLECT_HEADER_MAX || rest.n > 0)
			add_mail_line(SLICE("(cut here)"), "", &text);
	}
	add_mail_text(strbuf_slice(&text), mail);
	if (is_stranger(r)) {
		/* Whole lines, from the end, until it fits. */
		while (mail->n > RECORD_REFLECT_STRANGER_MAX) {
			size_t n = mail->n - 2;

			while (n > 0 && mail->p[n - 1] != '\n')
				n--;
			strbuf_truncate(mail, n);
		}
	}
	if (text.full)
		mail->full = true;
	strbuf_clear(&text);
	return mail->full ? -1 : 0;
}

/* --- what a worker may say --- */

/* An address, an id, a reason. */
enum { RECORD_SAID_MAX = 2048 };

static const struct {
	enum record_tag tag;
	size_t proven, stranger; /* octets at most */
} bounds[] = {
    {RECORD_ANSWER_TO, RECORD_SAID_MAX, RECORD_SAID_MAX},
    {RECORD_SUMMARY, AUTH_SUMMARY_MAX, RECORD_REFLECT_SUMMARY_MAX},
    {RECORD_HEADER, RECORD_REFLECT_HEADER_MAX + 1, 0},
    {RECORD_MESSAGE, RECORD_KEPT_MAX, RECORD_KEPT_MAX},
    {RECORD_SUBJECT, RECORD_SAID_MAX, 0},
    {RECORD_MESSAGE_ID, RECORD_SAID_MAX, RECORD_SAID_MAX},
    {RECORD_UNANSWERED, RECORD_SAID_MAX, RECORD_SAID_MAX},
    {RECORD_PROOF, RECORD_REFLECT_NAME_MAX, RECORD_REFLECT_NAME_MAX},
};

static bool
is_within(const struct record_kept *kept, enum record_tag tag, size_t most)
{
	struct slice value;
	size_t at = 0, times = 0;

	while (record_kept_next(kept, tag, &at, &value))
		if (++times > 1 || value.n > most)
			return false;
	return true;
}

bool
record_reflect_is_within(const struct record_kept *kept)
{
	struct slice word = record_kept_get(kept, RECORD_PROOF);
	enum record_proof proof = RECORD_PROOF_NONE;

	if (word.p != NULL && record_proof_parse(word, &proof) != 0)
		return false;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		if (!is_within(kept, bounds[i].tag,
			proof == RECORD_PROOF_NONE ? bounds[i].stranger
						   : bounds[i].proven))
			return false;
	}
	return true;
}
