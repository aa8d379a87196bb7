/* auth/evaluation: all checks of one message over one pool of questions. */
#include <stdio.h>
#include <stdlib.h>

#include "auth/evaluation.h"
#include "base/xalloc.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

enum {
	EVERYTHING = 1 << AUTH_DKIM | 1 << AUTH_DOMAINKEYS | 1 << AUTH_SPF |
	    1 << AUTH_SENDERID | 1 << AUTH_DMARC | 1 << AUTH_IPREV,
	NOW = 1700000000
};

static const char plain[] = "From: Joe <joe@example.org>\n"
			    "To: a@example.net\n"
			    "Subject: x\n"
			    "Date: Mon, 1 Jan 2024 00:00:00 +0000\n"
			    "Message-ID: <1@example.org>\n"
			    "\n"
			    "Hello.\n";

static const char dns[] =
    "example.org TXT v=spf1 mx include:_spf.example.org -all\n"
    "_spf.example.org TXT v=spf1 ip4:192.0.2.0/24\n"
    "example.org MX 10 mail.example.org\n"
    "mail.example.org A 192.0.2.1\n"
    "mail.example.org TXT v=spf1 a -all\n"
    "1.2.0.192.in-addr.arpa PTR mail.example.org\n"
    "_dmarc.example.org TXT v=DMARC1; p=reject\n";

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

/* A letter with both signatures, and the zone that goes with it. */
struct setting {
	struct letter letter;
	struct strbuf zone;
};

static void
setting_init(struct setting *setting)
{
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct dkim_signing signing = {.domain = SLICE("example.org"),
	    .selector = SLICE("s1"),
	    .algorithm = DKIM_RSA_SHA256,
	    .header_canon = DKIM_CANON_RELAXED,
	    .body_canon = DKIM_CANON_RELAXED};
	struct dkim_domainkeys_signing domainkeys = {
	    .domain = SLICE("example.org"),
	    .selector = SLICE("s1"),
	    .canon = DKIM_CANON_NOFWS};

	letter_init(&setting->letter, slice_str(plain));
	letter_sign_domainkeys(&setting->letter, &domainkeys, key);
	letter_sign(&setting->letter, &signing, key, 0);
	strbuf_init(&setting->zone, 1 << 16);
	(void)strbuf_add_str(&setting->zone, dns);
	letter_record(
	    key, "s1._domainkey.example.org", "k=rsa; ", &setting->zone);
	dkim_key_free(key);
}

static void
setting_clear(struct setting *setting)
{
	letter_clear(&setting->letter);
	strbuf_clear(&setting->zone);
}

static const struct auth_client joe = {
    .address = SLICE_INIT("192.0.2.1"),
    .helo = SLICE_INIT("mail.example.org"),
    .mail_from = SLICE_INIT("joe@example.org"),
};

/* Begins, runs to the end; the zone must have been begun. */
static struct auth_evaluation *
evaluate(const struct auth_rules *rules, const struct auth_client *client,
    const struct letter *letter, struct zone *zone)
{
	struct auth_evaluation *evaluation =
	    auth_evaluation_new(rules, client, NOW);

	if (letter != NULL)
		auth_evaluation_header(evaluation, letter->header);
	(void)zone_run(zone, &subject, evaluation);
	if (letter != NULL)
		auth_evaluation_body(evaluation, letter->body);
	auth_evaluation_end(evaluation);
	(void)zone_run(zone, &subject, evaluation);
	assert_true(auth_evaluation_done(evaluation));
	return evaluation;
}

static void
print(const struct auth_results *results)
{
	struct strbuf text;

	strbuf_init(&text, 1 << 20);
	(void)auth_results_print_field(results, SLICE("mx"), &text);
	print_error("%s", strbuf_text(&text));
	strbuf_clear(&text);
}

static void
assert_questions_differ(const struct zone *zone)
{
	for (size_t i = 0; i < zone_asked_count(zone); i++)
		for (size_t j = 0; j < i; j++)
			assert_false(dns_question_equal(
			    zone_asked(zone, i), zone_asked(zone, j)));
}

