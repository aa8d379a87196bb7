/*
 * `signpost rotate prepare': a key, and what is to be published of it.
 *
 * The row of the file is written before the key is made: who is ended between
 * the two leaves a row that says what is missing, and the next run makes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "cli/rotate/run.h"

/* A name that nobody has: what is found there is a wildcard's, and so at every
 * name. */
#define NOBODYS "signpost-no-such-key"

enum { NAME_BYTES = 600 };

/* A key to be made. */
struct prep {
	const struct rotate_domain *domain;
	enum dkim_key_type type;
	bool taken[ROTATE_NAMES_MAX]; /* by a file or a row */
	unsigned number;	      /* of the name that is tried */
	struct strbuf name, end;      /* end: where an alias there leads */
	size_t look, probe;
	uint32_t ttl; /* of what is there instead */
	enum { PREP_SEARCHING, PREP_FREE, PREP_OVER } state;
};

struct preps {
	struct rotate_run *run;
	struct prep *list;
	size_t count;
};

static void
report_prep(struct preps *preps, const struct prep *prep,
    enum rotate_outcome outcome, const char *text)
{
	const struct rotate_about about = {.domain = prep->domain->name,
	    .selector = prep->name.n == 0 ? NULL : strbuf_text(&prep->name)};

	rotate_report_add(&preps->run->report, &about, outcome, "%s", text);
}

/* --- of which kinds --- */

static bool
has_kind(const struct proxy_selectors *selectors, enum dkim_key_type type)
{
	return proxy_selectors_first(selectors, type, PROXY_SELECTOR_STAGED) !=
	    NULL ||
	    proxy_selectors_first(selectors, type, PROXY_SELECTOR_ACTIVE) !=
	    NULL;
}

unsigned
rotate_wanted_kinds(
    const struct rotate_domain *domain, const struct proxy_selectors *selectors)
{
	unsigned kinds = domain->kinds;

	if (!domain->any)
		return kinds;
	if (!has_kind(selectors, DKIM_KEY_RSA) &&
	    has_kind(selectors, DKIM_KEY_ED25519))
		return kinds | ROTATE_KIND(DKIM_KEY_ED25519);
	return kinds | ROTATE_KIND(DKIM_KEY_RSA);
}

static void
add_prep(struct preps *preps, const struct rotate_work *work,
    enum dkim_key_type type)
{
	const struct rotate_run *run = preps->run;
	struct prep *prep;

	preps->list =
	    xreallocarray(preps->list, preps->count + 1, sizeof(*preps->list));
	prep = &preps->list[preps->count++];
	*prep = (struct prep){.domain = work->domain, .type = type};
	strbuf_init(&prep->name, NAME_BYTES);
	strbuf_init(&prep->end, NAME_BYTES);
	if (run->selector != NULL) {
		struct slice name = slice_str(run->selector);

		strbuf_add(&prep->name, name);
		if (proxy_selectors_find(work->selectors, name) != NULL ||
		    rotate_key_is_there(work->domain, name)) {
			prep->state = PREP_OVER;
			report_prep(preps, prep, ROTATE_PERSON,
			    "the name is taken: its key is there");
		}
		return;
	}
	for (unsigned i = 0; i < ROTATE_NAMES_MAX; i++) {
		struct slice name;

		strbuf_reset(&prep->name);
		if (rotate_name_print(&run->config->rotate.names, type, i,
			run->now, &prep->name) != 0)
			break;
		name = strbuf_slice(&prep->name);
		prep->taken[i] =
		    proxy_selectors_find(work->selectors, name) != NULL ||
		    rotate_key_is_there(work->domain, name);
	}
	strbuf_reset(&prep->name);
}

/* The staged key that there is; made where a run was ended before it was. */
static void
tell_staged(
    struct rotate_work *work, const struct proxy_selector *row, const char *end)
{
	struct rotate_about about = {
	    .domain = work->domain->name, .selector = row->name, .row = row};
	struct rotate_report *report = &work->run->report;
	struct rotate_key key;
	struct strbuf reason;
	bool made = false;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (!rotate_key_is_there(work->domain, slice_str(row->name)))
		made = rotate_key_make(
			   work->domain, row->type, slice_str(row->name)) == 0;
	if (rotate_key_read(
		work->domain, slice_str(row->name), &key, &reason) != 0) {
		rotate_report_add(
		    report, &about, ROTATE_PERSON, "%s", strbuf_text(&reason));
	} else {
		if (end != NULL)
			cli_record_rename(&key.record.list[0], end);
		/* A timer's run tells of the record by itself, once. */
		if (!work->run->automatic)
			about.record = &key.record.list[0];
		if (made || !work->run->automatic)
			rotate_report_add(report, &about,
			    made ? ROTATE_DONE : ROTATE_NOTHING, "%s%s",
			    made ? "is made" : "is staged already",
			    work->run->automatic
				? ""
				: "; this is to be published:");
	}
	rotate_key_clear(&key);
	strbuf_clear(&reason);
}

