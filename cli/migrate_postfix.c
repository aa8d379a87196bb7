/* Postfix's lines; see migrate_postfix.h. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/kit/master.h"
#include "cli/master_entry.h"
#include "cli/migrate_postfix_private.h"
#include "cli/samples.h"

enum { WORDS_MAX = 1024 * 1024, VALUE_MAX = 64 * 1024, NAME_LENGTH_MAX = 255 };

void
migrate_edits_init(struct migrate_edits *edits)
{
	struct strbuf *const texts[] = {
	    &edits->below, &edits->hands, &edits->main, &edits->found};

	*edits = (struct migrate_edits){.transport_count = 0};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_init(texts[i], WORDS_MAX);
}

void
migrate_edits_clear(struct migrate_edits *edits)
{
	struct strbuf *const texts[] = {
	    &edits->below, &edits->hands, &edits->main, &edits->found};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_clear(texts[i]);
}

/* --- services in a line --- */

/* The name in "name=value" or "{ name = value }". */
static struct slice
name_of(struct slice word)
{
	if (word.n > 0 && word.p[0] == '{')
		word = slice_after(word, 1);
	return slice_trim(slice_first(word, slice_find(word, '=')));
}

static void
add_entry_word(struct strbuf *out, struct slice word)
{
	if (out->n > 0)
		strbuf_add_char(out, ' ');
	strbuf_add(out, word);
}

void
migrate_entry_set(struct slice entry, const char *name, struct slice value,
    struct strbuf *out)
{
	struct slice word, option;
	bool blanks = slice_has_space(value);

	while (cli_master_token(&entry, &word)) {
		if (!slice_equal(word, SLICE("-o")) ||
		    !cli_master_token(&entry, &option)) {
			add_entry_word(out, word);
		} else if (!slice_equal(name_of(option), slice_str(name))) {
			add_entry_word(out, word);
			add_entry_word(out, option);
		}
	}
	add_entry_word(out, SLICE("-o"));
	strbuf_addf(out, blanks ? " {%s=" : " %s=", name);
	strbuf_add(out, value);
	if (blanks)
		strbuf_add_char(out, '}');
}

void
migrate_change_set(
    struct migrate_change *change, const char *name, struct slice value)
{
	struct strbuf next;

	strbuf_init(&next, CLI_MASTER_ENTRY_MAX);
	migrate_entry_set(strbuf_slice(&change->entry), name, value, &next);
	strbuf_reset(&change->entry);
	strbuf_add(&change->entry, strbuf_slice(&next));
	strbuf_clear(&next);
	change->changed = true;
}

/* "name/type=entry" as a word for a shell. */
void
migrate_change_add(
    struct strbuf *to, struct slice name, struct slice type, struct slice entry)
{
	struct strbuf word;

	strbuf_init(&word, 2 * CLI_MASTER_ENTRY_MAX);
	strbuf_addf(&word, "%.*s/%.*s=%.*s", (int)name.n, name.p, (int)type.n,
	    type.p, (int)entry.n, entry.p);
	strbuf_add_char(to, ' ');
	escape_shell(strbuf_slice(&word), to);
	strbuf_clear(&word);
}

void
migrate_postfix_found(struct migrate_wiring *w, struct slice where,
    const char *name, struct slice value)
{
	strbuf_addf(&w->to->found, "%.*s: %s = ", (int)where.n, where.p, name);
	escape_text(slice_first(value, 500), &w->to->found);
	strbuf_add_char(&w->to->found, '\n');
}

/* A parameter of postconf -n, as it stands. */
bool
migrate_postfix_find(
    const struct migrate_wiring *w, const char *name, struct slice *value)
{
	struct slice rest = w->from->parameters, line;

	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		size_t at = slice_find(line, '=');

		if (at == line.n ||
		    !slice_equal(
			slice_trim(slice_first(line, at)), slice_str(name)))
			continue;
		*value = slice_trim(slice_after(line, at + 1));
		return true;
	}
	return false;
}