/* In any order; a time-out makes a temporary error or less, not a fail. */
static void
check_all_pass(struct zone *zone, size_t timeout, void *arg)
{
	struct setting *setting = arg;
	struct auth_rules rules = {.checks = EVERYTHING, .spf_helo = true};
	struct auth_evaluation *evaluation =
	    evaluate(&rules, &joe, &setting->letter, zone);
	struct auth_results results;

	auth_evaluation_results(evaluation, &results);
	assert_questions_differ(zone);
	assert_int_equal(results.count, 7);
	for (size_t i = 0; i < results.count; i++) {
		enum mail_verdict verdict = results.list[i].verdict;

		if (verdict != MAIL_VERDICT_PASS &&
		    (timeout == ZONE_NO_TIMEOUT ||
			verdict != MAIL_VERDICT_TEMPERROR)) {
			print(&results);
			fail();
		}
	}
	auth_evaluation_free(evaluation);
}

static void
test_everything_passes_in_any_order(void **state)
{
	struct setting setting;
	struct zone *zone;

	(void)state;
	setting_init(&setting);
	zone = zone_new(strbuf_text(&setting.zone));
	zone_every_way(zone, check_all_pass, &setting);
	zone_free(zone);
	setting_clear(&setting);
}

static void
test_the_field(void **state)
{
	struct setting setting;
	struct auth_rules rules = {.checks = EVERYTHING & ~(1u << AUTH_DKIM)};
	struct auth_evaluation *evaluation;
	struct auth_results results;
	struct strbuf field;
	struct zone *zone;

	(void)state;
	setting_init(&setting);
	zone = zone_new(strbuf_text(&setting.zone));
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	evaluation = evaluate(&rules, &joe, &setting.letter, zone);
	auth_evaluation_results(evaluation, &results);
	for (size_t i = 0; i < results.count; i++)
		results.list[i].signature = SLICE("abc");
	results.list[0].reason = results.list[1].reason = NULL;
	strbuf_init(&field, 10000);
	assert_int_equal(
	    auth_results_print_field(&results, SLICE("mx"), &field), 0);
	assert_slice_equal(strbuf_slice(&field),
	    SLICE("Authentication-Results: mx;\r\n"
		  "\tspf=pass smtp.mailfrom=joe@example.org;\r\n"
		  "\tsender-id=pass header.from=joe@example.org;\r\n"
		  "\tdomainkeys=pass (1024-bit key) header.d=example.org "
		  "header.s=s1\r\n\theader.a=rsa-sha1 header.b=abc;\r\n"
		  "\tdmarc=pass (p=reject) header.from=example.org "
		  "policy.dmarc=none;\r\n"
		  "\tiprev=pass policy.iprev=192.0.2.1\r\n"));
	strbuf_clear(&field);
	auth_evaluation_free(evaluation);
	zone_free(zone);
	setting_clear(&setting);
}

/* What does not wait for an answer is asked at once: the first round has a
 * question of every check. */
static void
test_independent_questions_go_out_together(void **state)
{
	static const char *const wanted[] = {"example.org", "mail.example.org",
	    "s1._domainkey.example.org", "_dmarc.example.org", "_dmarc.org",
	    "1.2.0.192.in-addr.arpa"};
	struct setting setting;
	struct auth_rules rules = {.checks = EVERYTHING, .spf_helo = true};
	struct auth_evaluation *evaluation =
	    auth_evaluation_new(&rules, &joe, NOW);
	struct dns_question question;
	size_t asked = 0, found = 0;

	(void)state;
	setting_init(&setting);
	auth_evaluation_header(evaluation, setting.letter.header);
	while (auth_evaluation_ask(evaluation, &question)) {
		asked++;
		for (size_t i = 0; i < 6; i++)
			if (strcmp(question.name, wanted[i]) == 0)
				found++;
	}
	assert_int_equal(asked, 6);
	assert_int_equal(found, 6);
	auth_evaluation_free(evaluation);
	setting_clear(&setting);
}

/* The results of checks `rules` asks for, for that client. */
static struct auth_evaluation *
evaluate_setting(struct setting *setting, const struct auth_rules *rules,
    const struct auth_client *client, struct auth_results *results)
{
	struct zone *zone = zone_new(strbuf_text(&setting->zone));
	struct auth_evaluation *evaluation;

	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	evaluation = evaluate(rules, client, &setting->letter, zone);
	auth_evaluation_results(evaluation, results);
	zone_free(zone);
	return evaluation;
}

static void
test_without_an_address(void **state)
{
	static const struct auth_client nobody = {
	    .mail_from = SLICE_INIT("joe@example.org")};
	struct setting setting;
	struct auth_rules rules = {.checks = EVERYTHING};
	struct auth_evaluation *evaluation;
	struct auth_results results;

	(void)state;
	setting_init(&setting);
	evaluation = evaluate_setting(&setting, &rules, &nobody, &results);
	assert_null(auth_results_find(&results, AUTH_SPF));
	assert_null(auth_results_find(&results, AUTH_SENDERID));
	assert_null(auth_results_find(&results, AUTH_IPREV));
	assert_true(auth_results_has(&results, AUTH_DMARC, MAIL_VERDICT_PASS));
	auth_evaluation_free(evaluation);
	setting_clear(&setting);
}

