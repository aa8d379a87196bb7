/*
 * `signpost rotate status': what keys there are, what the daemon does with
 * them, and whether the world can see them. It locks nothing and changes
 * nothing.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/kit/cli.h"
#include "cli/kit/live.h"
#include "cli/rotate/run.h"

/* Domains that are looked at in one go. */
enum { CHUNK = 200 };

/* The rows of a domain, each with the item of its number. */
struct inventory {
	struct rotate_run *run;
	struct rotate_items items;
	json_t *rows;
};

static void
set_moment(json_t *row, const char *name, int64_t when)
{
	if (when != 0)
		(void)json_object_set_new(
		    row, name, json_string(rotate_moment_of(when).text));
}

static void
set_live(json_t *object, const struct proxy_selector *row,
    const struct cli_live *live)
{
	const struct cli_live_key *key =
	    cli_live_find(live, slice_str(row->name));
	int64_t used = row->moments[PROXY_SELECTOR_USED];

	if (live->signers > 0)
		(void)json_object_set_new(
		    object, "signs", json_boolean(key != NULL));
	if (key != NULL && key->used > used)
		used = key->used;
	set_moment(object, "used", used == ROTATE_NEVER_USED ? 0 : used);
}

static void
list_row(struct inventory *inventory, const struct rotate_domain *domain,
    const struct proxy_selector *row, const struct cli_live *live)
{
	struct rotate_item *item =
	    rotate_items_add(&inventory->items, domain, row);
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "domain",
	    domain->name, "kind", dkim_key_type_name(row->type), "selector",
	    row->name, "state", proxy_selector_state_name(row->state));

	item->resolver_only = true;
	item->gone = false;
	if (item->readable)
		(void)json_object_set_new(
		    object, "bits", json_integer(item->key.bits));
	set_moment(object, "made", row->moments[PROXY_SELECTOR_MADE]);
	set_moment(object, "since", row->moments[PROXY_SELECTOR_SINCE]);
	set_moment(object, "until", row->moments[PROXY_SELECTOR_UNTIL]);
	set_live(object, row, live);
	(void)json_array_append_new(inventory->rows, object);
}

static void
list_domain(struct inventory *inventory, const struct rotate_domain *domain)
{
	struct rotate_run *run = inventory->run;
	const struct rotate_about about = {.domain = domain->name};
	const struct cli_live_question question = {.config = run->config_path,
	    .author = slice_str(domain->author),
	    .domain = slice_str(domain->name)};
	struct proxy_selectors_folder folder = {.fd = -1};
	struct proxy_selectors *selectors = NULL;
	const struct proxy_selector *row = NULL;
	struct cli_live live = {0};
	struct strbuf reason;
	bool absent = false;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (proxy_selectors_folder_look(
		&folder, domain->folder, &absent, &reason) == 0)
		selectors = proxy_selectors_read(&folder, &absent, &reason);
	if (selectors == NULL && absent && rotate_keys_are_there(domain))
		rotate_report_unnamed(&run->report, domain);
	else if (selectors == NULL && absent)
		rotate_report_add(&run->report, &about, ROTATE_NOTHING,
		    "has no keys as yet (signpost rotate prepare)");
	else if (selectors == NULL)
		rotate_report_add(&run->report, &about, ROTATE_WRONG, "%s",
		    strbuf_text(&reason));
	else
		(void)cli_live_ask(&question, &live, &reason);
	while (selectors != NULL &&
	    (row = proxy_selectors_next(selectors, row)) != NULL)
		list_row(inventory, domain, row, &live);
	cli_live_clear(&live);
	proxy_selectors_free(selectors);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

static const char *
text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text == NULL ? "-" : text;
}

static void
show(struct inventory *inventory)
{
	struct rotate_run *run = inventory->run;

	rotate_items_look(&inventory->items, run);
	for (size_t i = 0; i < inventory->items.count; i++) {
		const struct rotate_item *item = &inventory->items.list[i];
		const struct rotate_shown *shown =
		    rotate_items_shown(&inventory->items, item);
		json_t *row = json_array_get(inventory->rows, i);
		const char *word = "missing";

		if (shown == NULL || shown->resolved == ROTATE_RESOLVED_NONE ||
		    shown->resolved == ROTATE_RESOLVED_UNASKED)
			word = "unknown";
		else if (shown->resolved == ROTATE_RESOLVED_RIGHT)
			word = "visible";
		(void)json_object_set_new(row, "record", json_string(word));
		if (!item->readable)
			rotate_item_report_unreadable(run, item);
		if (item->state == PROXY_SELECTOR_ACTIVE && word[0] == 'm')
			run->report.happened[ROTATE_PERSON] = true;
		if (run->report.json)
			(void)json_array_append(run->report.list, row);
		else
			printf(
			    "%-28s %-8s %-12s %-8s %5lld  %-20s  %-20s  %s\n",
			    text_of(row, "domain"), text_of(row, "kind"),
			    text_of(row, "selector"), text_of(row, "state"),
			    (long long)json_integer_value(
				json_object_get(row, "bits")),
			    text_of(row,
				json_object_get(row, "since") == NULL
				    ? "made"
				    : "since"),
			    text_of(row, "used"), text_of(row, "record"));
	}
	json_decref(inventory->rows);
	rotate_items_clear(&inventory->items);
}

void
rotate_status(struct rotate_run *run)
{
	if (!run->report.json)
		printf("%-28s %-8s %-12s %-8s %5s  %-20s  %-20s  %s\n",
		    "domain", "kind", "selector", "state", "bits", "since",
		    "last used", "record");
	for (size_t from = 0; from < run->domains.count; from += CHUNK) {
		struct inventory inventory = {.run = run, .rows = json_array()};

		for (size_t i = from;
		     i < from + CHUNK && i < run->domains.count; i++)
			list_domain(&inventory, &run->domains.list[i]);
		show(&inventory);
	}
}
