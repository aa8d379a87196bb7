/* `signpost rotate adopt': a key that signs already is taken over as it is. */
#include "cli/rotate/run.h"

static void
report_adopted(struct rotate_run *run, const struct rotate_domain *domain,
    enum rotate_outcome outcome, const char *text)
{
	const struct rotate_about about = {
	    .domain = domain->name, .selector = run->selector};

	rotate_report_add(&run->report, &about, outcome, "%s", text);
}

/* True where the world can see the key's record. */
static bool
is_visible(struct rotate_run *run, const struct rotate_domain *domain,
    const struct rotate_key *key)
{
	const struct rotate_want want = {
	    .kind = ROTATE_WANT_RECORD,
	    .octets = strbuf_slice(&key->octets),
	    .algorithm = key->algorithm,
	    .resolver_only = true,
	};
	struct rotate_look *look =
	    rotate_look_new(run->resolver, &run->without);
	enum rotate_resolved resolved;

	(void)rotate_look_add(look, slice_str(key->record.list[0].name), &want);
	rotate_look_run(look);
	resolved = rotate_look_at(look, 0)->resolved;
	rotate_look_free(look);
	if (resolved == ROTATE_RESOLVED_OTHER)
		report_adopted(run, domain, ROTATE_PERSON,
		    "its record is not to be seen: publish it first "
		    "(signpost dns)");
	else if (resolved != ROTATE_RESOLVED_RIGHT)
		report_adopted(run, domain, ROTATE_WAITING,
		    "whether its record stands cannot be found out: the "
		    "resolver gives no answer");
	return resolved == ROTATE_RESOLVED_RIGHT;
}

/* 0; -1 and the reason. */
static int
add_active(struct rotate_work *work, const struct rotate_key *key,
    struct strbuf *reason)
{
	struct slice name = slice_str(work->run->selector);

	if (proxy_selectors_add(work->selectors, key->type, name, reason) !=
		0 ||
	    proxy_selectors_set_state(
		work->selectors, name, PROXY_SELECTOR_ACTIVE, reason) != 0)
		return -1;
	/* It is as old as its file. */
	(void)proxy_selectors_set_moment(
	    work->selectors, name, PROXY_SELECTOR_MADE, key->made);
	(void)proxy_selectors_set_moment(
	    work->selectors, name, PROXY_SELECTOR_SINCE, key->made);
	return 0;
}

static void
adopt_key(struct rotate_work *work, const struct rotate_key *key)
{
	struct rotate_run *run = work->run;
	const struct proxy_selector *row =
	    proxy_selectors_find(work->selectors, slice_str(run->selector));
	struct strbuf reason;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (row != NULL && row->state == PROXY_SELECTOR_ACTIVE)
		report_adopted(
		    run, work->domain, ROTATE_NOTHING, "is active already");
	else if (row != NULL)
		report_adopted(run, work->domain, ROTATE_PERSON,
		    "stands in the file, and is not active: activate, or "
		    "revert");
	else if (add_active(work, key, &reason) != 0)
		report_adopted(
		    run, work->domain, ROTATE_PERSON, strbuf_text(&reason));
	else if (rotate_work_write(work) == 0)
		report_adopted(run, work->domain, ROTATE_DONE,
		    "is active, and signs with selector = auto");
	strbuf_clear(&reason);
}

static void
adopt_domain(struct rotate_run *run, const struct rotate_domain *domain)
{
	struct rotate_work work;
	struct rotate_key key;
	struct strbuf reason;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (rotate_key_read(domain, slice_str(run->selector), &key, &reason) !=
	    0) {
		report_adopted(
		    run, domain, ROTATE_PERSON, strbuf_text(&reason));
	} else if (is_visible(run, domain, &key)) {
		if (rotate_work_open(&work, run, domain, NULL) == 0)
			adopt_key(&work, &key);
		rotate_work_close(&work);
	}
	rotate_key_clear(&key);
	strbuf_clear(&reason);
}

void
rotate_adopt(struct rotate_run *run)
{
	for (size_t i = 0; i < run->domains.count; i++)
		adopt_domain(run, &run->domains.list[i]);
}
