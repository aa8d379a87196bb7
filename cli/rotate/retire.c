/*
 * `signpost rotate retire' and `revert': the ends of a key that signs no more.
 * Its record stays for as long as mail that it has signed may be on its way,
 * counted from the daemon's last use of it; the private key stays until the
 * record has gone.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/kit/live.h"
#include "cli/rotate/activate.h"
#include "cli/rotate/publishing.h"
#include "cli/rotate/retire.h"

/* --- from when on --- */

/* When the daemon used it last, as far as it is known; 0 where the daemon has
 * it still. What is found out is put into the row. */
static int64_t
last_use(struct rotate_work *work, const struct proxy_selector *row,
    const struct cli_live *live)
{
	const struct cli_live_key *key =
	    cli_live_find(live, slice_str(row->name));
	int64_t since = row->moments[PROXY_SELECTOR_SINCE];
	int64_t used = row->moments[PROXY_SELECTOR_USED];

	if (key != NULL)
		used = 0;
	else if (used == 0)
		/* None of its signers has it now: that was the last. */
		used = work->run->now;
	if (used != row->moments[PROXY_SELECTOR_USED])
		(void)proxy_selectors_set_moment(work->selectors,
		    slice_str(row->name), PROXY_SELECTOR_USED, used);
	return used != 0 && since > used ? since : used;
}

/* 0; -1 and the reason where it cannot be asked. */
static int
ask_live(const struct rotate_work *work, struct cli_live *live,
    struct strbuf *reason)
{
	const struct cli_live_question question = {
	    .config = work->run->config_path,
	    .author = slice_str(work->domain->author),
	    .domain = slice_str(work->domain->name),
	};

	if (cli_live_ask(&question, live, reason) != 0)
		return -1;
	return live->signers > 0 && live->failure == NULL
	    ? 0
	    : strbuf_fail(reason, "the daemon says: %s",
		  live->failure == NULL ? "it has no signers" : live->failure);
}

static bool
is_due(struct rotate_work *work, const struct proxy_selector *row,
    const struct cli_live *live)
{
	const struct rotate_run *run = work->run;
	struct rotate_about about = {
	    .domain = work->domain->name, .selector = row->name, .row = row};
	int64_t used = last_use(work, row, live);

	if (used == 0) {
		rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
		    "the file says that it is retired, and the daemon signs "
		    "with it");
		return false;
	}
	about.until = used + (int64_t)run->config->rotate.retire_after;
	if (about.until <= run->now)
		return true;
	rotate_report_add(&work->run->report, &about, ROTATE_WAITING,
	    "its record stays up to %s, for mail that it has signed",
	    rotate_moment_of(about.until).text);
	return false;
}

void
rotate_retired_collect(struct rotate_work *work, struct rotate_items *items)
{
	const struct rotate_about about = {.domain = work->domain->name};
	const struct proxy_selector *row = NULL;
	struct cli_live live = {0};
	struct strbuf reason;
	bool asked = false, answered = false, changed = false;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	while ((row = proxy_selectors_next(work->selectors, row)) != NULL) {
		int64_t used = row->moments[PROXY_SELECTOR_USED];

		if (row->state != PROXY_SELECTOR_RETIRED ||
		    !rotate_run_wants(work->run, row))
			continue;
		/* One that was given up before it was active has never been the
		 * daemon's. */
		if (used == ROTATE_NEVER_USED) {
			(void)rotate_items_add(items, work->domain, row);
			continue;
		}
		if (!asked)
			answered = ask_live(work, &live, &reason) == 0;
		asked = true;
		if (!answered)
			continue;
		if (is_due(work, row, &live))
			(void)rotate_items_add(items, work->domain, row);
		changed |= row->moments[PROXY_SELECTOR_USED] != used;
	}
	if (asked && !answered)
		rotate_report_add(&work->run->report, &about, ROTATE_WAITING,
		    "when its retired keys signed last is not known: %s",
		    strbuf_text(&reason));
	if (changed)
		(void)rotate_work_write(work);
	cli_live_clear(&live);
	strbuf_clear(&reason);
}

