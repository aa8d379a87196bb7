/* From one key to another; see activate.h. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/live.h"
#include "cli/rotate/activate.h"
#include "cli/rotate/publishing.h"
#include "proxy/keys/key_files.h"

enum {
	/* The daemon looks at a file again after a minute at the latest. */
	CONFIRM_MS = 90 * 1000,
	/* Domains whose folders are locked at a time. */
	AT_ONCE_MAX = 100
};

/* Between two questions to the daemon. */
static const struct timespec pause = {0, 200 * 1000 * 1000};

struct change {
	struct rotate_work work;
	struct strbuf before; /* the file as it was */
	char *selector, *old; /* old: the one that signed; NULL: none did */
	enum dkim_key_type type;
	bool confirmed;
	struct strbuf reason;
};

struct switches {
	struct change **list;
	size_t count;
};

static struct cli_live_question
question_of(const struct rotate_work *work)
{
	return (struct cli_live_question){
	    .config = work->run->config_path,
	    .author = slice_str(work->domain->author),
	    .domain = slice_str(work->domain->name),
	};
}

static void
report_switch(
    const struct change *s, enum rotate_outcome outcome, const char *text)
{
	const struct rotate_about about = {.domain = s->work.domain->name,
	    .selector = s->selector,
	    .row = s->work.selectors == NULL
		? NULL
		: proxy_selectors_find(
		      s->work.selectors, slice_str(s->selector))};

	rotate_report_add(&s->work.run->report, &about, outcome, "%s", text);
}

static void
free_switch(struct change *s)
{
	rotate_work_close(&s->work);
	strbuf_clear(&s->before);
	strbuf_clear(&s->reason);
	free(s->selector);
	free(s->old);
	free(s);
}

/* What is known of a key's former state is nothing of its new one. */
static int
set_state(
    struct change *s, const char *selector, enum proxy_selector_state state)
{
	static const enum proxy_selector_moment over[] = {PROXY_SELECTOR_SEEN,
	    PROXY_SELECTOR_UNTIL, PROXY_SELECTOR_MET, PROXY_SELECTOR_USED,
	    PROXY_SELECTOR_LOST, PROXY_SELECTOR_LAME, PROXY_SELECTOR_TOLD};
	struct proxy_selectors *selectors = s->work.selectors;
	struct slice name = slice_str(selector);

