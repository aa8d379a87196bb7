/* Which mail is answered, and the answer; see reflect.h. */
#include <string.h>

#include "record/date.h"
#include "record/reflect.h"

enum { LINE_MAX_OCTETS = 900, HEADER_LINES_MAX = 2000 };

/* The value of the lowest field of that name, trimmed; empty without. */
static struct slice
value_of(const struct mail_header *header, const char *name)
{
	const struct mail_field *field =
	    mail_header_last(header, slice_str(name));

	return field == NULL ? slice_from(NULL, 0) : slice_trim(field->value);
}

/* RFC 3834 section 2: these never get an automatic answer. */
static bool
is_role_of_mail(struct slice sender)
{
	static const char *const roles[] = {"mailer-daemon", "postmaster",
	    "listserv", "majordomo", "noreply", "no-reply", "donotreply", NULL};
	struct slice local = slice_first(sender, slice_find_last(sender, '@'));

	for (const char *const *role = roles; *role != NULL; role++)
		if (slice_equal_nocase(local, slice_str(*role)))
			return true;
	return slice_starts_nocase(local, SLICE("owner-")) ||
	    slice_ends_nocase(local, SLICE("-request")) ||
	    slice_ends_nocase(local, SLICE("-bounces"));
}

static bool
is_from_list(const struct mail_header *header)
{
	static const char *const names[] = {"List-Id", "List-Unsubscribe",
	    "List-Post", "List-Help", "Mailing-List", NULL};

	for (const char *const *name = names; *name != NULL; name++)
		if (mail_header_count_of(header, slice_str(*name)) > 0)
			return true;
	return false;
}

static bool
is_automatic(const struct mail_header *header)
{
	static const char *const classes[] = {"bulk", "list", "junk", NULL};
	struct slice submitted = value_of(header, "Auto-Submitted");
	struct slice precedence = value_of(header, "Precedence");

	if (submitted.n > 0 && !slice_equal_nocase(submitted, SLICE("no")))
		return true;
	for (const char *const *class = classes; *class != NULL; class ++)
		if (slice_equal_nocase(precedence, slice_str(*class)))
			return true;
	return mail_header_count_of(header, SLICE("X-Auto-Response-Suppress")) >
	    0 ||
	    mail_header_count_of(header, SLICE("X-Autoreply")) > 0;
}

const char *
record_reflect_refuses(const struct mail_header *header, struct slice sender)
{
	if (sender.n == 0)
		return "a bounce";
	if (slice_find(sender, '@') == sender.n || is_role_of_mail(sender))
		return "its sender is no person";
	if (is_from_list(header))
		return "mail of a list";
	if (is_automatic(header))
		return "an automatic message";
	return NULL;
}

/* A value for a field of ours: no control character, not too long. */
static bool
is_field_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n < LINE_MAX_OCTETS;
}

/* One line of text: control characters as '?', cut to what SMTP carries. */
static void
add_line(struct slice line, const char *before, struct strbuf *mail)
{
	(void)strbuf_add_str(mail, before);
	line = slice_first(line, LINE_MAX_OCTETS);
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if ((unsigned char)c < ' ' && c != '\t')
			c = '?';
		(void)strbuf_add_char(mail, c);
	}
	(void)strbuf_add_str(mail, "\r\n");
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
add_summary(const struct record_reflection *r, struct strbuf *mail)
{
	struct slice rest = r->summary, line;
	bool checks = false, told = r->spam.n == 0;

	while (next_line(&rest, &line)) {
		if (!told && checks && !is_check_line(line)) {
			add_line(r->spam, "SpamAssassin check: ", mail);
			told = true;
		}
		checks = checks || is_check_line(line);
		add_line(line, "", mail);
	}
	if (!told)
		add_line(r->spam, "SpamAssassin check: ", mail);
}

static void
add_quoted_header(struct slice header, struct strbuf *mail)
{
	struct slice rest = slice_first(header, RECORD_REFLECT_HEADER_MAX);
	struct slice line;
	int lines = 0;

	(void)strbuf_add_str(
	    mail, "\r\nThe header of your message, as it came to us:\r\n\r\n");
	while (lines++ < HEADER_LINES_MAX && next_line(&rest, &line))
		add_line(line, "> ", mail);
	if (header.n > RECORD_REFLECT_HEADER_MAX || rest.n > 0)
		add_line(SLICE("(cut here)"), "", mail);
}

static bool
add_fields(const struct record_reflection *r, struct strbuf *mail)
{
	struct slice domain =
	    slice_after(r->from, slice_find_last(r->from, '@') + 1);

	if (!is_field_text(r->from) || !is_field_text(r->to) ||
	    !is_field_text(r->id))
		return false;
	(void)strbuf_addf(mail, "From: <%.*s>\r\nTo: <%.*s>\r\n",
	    (int)r->from.n, r->from.p, (int)r->to.n, r->to.p);
	(void)strbuf_add_str(mail, "Subject: Summary of Results\r\nDate: ");
	(void)record_date_print(r->now, mail);
	(void)strbuf_addf(mail, "\r\nMessage-ID: <%.*s@%.*s>\r\n", (int)r->id.n,
	    r->id.p, (int)domain.n, domain.p);
	if (r->message_id.n > 0 && is_field_text(r->message_id))
		(void)strbuf_addf(mail,
		    "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",
		    (int)r->message_id.n, r->message_id.p, (int)r->message_id.n,
		    r->message_id.p);
	(void)strbuf_add_str(mail,
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n");
	return true;
}

int
record_reflect_print(const struct record_reflection *r, struct strbuf *mail)
{
	if (!add_fields(r, mail))
		return -1;
	add_summary(r, mail);
	add_quoted_header(r->header, mail);
	return mail->full ? -1 : 0;
}
