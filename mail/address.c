/*
 * Address lists, RFC 5322 sections 3.4 and 4.4; see address.h. One function
 * a production. What is read is copied, without its dress, into one buffer
 * that never moves, so the mailboxes are views into it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "mail/address.h"
#include "mail/token.h"

struct mail_address_list {
	struct strbuf text;
	struct mail_mailbox *boxes;
	size_t count, room;
	const char *fault;
};

struct parser {
	struct slice in; /* what is left */
	struct mail_address_list *list;
	bool in_group;
	const char *why; /* the first fault, static text */
};

static int
address_fault(struct parser *p, const char *why)
{
	if (p->why == NULL)
		p->why = why;
	return -1;
}

static int
skip_cfws(struct parser *p)
{
	if (mail_token_cfws(&p->in) != 0)
		return address_fault(p, "comment without end in address");
	return 0;
}

static char
peek(const struct parser *p)
{
	return p->in.n == 0 ? '\0' : p->in.p[0];
}

/* Adds one atom or the content of one quoted string. 1 where it did, 0 where
 * neither is there. */
static int
add_phrase_word(struct parser *p)
{
	struct slice word;

	if (mail_token_atom(&p->in, &word) == 0) {
		strbuf_add(&p->list->text, word);
		return 1;
	}
	if (peek(p) != '"')
		return 0;
	if (mail_token_quoted(&p->in, &word) != 0)
		return address_fault(p, "quoted string without end in address");
	(void)mail_token_unquote(word, &p->list->text);
	return 1;
}

/* What the text has got since `from`. */
static struct slice
text_from(const struct parser *p, size_t from)
{
	const struct strbuf *text = &p->list->text;

	return slice_from(text->p + from, text->n - from);
}

/* phrase, obs-phrase: words and dots, joined by single spaces where white
 * space or comments parted them. Perhaps empty. */
static int
parse_phrase(struct parser *p, struct slice *phrase)
{
	size_t from = p->list->text.n;
	const char *end = NULL;

	for (;;) {
		size_t before;
		int n;

		if (skip_cfws(p) != 0)
			return -1;
		before = p->list->text.n;
		if (before > from && p->in.p != end)
			strbuf_add_char(&p->list->text, ' ');
		n = mail_token_char(&p->in, '.')
		    ? strbuf_add_char(&p->list->text, '.') + 1
		    : add_phrase_word(p);
		if (n < 0)
			return -1;
		end = p->in.p;
		if (n > 0)
			continue;
		strbuf_truncate(&p->list->text, before);
		*phrase = text_from(p, from);
		return 0;
	}
}

/* local-part, obs-local-part: words with dots between. More dots than the
 * grammar has are let through. Ends before the @. */
static int
parse_local(struct parser *p, struct slice *local)
{
	size_t from = p->list->text.n;
	bool after_word = false, any = false;

	for (;;) {
		int n;

		if (skip_cfws(p) != 0)
			return -1;
		if (mail_token_char(&p->in, '.')) {
			strbuf_add_char(&p->list->text, '.');
			after_word = false;
			continue;
		}
		if (after_word)
			break;
		n = add_phrase_word(p);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		after_word = any = true;
	}
	*local = text_from(p, from);
	if (!any || !escape_is_utf8(*local))
		return address_fault(p, "bad local part in address");
	return 0;
}

/* Atoms with single dots between. */
static int
parse_labels(struct parser *p)
{
	size_t from = p->list->text.n;
	struct slice piece;

	do {
		if (p->list->text.n > from)
			strbuf_add_char(&p->list->text, '.');
		if (skip_cfws(p) != 0)
			return -1;
		if (mail_token_atom(&p->in, &piece) != 0)
			return address_fault(p, "bad domain in address");
		strbuf_add(&p->list->text, piece);
		if (skip_cfws(p) != 0)
			return -1;
	} while (mail_token_char(&p->in, '.'));
	return 0;
}

/* domain, obs-domain: labels, or a literal. After a fault *domain is what
 * was read before it, without final dots. */
