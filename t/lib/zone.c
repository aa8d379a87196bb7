/* Answers from a script; see zone.h. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

enum { ZONE_SETS_MAX = 4096, ZONE_RECORDS_MAX = 1024, ZONE_CNAMES_MAX = 8 };

/* All records of one name and type. */
struct set {
	char *name;
	bool any_type; /* the type `*` */
	char *cname;   /* else NULL */
	enum dns_type type;
	struct dns_answer answer;
	struct dns_record *records;
};

struct asked {
	struct dns_question question;
	bool open;
};

struct zone {
	size_t sets_n, asked_n;
	struct set *sets;
	struct asked *asked;
	enum zone_order order;
	size_t timeout;
};

static const struct dns_answer alias_to_nowhere = {
    .status = DNS_NXDOMAIN, .alias = true};
static const struct dns_answer tempfail = {.status = DNS_TEMPFAIL};
static const struct dns_answer nodata = {.status = DNS_NODATA};
static const struct dns_answer nxdomain = {.status = DNS_NXDOMAIN};

static void
refuse(struct slice line, const char *why)
{
	print_error("zone: %s: \"%.*s\"\n", why, (int)line.n, line.p);
	fail();
}

/* The next word of the line; the rest loses the blanks around it. */
static struct slice
take_word(struct slice *rest)
{
	size_t n = 0;
	struct slice word;

	*rest = slice_trim(*rest);
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	word = slice_first(*rest, n);
	*rest = slice_trim(slice_after(*rest, n));
	return word;
}

static bool
type_parse(struct slice word, enum dns_type *type)
{
	for (enum dns_type t = DNS_A; t <= DNS_SOA; t++) {
		if (slice_equal_nocase(word, slice_str(dns_type_name(t)))) {
			*type = t;
			return true;
		}
	}
	return false;
}

/* One octet of a quoted string, escaped or not, off the front. */
static char
take_quoted_octet(struct slice *rest)
{
	uint64_t octet;
	char c = rest->p[0];

	*rest = slice_after(*rest, 1);
	if (c != '\\' || rest->n == 0)
		return c;
	if (number_parse(slice_first(*rest, 3), 255, &octet) == 0 &&
	    rest->n >= 3) {
		*rest = slice_after(*rest, 3);
		return (char)octet;
	}
	c = rest->p[0];
	*rest = slice_after(*rest, 1);
	return c;
}

static struct slice
text_value(struct slice value)
{
	struct strbuf text;
	size_t n;

	strbuf_init(&text, 1 << 20);
	if (value.n == 0 || value.p[0] != '"')
		(void)strbuf_add(&text, value);
	while (value.n > 0 && value.p[0] == '"') {
		value = slice_after(value, 1);
		while (value.n > 0 && value.p[0] != '"')
			(void)strbuf_add_char(&text, take_quoted_octet(&value));
		value = slice_trim(slice_after(value, 1));
	}
	assert_false(text.full);
	n = text.n;
	return slice_from(strbuf_detach(&text), n);
}

static struct slice
address_value(enum dns_type type, struct slice value)
{
	char *text = xslicedup(value), *raw = xcalloc(1, 16);
	size_t n = type == DNS_A ? 4 : 16;

	if (inet_pton(type == DNS_A ? AF_INET : AF_INET6, text, raw) != 1)
		refuse(value, "no address");
	free(text);
	return slice_from(raw, n);
}

static struct slice
name_value(struct slice value)
{
	struct dns_question name;

	if (slice_equal(value, SLICE(".")))
		return slice_from(xstrdup(""), 0); /* null MX */
	if (dns_question_set(&name, DNS_A, value) != 0)
		refuse(value, "no name");
	return slice_from(xstrdup(name.name), strlen(name.name));
}