/* --- its record --- */

static void
report_retired(struct rotate_work *work, const struct rotate_item *item,
    enum rotate_outcome outcome, const char *text)
{
	struct rotate_about about = {
	    .domain = item->domain->name, .selector = item->selector};

	about.row =
	    proxy_selectors_find(work->selectors, slice_str(item->selector));
	rotate_report_add(&work->run->report, &about, outcome, "%s", text);
}

/* The file goes before its row: who is ended between the two comes here
 * again. */
static void
remove_key(struct rotate_work *work, const struct rotate_item *item)
{
	struct slice name = slice_str(item->selector);
	struct strbuf reason;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (rotate_key_remove(work->domain, name, &reason) != 0) {
		report_retired(work, item, ROTATE_PERSON, strbuf_text(&reason));
	} else {
		(void)proxy_selectors_remove(work->selectors, name);
		if (rotate_work_write(work) == 0)
			report_retired(work, item, ROTATE_DONE,
			    "its record has gone, and so has the key");
	}
	strbuf_clear(&reason);
}

static void
take_look(struct rotate_work *work, const struct rotate_item *item,
    const struct proxy_selector *row, const struct rotate_shown *shown)
{
	struct rotate_standing standing = rotate_standing_of(row);
	enum rotate_wait wait;
	struct strbuf text;

	rotate_standing_take(&standing, &shown->sight, work->run->now);
	wait = rotate_standing_wait(&standing, &shown->sight, work->run->now);
	if (wait == ROTATE_READY) {
		remove_key(work, item);
		return;
	}
	rotate_standing_put(work->selectors, item->selector, &standing);
	strbuf_init(&text, ROTATE_REASON_MAX);
	if (wait == ROTATE_WAIT_RECORD) {
		rotate_publish_remove(work, item);
		strbuf_addf(&text, "its record is to go: %s", shown->lacking);
	} else if (wait == ROTATE_WAIT_SERVER) {
		strbuf_addf(&text, "its record is to go: %s", shown->silent);
	} else {
		strbuf_addf(&text,
		    "its record has gone, and may be in caches up to %s",
		    rotate_moment_of(standing.until).text);
	}
	if (rotate_work_write(work) == 0)
		report_retired(work, item, ROTATE_WAITING, strbuf_text(&text));
	strbuf_clear(&text);
}

void
rotate_retired_take(struct rotate_run *run, const struct rotate_item *item,
    const struct rotate_shown *shown)
{
	struct rotate_work work;
	const struct proxy_selector *row = NULL;

	if (rotate_work_open(&work, run, item->domain, NULL) == 0)
		row = proxy_selectors_find(
		    work.selectors, slice_str(item->selector));
	/* It may have been reverted meanwhile. */
	if (row != NULL && row->state == PROXY_SELECTOR_RETIRED)
		take_look(&work, item, row, shown);
	rotate_work_close(&work);
}

/* --- the verbs --- */

/* One that was staged and is not wanted after all has never signed. */
static void
give_up(struct rotate_work *work)
{
	const struct rotate_run *run = work->run;
	const struct proxy_selector *row = run->selector == NULL
	    ? NULL
	    : proxy_selectors_find(work->selectors, slice_str(run->selector));
	const struct rotate_about about = {
	    .domain = work->domain->name, .selector = run->selector};
	struct strbuf reason;

	if (row == NULL || row->state != PROXY_SELECTOR_STAGED)
		return;
	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (proxy_selectors_set_state(work->selectors, slice_str(run->selector),
		PROXY_SELECTOR_RETIRED, &reason) != 0)
		rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
		    "%s", strbuf_text(&reason));
	else {
		(void)proxy_selectors_set_moment(work->selectors,
		    slice_str(run->selector), PROXY_SELECTOR_USED,
		    ROTATE_NEVER_USED);
		(void)proxy_selectors_set_moment(work->selectors,
		    slice_str(run->selector), PROXY_SELECTOR_TOLD, 0);
		(void)rotate_work_write(work);
	}
	strbuf_clear(&reason);
}