/* RFC 7208 section 2.4: postmaster at HELO stands in, for DMARC too. */
static void
test_an_empty_sender_is_helo(void **state)
{
	static const struct auth_client bounce = {
	    .address = SLICE_INIT("192.0.2.1"),
	    .helo = SLICE_INIT("mail.example.org")};
	struct setting setting;
	struct auth_rules rules = {.checks = 1 << AUTH_SPF | 1 << AUTH_DMARC};
	struct auth_evaluation *evaluation;
	struct auth_results results;
	const struct auth_result *spf, *dmarc;

	(void)state;
	setting_init(&setting);
	evaluation = evaluate_setting(&setting, &rules, &bounce, &results);
	spf = auth_results_find(&results, AUTH_SPF);
	dmarc = auth_results_find(&results, AUTH_DMARC);
	assert_int_equal(spf->verdict, MAIL_VERDICT_PASS);
	assert_string_equal(spf->property, "helo");
	assert_string_equal(spf->scope, "helo");
	assert_slice_equal(spf->identity, SLICE("mail.example.org"));
	assert_int_equal(dmarc->verdict, MAIL_VERDICT_PASS);
	assert_true(dmarc->spf_aligned);
	assert_true(dmarc->dkim_aligned);
	auth_evaluation_free(evaluation);
	setting_clear(&setting);
}

/* DMARC stands on SPF and DKIM, but only it is reported. */
static void
test_dmarc_alone(void **state)
{
	struct setting setting;
	struct auth_rules rules = {.checks = 1 << AUTH_DMARC};
	struct auth_evaluation *evaluation;
	struct auth_results results;

	(void)state;
	setting_init(&setting);
	evaluation = evaluate_setting(&setting, &rules, &joe, &results);
	assert_int_equal(results.count, 1);
	assert_int_equal(results.list[0].verdict, MAIL_VERDICT_PASS);
	assert_true(results.list[0].dkim_aligned);
	assert_true(results.list[0].spf_aligned);
	auth_evaluation_free(evaluation);
	setting_clear(&setting);
}

/* One changed octet of the body, and a stranger's address. */
static void
test_nothing_passes_for_a_stranger(void **state)
{
	static const struct auth_client stranger = {
	    .address = SLICE_INIT("198.51.100.1"),
	    .helo = SLICE_INIT("mail.example.org"),
	    .mail_from = SLICE_INIT("joe@example.org")};
	struct setting setting;
	struct auth_rules rules = {.checks = EVERYTHING, .spf_helo = true};
	struct auth_evaluation *evaluation;
	struct auth_results results;

	(void)state;
	setting_init(&setting);
	letter_change(&setting.letter, setting.letter.text.n - 4);
	evaluation = evaluate_setting(&setting, &rules, &stranger, &results);
	assert_int_equal(results.count, 7);
	for (size_t i = 0; i < results.count; i++)
		assert_int_not_equal(
		    results.list[i].verdict, MAIL_VERDICT_PASS);
	assert_string_equal(
	    auth_results_find(&results, AUTH_DMARC)->disposition, "reject");
	auth_evaluation_free(evaluation);
	setting_clear(&setting);
}

/* Only the client: what `signpost spf` does. */
static void
test_without_a_message(void **state)
{
	struct auth_rules rules = {.checks = 1 << AUTH_SPF};
	struct zone *zone = zone_new(dns);
	struct auth_evaluation *evaluation;
	struct auth_results results;

	(void)state;
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	evaluation = evaluate(&rules, &joe, NULL, zone);
	auth_evaluation_results(evaluation, &results);
	assert_int_equal(results.count, 1);
	assert_int_equal(results.list[0].verdict, MAIL_VERDICT_PASS);
	assert_string_equal(results.list[0].mechanism, "mx");
	auth_evaluation_free(evaluation);
	zone_free(zone);
}

