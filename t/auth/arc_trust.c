/* auth/evaluation: when a chain of ARC seals bends what DMARC asks for. */
#include <stdlib.h>

#include "auth/evaluation.h"
#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

enum { NOW = 1700000000 };

static const char plain[] = "From: Joe <joe@example.org>\r\n"
			    "To: a@example.net\r\n"
			    "Subject: s\r\n"
			    "\r\n"
			    "Hello.\r\n";

#define SAYS_PASS "dmarc=pass (p=reject) header.from=example.org"
#define SAYS_FAIL "dmarc=fail header.from=example.org"

struct set {
	const char *domain, *says;
};

static const struct trust_case {
	const char *what;
	struct set sets[3];  /* the oldest first; NULL ends them */
	const char *trusted; /* one word a domain */
	bool changed;	     /* afterwards, in the body */
	enum mail_verdict arc;
	bool overrides;
} cases[] = {
    {"no chain", {{NULL, NULL}}, "list.example", false, MAIL_VERDICT_NONE,
	false},
    {"a trusted seal says pass", {{"list.example", SAYS_PASS}},
	"other.example list.example", false, MAIL_VERDICT_PASS, true},
    {"in other letters", {{"list.example", SAYS_PASS}}, "LIST.example", false,
	MAIL_VERDICT_PASS, true},
    {"a stranger's seal says pass", {{"list.example", SAYS_PASS}},
	"other.example", false, MAIL_VERDICT_PASS, false},
    {"nobody is trusted", {{"list.example", SAYS_PASS}}, "", false,
	MAIL_VERDICT_PASS, false},
    {"a subdomain is another", {{"a.list.example", SAYS_PASS}}, "list.example",
	false, MAIL_VERDICT_PASS, false},
    {"a trusted seal says fail", {{"list.example", SAYS_FAIL}}, "list.example",
	false, MAIL_VERDICT_PASS, false},
    {"a trusted seal speaks of another domain",
	{{"list.example", "dmarc=pass header.from=example.com"}},
	"list.example", false, MAIL_VERDICT_PASS, false},
    {"the body was changed behind the seal", {{"list.example", SAYS_PASS}},
	"list.example", true, MAIL_VERDICT_FAIL, false},
    {"trusted, then trusted",
	{{"list.example", SAYS_PASS}, {"gate.example", SAYS_FAIL}},
	"list.example gate.example", false, MAIL_VERDICT_PASS, true},
    {"trusted, then a stranger",
	{{"list.example", SAYS_PASS}, {"evil.example", SAYS_PASS}},
	"list.example", false, MAIL_VERDICT_PASS, false},
    {"a stranger, then trusted that says fail",
	{{"evil.example", SAYS_PASS}, {"list.example", SAYS_FAIL}},
	"list.example", false, MAIL_VERDICT_PASS, false},
    {"a stranger, then trusted that says pass",
	{{"evil.example", SAYS_FAIL}, {"list.example", SAYS_PASS}},
	"list.example", false, MAIL_VERDICT_PASS, true},
};

static void
make_signature(
    const struct dkim_key *key, struct slice digest, struct strbuf *signature)
{
	strbuf_reset(signature);
	assert_int_equal(
	    dkim_key_sign(key, dkim_key_algorithm(key), digest, signature), 0);
}

static void
seal(struct letter *l, const struct dkim_key *key, const struct set *set)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct strbuf results, reason, signature, fields;
	struct dkim_arc_sealing sealing = {.domain = slice_str(set->domain),
	    .selector = SLICE("s"),
	    .algorithm = dkim_key_algorithm(key),
	    .chain = MAIL_VERDICT_PASS,
	    .time = NOW};
	struct dkim_arc_sealer *s;

	if (mail_header_count_of(l->header, SLICE("ARC-Seal")) == 0)
		sealing.chain = MAIL_VERDICT_NONE;
	strbuf_init(&results, 1000);
	strbuf_init(&reason, 1000);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	strbuf_init(&fields, DKIM_ARC_FIELDS_MAX);
	(void)strbuf_addf(
	    &results, "mx.%s; spf=fail;\r\n\t%s", set->domain, set->says);
	sealing.results = strbuf_slice(&results);
	s = dkim_arc_sealer_new(&sealing, l->header, hashes, &reason);
	assert_non_null(s);
	dkim_body_hashes_write(hashes, l->body);
	dkim_body_hashes_end(hashes);
	make_signature(key, dkim_arc_sealer_message_digest(s), &signature);
	dkim_arc_sealer_message_seal(s, strbuf_slice(&signature));
	make_signature(key, dkim_arc_sealer_digest(s), &signature);
	assert_int_equal(
	    dkim_arc_sealer_seal(s, strbuf_slice(&signature), &fields), 0);
	letter_put_on_top(l, strbuf_slice(&fields));
	dkim_arc_sealer_free(s);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&results);
	strbuf_clear(&reason);
	strbuf_clear(&signature);
	strbuf_clear(&fields);
}

