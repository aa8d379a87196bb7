/* What DomainKeys does not sign, and for whom it does. */
#include <time.h>

#include "dkim/body_hashes.h"
#include "dkim/domainkeys.h"
#include "dkim/field_list.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"

static const char plain[] = "From: Joe <joe@mail.example.org>\r\n"
			    "To: a@example.net\r\n"
			    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
			    "\r\n"
			    "Hello\r\n";
static const char two_received[] = "Received: a\nFrom: a@mail.example.org\n"
				   "received: b\n\n";

static struct dkim_domainkeys_signing
signing_with(const struct dkim_field_list *fields)
{
	return (struct dkim_domainkeys_signing){
	    .domain = SLICE("mail.example.org"),
	    .selector = SLICE("s1"),
	    .canon = DKIM_CANON_NOFWS,
	    .fields = fields};
}

struct scene {
	struct letter letter;
	struct dkim_body_hashes *hashes;
	struct dkim_domainkeys_signer *signer;
	struct strbuf reason, field;
};

static void
begin(struct scene *s, const struct dkim_domainkeys_signing *signing,
    const char *text)
{
	letter_init(&s->letter, slice_str(text));
	strbuf_init(&s->reason, 1000);
	strbuf_init(&s->field, 1 << 20);
	s->hashes = dkim_body_hashes_new();
	s->signer = dkim_domainkeys_signer_new(
	    signing, s->letter.header, s->hashes, &s->reason);
	assert_int_equal(s->signer == NULL, s->reason.n > 0);
}

static void
finish(struct scene *s)
{
	dkim_domainkeys_signer_free(s->signer);
	dkim_body_hashes_free(s->hashes);
	strbuf_clear(&s->reason);
	strbuf_clear(&s->field);
	letter_clear(&s->letter);
}

static bool
field_has(const struct scene *s, const char *what)
{
	return strstr(strbuf_text(&s->field), what) != NULL;
}

static void
test_what_cannot_be_signed_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *domain, *selector;
		enum dkim_canon canon;
		const char *reason;
	} cases[] = {
	    {"", "s", DKIM_CANON_NOFWS, "no domain name to sign for"},
	    {"a..b", "s", DKIM_CANON_NOFWS, "no domain name to sign for"},
	    {"example.org", "", DKIM_CANON_NOFWS, "no selector"},
	    {"example.org", "s", DKIM_CANON_RELAXED, "relaxed is DKIM's alone"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_domainkeys_signing signing = signing_with(NULL);
		struct scene scene;

		signing.domain = slice_str(cases[i].domain);
		signing.selector = slice_str(cases[i].selector);
		signing.canon = cases[i].canon;
		begin(&scene, &signing, plain);
		assert_string_equal(
		    strbuf_text(&scene.reason), cases[i].reason);
		finish(&scene);
	}
}

/* Two names in turn, so each field is named. */
static void
test_too_many_fields_are_refused(void **state)
{
	static const char names[] =
	    "From X-Forty-Octets-Of-A-Name---------------- "
	    "Y-Forty-Octets-Of-A-Name----------------";
	struct dkim_field_list *list =
	    dkim_field_list_parse(slice_str(names), NULL);
	struct dkim_domainkeys_signing signing = signing_with(list);
	struct strbuf text;
	struct scene scene;

	(void)state;
	strbuf_init(&text, 1 << 20);
	strbuf_add_str(&text, "From: joe@mail.example.org\r\n");
	for (size_t i = 1; i < MAIL_HEADER_FIELDS_MAX; i++)
		strbuf_addf(&text,
		    "%c-Forty-Octets-Of-A-Name----------------:\r\n",
		    i % 2 ? 'X' : 'Y');
	strbuf_add_str(&text, "\r\n");
	begin(&scene, &signing, strbuf_text(&text));
	assert_string_equal(
	    strbuf_text(&scene.reason), "too many fields to sign");
	finish(&scene);
	strbuf_clear(&text);
	dkim_field_list_free(list);
}

/* As many of one name as there may be, in one run and in many. */
static void
test_many_fields_cost_no_more_each_than_few(void **state)
{
	struct dkim_domainkeys_signing signing = signing_with(NULL);

	(void)state;
	for (size_t every = 1; every <= 2; every++) {
		clock_t began;
		struct strbuf text;
		struct scene scene;

		strbuf_init(&text, 1 << 20);
		strbuf_add_str(&text, "From: joe@mail.example.org\r\n");
		for (size_t i = 1; i < MAIL_HEADER_FIELDS_MAX; i++)
			strbuf_add_str(
			    &text, i % every == 0 ? "To:x\r\n" : "Cc:x\r\n");
		strbuf_add_str(&text, "\r\n");
		began = clock();
		begin(&scene, &signing, strbuf_text(&text));
		assert_true(clock() - began < CLOCKS_PER_SEC / 2);
		assert_int_equal(scene.signer != NULL, every == 1);
		finish(&scene);
		strbuf_clear(&text);
	}
}

