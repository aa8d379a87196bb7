/* What OpenDKIM signs, and how, as a sender map and settings of [out]. */
#include <stdlib.h>
#include <string.h>

#include "cli/migrate_opendkim_private.h"

/* Each key once; one that stands in the table gets a file. */
static void
collect_keys(struct migrate_opendkim *m)
{
	struct migrate_plan *plan = m->plan;
	/* Of a path in the key table: OpenDKIM has changed its root by then. */
	const char *root = m->signing.list == NULL
	    ? NULL
	    : migrate_plan_value(plan, "ChangeRootDirectory", NULL);

	for (size_t i = 0; i < plan->entry_count; i++)
		for (size_t k = 0; k < plan->entries[i].count; k++) {
			struct migrate_signature *s = &plan->entries[i].list[k];
			struct migrate_key key = {.domain = s->domain,
			    .selector = s->selector,
			    .inside = s->inside,
			    .file = s->file,
			    .line = s->line};

			if (s->inside && m->keys.type == MIGRATE_SET_LIST)
				migrate_plan_note(&plan->errors,
				    migrate_opendkim_find(m, "KeyTable"),
				    "a key stands in the list: write it into a "
				    "file and name that");
			if (s->inside)
				s->key = migrate_pool_printf(&plan->pool,
				    MIGRATE_FOLDER "/keys/%s/%s.pem",
				    s->domain[0] == '$' ? "any" : s->domain,
				    s->selector);
			else if (root != NULL)
				s->key = migrate_pool_printf(
				    &plan->pool, "%s%s", root, s->key);
			key.path = key.use = s->key;
			(void)migrate_keys_add(&plan->keys, &key);
		}
}

static void
run_signing(struct migrate_opendkim *m, const struct migrate_tables *tables)
{
	struct migrate_plan *plan = m->plan;
	struct migrate_signing signing = {.pool = &plan->pool,
	    .errors = &plan->errors,
	    .todo = &plan->todo,
	    .differs = &plan->differs};

	migrate_signing_run(&signing, tables);
	plan->entries = signing.list;
	plan->entry_count = signing.count;
	collect_keys(m);
}

static const char *
whole_path(struct migrate_opendkim *m, struct migrate_setting *setting)
{
	if (setting->value[0] == '/')
		return setting->value;
	if (m->folder != NULL)
		return migrate_pool_printf(
		    &m->plan->pool, "%s/%s", m->folder, setting->value);
	migrate_plan_note(&m->plan->errors, setting,
	    "OpenDKIM looked for it where it was started; write the whole "
	    "path");
	return setting->value;
}

void
migrate_opendkim_by_tables(struct migrate_opendkim *m)
{
	static const char *const others[] = {"Domain", "KeyFile", "Selector"};
	struct migrate_setting *setting;
	struct migrate_tables tables = {.signing = &m->signing,
	    .keys = &m->keys,
	    .multiple = migrate_opendkim_is(m, "MultipleSignatures"),
	    .exempt = &m->exempt,
	    .folder = m->folder};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if ((setting = migrate_opendkim_find(m, others[i])) != NULL)
			migrate_plan_tell(m->plan, setting,
			    "nothing: where there is a KeyTable, OpenDKIM does "
			    "not look at it");
	if (migrate_opendkim_find(m, "SigningTable") == NULL) {
		migrate_plan_note(&m->plan->todo,
		    migrate_opendkim_find(m, "KeyTable"),
		    "there is no SigningTable, so a Lua script chose the keys: "
		    "write a sender map");
		return;
	}
	if (migrate_opendkim_read(m, "SigningTable", &m->signing) == 0 &&
	    migrate_opendkim_read(m, "KeyTable", &m->keys) == 0)
		run_signing(m, &tables);
}

void
migrate_opendkim_by_domain(struct migrate_opendkim *m)
{
	struct migrate_setting *domain = migrate_opendkim_find(m, "Domain");
	struct migrate_setting *keyfile = migrate_opendkim_find(m, "KeyFile");
	struct migrate_setting *selector = migrate_opendkim_find(m, "Selector");
	struct migrate_tables tables = {.domains = &m->domains,
	    .subdomains = migrate_opendkim_is(m, "SubDomains"),
	    .exempt = &m->exempt,
	    .keyfile_at = keyfile};

	if (domain == NULL)
		return;
	if (keyfile == NULL || selector == NULL) {
		migrate_plan_note(&m->plan->errors, domain,
		    "without KeyFile and Selector OpenDKIM would not start");
		return;
	}
	migrate_plan_refuse_auto(m->plan, selector);
	tables.selector = selector->value;
	tables.keyfile = whole_path(m, keyfile);
	if (migrate_opendkim_read(m, "Domain", &m->domains) == 0)
		run_signing(m, &tables);
}