static void
add_record(struct set *set, struct slice value)
{
	struct dns_record *record = &set->records[set->answer.count];
	uint64_t preference;

	assert_true(set->answer.count < ZONE_RECORDS_MAX);
	set->answer.count++;
	if (set->type == DNS_MX) {
		if (number_parse(take_word(&value), 65535, &preference) != 0)
			refuse(value, "no preference");
		record->preference = (unsigned)preference;
	}
	if (set->type == DNS_A || set->type == DNS_AAAA)
		record->value = address_value(set->type, value);
	else if (set->type == DNS_TXT)
		record->value = text_value(value);
	else
		record->value = name_value(value);
}

static bool
status_parse(struct slice value, enum dns_status *status)
{
	if (slice_equal(value, SLICE("timeout")))
		*status = DNS_TEMPFAIL;
	else if (slice_equal(value, SLICE("nodata")))
		*status = DNS_NODATA;
	else if (slice_equal(value, SLICE("nxdomain")))
		*status = DNS_NXDOMAIN;
	else
		return false;
	return true;
}

/* A name that may hold blanks, as \\DDD. */
static int
owner_parse(struct dns_question *question, struct slice name)
{
	struct strbuf text;
	int status;

	strbuf_init(&text, DNS_NAME_MAX + 1);
	while (name.n > 0)
		(void)strbuf_add_char(&text, take_quoted_octet(&name));
	status = dns_question_set(question, DNS_A, strbuf_slice(&text));
	strbuf_clear(&text);
	return status;
}

/* The set of that name and type, made where there is none. */
static struct set *
set_for(struct zone *zone, struct slice name, struct slice type)
{
	struct set wanted = {.any_type = slice_equal(type, SLICE("*"))};
	struct dns_question question;
	bool cname = slice_equal_nocase(type, SLICE("CNAME"));
	struct set *set;

	if (owner_parse(&question, name) != 0)
		refuse(name, "no name");
	if (!wanted.any_type && !cname && !type_parse(type, &wanted.type))
		refuse(type, "no type");
	for (size_t i = 0; i < zone->sets_n; i++) {
		set = &zone->sets[i];
		if (strcmp(set->name, question.name) == 0 && !cname &&
		    set->cname == NULL && set->type == wanted.type &&
		    set->any_type == wanted.any_type)
			return set;
	}
	assert_true(zone->sets_n < ZONE_SETS_MAX);
	set = &zone->sets[zone->sets_n++];
	*set = wanted;
	set->name = xstrdup(question.name);
	set->records = xcalloc(ZONE_RECORDS_MAX, sizeof(*set->records));
	set->answer.records = set->records;
	return set;
}

static void
add_line(struct zone *zone, struct slice line)
{
	struct slice rest = line, name = take_word(&rest),
		     type = take_word(&rest);
	struct set *set;

	if (type.n == 0)
		refuse(line, "no record");
	set = set_for(zone, name, type);
	if (slice_equal_nocase(type, SLICE("CNAME")))
		set->cname = xslicedup(rest);
	else if (status_parse(rest, &set->answer.status))
		set->answer.records = NULL;
	else if (set->any_type)
		refuse(line, "the type * has no records");
	else
		add_record(set, rest);
}

struct zone *
zone_new(const char *text)
{
	struct zone *zone = xcalloc(1, sizeof(*zone));
	struct slice line, rest = slice_str(text);

	zone->sets = xcalloc(ZONE_SETS_MAX, sizeof(*zone->sets));
	zone->asked = xcalloc(ZONE_QUESTIONS_MAX, sizeof(*zone->asked));
	zone->timeout = ZONE_NO_TIMEOUT;
	while (slice_cut(&rest, '\n', &line)) {
		line = slice_trim(line);
		if (line.n > 0 && line.p[0] != ';')
			add_line(zone, line);
	}
	return zone;
}

static void
free_bytes(struct slice bytes)
{
	free((void *)(uintptr_t)bytes.p);
}