static void
test_a_message_without_signatures(void **state)
{
	struct letter letter;
	struct auth_rules rules = {
	    .checks = 1 << AUTH_DKIM | 1 << AUTH_DOMAINKEYS};
	struct zone *zone = zone_new("");
	struct auth_evaluation *evaluation;
	struct auth_results results;

	(void)state;
	letter_init(&letter, slice_str(plain));
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	evaluation = evaluate(&rules, &joe, &letter, zone);
	auth_evaluation_results(evaluation, &results);
	assert_int_equal(results.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(results.list[i].verdict, MAIL_VERDICT_NONE);
		assert_int_equal(results.list[i].selector.n, 0);
	}
	auth_evaluation_free(evaluation);
	zone_free(zone);
	letter_clear(&letter);
}

/* `name` has ten mx of ten hosts each, none of which is there. */
static void
add_greedy_record(struct strbuf *zone, const char *name)
{
	(void)strbuf_addf(zone, "%s TXT v=spf1", name);
	for (int i = 0; i < 10; i++)
		(void)strbuf_addf(zone, " mx:m%d.%s", i, name);
	(void)strbuf_add_str(zone, " -all\n");
	for (int i = 0; i < 100; i++)
		(void)strbuf_addf(
		    zone, "m%d.%s MX 1 h%d.%s\n", i / 10, name, i, name);
}

/* Signatures by as many keys, the PRA and all else the writer's choice. */
static void
add_greedy_header(struct strbuf *text)
{
	for (int i = 0; i < 900; i++)
		(void)strbuf_addf(text,
		    "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple;\n"
		    " d=d%d.a.b.c.d.e.f.example; s=s%d; h=From;\n"
		    " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n"
		    " b=AAAA\n",
		    i, i);
	for (int i = 1; i < 30; i++)
		(void)strbuf_addf(text,
		    "ARC-Authentication-Results: i=%d; mx; none\n"
		    "ARC-Message-Signature: i=%d; a=rsa-sha256; d=a%d.example;"
		    " s=s; h=From; bh=AAAA; b=AAAA\n"
		    "ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=a%d.example; s=s;"
		    " b=AAAA\n",
		    i, i, i, i, i == 1 ? "none" : "pass", i);
	(void)strbuf_add_str(text, "Sender: x@pra.example\n");
}

/* Whoever spoofs an author chooses all else. However many questions that
 * makes, they are bounded, and the author's policy is found and holds. */
static void
check_spoofed(const struct auth_evaluation *evaluation, const struct zone *zone,
    bool timely)
{
	struct auth_results results;
	const struct auth_result *dmarc;

	assert_in_range(
	    zone_asked_count(zone), 1, AUTH_EVALUATION_QUESTIONS_MAX);
	assert_questions_differ(zone);
	auth_evaluation_results(evaluation, &results);
	for (size_t i = 0; i < results.count; i++)
		assert_int_not_equal(
		    results.list[i].verdict, MAIL_VERDICT_PASS);
	dmarc = auth_results_find(&results, AUTH_DMARC);
	if (timely) {
		assert_int_equal(dmarc->verdict, MAIL_VERDICT_FAIL);
		assert_string_equal(dmarc->disposition, "reject");
	}
}

static const struct auth_client spoofer = {
    .address = SLICE_INIT("192.0.2.1"),
    .helo = SLICE_INIT("helo.example"),
    .mail_from = SLICE_INIT("a@from.example"),
};
static const struct auth_rules greedy_rules = {
    .checks = EVERYTHING | 1u << AUTH_ARC, .spf_helo = true};

static void
check_greedy(struct zone *zone, size_t timeout, void *arg)
{
	struct auth_evaluation *evaluation =
	    evaluate(&greedy_rules, &spoofer, arg, zone);

	check_spoofed(evaluation, zone, timeout == ZONE_NO_TIMEOUT);
	auth_evaluation_free(evaluation);
}

/* Between the zone and the evaluation: DMARC's answers come when no other
 * question is left. */
struct late {
	struct auth_evaluation *evaluation;
	struct zone *zone;
	struct dns_question held[AUTH_EVALUATION_QUESTIONS_MAX];
	size_t count;
};

static bool
late_ask(void *state, struct dns_question *question)
{
	struct late *late = state;

	while (auth_evaluation_ask(late->evaluation, question)) {
		if (strncmp(question->name, "_dmarc.", 7) != 0)
			return true;
		assert_in_range(
		    late->count, 0, AUTH_EVALUATION_QUESTIONS_MAX - 1);
		late->held[late->count++] = *question;
	}
	return false;
}

static void
late_answer(void *state, const struct dns_question *question,
    const struct dns_answer *given)
{
	struct late *late = state;

	auth_evaluation_answer(late->evaluation, question, given);
}

static const struct zone_subject late_subject = {late_ask, late_answer};