	if (proxy_selectors_set_state(selectors, name, state, &s->reason) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		(void)proxy_selectors_set_moment(selectors, name, over[i], 0);
	(void)proxy_selectors_set_moment(
	    selectors, name, PROXY_SELECTOR_SINCE, clock_wall_s());
	return 0;
}

/* From the state that the key must still have to active; the one that was
 * active retires. 0; 1 where it has been reported why not; -1 and the
 * reason. */
static int
begin_switch(struct change *s, enum proxy_selector_state from)
{
	const struct cli_live_question question = question_of(&s->work);
	const struct proxy_selector *row =
	    proxy_selectors_find(s->work.selectors, slice_str(s->selector));
	const struct rotate_run *run = s->work.run;
	const struct proxy_selector *active;
	struct cli_live live;
	struct dkim_key *key;

	if (row == NULL || row->state != from || row->type != s->type)
		return strbuf_fail(&s->reason,
		    "its line in the file has been edited meanwhile");
	if (cli_live_ask(&question, &live, &s->reason) != 0) {
		cli_live_clear(&live);
		report_switch(s, ROTATE_WAITING, strbuf_text(&s->reason));
		return 1;
	}
	cli_live_clear(&live);
	/* Would the daemon take the key? Who names one that it refuses has mail
	 * deferred until the file is put back. */
	key = proxy_key_file_load_named(
	    &run->config->signing.keys[s->work.domain->rule], &run->readers,
	    slice_str(s->work.domain->name), s->selector, &s->reason);
	if (key == NULL)
		return -1;
	dkim_key_free(key);
	proxy_selectors_print(s->work.selectors, &s->before);
	active = proxy_selectors_first(
	    s->work.selectors, s->type, PROXY_SELECTOR_ACTIVE);
	if (active != NULL) {
		s->old = xstrdup(active->name);
		if (set_state(s, s->old, PROXY_SELECTOR_RETIRED) != 0)
			return -1;
	}
	if (set_state(s, s->selector, PROXY_SELECTOR_ACTIVE) != 0)
		return -1;
	return rotate_work_write(&s->work) == 0 ? 0 : 1;
}

static void end_switches(struct switches *, struct rotate_run *);

static void
add_switch(struct switches *switches, struct rotate_run *run,
    const struct rotate_item *item)
{
	struct change *s = xcalloc(1, sizeof(*s));
	int outcome;

	s->selector = xstrdup(item->selector);
	s->type = item->type;
	strbuf_init(&s->before, PROXY_SELECTORS_BYTES_MAX);
	strbuf_init(&s->reason, ROTATE_REASON_MAX);
	if (rotate_work_open(&s->work, run, item->domain, NULL) != 0) {
		free_switch(s);
		return;
	}
	outcome = begin_switch(s, item->state);
	if (outcome < 0)
		report_switch(s, ROTATE_PERSON, strbuf_text(&s->reason));
	if (outcome != 0) {
		free_switch(s);
		return;
	}
	switches->list = xreallocarray(
	    switches->list, switches->count + 1, sizeof(struct change *));
	switches->list[switches->count++] = s;
	if (switches->count == AT_ONCE_MAX)
		end_switches(switches, run);
}

/* --- the daemon --- */

/* Does it sign with that key by now? */
static bool
is_live(struct change *s)
{
	const struct cli_live_question question = question_of(&s->work);
	struct cli_live live;
	bool is = false;

	strbuf_reset(&s->reason);
	if (cli_live_ask(&question, &live, &s->reason) == 0) {
		is = cli_live_has_only(&live, s->type, slice_str(s->selector));
		if (live.failure != NULL)
			strbuf_addf(
			    &s->reason, "the daemon says: %s", live.failure);
		else if (live.count == 0)
			strbuf_addf(&s->reason,
			    "the daemon has no key for mail of %.*s",
			    (int)question.author.n, question.author.p);
		else if (!is)
			strbuf_addf(&s->reason, "the daemon signs with %s yet",
			    live.keys[0].selector);
	}
	cli_live_clear(&live);
	return is;
}

static void
wait_for_daemon(struct switches *switches)
{
	int64_t end = clock_ms() + CONFIRM_MS;
	size_t open;

	do {
		open = 0;
		for (size_t i = 0; i < switches->count; i++) {
			struct change *s = switches->list[i];

			if (!s->confirmed)
				s->confirmed = is_live(s);
			open += !s->confirmed;
		}
		if (open > 0)
			(void)nanosleep(&pause, NULL);
	} while (open > 0 && clock_ms() < end);
}

/* --- the end of it --- */

static void
undo_switch(struct change *s)
{
	struct strbuf text;

	strbuf_init(&text, ROTATE_REASON_MAX);
	proxy_selectors_free(s->work.selectors);
	s->work.selectors = proxy_selectors_parse(
	    s->work.folder.file, strbuf_slice(&s->before), &s->reason);
	if (s->work.selectors != NULL && rotate_work_write(&s->work) == 0)
		strbuf_addf(&text, "%s; the file is what it was before",
		    strbuf_text(&s->reason));
	else
		strbuf_addf(&text,
		    "%s; and the file could not be put back to what it was",
		    strbuf_text(&s->reason));
	report_switch(s, ROTATE_PERSON, strbuf_text(&text));
	strbuf_clear(&text);
}

static void
end_switches(struct switches *switches, struct rotate_run *run)
{
	wait_for_daemon(switches);
	for (size_t i = 0; i < switches->count; i++) {
		struct change *s = switches->list[i];
		const struct cli_live_question question = question_of(&s->work);

		if (s->confirmed) {
			strbuf_reset(&s->reason);
			s->confirmed =
			    cli_live_try(&question, slice_str(s->selector),
				run->resolver, &s->reason) == 0;
		}
		/* The daemon's use of the old key is over: its last one was no
		 * later. */
		if (s->confirmed && s->old != NULL) {
			(void)proxy_selectors_set_moment(s->work.selectors,
			    slice_str(s->old), PROXY_SELECTOR_USED,
			    clock_wall_s());
			(void)rotate_work_write(&s->work);
		}
		if (s->confirmed)
			report_switch(
			    s, ROTATE_DONE, "signs, and it verifies by DNS");
		else
			undo_switch(s);
		free_switch(s);
	}
	free(switches->list);
	*switches = (struct switches){0};
}

/* --- a staged key --- */

/* What is waited for. */
static void
report_wait(struct rotate_run *run, const struct rotate_item *item,
    const struct proxy_selector *row, enum rotate_wait wait,
    const struct rotate_shown *shown)
{
	struct rotate_about about = {.domain = item->domain->name,
	    .selector = item->selector,
	    .row = row,
	    .until = row->moments[PROXY_SELECTOR_UNTIL]};
	struct rotate_report *report = &run->report;

	switch (wait) {
	case ROTATE_WAIT_RECORD:
		about.record =
		    run->automatic ? NULL : &item->key.record.list[0];
		rotate_report_add(report, &about, ROTATE_WAITING,
		    "not ready: %s%s", shown->lacking,
		    run->automatic ? "" : "; this is to be published:");
		break;
	case ROTATE_WAIT_SERVER:
		rotate_report_add(report, &about, ROTATE_WAITING,
		    "not ready: %s", shown->silent);
		break;
	case ROTATE_WAIT_CACHES:
		rotate_report_add(report, &about, ROTATE_WAITING,
		    "not ready: all name servers have the record, but up to %s "
		    "there may be something else in a cache",
		    rotate_moment_of(about.until).text);
		break;
	case ROTATE_WAIT_RESOLVER:
		rotate_report_add(report, &about, ROTATE_WAITING,
		    "not ready: all name servers have the record, but the "
		    "resolver %s",
		    shown->resolved == ROTATE_RESOLVED_NONE
			? "gives no answer (with DNSSEC: it may be bogus)"
			: "gives something else yet");
		break;
	case ROTATE_READY:
		break;
	}
}

/* A server that has been silent for a day is a person's to look after, once. */
static void
tell_lame(struct rotate_work *work, const struct rotate_item *item,
    const struct proxy_selector *row, const struct rotate_shown *shown)
{
	const struct rotate_about about = {.domain = item->domain->name,
	    .selector = item->selector,
	    .row = row,
	    .noted = true};
	const struct rotate_standing standing = rotate_standing_of(row);
	int64_t told = row->moments[PROXY_SELECTOR_TOLD];

	if (!shown->sight.unheard ||
	    !rotate_standing_is_lame(&standing, work->run->now))
		return;
	if (work->run->automatic && told >= standing.lame + ROTATE_LAME_AFTER)
		return;
	(void)proxy_selectors_set_moment(work->selectors,
	    slice_str(item->selector), PROXY_SELECTOR_TOLD, work->run->now);
	rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
	    "%s, for more than a day: have it answer, or take it out of the "
	    "zone's NS records, or leave it out by --without",
	    shown->silent);
}