void
migrate_postfix_set(
    struct migrate_wiring *w, const char *name, struct slice value)
{
	struct strbuf word;

	strbuf_init(&word, VALUE_MAX);
	strbuf_addf(&word, "%s=%.*s", name, (int)value.n,
	    value.p == NULL ? "" : value.p);
	strbuf_add_char(&w->to->main, ' ');
	escape_shell(strbuf_slice(&word), &w->to->main);
	strbuf_clear(&word);
}

/* The options that the sample gives to who hands mail over before the queue,
 * but for those that the service has. */
void
migrate_change_companions(struct migrate_change *change,
    const struct cli_service *service, const char *sample, const char *its_name)
{
	static const char *const names[] = {
	    "smtpd_client_connection_count_limit", "smtpd_proxy_options",
	    "smtpd_proxy_timeout"};
	struct slice value;
	struct strbuf ours;

	strbuf_init(&ours, CLI_MASTER_ENTRY_MAX);
	(void)cli_master_entry_find(
	    slice_str(sample), slice_str(its_name), SLICE("inet"), &ours);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!cli_service_sets(service, names[i], &value) &&
		    cli_master_entry_option(
			strbuf_slice(&ours), slice_str(names[i]), &value))
			migrate_change_set(change, names[i], value);
	strbuf_clear(&ours);
}

/* --- the way to us, and back --- */

/* A service of ours: as the sample has it, but by another name where the
 * old one had that. */
static void
add_below(struct migrate_wiring *w, const char *sample, const char *name,
    const char *type, struct slice its_name)
{
	struct strbuf entry, renamed;
	struct slice rest, first;

	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	strbuf_init(&renamed, CLI_MASTER_ENTRY_MAX);
	(void)cli_master_entry_find(
	    slice_str(sample), slice_str(name), slice_str(type), &entry);
	rest = strbuf_slice(&entry);
	(void)cli_master_token(&rest, &first);
	strbuf_add(&renamed, its_name);
	strbuf_add(&renamed, rest);
	migrate_change_add(
	    &w->to->below, its_name, slice_str(type), strbuf_slice(&renamed));
	strbuf_clear(&entry);
	strbuf_clear(&renamed);
}

void
migrate_postfix_ways(
    struct migrate_wiring *w, bool inbound, bool before, struct slice back)
{
	const char *after_sample =
	    inbound ? cli_sample_in_after_queue : cli_sample_out_after_queue;
	const char *sample = !before ? after_sample
	    : inbound		     ? cli_sample_in_before_queue
				     : cli_sample_out_before_queue;
	const char *transport = inbound ? "signpost-in" : "signpost";
	const char *cleanup = inbound ? "cleanup-checked" : "cleanup-signed";

	if (!before || !inbound)
		add_below(
		    w, after_sample, transport, "unix", slice_str(transport));
	add_below(w, sample, inbound ? "127.0.0.1:10026" : "127.0.0.1:10028",
	    "inet", back);
	add_below(w, sample, cleanup, "unix", slice_str(cleanup));
}

void
migrate_postfix_run(struct migrate_edits *to, struct migrate_plan *plan,
    const struct migrate_postconf *from)
{
	struct migrate_wiring *w = xcalloc(1, sizeof(*w));

	w->to = to;
	w->plan = plan;
	w->from = from;
	cli_master_read(
	    &w->master, from->services_expanded, from->parameters_expanded);
	w->queue_directory =
	    cli_master_value(&w->master, NULL, "queue_directory");
	if (plan->program == MIGRATE_OPENDKIM)
		migrate_postfix_opendkim(w);
	if (plan->program == MIGRATE_DKIMPROXY && plan->out)
		migrate_postfix_side(
		    w, false, plan->out_listen, plan->out_relay);
	if (plan->program == MIGRATE_DKIMPROXY && plan->in)
		migrate_postfix_side(w, true, plan->in_listen, plan->in_relay);
	free(w);
}
