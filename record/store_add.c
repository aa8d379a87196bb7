/* A record into tallies and rows; see store.h. */
#include "base/number.h"
#include "record/spelling.h"
#include "record/store_private.h"

enum {
	HOUR = 3600,
	DAY = 86400,
	NAME_MAX_OCTETS = 253,
	RESULTS_MAX = 2048,
	WHY_MAX = 3 * RECORD_TEXT_MAX
};

/* Times before 1970 or after 9999 are no times of ours. */
#define TIME_MAX 253402300799U

/* The names of a record in their one spelling; empty where there is none. */
enum name { AUTHOR, SENDER, RECIPIENT, POLICY_DOMAIN, CLIENT, NAMES };

struct adding {
	struct record_store *store;
	const struct record_kept *kept;
	int64_t time;
	struct strbuf names[NAMES];
	int failed; /* at the first one nothing more is tried */
};

static struct slice
member_name_of(const struct adding *a, enum name which)
{
	return strbuf_slice(&a->names[which]);
}

static struct slice
member(const struct adding *a, enum record_tag tag)
{
	return record_kept_get(a->kept, tag);
}

/* The statement; NULL, and the adding failed, where something did. */
static sqlite3_stmt *
statement(struct adding *a, enum record_statement which)
{
	sqlite3_stmt *s =
	    a->failed != 0 ? NULL : record_store_statement(a->store, which);

	if (s == NULL)
		a->failed = -1;
	return s;
}

static void
run_statement(struct adding *a, sqlite3_stmt *s)
{
	if (record_store_run(a->store, s) != 0)
		a->failed = -1;
}

/* --- tallies by hour --- */

static void
tally(struct adding *a, struct slice domain, struct slice what,
    struct slice result)
{
	sqlite3_stmt *s = statement(a, STATEMENT_TALLY);

	if (s == NULL)
		return;
	(void)sqlite3_bind_int64(s, 1, a->time - a->time % HOUR);
	record_store_bind(s, 2, member(a, RECORD_DIRECTION));
	record_store_bind(s, 3, domain);
	record_store_bind(s, 4, what);
	record_store_bind(s, 5, result);
	run_statement(a, s);
}

/* The first word of a member whose words are parted by TABs. */
static struct slice
first_member_word(struct slice words)
{
	return slice_first(words, slice_find(words, '\t'));
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
	struct strbuf domain;
	struct slice value;
	size_t at = 0;
	struct slice status;
	bool is_signed;

	/* "dkim:example.org": counted under the domain that signed. */
	strbuf_init(&domain, NAME_MAX_OCTETS);
	while (record_kept_next(a->kept, RECORD_SIGNED, &at, &value)) {
		size_t colon = slice_find(value, ':');

		strbuf_reset(&domain);
		record_spell_domain(slice_after(value, colon + 1), &domain);
		tally(a, strbuf_slice(&domain), SLICE("signed"),
		    slice_first(value, colon));
	}
	strbuf_clear(&domain);
	/* Once a message that went out, however many signatures it has. */
	status = member(a, RECORD_STATUS);
	is_signed = member(a, RECORD_SIGNED).n > 0;
	if (slice_equal(member(a, RECORD_DIRECTION), SLICE("out")) &&
	    (slice_equal(status, SLICE("sent")) ||
		slice_equal(status, SLICE("maybe-delivered"))))
		tally(a, member_name_of(a, AUTHOR), SLICE("outgoing"),
		    is_signed ? SLICE("signed") : SLICE("unsigned"));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (at = 0;
		     record_kept_next(a->kept, all[i].tag, &at, &value);)
			tally(a, member_name_of(a, AUTHOR), all[i].what,
			    first_member_word(value));
}

/* --- a row of the aggregate report --- */

/* Result, domain, and a selector or a scope; then, for a signature, why. */
struct words {
	struct slice result, domain, third, why;
};

static struct words
split_words(struct slice value)
{
	struct words w = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};

	(void)(slice_cut(&value, '\t', &w.result) &&
	    slice_cut(&value, '\t', &w.domain) &&
	    slice_cut(&value, '\t', &w.third) &&
	    slice_cut(&value, '\t', &w.why));
	return w;
}

/* "dkim TAB result TAB d= TAB s= TAB why"; one whose domain is none is left
 * out, and so is one that does not fit. */
