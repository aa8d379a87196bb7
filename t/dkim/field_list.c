/* Which fields are signed: RFC 6376 section 5.4. */
#include "dkim/field_list.h"
#include "mail/header.h"
#include "t/lib/unit.h"

/* RFC 6376 section 5.4.1, in its order. */
static const char *const rfc6376_section_5_4_1[] = {"From", "Reply-To",
    "Subject", "Date", "To", "Cc", "Resent-Date", "Resent-From", "Resent-To",
    "Resent-Cc", "In-Reply-To", "References", "List-Id", "List-Help",
    "List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner",
    "List-Archive"};

static const char *const besides[] = {"Message-ID", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding", "List-Unsubscribe-Post"};

static void
pick(const struct dkim_field_list *list, const char *header, const char *want)
{
	struct mail_header *h = mail_header_parse(slice_str(header), 1 << 20);
	struct strbuf names;

	assert_non_null(h);
	strbuf_init(&names, 10000);
	assert_int_equal(dkim_field_list_pick(list, h, &names), 0);
	assert_string_equal(strbuf_text(&names), want);
	strbuf_clear(&names);
	mail_header_free(h);
}

static void
test_the_built_in_list_is_the_rfcs_and_five_more(void **state)
{
	struct dkim_field_list *list = dkim_field_list_new();
	struct strbuf header, want;

	(void)state;
	strbuf_init(&header, 10000);
	strbuf_init(&want, 10000);
	strbuf_add_str(&header,
	    "Received: x\r\nReturn-Path: <>\r\n"
	    "Comments: x\r\nKeywords: x\r\nBcc: x\r\n"
	    "DKIM-Signature: x\r\nSender: x\r\n");
	for (size_t i = 0; i < sizeof(rfc6376_section_5_4_1) / sizeof(char *);
	     i++) {
		const char *name = rfc6376_section_5_4_1[i];
		bool over = strcmp(name, "From") == 0 ||
		    strcmp(name, "To") == 0 || strcmp(name, "Cc") == 0 ||
		    strcmp(name, "Subject") == 0;

		strbuf_addf(&header, "%s: x\r\n", name);
		strbuf_addf(&want, "%s%s", i > 0 ? ":" : "", name);
		if (over)
			strbuf_addf(&want, ":%s", name);
	}
	for (size_t i = 0; i < sizeof(besides) / sizeof(char *); i++) {
		strbuf_addf(&header, "%s: x\r\n", besides[i]);
		strbuf_addf(&want, ":%s", besides[i]);
	}
	strbuf_add_str(&header, "\r\n");
	pick(list, strbuf_text(&header), strbuf_text(&want));
	strbuf_clear(&header);
	strbuf_clear(&want);
	dkim_field_list_free(list);
}

static void
test_each_occurrence_is_named_and_what_is_missing_oversigned(void **state)
{
	struct dkim_field_list *list = dkim_field_list_new();

	(void)state;
	pick(list, "from: a\r\nTO: b\r\nDate: d\r\nTo: c\r\ndate: e\r\n\r\n",
	    "From:From:Subject:Date:Date:To:To:To:Cc");
	dkim_field_list_free(list);
}

static void
test_lists_from_text(void **state)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
	    {"From", "From"},
	    {"", "From:From"},
	    {"Subject", "Subject:From:From"},
	    {"+Subject, from", "Subject:Subject:from"},
	    {"From : Subject:X-None:+X-None", "From:Subject:X-None"},
	    {"from\tsubject\r\n  +x-y", "from:subject:x-y"},
	    {"default -Subject -To -Cc", "From:From:Date"},
	    {"default +Date", "From:From:Subject:Subject:Date:Date:To:Cc"},
	    {"default -From", "Subject:Subject:Date:To:Cc:From:From"},
	    {"From From From", "From"},
	    {"From Subject -Date", "From:Subject"},
	    {"From X~ -X~ -X~ +Date", "From:Date:Date"},
	    {"+Reply-To, default",
		"Reply-To:From:From:Subject:Subject:Date:To:Cc"},
	    {"+Date +Date Date date", "Date:Date:From:From"},
	    {"default Subject", "From:From:Subject:Subject:Date:To:Cc"},
	    {"+Subject -Subject Subject From", "Subject:From"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_field_list *list =
		    dkim_field_list_parse(slice_str(cases[i].text), NULL);

		assert_non_null(list);
		pick(list, "From: a\r\nSubject: b\r\nDate: c\r\n\r\n",
		    cases[i].names);
		dkim_field_list_free(list);
	}
}

#define ON_TOP                                                               \
	"hosts on the way add this field, so that one more of it cannot be " \
	"signed: "