void
zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	for (size_t i = 0; i < zone->sets_n; i++) {
		struct set *set = &zone->sets[i];

		for (size_t j = 0; j < set->answer.count; j++)
			free_bytes(set->records[j].value);
		free(set->records);
		free(set->cname);
		free(set->name);
	}
	free(zone->sets);
	free(zone->asked);
	free(zone);
}

/* The set that answers, or NULL; `*named` where the name has any set. */
static const struct set *
find_set(
    const struct zone *zone, const struct dns_question *question, bool *named)
{
	const struct set *any = NULL;

	*named = false;
	for (size_t i = 0; i < zone->sets_n; i++) {
		const struct set *set = &zone->sets[i];

		if (strcmp(set->name, question->name) != 0)
			continue;
		*named = true;
		if (set->cname != NULL ||
		    (!set->any_type && set->type == question->type))
			return set;
		if (set->any_type)
			any = set;
	}
	return any;
}

const struct dns_answer *
zone_find(struct zone *zone, const struct dns_question *question)
{
	struct dns_question at = *question;
	const struct set *set;
	bool named;

	for (int i = 0; i <= ZONE_CNAMES_MAX; i++) {
		set = find_set(zone, &at, &named);
		if (set == NULL && !named)
			return i > 0 ? &alias_to_nowhere : &nxdomain;
		if (set == NULL)
			return &nodata;
		if (set->cname == NULL)
			return &set->answer;
		if (dns_question_set(&at, at.type, slice_str(set->cname)) != 0)
			refuse(slice_str(set->cname), "no name");
	}
	return &tempfail;
}

void
zone_begin(struct zone *zone, enum zone_order order, size_t timeout)
{
	zone->order = order;
	zone->timeout = timeout;
	zone->asked_n = 0;
}

static void
take_questions(
    struct zone *zone, const struct zone_subject *subject, void *state)
{
	struct dns_question question;

	while (subject->ask(state, &question)) {
		assert_true(zone->asked_n < ZONE_QUESTIONS_MAX);
		zone->asked[zone->asked_n++] =
		    (struct asked){.question = question, .open = true};
	}
}

/* The index of the question whose turn it is; SIZE_MAX for none. */
static size_t
choose(const struct zone *zone)
{
	size_t chosen = SIZE_MAX;

	for (size_t i = 0; i < zone->asked_n; i++) {
		if (!zone->asked[i].open)
			continue;
		chosen = i;
		if (zone->order == ZONE_FORWARD)
			break;
	}
	return chosen;
}

bool
zone_step(struct zone *zone, const struct zone_subject *subject, void *state)
{
	const struct dns_answer *answer;
	struct asked *asked;
	size_t i;

	take_questions(zone, subject, state);
	i = choose(zone);
	if (i == SIZE_MAX)
		return false;
	asked = &zone->asked[i];
	asked->open = false;
	answer =
	    i == zone->timeout ? &tempfail : zone_find(zone, &asked->question);
	subject->answer(state, &asked->question, answer);
	return true;
}

size_t
zone_run(struct zone *zone, const struct zone_subject *subject, void *state)
{
	while (zone_step(zone, subject, state))
		;
	return zone->asked_n;
}

size_t
zone_asked_count(const struct zone *zone)
{
	return zone->asked_n;
}

const struct dns_question *
zone_asked(const struct zone *zone, size_t index)
{
	assert_true(index < zone->asked_n);
	return &zone->asked[index].question;
}

void
zone_every_way(struct zone *zone,
    void (*once)(struct zone *, size_t timeout, void *arg), void *arg)
{
	size_t asked;

	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	once(zone, ZONE_NO_TIMEOUT, arg);
	asked = zone->asked_n;
	zone_begin(zone, ZONE_REVERSE, ZONE_NO_TIMEOUT);
	once(zone, ZONE_NO_TIMEOUT, arg);
	/* The i-th question follows from the answers before it, which are
	 * those of the first run; so each of them is asked again. */
	for (size_t i = 0; i < asked; i++) {
		zone_begin(zone, ZONE_FORWARD, i);
		once(zone, i, arg);
	}
}
