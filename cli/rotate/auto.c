/*
 * `signpost rotate auto': what is due, for a timer. Of each domain no more is
 * done than the next step, and what went wrong with one stays its own; whoever
 * is ended in the middle is followed by a run that finds files which are whole.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/rotate/activate.h"
#include "cli/rotate/publishing.h"
#include "cli/rotate/retire.h"

enum {
	/* Domains whose keys are looked at in one go. */
	CHUNK = 200,
	/* Domains that get a new key in one run: an RSA key of 2048 bits takes
	 * a tenth of a second. The others are due in the next one. */
	PREPARED_MAX = 150
};

struct automatic {
	struct rotate_run *run;
	const struct rotate_domain *due[PREPARED_MAX]; /* for a new key */
	size_t due_count;
};

/* --- what is due --- */

/* Since when it signs; where nobody noted it, it is as old as its file. */
static int64_t
signs_since(
    const struct rotate_domain *domain, const struct proxy_selector *active)
{
	int64_t since = active->moments[PROXY_SELECTOR_SINCE];
	struct rotate_key key;
	struct strbuf ignored;

	if (since != 0)
		return since;
	strbuf_init(&ignored, ROTATE_REASON_MAX);
	(void)rotate_key_read(domain, slice_str(active->name), &key, &ignored);
	strbuf_clear(&ignored);
	since = key.made;
	rotate_key_clear(&key);
	return since;
}

/* Is a key of a kind that it is to have older than a key may be, or missing,
 * and no other one on its way? */
static bool
is_due(const struct rotate_work *work)
{
	static const enum dkim_key_type types[] = {
	    DKIM_KEY_RSA, DKIM_KEY_ED25519};
	const struct rotate_run *run = work->run;
	unsigned kinds = rotate_wanted_kinds(work->domain, work->selectors);

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		const struct proxy_selector *active = proxy_selectors_first(
		    work->selectors, types[t], PROXY_SELECTOR_ACTIVE);
		const struct proxy_selector *staged = proxy_selectors_first(
		    work->selectors, types[t], PROXY_SELECTOR_STAGED);

		if ((kinds & ROTATE_KIND(types[t])) == 0)
			continue;
		if (staged != NULL) {
			/* Whoever staged it was ended before it was made. */
			if (!rotate_key_is_there(
				work->domain, slice_str(staged->name)))
				return true;
			continue;
		}
		if (active == NULL ||
		    run->now - signs_since(work->domain, active) >=
			(int64_t)run->config->rotate.every)
			return true;
	}
	return false;
}

static void
note_due(struct automatic *a, const struct rotate_domain *domain)
{
	if (a->due_count < PREPARED_MAX)
		a->due[a->due_count++] = domain;
}

static void
collect_rows(struct rotate_work *work, struct rotate_items *items)
{
	const struct proxy_selector *row = NULL;

	while ((row = proxy_selectors_next(work->selectors, row)) != NULL) {
		struct rotate_item *item;
		bool active = row->state == PROXY_SELECTOR_ACTIVE;

		if (!active &&
		    (row->state != PROXY_SELECTOR_STAGED ||
			!rotate_key_is_there(
			    work->domain, slice_str(row->name))))
			continue;
		item = rotate_items_add(items, work->domain, row);
		item->resolver_only = active;
	}
}

static void
visit_domain(struct automatic *a, const struct rotate_domain *domain,
    struct rotate_items *items)
{
	struct rotate_run *run = a->run;
	struct rotate_work work;
	bool absent = false;

	if (rotate_work_open(&work, run, domain, &absent) != 0) {
		if (absent)
			note_due(a, domain);
	} else if (work.fresh && rotate_keys_are_there(domain)) {
		rotate_report_unnamed(&run->report, domain);
	} else {
		collect_rows(&work, items);
		rotate_retired_collect(&work, items);
		if (is_due(&work))
			note_due(a, domain);
	}
	rotate_work_close(&work);
}

/* --- a key that signs --- */

