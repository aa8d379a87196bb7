/* Mail that gets no answer; see unanswered.h. */
#include "record/unanswered.h"
#include "mail/address.h"
#include "mail/token.h"
#include "record/mailbox.h"

/* A local part, or how one begins or ends. */
struct role {
	struct slice text;
	enum { WHOLE, BEGINNING, END } place;
};

/* Addresses of programs, and of lists and who keeps them. postmaster is a
 * person who asks. */
static bool
is_role(struct slice local)
{
	static const struct role roles[] = {
	    {SLICE_INIT("mailer-daemon"), WHOLE},
	    {SLICE_INIT("daemon"), WHOLE},
	    {SLICE_INIT("listserv"), WHOLE},
	    {SLICE_INIT("majordomo"), WHOLE},
	    {SLICE_INIT("mailman"), WHOLE},
	    {SLICE_INIT("list"), WHOLE},
	    {SLICE_INIT("noreply"), WHOLE},
	    {SLICE_INIT("no-reply"), WHOLE},
	    {SLICE_INIT("donotreply"), WHOLE},
	    {SLICE_INIT("do-not-reply"), WHOLE},
	    {SLICE_INIT("owner-"), BEGINNING},
	    {SLICE_INIT("-owner"), END},
	    {SLICE_INIT("-request"), END},
	    {SLICE_INIT("-bounces"), END},
	    {SLICE_INIT("-bounce"), END},
	    {SLICE_INIT("-list"), END},
	    {SLICE_INIT("-daemon"), END},
	};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		const struct role *role = &roles[i];

		if ((role->place == WHOLE &&
			slice_equal_nocase(local, role->text)) ||
		    (role->place == BEGINNING &&
			slice_starts_nocase(local, role->text)) ||
		    (role->place == END &&
			slice_ends_nocase(local, role->text)))
			return true;
	}
	return false;
}

static const char *
refuses_sender(struct slice sender, struct slice own)
{
	struct strbuf folded;
	const char *why = NULL;

	if (sender.n == 0)
		return "a bounce";
	strbuf_init(&folded, RECORD_MAILBOX_MAX);
	if (record_mailbox_fold(sender, &folded) != 0)
		why = "its sender is no mailbox";
	else if (is_role(mail_address_local(strbuf_slice(&folded))))
		why = "its sender is a list's or a program's";
	else if (record_mailbox_is_same(sender, own))
		why = "mail of the reflector's own";
	strbuf_clear(&folded);
	return why;
}

/* The first word of a value, comments before it skipped; empty where there
 * is none. What cannot be read is its own word, and none that we know. */
static struct slice
first_value_word(struct slice value)
{
	struct slice rest = value, word;

	if (mail_token_cfws(&rest) != 0)
		return value;
	if (mail_token_mime(&rest, &word) != 0)
		return slice_trim(rest);
	return word;
}

static bool
is_report(struct slice value)
{
	struct slice type, subtype;

	return mail_token_cfws(&value) == 0 &&
	    mail_token_mime(&value, &type) == 0 &&
	    slice_equal_nocase(type, SLICE("multipart")) &&
	    mail_token_cfws(&value) == 0 && mail_token_char(&value, '/') &&
	    mail_token_cfws(&value) == 0 &&
	    mail_token_mime(&value, &subtype) == 0 &&
	    slice_equal_nocase(subtype, SLICE("report"));
}

/* RFC 3834 section 5, and what came before it. */
static bool
is_automatic(const struct mail_field *field)
{
	static const char *const classes[] = {"bulk", "list", "junk",
	    "auto_reply", "auto-reply", "autoreply", NULL};
	struct slice name = field->name, word = first_value_word(field->value);

	if (word.n == 0)
		return false;
	if (slice_equal_nocase(name, SLICE("Auto-Submitted")) ||
	    slice_equal_nocase(name, SLICE("X-Auto-Submitted")) ||
	    slice_equal_nocase(name, SLICE("X-Autoreply")) ||
	    slice_equal_nocase(name, SLICE("X-Autorespond")))
		return !slice_equal_nocase(word, SLICE("no"));
	if (slice_equal_nocase(name, SLICE("Precedence")) ||
	    slice_equal_nocase(name, SLICE("X-Precedence")))
		return slice_is_one_of(word, classes);
	if (slice_equal_nocase(name, SLICE("X-Auto-Response-Suppress"))) {
		/* "DR, RN, AutoReply": it is enough that one of them forbids
		 * answers. */
		struct slice value = field->value;
		static const char *const words[] = {
		    "all", "oof", "autoreply", NULL};
		struct slice piece;

		while (slice_cut(&value, ',', &piece))
			if (slice_is_one_of(first_value_word(piece), words))
				return true;
		return false;
	}
	return slice_equal_nocase(name, SLICE("X-Loop"));
}

static bool
is_from(struct slice value, struct slice own)
{
	struct mail_address_list *list = mail_address_parse(value, NULL);
	bool is = false;

	for (size_t i = 0; list != NULL && i < mail_address_count(list); i++) {
		struct strbuf address;

		strbuf_init(&address, RECORD_MAILBOX_MAX);
		if (mail_mailbox_print(mail_address_at(list, i), &address) == 0)
			is |=
			    record_mailbox_is_same(strbuf_slice(&address), own);
		strbuf_clear(&address);
	}
	mail_address_free(list);
	return is;
}

static const char *
refuses_field(const struct mail_field *field, struct slice own)
{
	struct slice name = field->name;
	static const struct slice names[] = {SLICE_INIT("List-Id"),
	    SLICE_INIT("List-Help"), SLICE_INIT("List-Subscribe"),
	    SLICE_INIT("List-Unsubscribe"), SLICE_INIT("List-Post"),
	    SLICE_INIT("List-Owner"), SLICE_INIT("List-Archive"),
	    SLICE_INIT("List-Unsubscribe-Post"), SLICE_INIT("Mailing-List")};

	/* RFC 2369, RFC 2919, RFC 8058, and an old one. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equal_nocase(name, names[i]))
			return "mail of a list";
	if (is_automatic(field))
		return "an automatic message";
	if (slice_equal_nocase(field->name, SLICE("Content-Type")) &&
	    is_report(field->value))
		return "a report (multipart/report)";
	if (slice_equal_nocase(field->name, SLICE("From")) &&
	    is_from(field->value, own))
		return "mail of the reflector's own";
	return NULL;
}

const char *
record_unanswered_why(
    const struct mail_header *header, struct slice sender, struct slice own)
{
	const char *why = refuses_sender(sender, own);
	const struct mail_field *field;

	for (size_t i = 0; why == NULL && (field = mail_header_at(header, i));
	     i++)
		why = refuses_field(field, own);
	return why;
}
