/* record/unanswered: RFC 3834 section 2, whatever instance, comment or
 * spelling. */
#include "record/unanswered.h"
#include "t/lib/unit.h"

#define ANN "ann@example.org"
#define OWN "check-auth@example.net"

static void
test_whom_and_what(void **state)
{
	static const struct {
		const char *header, *sender;
		bool answered;
	} cases[] = {
	    {"Subject: x\r\n", ANN, true},
	    {"Auto-Submitted: no\r\n", ANN, true},
	    {"Auto-Submitted: No (a man)\r\n", ANN, true},
	    {"Auto-Submitted: (a man) no\r\n", ANN, true},
	    {"Auto-Submitted: no\r\nAuto-Submitted: NO\r\n", ANN, true},
	    {"Auto-Submitted:\r\n", ANN, true},
	    {"Precedence: special\r\n", ANN, true},
	    {"X-Auto-Response-Suppress: DR, RN\r\n", ANN, true},
	    {"Content-Type: multipart/mixed; x=report\r\n", ANN, true},
	    {"Subject: x\r\n", "postmaster@example.org", true},
	    {"Subject: x\r\n", "\"a b\"@example.org", true},
	    {"From: check-auth@example.org\r\n", ANN, true},

	    {"Subject: x\r\n", "", false},
	    {"Subject: x\r\n", "nobody", false},
	    {"Subject: x\r\n", "MAILER-DAEMON@example.org", false},
	    {"Subject: x\r\n", "mailer-daemon+x@example.org", false},
	    {"Subject: x\r\n", "daemon@example.org", false},
	    {"Subject: x\r\n", "owner-l@example.org", false},
	    {"Subject: x\r\n", "\"owner-l\"@example.org", false},
	    {"Subject: x\r\n", "l-owner@example.org", false},
	    {"Subject: x\r\n", "l-request@example.org", false},
	    {"Subject: x\r\n", "l-bounces+ann=x.example@example.org", false},
	    {"Subject: x\r\n", "l-list@example.org", false},
	    {"Subject: x\r\n", OWN, false},
	    {"Subject: x\r\n", "\"Check-Auth\"+1@EXAMPLE.net", false},
	    {"From: A <check-auth@example.net>\r\n", ANN, false},
	    {"From: a@b.example\r\nFrom: " OWN "\r\n", ANN, false},

	    {"List-Id: <l.example.org>\r\n", ANN, false},
	    {"List-Help: <x:y>\r\n", ANN, false},
	    {"List-Subscribe: <x:y>\r\n", ANN, false},
	    {"list-unsubscribe : <x:y>\r\n", ANN, false},
	    {"List-Post: NO\r\n", ANN, false},
	    {"List-Owner: <x:y>\r\n", ANN, false},
	    {"List-Archive: <x:y>\r\n", ANN, false},

	    {"auto-submitted:\r\n auto-replied\r\n", ANN, false},
	    {"Auto-Submitted: auto-generated\r\n", ANN, false},
	    {"Auto-Submitted: (no) auto-generated; a=no\r\n", ANN, false},
	    {"Auto-Submitted: (no\r\n", ANN, false},
	    {"Auto-Submitted: no\r\nAuto-Submitted: auto-replied\r\n", ANN,
		false},
	    {"Auto-Submitted: auto-replied\r\nAuto-Submitted: no\r\n", ANN,
		false},
	    {"Auto-Submitted: auto-replied\r\nAuto-Submitted:\r\n", ANN, false},
	    {"X-Auto-Submitted: auto-replied\r\n", ANN, false},
	    {"Precedence: Bulk\r\n", ANN, false},
	    {"Precedence: bulk (newsletter)\r\n", ANN, false},
	    {"Precedence: (a) list\r\n", ANN, false},
	    {"Precedence: list\r\nPrecedence: normal\r\n", ANN, false},
	    {"Precedence: normal\r\nPrecedence: junk\r\n", ANN, false},
	    {"X-Auto-Response-Suppress: All\r\n", ANN, false},
	    {"X-Auto-Response-Suppress: DR, AutoReply\r\n", ANN, false},
	    {"X-Autoreply: yes\r\n", ANN, false},
	    {"X-Loop: l@example.org\r\n", ANN, false},
	    {"Content-Type: multipart/report; report-type=x\r\n", ANN, false},
	    {"Content-Type: (a) Multipart (b) / Report\r\n", ANN, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_header *header =
		    mail_header_parse(slice_str(cases[i].header), 10000);
		const char *why = record_unanswered_why(
		    header, slice_str(cases[i].sender), SLICE(OWN));

		if ((why == NULL) != cases[i].answered)
			fail_msg("%s from <%s>: %s", cases[i].header,
			    cases[i].sender, why == NULL ? "answered" : why);
		mail_header_free(header);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whom_and_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