static int
parse_domain(struct parser *p, struct slice *domain)
{
	size_t from = p->list->text.n;
	struct slice literal;
	int result;

	if (skip_cfws(p) != 0)
		return -1;
	if (mail_token_domain_literal(&p->in, &literal) == 0)
		result = strbuf_add(&p->list->text, literal);
	else
		result = parse_labels(p);
	*domain = text_from(p, from);
	while (domain->n > 0 && domain->p[domain->n - 1] == '.')
		domain->n--;
	if (result == 0 && !escape_is_utf8(*domain))
		return address_fault(p, "bad domain in address");
	return result == 0 ? skip_cfws(p) : -1;
}

static int
add_mailbox(struct parser *p, const struct mail_mailbox *box)
{
	struct mail_address_list *list = p->list;

	if (list->count == MAIL_ADDRESS_COUNT_MAX)
		return address_fault(p, "too many addresses");
	if (list->count == list->room) {
		list->room = list->room == 0 ? 4 : 2 * list->room;
		list->boxes = xreallocarray(
		    list->boxes, list->room, sizeof(*list->boxes));
	}
	list->boxes[list->count++] = *box;
	return 0;
}

/* addr-spec; with the display name in *box already. One with a fault in it
 * is added too, for mail_address_salvage(). */
static int
parse_addr_spec(struct parser *p, struct mail_mailbox *box)
{
	int local = parse_local(p, &box->local);
	int domain;

	if (!mail_token_char(&p->in, '@'))
		return address_fault(p, "address without a domain");
	domain = parse_domain(p, &box->domain);
	if (box->domain.n > 0 && add_mailbox(p, box) != 0)
		return -1;
	return local == 0 ? domain : -1;
}

/* obs-route: @a,@b: before the address in angle brackets. It is read and
 * forgotten. */
static int
skip_route(struct parser *p)
{
	size_t before = p->list->text.n;
	struct slice ignored;

	do {
		if (skip_cfws(p) != 0)
			return -1;
		if (mail_token_char(&p->in, '@') &&
		    parse_domain(p, &ignored) != 0)
			return -1;
	} while (mail_token_char(&p->in, ','));
	strbuf_truncate(&p->list->text, before);
	if (!mail_token_char(&p->in, ':'))
		return address_fault(p, "bad route in address");
	return 0;
}

/* One element of a list. 0 after a mailbox, which a separator must follow;
 * 1 after the beginning of a group. */
static int
parse_element(struct parser *p)
{
	struct slice start = p->in;
	size_t before = p->list->text.n;
	struct mail_mailbox box = {0};

	if (parse_phrase(p, &box.display) != 0)
		return -1;
	if (peek(p) == '<') {
		/* angle-addr, its < being at the front. */
		(void)mail_token_char(&p->in, '<');
		if (skip_cfws(p) != 0)
			return -1;
		if (peek(p) == '>')
			return address_fault(p, "empty address");
		if ((peek(p) == '@' || peek(p) == ',') && skip_route(p) != 0)
			return -1;
		if (parse_addr_spec(p, &box) != 0)
			return -1;
		if (!mail_token_char(&p->in, '>'))
			return address_fault(p, "address without its >");
		return skip_cfws(p);
	}
	if (mail_token_char(&p->in, ':')) {
		/* A group's name and colon were read. */
		if (box.display.n == 0)
			return address_fault(p, "group without a name");
		if (p->in_group)
			return address_fault(p, "group inside a group");
		p->in_group = true;
		return skip_cfws(p) == 0 ? 1 : -1;
	}
	/* No name, then: the words were a local part. */
	p->in = start;
	strbuf_truncate(&p->list->text, before);
	box.display = slice_from(NULL, 0);
	return parse_addr_spec(p, &box);
}

