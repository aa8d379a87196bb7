/*
 * From a header to signatures: whose mail is it, which rule has signatures
 * for it, and what do their macros stand for here.
 */
#include <string.h>

#include "dkim/signing_set.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "mail/token.h"
#include "proxy/keys/key_files.h"
#include "proxy/message/sign_rule.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

/* Bytes of an address (RFC 5321 section 4.5.3.1 has 64 + 1 + 255), of what
 * is logged, of all the texts of a choice. */
#define ADDRESS_MAX 512
#define LOG_MAX	    2048
#define TEXT_MAX    16384
/* And of what came from outside in one of them. */
#define FOREIGN_MAX 255

/* Who: local@domain, the domain in A-labels; and the same as it is written,
 * its local part quoted where it has to be. */
struct person {
	struct strbuf address, quoted;
};

/* One choosing. */
struct choosing {
	const struct proxy_config *config;
	const struct mail_header *header;
	struct proxy_sign_choice *to;
	struct person author; /* From's first mailbox */
	struct person sender; /* Sender's, where there is one, else From's */
};

static void
person_init(struct person *person)
{
	strbuf_init(&person->address, ADDRESS_MAX);
	strbuf_init(&person->quoted, 2 * ADDRESS_MAX);
}

static void
person_clear(struct person *person)
{
	strbuf_clear(&person->address);
	strbuf_clear(&person->quoted);
}

const char *
proxy_sign_unsigned_word(enum proxy_unsigned why)
{
	return proxy_unsigned_words[why];
}

void
proxy_sign_choice_init(struct proxy_sign_choice *choice)
{
	memset(choice, 0, sizeof(*choice));
	strbuf_init(&choice->rule, LOG_MAX);
	strbuf_init(&choice->reason, LOG_MAX);
	strbuf_init(&choice->left_out, LOG_MAX);
	strbuf_init(&choice->from_fault, LOG_MAX);
	strbuf_init(&choice->text, TEXT_MAX);
}

void
proxy_sign_choice_clear(struct proxy_sign_choice *choice)
{
	strbuf_clear(&choice->rule);
	strbuf_clear(&choice->reason);
	strbuf_clear(&choice->left_out);
	strbuf_clear(&choice->from_fault);
	strbuf_clear(&choice->text);
	choice->count = 0;
}

/* Words of ours, then what came from outside. */
static void
say_rule(struct strbuf *to, const char *what, struct slice foreign)
{
	strbuf_reset(to);
	strbuf_add_str(to, what);
	strbuf_add(to, slice_first(foreign, FOREIGN_MAX));
}

/* Why it is not signed; `foreign` is what that speaks of, or empty. */
static void
say_why(struct proxy_sign_choice *choice, enum proxy_unsigned why,
    struct slice foreign)
{
	choice->why = why;
	say_rule(&choice->reason, proxy_unsigned_words[why], SLICE(""));
	if (foreign.n == 0)
		return;
	strbuf_add_char(&choice->reason, ':');
	strbuf_add(&choice->reason, slice_first(foreign, FOREIGN_MAX));
}

void
proxy_sign_choice_no_header(struct proxy_sign_choice *choice, const char *why)
{
	choice->status = PROXY_SIGN_UNSIGNABLE;
	say_why(choice, PROXY_UNSIGNED_HEADER_LONG, SLICE(""));
	strbuf_add_char(&choice->reason, ':');
	for (; *why != '\0'; why++)
		strbuf_add_char(&choice->reason, *why == ' ' ? '-' : *why);
}

bool
proxy_sign_for_has(
    const struct proxy_sign_for *whom, const struct proxy_sign_client *client)
{
	if (client->local)
		return (whom->origins & PROXY_ORIGIN_LOCAL) != 0;
	return (client->login &&
		   (whom->origins & PROXY_ORIGIN_AUTHENTICATED) != 0) ||
	    proxy_networks_contain_text(&whom->networks, client->address);
}

