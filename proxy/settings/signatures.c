/*
 * "dkim(c=relaxed, a=rsa-sha256), domainkeys": signatures as `signature =`
 * and the maps write them, and the key rules they need.
 */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "dkim/signing_set.h"
#include "mail/idn.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

/* Bytes of a key rule's name in the index. */
#define RULE_NAME_MAX 8192

/* --- key rules --- */

struct proxy_key_table {
	struct proxy_index *names;
	struct proxy_key_rule *rules; /* by the name's number */
	size_t room;
};

struct proxy_key_table *
proxy_key_table_new(void)
{
	struct proxy_key_table *table = xcalloc(1, sizeof(*table));

	table->names = proxy_index_new();
	return table;
}

/* What names the keys lies beside them, in a folder for each domain. */
#define AUTO_FILE "/$domain/$selector.pem"

static bool
fits_auto(struct slice file)
{
	static const struct slice end = SLICE_INIT(AUTO_FILE);

	return file.n > end.n && file.p[0] == '/' &&
	    slice_ends_nocase(file, end) &&
	    slice_find(file, '$') == file.n - end.n + 1;
}

int
proxy_key_table_add(struct proxy_key_table *table,
    const struct proxy_key_wish *rule, unsigned *to, struct strbuf *reason)
{
	bool automatic = slice_equal_nocase(
	    slice_str(rule->selector), SLICE(PROXY_SELECTOR_AUTO));
	/* Of a kind of key, whatever is made with it. */
	enum dkim_algorithm algorithm = !automatic ? DKIM_ALGORITHM_UNKNOWN
	    : rule->algorithm == DKIM_RSA_SHA1	   ? DKIM_RSA_SHA256
						   : rule->algorithm;
	struct strbuf name;
	size_t count = proxy_index_count(table->names), number;

	if (automatic && !fits_auto(slice_str(rule->file)))
		return strbuf_fail(reason,
		    "selector auto: needs key files at /PATH" AUTO_FILE
		    ", and not at %s",
		    rule->file);
	strbuf_init(&name, RULE_NAME_MAX);
	strbuf_addf(&name, "%d %d %s %s", rule->parents, algorithm,
	    rule->selector, rule->file);
	number = proxy_index_add(table->names, strbuf_slice(&name));
	strbuf_clear(&name);
	*to = (unsigned)number;
	if (number < count)
		return 0;
	if (number == table->room) {
		table->room = table->room == 0 ? 4 : table->room * 2;
		table->rules = xreallocarray(
		    table->rules, table->room, sizeof(*table->rules));
	}
	table->rules[number] =
	    (struct proxy_key_rule){.file = xstrdup(rule->file),
		.selector =
		    xstrdup(automatic ? PROXY_SELECTOR_AUTO : rule->selector),
		.automatic = automatic,
		.algorithm = algorithm,
		.per_domain = strstr(rule->file, "$domain") != NULL,
		.parents = rule->parents,
		.where = xstrdup(rule->where)};
	return 0;
}

struct proxy_key_rule *
proxy_key_table_detach(struct proxy_key_table *table, size_t *count)
{
	struct proxy_key_rule *rules = table->rules;

	*count = proxy_index_count(table->names);
	proxy_index_free(table->names);
	free(table);
	return rules;
}

void
proxy_key_rules_free(struct proxy_key_rule *rules, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(rules[i].file);
		free(rules[i].selector);
		free(rules[i].where);
	}
	free(rules);
}

/* --- one signature --- */

struct option;
struct parsing {
	struct proxy_signature *to;
	char *key; /* key=, or NULL */
	unsigned *notes;
	struct strbuf *reason;
};

typedef int option_fn(struct parsing *, struct slice value);

struct option {
	const char *letter, *name;
	option_fn *take;
};

/* `text` and the value, quoted and bounded. */
static int
complain_of_signature(struct parsing *p, const char *text, struct slice value)
{
	strbuf_addf(p->reason, "%s \"", text);
	escape_text(slice_first(value, 60), p->reason);
	strbuf_add_char(p->reason, '"');
	return -1;
}

static int
take_copy(char **to, struct slice value)
{
	free(*to);
	*to = xslicedup(value);
	return 0;
}

static int
take_key(struct parsing *p, struct slice value)
{
	if (proxy_key_template_check(value, p->reason) != 0)
		return complain_of_signature(p, ": key", value);
	return take_copy(&p->key, value);
}