static void
test_the_callers_list_is_what_h_names(void **state)
{
	static const struct {
		const char *list, *message, *h;
		bool received_hidden;
	} cases[] = {
	    {"From", plain, "\th=From;\r\n", false},
	    {"From To", plain, "\th=From:To;\r\n", false},
	    {"From", "Sender: joe@mail.example.org\nFrom: a@b\n\n",
		"\th=Sender:From;\r\n", false},
	    {"From Received", two_received, "\th=Received:From:received;\r\n",
		false},
	    /* A name would cover the one that is hidden, too. */
	    {"From Received", two_received, "\th=From;\r\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_field_list *list =
		    dkim_field_list_parse(slice_str(cases[i].list), NULL);
		struct dkim_domainkeys_signing signing = signing_with(list);
		struct scene scene;

		signing.received_hidden = cases[i].received_hidden;
		begin(&scene, &signing, cases[i].message);
		assert_int_equal(dkim_domainkeys_signer_seal(scene.signer,
				     SLICE("signature"), &scene.field),
		    0);
		assert_true(field_has(&scene, cases[i].h));
		finish(&scene);
		dkim_field_list_free(list);
	}
}

/* A key may be a parent's. */
static void
test_the_domain_may_become_a_parent_and_nothing_else(void **state)
{
	static const struct {
		const char *domain;
		int result;
		const char *d;
	} cases[] = {
	    {"mail.example.org", 0, " d=mail.example.org;"},
	    {"example.org", 0, " d=example.org;"},
	    {"org", 0, " d=org;"},
	    {"il.example.org", -1, " d=mail.example.org;"},
	    {"a.mail.example.org", -1, " d=mail.example.org;"},
	    {"example.net", -1, " d=mail.example.org;"},
	    {"", -1, " d=mail.example.org;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_domainkeys_signing signing = signing_with(NULL);
		struct scene scene;

		begin(&scene, &signing, plain);
		assert_int_equal(
		    dkim_domainkeys_signer_set_names(scene.signer,
			slice_str(cases[i].domain), SLICE("other")),
		    cases[i].result);
		assert_int_equal(dkim_domainkeys_signer_seal(scene.signer,
				     SLICE("signature"), &scene.field),
		    0);
		assert_true(field_has(&scene, cases[i].d));
		assert_int_equal(
		    field_has(&scene, " s=other;"), cases[i].result == 0);
		finish(&scene);
	}
}

/* A key may be replaced by one of another name, or by the domain's own, while
 * the message is under way. */
static void
test_names_may_change_again(void **state)
{
	struct dkim_domainkeys_signing signing = signing_with(NULL);
	struct scene scene;

	(void)state;
	begin(&scene, &signing, plain);
	assert_int_equal(dkim_domainkeys_signer_set_names(scene.signer,
			     SLICE("example.org"), SLICE("longer.selector")),
	    0);
	assert_int_equal(dkim_domainkeys_signer_set_names(scene.signer,
			     SLICE("mail.example.org"), SLICE("b")),
	    0);
	assert_int_equal(dkim_domainkeys_signer_seal(
			     scene.signer, SLICE("signature"), &scene.field),
	    0);
	assert_true(field_has(&scene, " d=mail.example.org;"));
	assert_true(field_has(&scene, " s=b;"));
	finish(&scene);
}

static void
test_a_field_over_its_bound_is_refused_not_cut(void **state)
{
	static const size_t lengths[] = {64, 48900, 60000};
	static char octets[60000];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct dkim_domainkeys_signing signing = signing_with(NULL);
		struct scene scene;

		begin(&scene, &signing, plain);
		assert_int_equal(
		    dkim_domainkeys_signer_seal(scene.signer,
			slice_from(octets, lengths[i]), &scene.field),
		    i == 0 ? 0 : -1);
		assert_int_equal(scene.field.n > 0, i == 0);
		finish(&scene);
	}
	dkim_domainkeys_signer_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_what_cannot_be_signed_is_refused_with_a_reason),
	    cmocka_unit_test(test_too_many_fields_are_refused),
	    cmocka_unit_test(test_many_fields_cost_no_more_each_than_few),
	    cmocka_unit_test(test_the_callers_list_is_what_h_names),
	    cmocka_unit_test(
		test_the_domain_may_become_a_parent_and_nothing_else),
	    cmocka_unit_test(test_names_may_change_again),
	    cmocka_unit_test(test_a_field_over_its_bound_is_refused_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
