/*
 * A DMARC failure, kept so that a person can see who fails: by hour, the
 * author's domain, its policy, the client and a reason in few words. Few on
 * purpose: what is counted together must read the same.
 */
#include <ctype.h>

#include "record/store_private.h"

enum { HOUR = 3600, REASON_MAX = 128 };

/* The words of "result TAB domain TAB selector TAB reason". */
static struct slice
word_of(struct slice member, unsigned number)
{
	struct slice word = member;

	do
		if (!slice_cut(&member, '\t', &word))
			return slice_from(NULL, 0);
	while (number-- > 0);
	return word;
}

/* "reject" of "v=DMARC1; p=reject"; empty where there is no such tag. */
static struct slice
tag_of(struct slice record, char first, char second)
{
	struct slice tag;

	while (slice_cut(&record, ';', &tag)) {
		size_t sign = slice_find(tag, '=');
		struct slice name = slice_trim(slice_first(tag, sign));

		if (sign == tag.n || name.n != (second == '\0' ? 1 : 2) ||
		    tolower((unsigned char)name.p[0]) != first ||
		    (second != '\0' &&
			tolower((unsigned char)name.p[1]) != second))
			continue;
		return slice_trim(slice_after(tag, sign + 1));
	}
	return slice_from(NULL, 0);
}

/* What it asks for: of a name below the record's own, by sp=. */
static struct slice
policy_of(const struct record_kept *kept, const struct record_names *names)
{
	struct slice record = record_kept_get(kept, RECORD_POLICY);
	struct slice sub = tag_of(record, 's', 'p');

	if (sub.n > 0 && !slice_equal(names->author, names->policy_domain))
		return sub;
	return tag_of(record, 'p', '\0');
}

/* Of several signatures the one that says most: one that passes is another
 * domain's, else this message would not have failed. */
static void
add_dkim(const struct record_kept *kept, struct strbuf *to)
{
	struct slice value, why = slice_from(NULL, 0);
	size_t at = 0;

	while (record_kept_next(kept, RECORD_DKIM, &at, &value)) {
		if (slice_equal(word_of(value, 0), SLICE("pass"))) {
			strbuf_add_str(to, "DKIM of another domain");
			return;
		}
		if (slice_equal(word_of(value, 0), SLICE("none")))
			continue;
		if (why.n == 0)
			why = word_of(value, 3);
		if (why.n == 0)
			why = word_of(value, 0);
	}
	if (why.n == 0) {
		strbuf_add_str(to, "no DKIM");
		return;
	}
	strbuf_add_str(to, "DKIM: ");
	strbuf_add(to, slice_first(why, REASON_MAX / 2));
}

int
record_store_add_failure(struct record_store *store,
    const struct record_kept *kept, const struct record_names *names,
    int64_t time)
{
	sqlite3_stmt *s;
	struct strbuf reason;
	int result;
	struct slice outcome;

	if (!slice_equal(
		word_of(record_kept_get(kept, RECORD_DMARC), 0), SLICE("fail")))
		return 0;
	s = record_store_statement(store, STATEMENT_FAILURE);
	if (s == NULL)
		return -1;
	strbuf_init(&reason, REASON_MAX);
	add_dkim(kept, &reason);
	outcome = word_of(record_kept_get(kept, RECORD_SPF), 0);
	if (outcome.n == 0 || slice_equal(outcome, SLICE("none"))) {
		strbuf_add_str(&reason, ", no SPF");
	} else if (slice_equal(outcome, SLICE("pass"))) {
		strbuf_add_str(&reason, ", SPF of another domain");
	} else {
		strbuf_add_str(&reason, ", SPF ");
		strbuf_add(&reason, slice_first(outcome, REASON_MAX / 8));
	}
	record_store_bind(s, 1, names->author);
	(void)sqlite3_bind_int64(s, 2, time - time % HOUR);
	record_store_bind(s, 3, policy_of(kept, names));
	record_store_bind(s, 4, names->client);
	record_store_bind(s, 5, strbuf_slice(&reason));
	result = record_store_run(store, s);
	strbuf_clear(&reason);
	return result;
}