/* --- a folder for a domain that is new --- */

static int
make_folder(struct rotate_run *run, const struct rotate_domain *domain)
{
	const struct rotate_about about = {.domain = domain->name};
	char *path = xstrdup(domain->folder);
	int outcome = 0;

	for (char *at = strchr(path + 1, '/'); outcome == 0;
	     at = strchr(at + 1, '/')) {
		if (at != NULL)
			*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			outcome = -1;
		if (at == NULL)
			break;
		*at = '/';
	}
	if (outcome != 0)
		rotate_report_add(&run->report, &about, ROTATE_PERSON, "%s: %s",
		    domain->folder, strerror(errno));
	free(path);
	return outcome;
}

static void
collect_domain(struct preps *preps, const struct rotate_domain *domain)
{
	struct rotate_run *run = preps->run;
	struct rotate_work work;
	bool absent = false;
	unsigned kinds;
	int outcome = rotate_work_open(&work, run, domain, &absent);

	if (outcome != 0 && absent && make_folder(run, domain) == 0)
		outcome = rotate_work_open(&work, run, domain, NULL);
	kinds = outcome == 0 ? rotate_wanted_kinds(domain, work.selectors) : 0;
	for (unsigned type = 0; kinds >> type != 0; type++) {
		const struct proxy_selector *staged;

		if ((kinds & ROTATE_KIND(type)) == 0)
			continue;
		staged = proxy_selectors_first(work.selectors,
		    (enum dkim_key_type)type, PROXY_SELECTOR_STAGED);
		if (staged != NULL)
			tell_staged(&work, staged, NULL);
		else
			add_prep(preps, &work, (enum dkim_key_type)type);
	}
	rotate_work_close(&work);
}

/* --- a name that is free --- */

/* The next one that no file and no row has. */
static void
choose_name(struct preps *preps, struct prep *prep)
{
	const struct rotate_run *run = preps->run;

	strbuf_reset(&prep->name);
	if (run->selector != NULL) {
		strbuf_add_str(&prep->name, run->selector);
		return;
	}
	while (prep->number < ROTATE_NAMES_MAX && prep->taken[prep->number])
		prep->number++;
	if (prep->number < ROTATE_NAMES_MAX &&
	    rotate_name_print(&run->config->rotate.names, prep->type,
		prep->number, run->now, &prep->name) == 0)
		return;
	prep->state = PREP_OVER;
	strbuf_reset(&prep->name);
	report_prep(preps, prep,
	    rotate_names_are_fixed(&run->config->rotate.names) ? ROTATE_WAITING
							       : ROTATE_PERSON,
	    "every name that [rotate] name gives is taken still");
}

static size_t
add_to_look(struct preps *preps, struct rotate_look *look,
    const struct prep *prep, struct slice selector)
{
	const struct rotate_run *run = preps->run;
	const struct rotate_want want = {.kind = run->selector != NULL ||
		    rotate_names_are_fixed(&run->config->rotate.names)
		? ROTATE_WANT_EMPTY
		: ROTATE_WANT_FREE};
	struct strbuf name;
	size_t number;

	strbuf_init(&name, NAME_BYTES);
	rotate_record_name(prep->domain, selector, &name);
	number = rotate_look_add(look, strbuf_slice(&name), &want);
	strbuf_clear(&name);
	return number;
}

static void
take_look(
    struct preps *preps, struct prep *prep, const struct rotate_look *look)
{
	const struct rotate_shown *shown = rotate_look_at(look, prep->look);
	const struct rotate_shown *probe = rotate_look_at(look, prep->probe);
	/* What a wildcard gives is at every name, and is no record of this
	 * one. */
	bool wildcard = probe->sight.others && shown->other != NULL &&
	    probe->other != NULL && strcmp(shown->other, probe->other) == 0;
	struct strbuf text;