bool
rotate_staged_take(struct rotate_run *run, const struct rotate_item *item,
    const struct rotate_shown *shown)
{
	struct rotate_work work;
	const struct proxy_selector *row = NULL;
	struct rotate_standing standing;
	enum rotate_wait wait = ROTATE_WAIT_SERVER;

	if (rotate_work_open(&work, run, item->domain, NULL) == 0)
		row = proxy_selectors_find(
		    work.selectors, slice_str(item->selector));
	if (row != NULL && row->state == PROXY_SELECTOR_STAGED) {
		standing = rotate_standing_of(row);
		rotate_standing_take(&standing, &shown->sight, run->now);
		wait = rotate_standing_wait(&standing, &shown->sight, run->now);
		rotate_standing_put(work.selectors, item->selector, &standing);
		tell_lame(&work, item, row, shown);
		if (wait == ROTATE_WAIT_RECORD)
			rotate_publish_add(&work, item);
		if (rotate_work_write(&work) != 0)
			wait = ROTATE_WAIT_SERVER;
		else
			report_wait(run, item,
			    proxy_selectors_find(
				work.selectors, slice_str(item->selector)),
			    wait, shown);
	}
	rotate_work_close(&work);
	return wait == ROTATE_READY;
}

/* --- the verbs --- */

/* The keys of all domains that are in that state, and wanted. */
static void
collect(struct rotate_run *run, struct rotate_items *items)
{
	for (size_t i = 0; i < run->domains.count; i++) {
		const struct rotate_domain *domain = &run->domains.list[i];
		const struct proxy_selector *row = NULL;
		struct rotate_work work;
		size_t before = items->count;

		if (rotate_work_open(&work, run, domain, NULL) == 0)
			while ((row = proxy_selectors_next(
				    work.selectors, row)) != NULL)
				if (row->state == PROXY_SELECTOR_STAGED &&
				    rotate_run_wants(run, row))
					(void)rotate_items_add(
					    items, domain, row);
		if (work.selectors != NULL && items->count == before)
			rotate_report_add(&run->report,
			    &(struct rotate_about){.domain = domain->name,
				.selector = run->selector},
			    ROTATE_NOTHING, "no such key is staged");
		rotate_work_close(&work);
	}
}

void
rotate_switch_ready(
    struct rotate_run *run, const struct rotate_items *items, const bool *ready)
{
	static const enum dkim_key_type types[] = {
	    DKIM_KEY_RSA, DKIM_KEY_ED25519};

	/* One kind after the other: a folder has one lock. */
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct switches switches = {0};

		for (size_t i = 0; i < items->count; i++)
			if (ready[i] && items->list[i].type == types[t])
				add_switch(&switches, run, &items->list[i]);
		end_switches(&switches, run);
	}
}

void
rotate_activate(struct rotate_run *run)
{
	struct rotate_items items = {0};
	bool *ready;

	collect(run, &items);
	rotate_items_look(&items, run);
	ready = xcalloc(items.count + 1, sizeof(*ready));
	for (size_t i = 0; i < items.count; i++) {
		const struct rotate_item *item = &items.list[i];
		const struct rotate_shown *shown =
		    rotate_items_shown(&items, item);

		if (shown == NULL)
			rotate_item_report_unreadable(run, item);
		else
			ready[i] = rotate_staged_take(run, item, shown);
	}
	rotate_switch_ready(run, &items, ready);
	free(ready);
	rotate_items_clear(&items);
}