void
rotate_retire(struct rotate_run *run)
{
	struct rotate_items items = {0};

	for (size_t i = 0; i < run->domains.count; i++) {
		const struct rotate_domain *domain = &run->domains.list[i];
		struct rotate_work work;
		const struct rotate_about about = {
		    .domain = domain->name, .selector = run->selector};

		if (rotate_work_open(&work, run, domain, NULL) == 0) {
			const struct proxy_selector *row;

			give_up(&work);
			row = run->selector == NULL
			    ? NULL
			    : proxy_selectors_find(
				  work.selectors, slice_str(run->selector));
			if (run->selector != NULL &&
			    (row == NULL ||
				row->state != PROXY_SELECTOR_RETIRED))
				rotate_report_add(&run->report, &about,
				    ROTATE_PERSON,
				    row == NULL ? "there is no such key"
						: "it signs: activate another "
						  "one first");
			rotate_retired_collect(&work, &items);
		}
		rotate_work_close(&work);
	}
	rotate_items_look(&items, run);
	for (size_t i = 0; i < items.count; i++)
		rotate_retired_take(run, &items.list[i],
		    rotate_items_shown(&items, &items.list[i]));
	rotate_items_clear(&items);
}

/* The one of each kind that retired last, or that of -s. */
static void
collect_former(struct rotate_work *work, struct rotate_items *items)
{
	static const enum dkim_key_type types[] = {
	    DKIM_KEY_RSA, DKIM_KEY_ED25519};
	const struct rotate_about about = {
	    .domain = work->domain->name, .selector = work->run->selector};
	size_t before = items->count;

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		const struct proxy_selector *row = NULL, *last = NULL;

		while (
		    (row = proxy_selectors_next(work->selectors, row)) != NULL)
			if (row->type == types[t] &&
			    row->state == PROXY_SELECTOR_RETIRED &&
			    rotate_run_wants(work->run, row) &&
			    (last == NULL ||
				row->moments[PROXY_SELECTOR_SINCE] >
				    last->moments[PROXY_SELECTOR_SINCE]))
				last = row;
		if (last != NULL) {
			struct rotate_item *item =
			    rotate_items_add(items, work->domain, last);

			item->gone = false;
		}
	}
	if (items->count == before)
		rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
		    "there is no key to go back to");
}

/* Does the record of a former key stand everywhere yet? */
static bool
still_stands(struct rotate_run *run, const struct rotate_item *item,
    const struct rotate_shown *shown)
{
	const struct rotate_about about = {
	    .domain = item->domain->name, .selector = item->selector};

	if (shown == NULL) {
		rotate_item_report_unreadable(run, item);
		return false;
	}
	if (shown->sight.others || shown->resolved == ROTATE_RESOLVED_OTHER)
		rotate_report_add(&run->report, &about, ROTATE_PERSON,
		    "its record does not stand any more: %s", shown->lacking);
	else if (shown->sight.unheard || !shown->sight.confirmed)
		rotate_report_add(&run->report, &about, ROTATE_WAITING,
		    "whether its record still stands cannot be found out: %s",
		    shown->sight.unheard ? shown->silent
					 : "the resolver gives no answer");
	else
		return true;
	return false;
}

void
rotate_revert(struct rotate_run *run)
{
	struct rotate_items items = {0};
	bool *ready;

	for (size_t i = 0; i < run->domains.count; i++) {
		struct rotate_work work;

		if (rotate_work_open(&work, run, &run->domains.list[i], NULL) ==
		    0)
			collect_former(&work, &items);
		rotate_work_close(&work);
	}
	rotate_items_look(&items, run);
	ready = xcalloc(items.count + 1, sizeof(*ready));
	for (size_t i = 0; i < items.count; i++)
		ready[i] = still_stands(run, &items.list[i],
		    rotate_items_shown(&items, &items.list[i]));
	rotate_switch_ready(run, &items, ready);
	free(ready);
	rotate_items_clear(&items);
}