	prep->ttl = shown->sight.ttl;
	strbuf_init(&text, ROTATE_REASON_MAX);
	if (shown->sight.others && !wildcard) {
		prep->number++;
		if (preps->run->selector != NULL) {
			prep->state = PREP_OVER;
			strbuf_addf(
			    &text, "the name is taken: %s", shown->lacking);
			report_prep(
			    preps, prep, ROTATE_PERSON, strbuf_text(&text));
		}
	} else if (!shown->sight.unheard || shown->sight.others ||
	    shown->resolved == ROTATE_RESOLVED_RIGHT) {
		prep->state = PREP_FREE;
		if (shown->end != NULL)
			strbuf_add_str(&prep->end, shown->end);
	} else {
		prep->state = PREP_OVER;
		strbuf_addf(&text,
		    "whether the name is free cannot be found out now: %s",
		    shown->silent);
		report_prep(preps, prep, ROTATE_WAITING, strbuf_text(&text));
	}
	strbuf_clear(&text);
}

/* True where some are left to be looked at. */
static bool
search_round(struct preps *preps)
{
	struct rotate_look *look =
	    rotate_look_new(preps->run->resolver, &preps->run->without);
	size_t searching = 0;

	for (size_t i = 0; i < preps->count; i++) {
		struct prep *prep = &preps->list[i];

		if (prep->state == PREP_SEARCHING)
			choose_name(preps, prep);
		if (prep->state != PREP_SEARCHING)
			continue;
		searching++;
		prep->look =
		    add_to_look(preps, look, prep, strbuf_slice(&prep->name));
		prep->probe = add_to_look(preps, look, prep, SLICE(NOBODYS));
	}
	if (searching > 0)
		rotate_look_run(look);
	for (size_t i = 0; searching > 0 && i < preps->count; i++)
		if (preps->list[i].state == PREP_SEARCHING)
			take_look(preps, &preps->list[i], look);
	rotate_look_free(look);
	return searching > 0;
}

/* --- the key --- */

/* The row; it knows for how long what stands there now may be kept. */
static int
begin_row(struct rotate_work *work, const struct prep *prep)
{
	const struct rotate_sight sight = {.others = true, .ttl = prep->ttl};
	const struct rotate_about about = {
	    .domain = work->domain->name, .selector = strbuf_text(&prep->name)};
	struct rotate_standing standing = {0};
	struct slice name = strbuf_slice(&prep->name);
	struct strbuf reason;
	int outcome;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	outcome =
	    proxy_selectors_add(work->selectors, prep->type, name, &reason);
	if (outcome != 0) {
		rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
		    "%s", strbuf_text(&reason));
	} else {
		rotate_standing_take(&standing, &sight, work->run->now);
		rotate_standing_put(
		    work->selectors, strbuf_text(&prep->name), &standing);
		(void)proxy_selectors_set_moment(
		    work->selectors, name, PROXY_SELECTOR_MADE, work->run->now);
		outcome = rotate_work_write(work);
	}
	strbuf_clear(&reason);
	return outcome;
}

static void
make_prep(struct preps *preps, const struct prep *prep)
{
	struct rotate_work work;
	const struct proxy_selector *staged = NULL;

	if (rotate_work_open(&work, preps->run, prep->domain, NULL) == 0) {
		/* Another run may have been quicker. */
		staged = proxy_selectors_first(
		    work.selectors, prep->type, PROXY_SELECTOR_STAGED);
		if (staged == NULL && begin_row(&work, prep) == 0)
			staged = proxy_selectors_find(
			    work.selectors, strbuf_slice(&prep->name));
	}
	if (staged != NULL)
		tell_staged(&work, staged,
		    prep->end.n == 0 ? NULL : strbuf_text(&prep->end));
	rotate_work_close(&work);
}

void
rotate_prepare(struct rotate_run *run, const struct rotate_domain *const *list,
    size_t count)
{
	struct preps preps = {.run = run};

	for (size_t i = 0; i < count; i++)
		collect_domain(&preps, list[i]);
	while (search_round(&preps))
		continue;
	for (size_t i = 0; i < preps.count; i++) {
		if (preps.list[i].state == PREP_FREE)
			make_prep(&preps, &preps.list[i]);
		strbuf_clear(&preps.list[i].name);
		strbuf_clear(&preps.list[i].end);
	}
	free(preps.list);
}