static int
take_algorithm(struct parsing *p, struct slice value)
{
	enum dkim_algorithm algorithm = dkim_algorithm_parse(value);

	if (algorithm == DKIM_ALGORITHM_UNKNOWN)
		return complain_of_signature(p, "unknown algorithm", value);
	if (p->to->kind == &dkim_kind_domainkeys && algorithm != DKIM_RSA_SHA1)
		return complain_of_signature(
		    p, "DomainKeys knows only rsa-sha1, not", value);
	if (p->to->kind == &dkim_kind_dkim && algorithm == DKIM_RSA_SHA1) {
		*p->notes |= PROXY_SIGN_NOTE_SHA1;
		algorithm = DKIM_RSA_SHA256;
	}
	p->to->algorithm = algorithm;
	return 0;
}

static int
take_method(struct parsing *p, struct slice value)
{
	struct proxy_signature *to = p->to;
	int result;

	if (to->kind == &dkim_kind_dkim &&
	    slice_equal_nocase(value, SLICE("nowsp"))) {
		*p->notes |= PROXY_SIGN_NOTE_NOWSP;
		to->header_canon = to->body_canon = DKIM_CANON_RELAXED;
		result = 0;
	} else {
		result =
		    to->kind->canon(value, &to->header_canon, &to->body_canon);
	}
	return result == 0
	    ? 0
	    : complain_of_signature(p, "unknown canonicalization", value);
}

static int
take_domain(struct parsing *p, struct slice value)
{
	struct strbuf name;
	int result = 0;

	if (proxy_macros_check(value, p->reason) != 0)
		return -1;
	if (slice_find(value, '$') < value.n)
		return take_copy(&p->to->domain, value);
	if (slice_find(value, '_') < value.n)
		return complain_of_signature(
		    p, "d= has an underscore, as no mail domain has:", value);
	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(value, &name) == 0)
		(void)take_copy(&p->to->domain, strbuf_slice(&name));
	else
		result = complain_of_signature(p, "d= is no domain:", value);
	strbuf_clear(&name);
	return result;
}

static int
take_identity(struct parsing *p, struct slice value)
{
	if (proxy_macros_check(value, p->reason) != 0)
		return -1;
	if (slice_find(value, '$') == value.n &&
	    slice_find(value, '@') == value.n)
		return complain_of_signature(p, "i= has no @:", value);
	return take_copy(&p->to->identity, value);
}

static int
take_selector(struct parsing *p, struct slice value)
{
	struct strbuf name;
	int result = 0;

	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(value, &name) == 0)
		(void)take_copy(&p->to->selector, strbuf_slice(&name));
	else
		result = complain_of_signature(p, "no selector:", value);
	strbuf_clear(&name);
	return result;
}

static int
take_headers(struct parsing *p, struct slice value)
{
	dkim_field_list_free(p->to->fields);
	p->to->fields = dkim_field_list_parse(value, p->reason);
	return p->to->fields == NULL ? -1 : 0;
}

static const struct option options[] = {{"key", "keyfile", take_key},
    {"a", "algorithm", take_algorithm}, {"c", "method", take_method},
    {"d", "domain", take_domain}, {"i", "identity", take_identity},
    {"s", "selector", take_selector}, {"h", "headers", take_headers}};

static int
take_option(struct parsing *p, struct slice text)
{
	size_t equals = slice_find(text, '='), i;
	struct slice name = slice_trim(slice_first(text, equals));
	struct slice value = slice_trim(slice_after(text, equals + 1));

	if (equals == text.n || name.n == 0)
		return complain_of_signature(p, "no NAME=VALUE:", text);
	if (value.n == 0)
		return complain_of_signature(p, "no value for option", name);
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (slice_equal_nocase(name, slice_str(options[i].letter)) ||
		    slice_equal_nocase(name, slice_str(options[i].name)))
			return options[i].take(p, value);
	return complain_of_signature(p, "unknown option", name);
}