void
proxy_sign_choice_not_ours(struct proxy_sign_choice *choice)
{
	choice->status = PROXY_SIGN_NO_RULE;
	say_why(choice, PROXY_UNSIGNED_NOT_OURS, SLICE(""));
}

static struct slice
address_domain_of(const struct strbuf *address)
{
	return mail_address_domain(strbuf_slice(address));
}

/* --- who wrote it --- */

/* local@domain of a mailbox, the domain in A-labels: 0, or -1 where it has no
 * domain. */
static int
print_address(const struct mail_mailbox *mailbox, struct strbuf *address)
{
	strbuf_reset(address);
	if (mailbox == NULL || mailbox->domain.n == 0)
		return -1;
	strbuf_add(address, mailbox->local);
	strbuf_add_char(address, '@');
	if (mail_idn_to_ascii(mailbox->domain, address) != 0)
		strbuf_add(address, mailbox->domain);
	return address->full ? -1 : 0;
}

/* The first mailbox of a field: 0, or -1 where it has none that we could
 * sign for. `quoted` is the same, its local part quoted where it has to be. */
static int
first_mailbox(const struct mail_field *field, struct person *person)
{
	struct mail_address_list *list = mail_address_parse(field->value, NULL);
	struct mail_mailbox mailbox;
	int result = -1;

	if (list == NULL)
		return -1;
	if (mail_address_count(list) > 0) {
		mailbox = *mail_address_at(list, 0);
		result = print_address(&mailbox, &person->address);
		mailbox.domain =
		    mail_address_domain(strbuf_slice(&person->address));
		strbuf_reset(&person->quoted);
		if (result == 0)
			result = mail_mailbox_print(&mailbox, &person->quoted);
	}
	mail_address_free(list);
	return result;
}

/* Does every @ in the value stand before that very domain? Whatever a reader
 * takes for an address is of that domain then. */
static bool
names_only(struct slice value, struct slice domain)
{
	size_t at;

	for (;;) {
		at = slice_find(value, '@');
		if (at == value.n)
			return true;
		value = slice_trim(slice_after(value, at + 1));
		if (!slice_starts_nocase(value, domain))
			return false;
		value = slice_after(value, domain.n);
		if (value.n > 0 &&
		    (ascii_is_alnum(value.p[0]) || value.p[0] == '-' ||
			value.p[0] == '.' || value.p[0] == '_' ||
			(unsigned char)value.p[0] > 0x7f))
			return false;
	}
}

/* What people and programs write instead of a list of addresses, where all
 * that looks like an address is of one domain: that domain is its author's
 * beyond doubt. A local part counts where it is the same everywhere. */
static int
only_domain(struct choosing *c, struct slice value)
{
	struct mail_address_list *list = mail_address_salvage(value);
	const struct mail_mailbox *first = mail_address_at(list, 0), *next;
	struct mail_mailbox author;
	const char *why = mail_address_fault(list);
	bool one = why != NULL && first != NULL && first->local.n > 0 &&
	    names_only(value, first->domain);
	int result = -1;

	if (one)
		author = *first;
	for (size_t i = 1; one && i < mail_address_count(list); i++) {
		next = mail_address_at(list, i);
		one = slice_equal_nocase(next->domain, first->domain);
		if (!slice_equal(next->local, first->local))
			author.local = SLICE("");
	}
	if (one && print_address(&author, &c->author.address) == 0 &&
	    proxy_key_domain_is_safe(address_domain_of(&c->author.address))) {
		strbuf_reset(&c->author.quoted);
		if (author.local.n > 0) {
			author.domain = address_domain_of(&c->author.address);
			(void)mail_mailbox_print(&author, &c->author.quoted);
		} else {
			strbuf_add(&c->author.quoted,
			    strbuf_slice(&c->author.address));
		}
		for (; *why != '\0'; why++)
			strbuf_add_char(
			    &c->to->from_fault, *why == ' ' ? '-' : *why);
		result = 0;
	}
	mail_address_free(list);
	return result;
}