void
migrate_opendkim_options(struct migrate_opendkim *m)
{
	const char *canon =
	    migrate_plan_value(m->plan, "Canonicalization", "simple/simple");
	struct migrate_setting *setting =
	    migrate_opendkim_find(m, "SignatureAlgorithm");
	const char *slash = strchr(canon, '/') == NULL ? "/simple" : "";
	const char *algorithm = "";

	/* A key's own algorithm is what it is but for Ed25519. */
	if (setting != NULL && strcasecmp(setting->value, "rsa-sha256") != 0)
		algorithm = migrate_pool_printf(
		    &m->plan->pool, ", a=%s", setting->value);
	if (setting != NULL && strcasecmp(setting->value, "rsa-sha1") == 0)
		migrate_plan_note(&m->plan->differs, setting,
		    "RFC 8301 forbids rsa-sha1; it is rsa-sha256 now");
	m->plan->signature_options = migrate_pool_printf(
	    &m->plan->pool, "c=%s%s%s", canon, slash, algorithm);
}

/* --- which fields are signed --- */

/* Names of a set behind `before`; where * is in it the set is a change of the
 * default one: +Name, -Name. `*delta` says so. */
static void
add_field_names(struct migrate_opendkim *m, const struct migrate_set *set,
    struct migrate_setting *setting, const char *before, struct strbuf *to)
{
	for (size_t i = 0; i < set->count; i++) {
		const char *name = set->list[i].key, *sign = before;

		if (strcmp(name, "*") == 0)
			continue;
		if (name[0] == '+')
			name++;
		else if (name[0] == '-')
			sign = *name++ == '-' && before[0] == '\0' ? "-" : "";
		if (strchr(name, '*') != NULL)
			migrate_plan_note(&m->plan->todo, setting,
			    "%s: fields are named one by one: add those that "
			    "are meant to `headers =' of [out]",
			    name);
		else if (strcmp(name, ".") != 0)
			strbuf_addf(
			    to, "%s%s%s", to->n == 0 ? "" : ", ", sign, name);
	}
}

static bool
has_star(const struct migrate_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->list[i].key, "*") == 0)
			return true;
	return false;
}

void
migrate_opendkim_headers(struct migrate_opendkim *m)
{
	struct migrate_set signs = {.count = 0}, omits = {.count = 0},
			   oversigns = {.count = 0};
	struct strbuf text;
	bool listed = migrate_opendkim_read(m, "SignHeaders", &signs) == 0;

	strbuf_init(&text, 64 * 1024);
	if (!listed || has_star(&signs))
		strbuf_add_str(&text, "default");
	if (listed)
		add_field_names(m, &signs,
		    migrate_opendkim_find(m, "SignHeaders"), "", &text);
	if (migrate_opendkim_read(m, "OversignHeaders", &oversigns) == 0)
		add_field_names(m, &oversigns,
		    migrate_opendkim_find(m, "OversignHeaders"), "+", &text);
	if (migrate_opendkim_read(m, "OmitHeaders", &omits) == 0)
		add_field_names(m, &omits,
		    migrate_opendkim_find(m, "OmitHeaders"), "-", &text);
	/* From is signed and oversigned by default. */
	if (strcmp(strbuf_text(&text), "default") != 0 &&
	    strcmp(strbuf_text(&text), "default, +From") != 0)
		migrate_opendkim_put(
		    &m->plan->out_text, "headers", strbuf_text(&text));
	if (!listed)
		strbuf_add_str(&m->plan->differs,
		    "h=: a field or two more are signed, and From, To, Cc and "
		    "Subject oversigned: signpost.conf(5), `headers'\n");
	strbuf_clear(&text);
	migrate_set_clear(&signs);
	migrate_set_clear(&omits);
	migrate_set_clear(&oversigns);
}

void
migrate_opendkim_sender(struct migrate_opendkim *m)
{
	struct migrate_setting *setting =
	    migrate_opendkim_find(m, "SenderHeaders");
	struct migrate_set set = {.count = 0};

	if (setting == NULL ||
	    migrate_opendkim_read(m, "SenderHeaders", &set) != 0)
		return;
	if (set.count > 0 && strcasecmp(set.list[0].key, "Sender") == 0 &&
	    (set.count == 1 || strcasecmp(set.list[1].key, "From") == 0))
		migrate_opendkim_put(
		    &m->plan->out_text, "sender_header", "sender");
	else if (set.count != 1 || strcasecmp(set.list[0].key, "From") != 0)
		migrate_plan_note(&m->plan->todo, setting,
		    "whose mail it is, From says, or Sender before it "
		    "(sender_header = sender); from is used now");
	migrate_set_clear(&set);
}
