/* A record into tallies and rows; see store.h. */
#include "base/number.h"
#include "record/store_private.h"

enum { HOUR = 3600, DAY = 86400, RESULTS_MAX = 2048 };

/* Times before 1970 or after 9999 are no times of ours. */
#define TIME_MAX 253402300799U

struct adding {
	struct record_store *store;
	const struct record_kept *kept;
	int64_t time;
	int failed; /* at the first one nothing more is tried */
};

static void
tally(struct adding *a, struct slice domain, struct slice what,
    struct slice result)
{
	sqlite3_stmt *s = a->failed != 0
	    ? NULL
	    : record_store_statement(a->store, STATEMENT_TALLY);

	if (s == NULL) {
		a->failed = -1;
		return;
	}
	(void)sqlite3_bind_int64(s, 1, a->time - a->time % HOUR);
	record_store_bind(s, 2, record_kept_get(a->kept, RECORD_DIRECTION));
	record_store_bind(s, 3, domain);
	record_store_bind(s, 4, what);
	record_store_bind(s, 5, result);
	if (record_store_run(a->store, s) != 0)
		a->failed = -1;
}

/* The first word of a member whose words are parted by TABs. */
static struct slice
first_word(struct slice member)
{
	return slice_first(member, slice_find(member, '\t'));
}

static void
tally_all(struct adding *a, enum record_tag tag, struct slice what)
{
	struct slice author = record_kept_get(a->kept, RECORD_AUTHOR);
	struct slice value;
	size_t at = 0;

	while (record_kept_next(a->kept, tag, &at, &value))
		tally(a, author, what, first_word(value));
}

/* "dkim:example.org": counted under the domain that signed. */
static void
tally_signed(struct adding *a)
{
	struct slice value;
	size_t at = 0;

	while (record_kept_next(a->kept, RECORD_SIGNED, &at, &value)) {
		size_t colon = slice_find(value, ':');

		tally(a, slice_after(value, colon + 1), SLICE("signed"),
		    slice_first(value, colon));
	}
}

/* Once a message that went out, however many signatures it has. */
static void
tally_outgoing(struct adding *a)
{
	struct slice status = record_kept_get(a->kept, RECORD_STATUS);
	bool is_signed = record_kept_get(a->kept, RECORD_SIGNED).n > 0;

	if (slice_equal(
		record_kept_get(a->kept, RECORD_DIRECTION), SLICE("out")) &&
	    (slice_equal(status, SLICE("sent")) ||
		slice_equal(status, SLICE("maybe-delivered"))))
		tally(a, record_kept_get(a->kept, RECORD_AUTHOR),
		    SLICE("outgoing"),
		    is_signed ? SLICE("signed") : SLICE("unsigned"));
}

static void
add_tallies(struct adding *a)
{
	static const struct {
		enum record_tag tag;
		struct slice what;
	} all[] = {
	    {RECORD_STATUS, SLICE_INIT("message")},
	    {RECORD_UNSIGNED, SLICE_INIT("unsigned")},
	    {RECORD_DKIM, SLICE_INIT("dkim")},
	    {RECORD_DOMAINKEYS, SLICE_INIT("domainkeys")},
	    {RECORD_SPF, SLICE_INIT("spf")},
	    {RECORD_SENDERID, SLICE_INIT("sender-id")},
	    {RECORD_DMARC, SLICE_INIT("dmarc")},
	    {RECORD_ARC, SLICE_INIT("arc")},
	};

	tally_signed(a);
	tally_outgoing(a);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tally_all(a, all[i].tag, all[i].what);
}

static void
gather(const struct record_kept *kept, enum record_tag tag, const char *label,
    struct strbuf *lines)
{
	struct slice value;
	size_t at = 0;

	while (record_kept_next(kept, tag, &at, &value)) {
		size_t before = lines->n;

		(void)strbuf_add_str(lines, label);
		(void)strbuf_add(lines, slice_first(value, RECORD_TEXT_MAX));
		(void)strbuf_add_char(lines, '\n');
		if (lines->full) {
			strbuf_truncate(lines, before);
			return;
		}
	}
}

static void
add_row(struct adding *a)
{
	static const enum record_tag columns[] = {RECORD_POLICY_DOMAIN,
	    RECORD_POLICY, RECORD_CLIENT, RECORD_DISPOSITION,
	    RECORD_DKIM_ALIGNED, RECORD_SPF_ALIGNED, RECORD_TAGS, RECORD_AUTHOR,
	    RECORD_SENDER, RECORD_RECIPIENT};
	sqlite3_stmt *s = a->failed != 0
	    ? NULL
	    : record_store_statement(a->store, STATEMENT_ROW);
	struct strbuf overrides, results;

	if (s == NULL) {
		a->failed = -1;
		return;
	}
	strbuf_init(&overrides, RECORD_TEXT_MAX);
	strbuf_init(&results, RESULTS_MAX);
	gather(a->kept, RECORD_OVERRIDE, "", &overrides);
	gather(a->kept, RECORD_DKIM, "dkim\t", &results);
	gather(a->kept, RECORD_SPF, "spf\t", &results);
	(void)sqlite3_bind_int64(s, 1, a->time - a->time % DAY);
	for (int i = 0; i < (int)(sizeof(columns) / sizeof(columns[0])); i++)
		record_store_bind(s, 2 + i,
		    columns[i] == RECORD_TAGS
			? strbuf_slice(&overrides)
			: record_kept_get(a->kept, columns[i]));
	(void)sqlite3_bind_text(
	    s, 12, strbuf_text(&results), (int)results.n, SQLITE_STATIC);
	if (record_store_run(a->store, s) != 0)
		a->failed = -1;
	strbuf_clear(&overrides);
	strbuf_clear(&results);
}

static int
parse_time(const struct record_kept *kept, int64_t *time)
{
	uint64_t n;

	if (number_parse(record_kept_get(kept, RECORD_TIME), TIME_MAX, &n) != 0)
		return -1;
	*time = (int64_t)n;
	return 0;
}

bool
record_store_takes(const struct record_kept *kept)
{
	int64_t time;

	return parse_time(kept, &time) == 0;
}

int
record_store_add(struct record_store *store, const struct record_kept *kept,
    struct strbuf *reason)
{
	struct adding a = {.store = store, .kept = kept};

	if (parse_time(kept, &a.time) != 0) {
		(void)strbuf_add_str(reason, "a record without a time");
		return -1;
	}
	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	add_tallies(&a);
	if (record_store_add_failure(store, kept, a.time) != 0)
		a.failed = -1;
	if (record_kept_get(kept, RECORD_POLICY_DOMAIN).n > 0)
		add_row(&a);
	if (a.failed != 0)
		return record_store_fail(store, "add", reason);
	return 0;
}
