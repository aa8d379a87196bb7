/* The list of fields that are signed, and h= for one header. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "mail/header.h"

struct listed {
	char name[DKIM_FIELD_NAME_MAX];
	size_t n;
	bool oversigned;
};

struct dkim_field_list {
	size_t count;
	struct listed list[DKIM_FIELD_LIST_MAX];
};

/* With "+" a field is named once more than it is there (RFC 6376 section 8.15):
 * nobody can add a second From or Subject that readers show in its place. */
static const char *const built_in[] = {
    /* RFC 6376 section 5.4.1, in its order */
    "+From",
    "Reply-To",
    "+Subject",
    "Date",
    "+To",
    "+Cc",
    "Resent-Date",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    /* what the reader's program acts on besides */
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe-Post",
};

static struct slice
listed_name_of(const struct listed *listed)
{
	return slice_from(listed->name, listed->n);
}

/* Where the name stands in the list; its count where it does not. */
static size_t
find_listed(const struct dkim_field_list *fields, struct slice name)
{
	size_t i = 0;

	while (i < fields->count &&
	    !slice_equal_nocase(listed_name_of(&fields->list[i]), name))
		i++;
	return i;
}

/* RFC 5322 section 2.2: printable ASCII but the colon, which separates words
 * here; the semicolon would end h=. */
static bool
is_field_name(struct slice name)
{
	if (name.n == 0 || name.n > DKIM_FIELD_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ';')
			return false;
	return true;
}

/* What is oversigned stays so, whoever names it again: only taking it away
 * ends that. */
static int
add_listed(struct dkim_field_list *fields, struct slice name, bool oversigned)
{
	size_t i = find_listed(fields, name);

	if (i == DKIM_FIELD_LIST_MAX)
		return -1;
	if (i == fields->count) {
		fields->count++;
		memcpy(fields->list[i].name, name.p, name.n);
		fields->list[i].n = name.n;
		fields->list[i].oversigned = false;
	}
	fields->list[i].oversigned |= oversigned;
	return 0;
}

/* What hosts on the way put on top, ourselves first of all: named once more
 * than it is there, the signature would fail for everybody. */
static bool
is_put_on_top(struct slice name)
{
	static const char *const on_top[] = {"DKIM-Signature",
	    "DomainKey-Signature", "Received", "Return-Path",
	    "Authentication-Results", "Received-SPF", NULL};

	return slice_is_one_of(name, on_top) ||
	    slice_starts_nocase(name, SLICE("ARC-"));
}

static int
add_list_word(
    struct dkim_field_list *fields, struct slice word, bool oversigned)
{
	if (!is_field_name(word) || (oversigned && is_put_on_top(word)))
		return -1;
	return add_listed(fields, word, oversigned);
}

static void
add_built_in(struct dkim_field_list *fields)
{
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		bool oversigned = built_in[i][0] == '+';

		(void)add_listed(
		    fields, slice_str(built_in[i] + oversigned), oversigned);
	}
}

static int
apply(struct dkim_field_list *fields, struct slice word)
{
	struct slice name;
	size_t i;

	if (slice_equal_nocase(word, SLICE("default"))) {
		add_built_in(fields);
		return 0;
	}
	if (word.p[0] == '+')
		return add_list_word(fields, slice_after(word, 1), true);
	if (word.p[0] != '-')
		return add_list_word(fields, word, false);
	if (!is_field_name(slice_after(word, 1)))
		return -1;
	name = slice_after(word, 1);
	i = find_listed(fields, name);
	if (i != fields->count) {
		fields->count--;
		memmove(&fields->list[i], &fields->list[i + 1],
		    (fields->count - i) * sizeof(fields->list[0]));
	}
	return 0;
}

struct dkim_field_list *
dkim_field_list_new(void)
{
	struct dkim_field_list *fields = xcalloc(1, sizeof(*fields));

	add_built_in(fields);
	return fields;
}

static bool
is_separator(char c)
{
	return c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\r' ||
	    c == '\n';
}

/* Takes the next word off the front; false where none is left. */
static bool
next_word(struct slice *rest, struct slice *word)
{
	size_t begin = 0, end;

	while (begin < rest->n && is_separator(rest->p[begin]))
		begin++;
	for (end = begin; end < rest->n && !is_separator(rest->p[end]);)
		end++;
	*word = slice_first(slice_after(*rest, begin), end - begin);
	*rest = slice_after(*rest, end);
	return word->n > 0;
}

struct dkim_field_list *
dkim_field_list_parse(struct slice text, struct strbuf *reason)
{
	struct dkim_field_list *fields = xcalloc(1, sizeof(*fields));
	struct slice word;

	while (next_word(&text, &word)) {
		if (apply(fields, word) == 0)
			continue;
		if (fields->count == DKIM_FIELD_LIST_MAX)
			strbuf_addf(reason, "more than %d header fields",
			    DKIM_FIELD_LIST_MAX);
		else
			strbuf_addf(reason, "%s: \"%.*s\"",
			    word.p[0] == '+' &&
				    is_put_on_top(slice_after(word, 1))
				? "hosts on the way add this field, so that "
				  "one more of it cannot be signed"
				: "not the name of a header field",
			    (int)slice_first(word, 80).n, word.p);
		free(fields);
		return NULL;
	}
	/* RFC 6376 section 5.4: From is signed, whatever somebody has written
	 * here. */
	if (!dkim_field_list_has(fields, SLICE("From")) &&
	    add_listed(fields, SLICE("From"), true) < 0)
		fields->list[0] = (struct listed){"From", 4, true};
	return fields;
}

void
dkim_field_list_free(struct dkim_field_list *fields)
{
	free(fields);
}

bool
dkim_field_list_has(const struct dkim_field_list *fields, struct slice name)
{
	return find_listed(fields, name) < fields->count;
}

int
dkim_field_list_pick(const struct dkim_field_list *fields,
    const struct mail_header *header, struct strbuf *names)
{
	size_t begin = names->n;

	for (size_t i = 0; i < fields->count; i++) {
		const struct listed *listed = &fields->list[i];
		size_t times =
		    mail_header_count_of(header, listed_name_of(listed));

		/* A name is given as often as the field is there, since each
		 * mention takes one of them, from the bottom up (section
		 * 5.4.2). */
		for (times += listed->oversigned; times > 0; times--) {
			if (names->n > begin)
				strbuf_add_char(names, ':');
			strbuf_add(names, listed_name_of(listed));
		}
	}
	return names->full ? -1 : 0;
}
