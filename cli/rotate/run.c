/* What the verbs of `signpost rotate' share; see run.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/rotate/run.h"
#include "cli/rotate/told.h"

/* Seconds: whoever has the lock asks the daemon meanwhile, or DNS. */
enum { LOCK_WAIT_S = 5, NAME_MAX_BYTES = 600 };

/* --- a domain's folder --- */

int
rotate_work_open(struct rotate_work *work, struct rotate_run *run,
    const struct rotate_domain *domain, bool *absent)
{
	const struct rotate_about about = {.domain = domain->name};
	struct strbuf reason;
	bool missing = false;

	*work = (struct rotate_work){.run = run, .domain = domain};
	work->folder.fd = -1;
	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (proxy_selectors_folder_open(&work->folder, domain->folder,
		LOCK_WAIT_S, &missing, &reason) == 0) {
		work->selectors =
		    proxy_selectors_read(&work->folder, &work->fresh, &reason);
		if (work->selectors == NULL && work->fresh)
			work->selectors = proxy_selectors_new();
	}
	if (absent != NULL)
		*absent = missing;
	if (work->selectors == NULL && (absent == NULL || !missing))
		rotate_report_add(&run->report, &about,
		    missing ? ROTATE_PERSON : ROTATE_WRONG, "%s",
		    strbuf_text(&reason));
	strbuf_clear(&reason);
	return work->selectors == NULL ? -1 : 0;
}

int
rotate_work_write(struct rotate_work *work)
{
	const struct rotate_about about = {.domain = work->domain->name};
	struct strbuf reason;
	int outcome;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	/* A file that names no key would be a mistake. */
	if (proxy_selectors_next(work->selectors, NULL) != NULL)
		outcome = proxy_selectors_write(
		    &work->folder, work->selectors, &reason);
	else if (unlinkat(work->folder.fd, PROXY_SELECTORS_NAME, 0) == 0 ||
	    errno == ENOENT)
		outcome = 0;
	else
		outcome = strbuf_fail(
		    &reason, "%s: %s", work->folder.file, strerror(errno));
	if (outcome != 0)
		rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
		    "%s", strbuf_text(&reason));
	else if (work->fresh)
		rotate_told_forget(work->domain);
	strbuf_clear(&reason);
	return outcome;
}

void
rotate_report_unnamed(
    struct rotate_report *report, const struct rotate_domain *domain)
{
	const struct rotate_about about = {.domain = domain->name};

	rotate_report_add(report, &about, ROTATE_PERSON,
	    "has keys, and no file that says what they are: `signpost rotate "
	    "adopt -d %s -s SELECTOR' takes over the one that signs",
	    domain->name);
}

void
rotate_work_close(struct rotate_work *work)
{
	proxy_selectors_free(work->selectors);
	proxy_selectors_folder_close(&work->folder);
	work->selectors = NULL;
}

/* --- a row --- */

static const enum proxy_selector_moment moments[] = {
    PROXY_SELECTOR_SEEN,
    PROXY_SELECTOR_UNTIL,
    PROXY_SELECTOR_MET,
    PROXY_SELECTOR_LAME,
};

struct rotate_standing
rotate_standing_of(const struct proxy_selector *row)
{
	return (struct rotate_standing){
	    .seen = row->moments[PROXY_SELECTOR_SEEN],
	    .until = row->moments[PROXY_SELECTOR_UNTIL],
	    .met = row->moments[PROXY_SELECTOR_MET],
	    .lame = row->moments[PROXY_SELECTOR_LAME],
	};
}

void
rotate_standing_put(struct proxy_selectors *selectors, const char *selector,
    const struct rotate_standing *standing)
{
	const int64_t values[] = {
	    standing->seen, standing->until, standing->met, standing->lame};

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		(void)proxy_selectors_set_moment(
		    selectors, slice_str(selector), moments[i], values[i]);
}

bool
rotate_run_wants(const struct rotate_run *run, const struct proxy_selector *row)
{
	return run->selector == NULL ||
	    slice_equal_nocase(slice_str(run->selector), slice_str(row->name));
}

/* --- what is looked at --- */

struct rotate_item *
rotate_items_add(struct rotate_items *items, const struct rotate_domain *domain,
    const struct proxy_selector *row)
{
	struct rotate_item *item;
	struct strbuf reason;

	if (items->count == items->room) {
		items->room = items->room == 0 ? 16 : 2 * items->room;
		items->list = xreallocarray(
		    items->list, items->room, sizeof(*items->list));
	}
	item = &items->list[items->count++];
	*item = (struct rotate_item){
	    .domain = domain,
	    .type = row->type,
	    .state = row->state,
	    .gone = row->state == PROXY_SELECTOR_RETIRED,
	    .selector = xstrdup(row->name),
	    .number = SIZE_MAX,
	};
	strbuf_init(&reason, ROTATE_REASON_MAX);
	item->readable = rotate_key_read(domain, slice_str(row->name),
			     &item->key, &reason) == 0;
	strbuf_clear(&reason);
	return item;
}

void
rotate_items_look(struct rotate_items *items, struct rotate_run *run)
{
	struct strbuf name;

	items->look = rotate_look_new(run->resolver, &run->without);
	strbuf_init(&name, NAME_MAX_BYTES);
	for (size_t i = 0; i < items->count; i++) {
		struct rotate_item *item = &items->list[i];
		struct rotate_want want = {
		    .kind = item->gone ? ROTATE_WANT_GONE : ROTATE_WANT_RECORD,
		    .octets = strbuf_slice(&item->key.octets),
		    .algorithm = item->key.algorithm,
		    .resolver_only = item->resolver_only,
		};

		/* Whose key is not there any more has no record that is known:
		 * none at all is what is wanted. */
		if (!item->readable && item->gone)
			want.kind = ROTATE_WANT_NO_TXT;
		else if (!item->readable)
			continue;
		rotate_record_name(
		    item->domain, slice_str(item->selector), &name);
		item->number =
		    rotate_look_add(items->look, strbuf_slice(&name), &want);
	}
	strbuf_clear(&name);
	rotate_look_run(items->look);
	for (size_t i = 0; i < items->count; i++) {
		struct rotate_item *item = &items->list[i];
		const struct rotate_shown *shown =
		    rotate_items_shown(items, item);

		/* A name that is delegated is nobody's to write to here. */
		if (shown != NULL && shown->end != NULL && item->readable)
			cli_record_rename(
			    &item->key.record.list[0], shown->end);
	}
}

const struct rotate_shown *
rotate_items_shown(
    const struct rotate_items *items, const struct rotate_item *item)
{
	return items->look == NULL || item->number == SIZE_MAX
	    ? NULL
	    : rotate_look_at(items->look, item->number);
}

void
rotate_item_report_unreadable(
    struct rotate_run *run, const struct rotate_item *item)
{
	const struct rotate_about about = {
	    .domain = item->domain->name, .selector = item->selector};
	struct rotate_key key;
	struct strbuf reason;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (rotate_key_read(
		item->domain, slice_str(item->selector), &key, &reason) != 0)
		rotate_report_add(&run->report, &about, ROTATE_WRONG,
		    "its key: %s", strbuf_text(&reason));
	rotate_key_clear(&key);
	strbuf_clear(&reason);
}

void
rotate_items_clear(struct rotate_items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		free(items->list[i].selector);
		rotate_key_clear(&items->list[i].key);
	}
	free(items->list);
	rotate_look_free(items->look);
	*items = (struct rotate_items){0};
}