static void
copy(const struct strbuf *from, struct strbuf *to)
{
	strbuf_reset(to);
	strbuf_add(to, strbuf_slice(from));
}

/* False, and why, where there is no author. */
static bool
find_author(struct choosing *c, enum proxy_unsigned *why)
{
	size_t count = mail_header_count_of(c->header, SLICE("From"));
	const struct mail_field *from, *sender;

	*why = count == 0 ? PROXY_UNSIGNED_NO_FROM : PROXY_UNSIGNED_TWO_FROM;
	if (count != 1)
		return false;
	*why = PROXY_UNSIGNED_BAD_FROM;
	from = mail_header_last(c->header, SLICE("From"));
	if (first_mailbox(from, &c->author) != 0 &&
	    only_domain(c, from->value) != 0)
		return false;
	sender = mail_header_last(c->header, SLICE("Sender"));
	if (sender == NULL || first_mailbox(sender, &c->sender) != 0) {
		copy(&c->author.address, &c->sender.address);
		copy(&c->author.quoted, &c->sender.quoted);
	}
	return true;
}

/* Whose mail it counts as. */
static const struct person *
chosen(const struct choosing *c)
{
	return c->config->signing.sender_header == PROXY_SENDER_SENDER
	    ? &c->sender
	    : &c->author;
}

/* --- signatures --- */

static struct slice
keep_text(struct strbuf *text, size_t from)
{
	/* `text` has all its room from the beginning: it does not move. */
	return slice_after(strbuf_slice(text), from);
}

/* d= of a signature here, in A-labels; empty where it is no domain. */
static struct slice
expand_domain(struct choosing *c, const struct proxy_signature *signature,
    struct slice matched, const struct proxy_macros *macros)
{
	struct strbuf *text = &c->to->text, raw;
	size_t from = text->n;

	if (signature->domain == NULL) {
		strbuf_add(text, matched);
		return keep_text(text, from);
	}
	strbuf_init(&raw, ADDRESS_MAX);
	if (proxy_macros_expand(slice_str(signature->domain), macros, &raw) ==
	    0)
		(void)mail_idn_to_ascii(strbuf_slice(&raw), text);
	strbuf_clear(&raw);
	return keep_text(text, from);
}

static void
leave_out(
    struct choosing *c, const char *what, struct slice domain, const char *why)
{
	struct strbuf *to = &c->to->left_out;

	strbuf_addf(to, "%s%s:", to->n == 0 ? "" : ",", what);
	strbuf_add(to, slice_first(domain, 255));
	strbuf_addf(to, ":%s", why);
}

/* i=: it must lie in d= or below (RFC 6376 section 3.5), else it is left
 * out, for with it no verifier would take the signature. */
static struct slice
expand_identity(struct choosing *c, const struct proxy_signature *signature,
    struct slice domain, const struct proxy_macros *macros)
{
	struct strbuf *text = &c->to->text;
	size_t from = text->n;
	struct slice identity;

	if (signature->identity == NULL)
		return SLICE("");
	if (proxy_macros_expand(slice_str(signature->identity), macros, text) !=
	    0)
		strbuf_truncate(text, from);
	identity = keep_text(text, from);
	if (mail_domain_is_within(mail_address_domain(identity), domain))
		return identity;
	leave_out(c, "identity", domain, "not-in-the-domain");
	return SLICE("");
}

static void
add_signing(struct choosing *c, const struct proxy_signature *signature,
    struct slice matched, const struct proxy_macros *macros)
{
	struct proxy_sign_choice *to = c->to;
	struct slice domain = expand_domain(c, signature, matched, macros);
	const char *type = signature->kind->name;