/* What may follow an element: a comma or the end; before it a group's ; */
static int
parse_separator(struct parser *p)
{
	if (p->in_group && mail_token_char(&p->in, ';')) {
		p->in_group = false;
		if (skip_cfws(p) != 0)
			return -1;
	}
	if (p->in.n == 0 || mail_token_char(&p->in, ','))
		return skip_cfws(p);
	return address_fault(p, "unexpected character in address list");
}

/* obs-addr-list has empty elements, so a separator may come at once. */
static int
parse_list(struct parser *p)
{
	if (skip_cfws(p) != 0)
		return -1;
	while (p->in.n > 0) {
		bool empty = peek(p) == ',' || (peek(p) == ';' && p->in_group);
		int n = empty ? 0 : parse_element(p);

		if (n < 0 || (n == 0 && parse_separator(p) != 0))
			return -1;
	}
	return p->in_group ? address_fault(p, "group without its ;") : 0;
}

static void
parser_init(struct parser *p, struct slice value)
{
	*p = (struct parser){.in = value, .list = xcalloc(1, sizeof(*p->list))};
	/* No word costs more than itself and one space, and a scratch copy
	 * of the words is dropped before they are read again. All at once,
	 * so that the views stay good. */
	strbuf_init(&p->list->text, 2 * value.n + 2);
	(void)strbuf_reserve(&p->list->text, 2 * value.n + 2);
}

struct mail_address_list *
mail_address_parse(struct slice value, struct strbuf *reason)
{
	struct parser p;

	parser_init(&p, value);
	if (parse_list(&p) == 0) {
		assert(!p.list->text.full);
		return p.list;
	}
	if (reason != NULL)
		strbuf_add_str(reason, p.why);
	mail_address_free(p.list);
	return NULL;
}

struct mail_address_list *
mail_address_salvage(struct slice value)
{
	struct parser p;

	parser_init(&p, value);
	if (parse_list(&p) != 0) {
		/* What stands behind a fault, in pieces that begin there, at
		 * each < and at each comma. Each is read once, so this costs
		 * no more than the list did. */
		struct slice rest = p.in;

		while (rest.n > 0 && p.list->count < MAIL_ADDRESS_COUNT_MAX) {
			size_t n = 1;

			while (
			    n < rest.n && rest.p[n] != '<' && rest.p[n] != ',')
				n++;
			p.in = slice_first(rest, n);
			(void)mail_token_char(&p.in, ',');
			(void)parse_element(&p);
			rest = slice_after(rest, n);
		}
	}
	assert(!p.list->text.full);
	p.list->fault = p.why;
	return p.list;
}

const char *
mail_address_fault(const struct mail_address_list *list)
{
	return list->fault;
}

void
mail_address_free(struct mail_address_list *list)
{
	if (list == NULL)
		return;
	strbuf_clear(&list->text);
	free(list->boxes);
	free(list);
}

size_t
mail_address_count(const struct mail_address_list *list)
{
	return list->count;
}

const struct mail_mailbox *
mail_address_at(const struct mail_address_list *list, size_t index)
{
	return index < list->count ? &list->boxes[index] : NULL;
}

int
mail_mailbox_print(const struct mail_mailbox *box, struct strbuf *out)
{
	struct slice rest = box->local, atom;

	if (mail_token_dot_atom(&rest, &atom) == 0 && rest.n == 0)
		strbuf_add(out, box->local);
	else
		(void)mail_token_quote(box->local, out);
	strbuf_add_char(out, '@');
	return strbuf_add(out, box->domain);
}

struct slice
mail_address_domain(struct slice addr_spec)
{
	return slice_after(addr_spec, slice_find_last(addr_spec, '@') + 1);
}

struct slice
mail_address_local(struct slice addr_spec)
{
	return slice_first(addr_spec, slice_find_last(addr_spec, '@'));
}

bool
mail_domain_is_within(struct slice domain, struct slice parent)
{
	if (slice_equal_nocase(domain, parent))
		return true;
	return parent.n > 0 && domain.n > parent.n &&
	    slice_ends_nocase(domain, parent) &&
	    domain.p[domain.n - parent.n - 1] == '.';
}
