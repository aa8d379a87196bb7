/* The SPF record to publish; see spf_plan.h. */
#include "cli/publish/spf_plan.h"
#include "auth/spf_record.h"

/* What kind of term a word is. */
enum spf_word { SPF_WORD_TERM, SPF_WORD_ALL, SPF_WORD_REDIRECT };

struct spf_making {
	const struct cli_spf_plan *plan;
	struct strbuf old, new, redirect, all;
	bool keeps_out; /* a term of old says no to some hosts */
	struct strbuf *reason;
};

static bool
next_spf_word(struct slice *rest, struct slice *word)
{
	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = slice_after(*rest, 1);
	*word = slice_first(*rest, slice_find(*rest, ' '));
	*rest = slice_after(*rest, word->n);
	return word->n > 0;
}

static bool
has_qualifier(struct slice word)
{
	return word.n > 0 && slice_find(SLICE("+-~?"), word.p[0]) < 4;
}

static enum spf_word
kind_of_word(struct slice word)
{
	if (slice_starts_nocase(word, SLICE("redirect=")))
		return SPF_WORD_REDIRECT;
	if (has_qualifier(word))
		word = slice_after(word, 1);
	return slice_equal_nocase(word, SLICE("all")) ? SPF_WORD_ALL
						      : SPF_WORD_TERM;
}

static bool
has_word(const struct strbuf *list, struct slice word)
{
	struct slice rest = strbuf_slice(list), other;

	while (next_spf_word(&rest, &other))
		if (slice_equal_nocase(other, word))
			return true;
	return false;
}

static void
add_word(struct strbuf *list, struct slice word)
{
	if (has_word(list, word))
		return;
	strbuf_add_char(list, ' ');
	strbuf_add(list, word);
}

/* As receivers would read it. */
static int
try_record(struct slice record, struct strbuf *reason)
{
	struct auth_spf_record parsed;
	struct auth_spf_fault fault;
	struct slice rest = slice_after(record, slice_find(record, ' '));

	if (auth_spf_record_parse(rest, &parsed, &fault) == 0) {
		auth_spf_record_clear(&parsed);
		return 0;
	}
	return strbuf_fail(reason, "%s: %.*s", mail_reason_text(fault.reason),
	    (int)slice_first(fault.term, 100).n, fault.term.p);
}

static int
take_old(struct spf_making *m, struct slice record)
{
	struct slice rest, word;

	if (try_record(record, m->reason) != 0)
		return -1;
	rest = slice_after(record, slice_find(record, ' '));
	while (next_spf_word(&rest, &word))
		switch (kind_of_word(word)) {
		case SPF_WORD_ALL:
			if (m->all.n == 0)
				add_word(&m->all,
				    slice_find(SLICE("-~?"), word.p[0]) < 3
					? word
					: SLICE("~all"));
			break;
		case SPF_WORD_REDIRECT:
			if (m->redirect.n == 0)
				add_word(&m->redirect, word);
			break;
		case SPF_WORD_TERM:
			m->keeps_out |= has_qualifier(word) && word.p[0] != '+';
			add_word(&m->old, word);
			break;
		}
	return 0;
}

static int
refuse_told(const struct spf_making *m, struct slice word, const char *why)
{
	return strbuf_fail(
	    m->reason, "%.*s: %s", (int)slice_first(word, 100).n, word.p, why);
}

static int
take_told_word(struct spf_making *m, struct slice word)
{
	switch (kind_of_word(word)) {
	case SPF_WORD_ALL:
		if (!has_qualifier(word) || word.p[0] == '+')
			return refuse_told(m, word,
			    "lets every host of the world send mail of yours");
		strbuf_reset(&m->all);
		add_word(&m->all, word);
		break;
	case SPF_WORD_REDIRECT:
		strbuf_reset(&m->redirect);
		add_word(&m->redirect, word);
		break;
	case SPF_WORD_TERM:
		if (!has_word(&m->old, word))
			add_word(&m->new, word);
		break;
	}
	return 0;
}

static int
take_told(struct spf_making *m, struct slice terms)
{
	struct slice word;
	struct strbuf record;
	int outcome;

	strbuf_init(&record, CLI_SPF_PLAN_MAX);
	strbuf_add_str(&record, "v=spf1 ");
	strbuf_add(&record, terms);
	outcome = record.full ? refuse_told(m, terms, "too long")
			      : try_record(strbuf_slice(&record), m->reason);
	strbuf_clear(&record);
	while (outcome == 0 && next_spf_word(&terms, &word))
		outcome = take_told_word(m, word);
	return outcome;
}

static void
write_plan(struct spf_making *m, struct strbuf *record)
{
	const struct cli_spf_plan *plan = m->plan;
	struct slice first =
	    plan->existing_count > 0 ? plan->existing[0] : SLICE("");

	if (first.n > 0)
		strbuf_add(record, slice_first(first, slice_find(first, ' ')));
	else
		strbuf_add_str(record, plan->version);
	if (m->keeps_out)
		strbuf_add(record, strbuf_slice(&m->new));
	strbuf_add(record, strbuf_slice(&m->old));
	if (!m->keeps_out)
		strbuf_add(record, strbuf_slice(&m->new));
	if (m->redirect.n > 0)
		strbuf_add(record, strbuf_slice(&m->redirect));
	else if (m->all.n > 0)
		strbuf_add(record, strbuf_slice(&m->all));
	else
		strbuf_add_str(record, " ~all");
}

static int
make_plan(struct spf_making *m, struct strbuf *record)
{
	const struct cli_spf_plan *plan = m->plan;

	for (size_t i = 0; i < plan->existing_count; i++)
		if (take_old(m, plan->existing[i]) != 0)
			return -1;
	if (take_told(m, plan->told) != 0 || take_told(m, plan->missing) != 0)
		return -1;
	if (m->redirect.n > 0 && m->all.n > 0)
		return strbuf_fail(m->reason,
		    "%s is not reached behind%s: leave one of them",
		    strbuf_text(&m->redirect) + 1, strbuf_text(&m->all));
	write_plan(m, record);
	if (!record->full)
		return 0;
	return strbuf_fail(m->reason, "the record would be too long");
}

int
cli_spf_plan_make(const struct cli_spf_plan *plan, struct strbuf *record,
    struct strbuf *reason)
{
	struct spf_making m = {.plan = plan, .reason = reason};
	struct strbuf *const lists[] = {&m.old, &m.new, &m.redirect, &m.all};
	int outcome;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		strbuf_init(lists[i], CLI_SPF_PLAN_MAX);
	outcome = make_plan(&m, record);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		strbuf_clear(lists[i]);
	return outcome;
}

bool
cli_spf_plan_same(struct slice a, struct slice b)
{
	struct slice one, other;
	bool more;

	a = slice_after(a, slice_find(a, ' '));
	b = slice_after(b, slice_find(b, ' '));
	do {
		more = next_spf_word(&a, &one);
		if (next_spf_word(&b, &other) != more ||
		    !slice_equal_nocase(one, other))
			return false;
	} while (more);
	return true;
}
