/* cli/check/send_log: how far a message came, by the mail log. */
#include "cli/check/send_log.h"
#include "t/lib/unit.h"

#define HOST "Nov 30 03:00:00 mail "
#define START                                                            \
	HOST "postfix/pickup[1]: AAA: uid=0 from=<p@example.org>\n" HOST \
	     "postfix/cleanup[2]: AAA: message-id=<1.check@mail>\n" HOST \
	     "postfix/qmgr[3]: AAA: from=<p@example.org>, size=9\n"
#define THERE                                                         \
	HOST "postfix/signpost/smtp[4]: AAA: to=<a@example.org>, "    \
	     "relay=127.0.0.1[127.0.0.1]:10027, delay=0, dsn=2.0.0, " \
	     "status=sent (250 2.0.0 Ok: queued as BBB)\n"
#define BACK HOST "postfix/signed/cleanup[5]: BBB: message-id=<1.check@mail>\n"
#define SIGNED                                                     \
	HOST "signpost/out[6]: AAA: from=<p@example.org> nrcpt=1 " \
	     "message-id=<1.check@mail> client=local "             \
	     "signed=dkim:example.org:m:rsa-sha256 rule=x status=sent\n"
#define LOCAL(status)                                      \
	HOST "postfix/local[7]: BBB: to=<a@example.org>, " \
	     "relay=local, delay=0, status=" status "\n"

static bool
is_listener(void *ctx, struct slice relay)
{
	(void)ctx;
	return slice_ends_nocase(relay, SLICE(":10027"));
}

static void
test_the_log_says_how_far_a_message_came(void **state)
{
	static const struct {
		const char *log, *status, *relay, *outcome;
		bool by_us, sent, bounced;
	} cases[] = {
	    {"", "", "", "", false, false, false},
	    {START, "", "", "", false, false, false},
	    {START THERE, "", "", "", true, false, false},
	    {START THERE BACK SIGNED, "", "",
		"signed=dkim:example.org:m:rsa-sha256", true, false, false},
	    {START BACK THERE LOCAL("sent (delivered to mailbox)"),
		"sent (delivered to mailbox)", "local", "", true, true, false},
	    {START BACK THERE LOCAL("bounced (unknown user: \"a\")"),
		"bounced (unknown user: \"a\")", "local", "", true, false,
		true},
	    {START BACK THERE LOCAL("deferred (no)") LOCAL("sent (yes)"),
		"sent (yes)", "local", "", true, true, false},
	    /* it waits for us */
	    {START HOST "postfix/signpost/smtp[4]: AAA: to=<a@example.org>, "
			"relay=none, delay=0, status=deferred (refused)\n",
		"deferred (refused)", "none", "", false, false, false},
	    /* other messages, and lines that look like ones of it */
	    {START LOCAL("sent (another)"), "", "", "", false, false, false},
	    {START HOST "postfix/local[7]: AAAA: to=<a@example.org>, "
			"relay=local, status=sent (x)\n"
			": to=<b>\nstatus=sent\nAAA: to=<\n message-id=<\n",
		"", "", "", false, false, false},
	    {HOST "x[1]: : message-id=<1.check@mail>\n"
		  ": message-id=<1.check@mail>\n"
		  "1.check@mail unsigned=",
		"", "", "unsigned=", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct check_fate fate;

		check_fate_read(&fate, slice_str(cases[i].log),
		    SLICE("1.check@mail"), is_listener, NULL);
		assert_slice_equal(fate.status, slice_str(cases[i].status));
		assert_slice_equal(fate.relay, slice_str(cases[i].relay));
		assert_slice_equal(fate.outcome, slice_str(cases[i].outcome));
		assert_int_equal(fate.by_us, cases[i].by_us);
		assert_int_equal(fate.sent, cases[i].sent);
		assert_int_equal(fate.bounced, cases[i].bounced);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_log_says_how_far_a_message_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