static void
gather_result(struct slice value, bool dkim, struct strbuf *lines)
{
	const struct words w = split_words(value);
	size_t before = lines->n, domain;

	strbuf_addf(lines, "%s\t%.*s\t", dkim ? "dkim" : "spf", (int)w.result.n,
	    w.result.p);
	domain = lines->n;
	record_spell_domain(w.domain, lines);
	if (lines->n == domain) {
		strbuf_truncate(lines, before);
		return;
	}
	strbuf_add_char(lines, '\t');
	if (dkim) {
		record_spell_selector(
		    slice_first(w.third, RECORD_TEXT_MAX), lines);
		strbuf_add_char(lines, '\t');
		strbuf_add(lines, slice_first(w.why, RECORD_TEXT_MAX));
	} else {
		strbuf_add(lines, slice_first(w.third, RECORD_TEXT_MAX));
	}
	if (strbuf_add_char(lines, '\n') != 0)
		strbuf_truncate(lines, before);
}

static void
gather_results(const struct record_kept *kept, struct strbuf *lines)
{
	struct slice value;
	size_t at = 0;

	while (record_kept_next(kept, RECORD_DKIM, &at, &value))
		gather_result(value, true, lines);
	at = 0;
	while (record_kept_next(kept, RECORD_SPF, &at, &value))
		gather_result(value, false, lines);
}

/* --- who failed, and why --- */

static bool
has_pass(const struct adding *a, enum record_tag tag, struct words *first)
{
	struct slice value;
	size_t at = 0;

	while (record_kept_next(a->kept, tag, &at, &value)) {
		struct words w = split_words(value);

		if (first->result.n == 0 ||
		    slice_equal(w.result, SLICE("pass")))
			*first = w;
		if (slice_equal(w.result, SLICE("pass")))
			return true;
	}
	return false;
}

/* " of example.org"; nothing where that is no domain. */
static void
add_whose(const char *of, struct slice domain, struct strbuf *why)
{
	size_t before = why->n, at;

	strbuf_add_str(why, of);
	at = why->n;
	record_spell_domain(domain, why);
	if (why->n == at)
		strbuf_truncate(why, before);
}

static void
explain_spf(const struct words *w, bool passed, struct strbuf *why)
{
	if (w->result.n == 0)
		return;
	if (passed) {
		strbuf_add_str(why, "; SPF passes");
		add_whose(" for another domain, ", w->domain, why);
		return;
	}
	strbuf_addf(why, "; SPF %.*s", (int)w->result.n, w->result.p);
	add_whose(" for ", w->domain, why);
}

/* What `signpost results` tells of one message. */
struct found {
	bool dkim, spf, dmarc; /* passed */
	bool failed;
	struct strbuf why;
};

/* Failed: by DMARC; where its domain publishes none, because nothing passed;
 * on its way out, because it was not signed. */
static void
judge_found(const struct adding *a, struct found *f)
{
	struct words dkim = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
	struct words spf = dkim;
	struct slice dmarc = first_member_word(member(a, RECORD_DMARC));
	struct slice unsigned_why = member(a, RECORD_UNSIGNED);
	bool passed;

	f->dkim =
	    has_pass(a, RECORD_DKIM, &dkim) || member(a, RECORD_SIGNED).n > 0;
	f->spf = has_pass(a, RECORD_SPF, &spf);
	f->dmarc = slice_equal(dmarc, SLICE("pass"));
	if (unsigned_why.n > 0) {
		f->failed = true;
		strbuf_addf(&f->why, "unsigned: %.*s", (int)unsigned_why.n,
		    unsigned_why.p);
		return;
	}
	if (dmarc.n == 0) /* our own networks': not judged */
		return;
	f->failed =
	    slice_equal(dmarc, SLICE("none")) ? !f->dkim && !f->spf : !f->dmarc;
	if (!f->failed)
		return;
	passed = f->dkim;
	if (dkim.result.n == 0 || slice_equal(dkim.result, SLICE("none"))) {
		strbuf_add_str(&f->why, "no DKIM signature");
	} else {
		if (passed) {
			strbuf_add_str(&f->why, "DKIM passes");
			add_whose(
			    " for another domain, ", dkim.domain, &f->why);
		} else {
			strbuf_addf(&f->why, "DKIM %.*s", (int)dkim.result.n,
			    dkim.result.p);
			add_whose(" of ", dkim.domain, &f->why);
			if (dkim.why.n > 0)
				strbuf_addf(&f->why, " (%.*s)", (int)dkim.why.n,
				    dkim.why.p);
		}
	}
	explain_spf(&spf, f->spf, &f->why);
}