	if (domain.n == 0 || !proxy_key_domain_is_safe(domain)) {
		leave_out(c, type, domain, "no-domain-for-d");
		return;
	}
	/* RFC 4870 section 3.4.1. */
	if (signature->kind == &dkim_kind_domainkeys &&
	    !mail_domain_is_within(
		address_domain_of(&c->sender.address), domain)) {
		leave_out(c, type, domain, "not-a-parent-of-sender");
		return;
	}
	to->list[to->count++] = (struct proxy_signing){.kind = signature->kind,
	    .header_canon = signature->header_canon,
	    .body_canon = signature->body_canon,
	    .algorithm = signature->algorithm,
	    .domain = domain,
	    .selector = slice_str(signature->selector),
	    .identity = expand_identity(c, signature, domain, macros),
	    .fields = signature->fields != NULL ? signature->fields
						: c->config->signing.fields,
	    .key_rule = signature->key_rule,
	    .right = signature->number};
}

static void
add_signings(struct choosing *c, const struct proxy_signatures *signatures,
    struct slice matched)
{
	struct proxy_macros macros = {
	    matched, strbuf_slice(&chosen(c)->quoted)};
	size_t i;

	c->to->status = PROXY_SIGN;
	for (i = 0; i < signatures->count; i++)
		add_signing(c, &signatures->list[i], matched, &macros);
	if (signatures->count == 0)
		say_why(c->to, PROXY_UNSIGNED_MAP_SAYS_NONE, SLICE(""));
	else if (c->to->count == 0)
		say_why(c->to, PROXY_UNSIGNED_LEFT_OUT,
		    strbuf_slice(&c->to->left_out));
}

/* --- rules --- */

static void
lower(struct strbuf *text)
{
	size_t i;

	for (i = 0; i < text->n; i++)
		text->p[i] = ascii_lower(text->p[i]);
}

/* Takes the next piece of a List-Id off: a phrase's quoted string or a comment
 * (`*plain` is false), or one octet. */
static struct slice
cut_piece(struct slice *rest, bool *plain)
{
	struct slice all = *rest, ignored;

	*plain = false;
	if (all.p[0] == '(' && mail_token_comment(rest, &ignored) == 0)
		return slice_first(all, all.n - rest->n);
	if (all.p[0] == '"' && mail_token_quoted(rest, &ignored) == 0)
		return slice_first(all, all.n - rest->n);
	*plain = true;
	*rest = slice_after(all, 1);
	return slice_first(all, 1);
}

/* RFC 2919: what stands within <>, but not that of a quoted phrase or of a
 * comment; else, as DKIMproxy reads it, all of the field but its comments. */
static void
read_list_id(struct slice rest, struct strbuf *id)
{
	struct slice piece;
	bool plain;
	size_t close;

	while (rest.n > 0) {
		piece = cut_piece(&rest, &plain);
		close = slice_find(rest, '>');
		if (plain && piece.p[0] == '<' && close < rest.n) {
			strbuf_reset(id);
			strbuf_add(id, slice_trim(slice_first(rest, close)));
			return;
		}
		if (piece.p[0] != '(' || plain)
			strbuf_add(id, piece);
	}
}

static bool
find_list_id(struct choosing *c, struct strbuf *id)
{
	const struct mail_field *field =
	    mail_header_last(c->header, SLICE("List-Id"));
	struct strbuf read;
	struct slice value;

	if (field == NULL)
		return false;
	strbuf_init(&read, LOG_MAX);
	read_list_id(field->value, &read);
	value = slice_trim(strbuf_slice(&read));
	if (read.full)
		value = SLICE("");
	if (mail_idn_to_ascii(value, id) != 0)
		strbuf_add(id, value);
	lower(id);
	strbuf_clear(&read);
	return id->n > 0 && !id->full;
}

/* The matched key; where it is the whole list-id, the name of the list is
 * taken off it. */
