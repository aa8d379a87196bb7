/* record/reflect: who is answered, and that nothing of the original gets out
 * of its place in the answer. */
#include <string.h>

#include "record/reflect.h"
#include "t/lib/unit.h"

static void
test_whom_it_refuses(void **state)
{
	static const struct {
		const char *header, *sender;
		bool answered;
	} cases[] = {
	    {"Subject: x\r\n", "a@example.org", true},
	    {"Auto-Submitted: no\r\n", "a@example.org", true},
	    {"Precedence: special\r\n", "a@example.org", true},
	    {"Subject: x\r\n", "", false},
	    {"Subject: x\r\n", "nobody", false},
	    {"Subject: x\r\n", "MAILER-DAEMON@example.org", false},
	    {"Subject: x\r\n", "owner-l@example.org", false},
	    {"Subject: x\r\n", "l-request@example.org", false},
	    {"Subject: x\r\n", "l-bounces@example.org", false},
	    {"List-Id: <l.example.org>\r\n", "a@example.org", false},
	    {"List-Unsubscribe: <x:y>\r\n", "a@example.org", false},
	    {"auto-submitted:\r\n auto-replied\r\n", "a@example.org", false},
	    {"Auto-Submitted: auto-generated\r\n", "a@example.org", false},
	    {"Precedence: Bulk\r\n", "a@example.org", false},
	    {"Precedence: list\r\n", "a@example.org", false},
	    {"X-Auto-Response-Suppress: All\r\n", "a@example.org", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_header *header =
		    mail_header_parse(slice_str(cases[i].header), 10000);
		const char *why =
		    record_reflect_refuses(header, slice_str(cases[i].sender));

		if ((why == NULL) != cases[i].answered)
			fail_msg("%s from <%s>: %s", cases[i].header,
			    cases[i].sender, why == NULL ? "answered" : why);
		mail_header_free(header);
	}
}

static struct record_reflection
reflection(void)
{
	return (struct record_reflection){
	    .from = SLICE("check-auth@example.org"),
	    .to = SLICE("a@example.com"),
	    .summary = SLICE("Summary of Results\n\nSPF check: pass\n"
			     "ARC check: none\n\nDetails\n"),
	    .spam = SLICE("ham (score 0.1, spam from 5.0)"),
	    .header = SLICE("Subject: hello\r\n\tyou\r\nX: \x01\xff\r\n"),
	    .message_id = SLICE("<1@example.com>"),
	    .id = SLICE("77"),
	    .now = 1000080000,
	};
}

static void
test_prints(void **state)
{
	struct record_reflection r = reflection();
	struct strbuf mail;

	(void)state;
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_string_equal(strbuf_text(&mail),
	    "From: <check-auth@example.org>\r\n"
	    "To: <a@example.com>\r\n"
	    "Subject: Summary of Results\r\n"
	    "Date: Mon, 10 Sep 2001 00:00:00 +0000\r\n"
	    "Message-ID: <77@example.org>\r\n"
	    "In-Reply-To: <1@example.com>\r\n"
	    "References: <1@example.com>\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n"
	    "Summary of Results\r\n"
	    "\r\n"
	    "SPF check: pass\r\n"
	    "ARC check: none\r\n"
	    "SpamAssassin check: ham (score 0.1, spam from 5.0)\r\n"
	    "\r\n"
	    "Details\r\n"
	    "\r\n"
	    "The header of your message, as it came to us:\r\n"
	    "\r\n"
	    "> Subject: hello\r\n"
	    "> \tyou\r\n"
	    "> X: ?\xff\r\n");
	r.spam = slice_from(NULL, 0);
	strbuf_reset(&mail);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_null(strstr(strbuf_text(&mail), "SpamAssassin"));
	strbuf_clear(&mail);
}

static void
test_nothing_breaks_the_header(void **state)
{
	struct record_reflection r = reflection();
	struct strbuf mail;

	(void)state;
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	r.to = SLICE("a@example.com>\r\nBcc: <b@example.com");
	assert_int_equal(record_reflect_print(&r, &mail), -1);

	strbuf_reset(&mail);
	r = reflection();
	r.message_id = SLICE("<1@x>\r\nBcc: <b@example.com>");
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_null(strstr(strbuf_text(&mail), "Bcc"));
	strbuf_clear(&mail);
}

static void
test_a_huge_header_is_cut(void **state)
{
	static char header[200000];
	struct record_reflection r = reflection();
	struct strbuf mail;

	(void)state;
	memset(header, 'x', sizeof(header));
	r.header = slice_from(header, sizeof(header));
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_in_range(mail.n, 0, 40000);
	assert_non_null(strstr(strbuf_text(&mail), "(cut here)"));

	/* Short lines, very many. */
	memset(header, '\n', sizeof(header));
	strbuf_reset(&mail);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_non_null(strstr(strbuf_text(&mail), "(cut here)"));
	strbuf_clear(&mail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whom_it_refuses),
	    cmocka_unit_test(test_prints),
	    cmocka_unit_test(test_nothing_breaks_the_header),
	    cmocka_unit_test(test_a_huge_header_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