static void
add_found(struct adding *a)
{
	bool in = !slice_equal(member(a, RECORD_DIRECTION), SLICE("out"));
	struct found f = {.failed = false};
	sqlite3_stmt *s = statement(a, STATEMENT_FOUND);

	if (s == NULL)
		return;
	strbuf_init(&f.why, WHY_MAX);
	judge_found(a, &f);
	(void)sqlite3_bind_int64(s, 1, a->time - a->time % HOUR);
	record_store_bind(s, 2, member(a, RECORD_DIRECTION));
	record_store_bind(s, 3, member_name_of(a, AUTHOR));
	/* Which of our own users sent it is nobody's business. */
	record_store_bind(s, 4, in ? member_name_of(a, CLIENT) : SLICE(""));
	(void)sqlite3_bind_int(s, 5, f.failed);
	(void)sqlite3_bind_int(s, 6, f.dkim);
	(void)sqlite3_bind_int(s, 7, f.spf);
	(void)sqlite3_bind_int(s, 8, f.dmarc);
	record_store_bind(s, 9, strbuf_slice(&f.why));
	run_statement(a, s);
	strbuf_clear(&f.why);
}

/* --- a record --- */

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
	sqlite3_stmt *s;
	struct strbuf overrides, results;
	struct slice value;
	size_t at;
	static const enum record_tag tags[NAMES] = {
	    [AUTHOR] = RECORD_AUTHOR,
	    [SENDER] = RECORD_SENDER,
	    [RECIPIENT] = RECORD_RECIPIENT,
	    [POLICY_DOMAIN] = RECORD_POLICY_DOMAIN,
	    [CLIENT] = RECORD_CLIENT,
	};

	if (parse_time(kept, &a.time) != 0)
		return strbuf_fail(reason, "a record without a time");
	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	for (size_t i = 0; i < NAMES; i++) {
		strbuf_init(&a.names[i], NAME_MAX_OCTETS);
		if (i == CLIENT)
			record_spell_address(member(&a, tags[i]), &a.names[i]);
		else
			record_spell_domain(member(&a, tags[i]), &a.names[i]);
	}
	add_tallies(&a);
	add_found(&a);
	if (a.failed == 0) {
		const struct record_names names = {member_name_of(&a, AUTHOR),
		    member_name_of(&a, POLICY_DOMAIN),
		    member_name_of(&a, CLIENT)};

		if (record_store_add_failure(store, kept, &names, a.time) != 0)
			a.failed = -1;
	}
	/* A report says who sent it: mail whose client nobody told is in
	 * none. */
	if (member_name_of(&a, POLICY_DOMAIN).n != 0 &&
	    member_name_of(&a, CLIENT).n != 0 &&
	    member_name_of(&a, AUTHOR).n != 0) {
		s = statement(&a, STATEMENT_ROW);
		if (s != NULL) {
			strbuf_init(&overrides, RECORD_TEXT_MAX);
			strbuf_init(&results, RESULTS_MAX);
			at = 0;
			while (record_kept_next(
			    a.kept, RECORD_OVERRIDE, &at, &value)) {
				strbuf_add(&overrides, value);
				strbuf_add_char(&overrides, '\n');
			}
			gather_results(a.kept, &results);
			(void)sqlite3_bind_int64(s, 1, a.time - a.time % DAY);
			record_store_bind(
			    s, 2, member_name_of(&a, POLICY_DOMAIN));
			record_store_bind_policy(
			    s, 3, member(&a, RECORD_POLICY));
			record_store_bind(s, 4, member_name_of(&a, CLIENT));
			record_store_bind(s, 5, member(&a, RECORD_DISPOSITION));
			record_store_bind(
			    s, 6, member(&a, RECORD_DKIM_ALIGNED));
			record_store_bind(s, 7, member(&a, RECORD_SPF_ALIGNED));
			record_store_bind(s, 8, strbuf_slice(&overrides));
			record_store_bind(s, 9, member_name_of(&a, AUTHOR));
			record_store_bind(s, 10, member_name_of(&a, SENDER));
			record_store_bind(s, 11, member_name_of(&a, RECIPIENT));
			(void)sqlite3_bind_text(s, 12, strbuf_text(&results),
			    (int)results.n, SQLITE_STATIC);
			run_statement(&a, s);
			strbuf_clear(&overrides);
			strbuf_clear(&results);
		}
	}
	for (size_t i = 0; i < NAMES; i++)
		strbuf_clear(&a.names[i]);
	if (a.failed != 0)
		return record_store_fail(store, "add", reason);
	return 0;
}