static void
test_what_is_no_list(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
	    {"From,a;b", "not the name of a header field: \"a;b\""},
	    {"+", "not the name of a header field: \"+\""},
	    {"-", "not the name of a header field: \"-\""},
	    {"default,+DKIM-Signature", ON_TOP "\"+DKIM-Signature\""},
	    {"+domainkey-signature", ON_TOP "\"+domainkey-signature\""},
	    {"From +ARC-Seal", ON_TOP "\"+ARC-Seal\""},
	    {"+Received", ON_TOP "\"+Received\""},
	    {"From,a\x7f", "not the name of a header field: \"a\x7f\""},
	    {"caf\xc3\xa9", "not the name of a header field: \"caf\xc3\xa9\""},
	};
	struct strbuf reason, text;

	(void)state;
	strbuf_init(&reason, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strbuf_reset(&reason);
		assert_null(
		    dkim_field_list_parse(slice_str(cases[i].text), &reason));
		assert_string_equal(strbuf_text(&reason), cases[i].reason);
	}
	strbuf_init(&text, 10000);
	for (int i = 0; i <= DKIM_FIELD_LIST_MAX; i++)
		strbuf_addf(&text, "x%d,", i);
	strbuf_reset(&reason);
	assert_null(dkim_field_list_parse(strbuf_slice(&text), &reason));
	assert_string_equal(
	    strbuf_text(&reason), "more than 128 header fields");
	strbuf_clear(&text);
	strbuf_clear(&reason);
}

static void
test_a_name_has_a_longest_length(void **state)
{
	char name[DKIM_FIELD_NAME_MAX + 1];
	struct dkim_field_list *list;
	struct strbuf reason;

	(void)state;
	memset(name, 'x', sizeof(name));
	strbuf_init(&reason, 1000);
	list = dkim_field_list_parse(
	    slice_from(name, DKIM_FIELD_NAME_MAX), &reason);
	assert_non_null(list);
	assert_true(
	    dkim_field_list_has(list, slice_from(name, DKIM_FIELD_NAME_MAX)));
	dkim_field_list_free(list);
	assert_null(dkim_field_list_parse(
	    slice_from(name, DKIM_FIELD_NAME_MAX + 1), &reason));
	strbuf_clear(&reason);
}

/* "x0,x1, ..." */
static void
add_names(struct strbuf *text, int count)
{
	for (int i = 0; i < count; i++)
		strbuf_addf(text, "x%d,", i);
}

static void
test_a_full_list_takes_known_names_and_signs_from(void **state)
{
	struct dkim_field_list *list;
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 10000);
	add_names(&text, DKIM_FIELD_LIST_MAX);
	add_names(&text, DKIM_FIELD_LIST_MAX);
	list = dkim_field_list_parse(strbuf_slice(&text), NULL);
	assert_non_null(list);
	pick(list, "From: a\r\nx1: b\r\nx127: c\r\n\r\n", "From:From:x1:x127");
	dkim_field_list_free(list);
	strbuf_clear(&text);
}

/* Names that come again are not counted again. */
static void
test_one_name_many_times_fills_nothing(void **state)
{
	struct dkim_field_list *list;
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 10000);
	for (int i = 0; i <= DKIM_FIELD_LIST_MAX; i++)
		strbuf_add_str(&text, "From,");
	strbuf_add_str(&text, "Date");
	list = dkim_field_list_parse(strbuf_slice(&text), NULL);
	assert_non_null(list);
	pick(list, "From: a\r\nDate: b\r\n\r\n", "From:Date");
	dkim_field_list_free(list);
	strbuf_clear(&text);
}

static void
test_names_that_do_not_fit_are_not_cut(void **state)
{
	struct mail_header *header =
	    mail_header_parse(SLICE("From: a\r\nDate: b\r\n\r\n"), 1000);
	struct dkim_field_list *list =
	    dkim_field_list_parse(SLICE("From Date"), NULL);
	struct strbuf names;

	(void)state;
	strbuf_init(&names, strlen("From:Date"));
	assert_int_equal(dkim_field_list_pick(list, header, &names), 0);
	strbuf_clear(&names);
	strbuf_init(&names, strlen("From:Date") - 1);
	assert_int_equal(dkim_field_list_pick(list, header, &names), -1);
	strbuf_clear(&names);
	dkim_field_list_free(list);
	mail_header_free(header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_built_in_list_is_the_rfcs_and_five_more),
	    cmocka_unit_test(
		test_each_occurrence_is_named_and_what_is_missing_oversigned),
	    cmocka_unit_test(test_lists_from_text),
	    cmocka_unit_test(test_what_is_no_list),
	    cmocka_unit_test(test_a_name_has_a_longest_length),
	    cmocka_unit_test(test_a_full_list_takes_known_names_and_signs_from),
	    cmocka_unit_test(test_one_name_many_times_fills_nothing),
	    cmocka_unit_test(test_names_that_do_not_fit_are_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