/* "dkim" or "dkim(a=b, c=d)". */
static int
parse_one(struct parsing *p, struct slice text)
{
	struct proxy_signature *to = p->to;
	size_t paren = slice_find(text, '(');
	struct slice type = slice_trim(slice_first(text, paren));
	struct slice piece, rest = slice_after(text, paren + 1);

	to->kind = dkim_kind_find(type);
	if (to->kind == NULL)
		return complain_of_signature(
		    p, "a signature is dkim or domainkeys, not", type);
	to->algorithm = to->kind->algorithm;
	/* DKIMproxy's: relaxed, which is relaxed/simple, and nofws. */
	if (to->kind->canon(slice_str(to->kind->usual_canon), &to->header_canon,
		&to->body_canon) != 0)
		return -1;
	if (paren == text.n)
		return 0;
	if (rest.n == 0 || rest.p[rest.n - 1] != ')')
		return complain_of_signature(p, "no ) at the end of", text);
	rest.n--;
	if (slice_find(rest, '(') < rest.n || slice_find(rest, ')') < rest.n)
		return complain_of_signature(p, "parentheses within", text);
	while (rest.p != NULL && slice_cut(&rest, ',', &piece)) {
		piece = slice_trim(piece);
		if (piece.n > 0 && take_option(p, piece) != 0)
			return -1;
	}
	return 0;
}

/* What the options left out. */
static int
complete_signature(struct parsing *p, const struct proxy_sign_source *source)
{
	const struct proxy_sign_defaults *defaults = source->defaults;
	struct proxy_signature *to = p->to;
	struct proxy_key_wish rule;
	const char *file = p->key != NULL ? p->key : defaults->keyfile;

	if (to->selector == NULL && defaults->selector != NULL)
		to->selector = xstrdup(defaults->selector);
	if (to->selector == NULL)
		strbuf_add_str(
		    p->reason, "no selector: neither s= nor `selector` is set");
	else if (file == NULL)
		strbuf_add_str(
		    p->reason, "no key: neither key= nor `keyfile` is set");
	else if (to->domain == NULL && source->needs_domain)
		strbuf_add_str(p->reason,
		    "no domain: it needs d=, for none is matched here");
	if (p->reason->n > 0)
		return -1;
	rule = (struct proxy_key_wish){
	    .file = file,
	    .selector = to->selector,
	    .algorithm = to->algorithm,
	    .parents = defaults->parents && to->domain == NULL &&
		strstr(file, "$domain") != NULL,
	    .where = source->where,
	};
	if (proxy_key_table_add(
		defaults->keys, &rule, &to->key_rule, p->reason) != 0)
		return -1;
	if (to->kind == &dkim_kind_domainkeys)
		defaults->keys->rules[to->key_rule].domainkeys = true;
	return 0;
}

static void
clear_one(struct proxy_signature *signature)
{
	free(signature->domain);
	free(signature->identity);
	free(signature->selector);
	dkim_field_list_free(signature->fields);
}

void
proxy_signatures_clear(struct proxy_signatures *signatures)
{
	size_t i;

	for (i = 0; i < signatures->count; i++)
		clear_one(&signatures->list[i]);
	free(signatures->list);
	*signatures = (struct proxy_signatures){NULL, 0};
}

static int
add_one(struct proxy_signatures *to, struct slice text,
    const struct proxy_sign_source *source, unsigned *notes,
    struct strbuf *reason)
{
	struct proxy_signature signature = {.kind = &dkim_kind_dkim};
	struct parsing p = {&signature, NULL, notes, reason};
	int result = -1;

	if (to->count == PROXY_SIGNATURES_MAX)
		strbuf_addf(
		    reason, "more than %d signatures", PROXY_SIGNATURES_MAX);
	else if (parse_one(&p, text) == 0)
		result = complete_signature(&p, source);
	free(p.key);
	if (result != 0) {
		clear_one(&signature);
		return -1;
	}
	to->list = xreallocarray(to->list, to->count + 1, sizeof(*to->list));
	to->list[to->count++] = signature;
	return 0;
}

/* Cuts the text at the first comma outside of parentheses. */
static struct slice
cut_item(struct slice *rest)
{
	struct slice item = *rest;
	size_t i;
	int depth = 0;

	for (i = 0; i < rest->n; i++) {
		depth += rest->p[i] == '(' ? 1 : rest->p[i] == ')' ? -1 : 0;
		if (rest->p[i] == ',' && depth <= 0)
			break;
	}
	item.n = i;
	*rest = slice_after(*rest, i + 1);
	return slice_trim(item);
}

int
proxy_signatures_parse(struct proxy_signatures *to, struct slice text,
    const struct proxy_sign_source *source, unsigned *notes,
    struct strbuf *reason)
{
	struct slice item, rest = text;

	while (rest.n > 0) {
		item = cut_item(&rest);
		if (item.n > 0 && add_one(to, item, source, notes, reason) != 0)
			return -1;
	}
	return 0;
}