static bool
try_listid_map(struct choosing *c)
{
	const struct proxy_sign_map *map = c->config->signing.listid_map;
	const struct proxy_sign_entry *entry = NULL;
	struct slice key;
	struct strbuf id;

	if (map == NULL)
		return false;
	strbuf_init(&id, ADDRESS_MAX);
	if (find_list_id(c, &id))
		entry = proxy_sign_map_find(map, strbuf_slice(&id));
	if (entry != NULL) {
		key = entry->key;
		say_rule(&c->to->rule, "listid_map:", key);
		if (slice_equal(key, strbuf_slice(&id)) &&
		    slice_find(key, '.') < key.n)
			key = slice_after(key, slice_find(key, '.') + 1);
		add_signings(c, &entry->signatures, key);
	}
	strbuf_clear(&id);
	return entry != NULL;
}

/* The matched key's domain. */
static bool
try_sender_map(struct choosing *c)
{
	const struct proxy_sign_map *map = c->config->signing.sender_map;
	const struct proxy_sign_entry *entry;
	struct slice domain;
	struct strbuf address;

	if (map == NULL)
		return false;
	strbuf_init(&address, ADDRESS_MAX);
	strbuf_add(&address, strbuf_slice(&chosen(c)->address));
	lower(&address);
	entry = proxy_sign_map_find(map, strbuf_slice(&address));
	strbuf_clear(&address);
	if (entry == NULL)
		return false;
	say_rule(&c->to->rule, "sender_map:", entry->key);
	domain = mail_address_domain(entry->key);
	add_signings(c, &entry->signatures, domain.n > 0 ? domain : entry->key);
	return true;
}

static bool
try_domains(struct choosing *c)
{
	const struct proxy_signing_rules *rules = &c->config->signing;
	struct slice domain = address_domain_of(&chosen(c)->address);
	/* The domain or its nearest parent that is listed. */
	size_t number = proxy_index_find_nearest(rules->domain_set, domain);
	struct slice listed = number == PROXY_INDEX_NONE
	    ? SLICE("")
	    : proxy_index_key(rules->domain_set, number);

	if (rules->signatures.count == 0)
		return false;
	if (listed.n > 0) {
		say_rule(&c->to->rule, "domain:", listed);
	} else if (rules->any_domain && proxy_key_domain_is_safe(domain)) {
		say_rule(&c->to->rule, "domain:*", SLICE(""));
		listed = domain;
	} else if (rules->sign_all) {
		say_rule(&c->to->rule, "sign_all", SLICE(""));
		listed = slice_str(rules->domains.list[0]);
	} else if (rules->domains.count == 0 && !rules->any_domain) {
		/* DKIMproxy's way to sign all: each signature says d=. */
		say_rule(&c->to->rule, "signature", SLICE(""));
	} else {
		return false;
	}
	add_signings(c, &rules->signatures, listed);
	return true;
}

static void
choose_rule(struct choosing *c)
{
	enum proxy_unsigned why;

	if (!find_author(c, &why)) {
		c->to->status = PROXY_SIGN_UNSIGNABLE;
		say_why(c->to, why, SLICE(""));
		return;
	}
	if (try_listid_map(c) || try_sender_map(c) || try_domains(c))
		return;
	c->to->status = PROXY_SIGN_NO_RULE;
	say_why(c->to, PROXY_UNSIGNED_NO_RULE,
	    address_domain_of(&chosen(c)->address));
}

void
proxy_sign_rule_choose(const struct proxy_config *config,
    const struct mail_header *header, struct proxy_sign_choice *to)
{
	struct choosing c = {.config = config, .header = header, .to = to};

	to->count = 0;
	strbuf_reset(&to->rule);
	strbuf_reset(&to->reason);
	strbuf_reset(&to->left_out);
	strbuf_reset(&to->from_fault);
	strbuf_reset(&to->text);
	(void)strbuf_reserve(&to->text, TEXT_MAX);
	person_init(&c.author);
	person_init(&c.sender);
	choose_rule(&c);
	person_clear(&c.author);
	person_clear(&c.sender);
}