static void
run_late(struct late *late)
{
	(void)zone_run(late->zone, &late_subject, late);
	while (late->count > 0) {
		struct dns_question question = late->held[--late->count];

		auth_evaluation_answer(late->evaluation, &question,
		    zone_find(late->zone, &question));
		(void)zone_run(late->zone, &late_subject, late);
	}
}

static void
check_late_policy(struct zone *zone, const struct letter *letter)
{
	struct late late = {.zone = zone};

	late.evaluation = auth_evaluation_new(&greedy_rules, &spoofer, NOW);
	auth_evaluation_header(late.evaluation, letter->header);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &late_subject, &late);
	auth_evaluation_body(late.evaluation, letter->body);
	auth_evaluation_end(late.evaluation);
	run_late(&late);
	assert_true(auth_evaluation_done(late.evaluation));
	check_spoofed(late.evaluation, zone, true);
	auth_evaluation_free(late.evaluation);
}

static void
test_the_most_questions(void **state)
{
	struct strbuf text, zone_text;
	struct letter letter;
	struct zone *zone;

	(void)state;
	strbuf_init(&text, 1 << 20);
	strbuf_init(&zone_text, 1 << 20);
	add_greedy_header(&text);
	(void)strbuf_add_str(&text, "From: a@gone.bank.example\n\nx\n");
	add_greedy_record(&zone_text, "from.example");
	add_greedy_record(&zone_text, "helo.example");
	add_greedy_record(&zone_text, "pra.example");
	for (int i = 0; i < 20; i++)
		(void)strbuf_addf(
		    &zone_text, "1.2.0.192.in-addr.arpa PTR p%d.example\n", i);
	(void)strbuf_add_str(&zone_text,
	    "_dmarc.bank.example TXT v=DMARC1; p=none; np=reject\n");
	letter_init(&letter, strbuf_slice(&text));
	zone = zone_new(strbuf_text(&zone_text));
	zone_every_way(zone, check_greedy, &letter);
	check_late_policy(zone, &letter);
	zone_free(zone);
	letter_clear(&letter);
	strbuf_clear(&text);
	strbuf_clear(&zone_text);
}

/* Fewer questions where the rules say so, shared out the same way. */
static void
test_the_rules_say_how_many_questions(void **state)
{
	struct setting setting;
	struct auth_rules rules = {.checks = EVERYTHING, .questions = 4};
	struct auth_evaluation *evaluation;
	struct zone *zone;

	(void)state;
	setting_init(&setting);
	zone = zone_new(strbuf_text(&setting.zone));
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	evaluation = evaluate(&rules, &joe, &setting.letter, zone);
	assert_int_equal(zone_asked_count(zone), 4);
	auth_evaluation_free(evaluation);
	zone_free(zone);
	setting_clear(&setting);
}

/* Four author domains as deep as they go. */
static void
test_many_authors(void **state)
{
	struct letter letter;
	struct auth_rules rules = {.checks = EVERYTHING};
	struct zone *zone = zone_new("_dmarc.d.c.c.c.d.e.f.g.h.i.example "
				     "TXT v=DMARC1; p=reject\n");
	struct auth_evaluation *evaluation;
	struct auth_results results;

	(void)state;
	letter_init(&letter,
	    SLICE("From: a@1.2.3.4.5.6.7.8.9.example,"
		  " b@a.b.c.d.e.f.g.h.i.example,"
		  " c@b.b.c.d.e.f.g.h.i.example,"
		  " d@d.c.c.c.d.e.f.g.h.i.example\n\n"));
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	evaluation = evaluate(&rules, &joe, &letter, zone);
	assert_questions_differ(zone);
	auth_evaluation_results(evaluation, &results);
	assert_string_equal(
	    auth_results_find(&results, AUTH_DMARC)->disposition, "reject");
	auth_evaluation_free(evaluation);
	zone_free(zone);
	letter_clear(&letter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything_passes_in_any_order),
	    cmocka_unit_test(test_the_field),
	    cmocka_unit_test(test_independent_questions_go_out_together),
	    cmocka_unit_test(test_without_an_address),
	    cmocka_unit_test(test_an_empty_sender_is_helo),
	    cmocka_unit_test(test_dmarc_alone),
	    cmocka_unit_test(test_nothing_passes_for_a_stranger),
	    cmocka_unit_test(test_without_a_message),
	    cmocka_unit_test(test_a_message_without_signatures),
	    cmocka_unit_test(test_the_most_questions),
	    cmocka_unit_test(test_many_authors),
	    cmocka_unit_test(test_the_rules_say_how_many_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