static bool
ask(void *evaluation, struct dns_question *question)
{
	return auth_evaluation_ask(evaluation, question);
}

static void
answer(void *evaluation, const struct dns_question *question,
    const struct dns_answer *given)
{
	auth_evaluation_answer(evaluation, question, given);
}

static const struct zone_subject subject = {ask, answer};

static struct auth_evaluation *
evaluate(const struct trust_case *c, const struct letter *l, struct zone *zone,
    unsigned checks)
{
	struct slice trusted[4], rest = slice_str(c->trusted);
	struct auth_rules rules = {.checks = checks, .arc_trusted = trusted};
	struct auth_client nobody = {.helo = SLICE("x.example")};
	struct auth_evaluation *evaluation;

	while (rest.n > 0 &&
	    slice_cut(&rest, ' ', &trusted[rules.arc_trusted_count]))
		rules.arc_trusted_count++;
	evaluation = auth_evaluation_new(&rules, &nobody, NOW);
	auth_evaluation_header(evaluation, l->header);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &subject, evaluation);
	auth_evaluation_body(evaluation, l->body);
	auth_evaluation_end(evaluation);
	(void)zone_run(zone, &subject, evaluation);
	assert_true(auth_evaluation_done(evaluation));
	return evaluation;
}

static void
check_results(const struct trust_case *c, const struct auth_results *results)
{
	const struct auth_result *dmarc =
	    auth_results_find(results, AUTH_DMARC);
	const struct auth_result *arc = auth_results_find(results, AUTH_ARC);

	if (dmarc->arc_overrides != c->overrides)
		print_error("%s:\n", c->what);
	assert_int_equal(dmarc->arc_overrides, c->overrides);
	/* The verdict stands, what is asked for does not. */
	assert_int_equal(dmarc->verdict, MAIL_VERDICT_FAIL);
	assert_string_equal(dmarc->policy, "reject");
	assert_string_equal(
	    dmarc->disposition, c->overrides ? "none" : "reject");
	if (arc != NULL)
		assert_int_equal(arc->verdict, c->arc);
}

static void
check_letter(const struct trust_case *c, const char *text)
{
	struct dkim_key *key = letter_key("ed25519.pem");
	struct letter l;
	struct strbuf zone_text;
	struct zone *zone;

	letter_init(&l, slice_str(text));
	strbuf_init(&zone_text, 1 << 16);
	(void)strbuf_add_str(
	    &zone_text, "_dmarc.example.org TXT v=DMARC1; p=reject\n");
	for (size_t i = 0; i < 3 && c->sets[i].domain != NULL; i++) {
		char name[100] = "s._domainkey.";

		seal(&l, key, &c->sets[i]);
		memcpy(name + strlen(name), c->sets[i].domain,
		    strlen(c->sets[i].domain) + 1);
		letter_record(key, name, "k=ed25519; ", &zone_text);
	}
	if (c->changed)
		letter_change(&l, l.text.n - 4);
	zone = zone_new(strbuf_text(&zone_text));
	for (unsigned reported = 0; reported < 2; reported++) {
		unsigned checks = 1u << AUTH_DMARC | reported << AUTH_ARC;
		struct auth_evaluation *evaluation =
		    evaluate(c, &l, zone, checks);
		struct auth_results results;

		auth_evaluation_results(evaluation, &results);
		assert_int_equal(results.count, 1 + reported);
		check_results(c, &results);
		auth_evaluation_free(evaluation);
	}
	zone_free(zone);
	strbuf_clear(&zone_text);
	letter_clear(&l);
	dkim_key_free(key);
}

/* Where From names a second domain nothing was said of that one. */
static void
test_a_second_author_is_not_spoken_for(void **state)
{
	static const struct trust_case c = {"two authors",
	    {{"list.example", SAYS_PASS}}, "list.example", false,
	    MAIL_VERDICT_PASS, false};

	(void)state;
	check_letter(&c, "From: joe@example.org, ann@example.com\r\n\r\nx\r\n");
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_letter(&cases[i], plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_a_second_author_is_not_spoken_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