/* Its record has gone, or has come back. */
static void
take_active(struct rotate_run *run, const struct rotate_item *item,
    const struct rotate_shown *shown)
{
	struct rotate_about about = {.domain = item->domain->name,
	    .selector = item->selector,
	    .noted = true};
	struct slice name = slice_str(item->selector);
	bool missing = shown->resolved == ROTATE_RESOLVED_OTHER;
	const struct proxy_selector *row = NULL;
	struct rotate_work work;

	if (!missing && shown->resolved != ROTATE_RESOLVED_RIGHT)
		return;
	if (rotate_work_open(&work, run, item->domain, NULL) == 0)
		row = proxy_selectors_find(work.selectors, name);
	if (row == NULL || row->state != PROXY_SELECTOR_ACTIVE)
		row = NULL;
	/* Where it belongs is not known while an alias's servers are silent. */
	if (row != NULL && missing && shown->end != NULL &&
	    run->config->rotate.publish != NULL)
		rotate_publish_add(&work, item);
	if (row != NULL &&
	    missing != (row->moments[PROXY_SELECTOR_LOST] != 0)) {
		(void)proxy_selectors_set_moment(work.selectors, name,
		    PROXY_SELECTOR_LOST, missing ? run->now : 0);
		if (rotate_work_write(&work) == 0) {
			about.row = proxy_selectors_find(work.selectors, name);
			about.record =
			    missing ? &item->key.record.list[0] : NULL;
			rotate_report_add(&run->report, &about,
			    missing ? ROTATE_PERSON : ROTATE_DONE, "%s",
			    missing ? "it signs, and its record is not to be "
				      "seen; publish it again:"
				    : "its record is to be seen again");
		}
	}
	rotate_work_close(&work);
}

/* Of those that the resolver has not, the servers are asked: an alias leads to
 * where the record belongs. */
static void
take_missing(struct rotate_run *run, struct rotate_items *missing)
{
	if (missing->count == 0)
		return;
	rotate_items_look(missing, run);
	for (size_t i = 0; i < missing->count; i++) {
		const struct rotate_item *item = &missing->list[i];

		take_active(run, item, rotate_items_shown(missing, item));
	}
	rotate_items_clear(missing);
}

static void
note_missing(struct rotate_items *missing, const struct rotate_item *item)
{
	const struct proxy_selector row = {
	    .type = item->type, .state = item->state, .name = item->selector};

	(void)rotate_items_add(missing, item->domain, &row);
}

/* --- one chunk --- */

static void
take_chunk(struct automatic *a, struct rotate_items *items)
{
	struct rotate_run *run = a->run;
	struct rotate_items missing = {0};
	bool *ready = xcalloc(items->count + 1, sizeof(*ready));

	rotate_items_look(items, run);
	for (size_t i = 0; i < items->count; i++) {
		const struct rotate_item *item = &items->list[i];
		const struct rotate_shown *shown =
		    rotate_items_shown(items, item);

		if (shown == NULL)
			rotate_item_report_unreadable(run, item);
		else if (item->state == PROXY_SELECTOR_STAGED)
			ready[i] = rotate_staged_take(run, item, shown);
		else if (item->state == PROXY_SELECTOR_ACTIVE &&
		    shown->resolved == ROTATE_RESOLVED_OTHER)
			note_missing(&missing, item);
		else if (item->state == PROXY_SELECTOR_ACTIVE)
			take_active(run, item, shown);
		else
			rotate_retired_take(run, item, shown);
	}
	take_missing(run, &missing);
	rotate_switch_ready(run, items, ready);
	free(ready);
}

/* The domains of `from' on; at most a chunk. */
static void
run_chunk(
    struct automatic *a, const struct rotate_domain *const *list, size_t count)
{
	struct rotate_items items = {0};

	for (size_t i = 0; i < count; i++)
		visit_domain(a, list[i], &items);
	take_chunk(a, &items);
	rotate_items_clear(&items);
}

void
rotate_auto(struct rotate_run *run)
{
	struct automatic a = {.run = run};
	const struct rotate_domain *chunk[CHUNK];
	size_t n = 0;

	for (size_t i = 0; i < run->domains.count; i++) {
		chunk[n++] = &run->domains.list[i];
		if (n == CHUNK || i + 1 == run->domains.count) {
			run_chunk(&a, chunk, n);
			n = 0;
		}
	}
	n = a.due_count;
	if (n == 0)
		return;
	rotate_prepare(run, a.due, n);
	/* What is to be published of them is told, or done, at once. */
	a.due_count = PREPARED_MAX;
	run_chunk(&a, a.due, n);
}
