/* record/spamd: its reply parsed, strictly; and, against a listener of the
 * test's own that misbehaves, one answer always and in time. The real spamd
 * is asked in t/run. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "record/spamd.h"
#include "t/lib/unit.h"

static void
test_replies(void **state)
{
	static const struct {
		const char *reply, *printed;
	} cases[] = {
	    {"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 1.5 / 5.0\r\n\r\n",
		"ham (score 1.5, spam from 5.0)"},
	    {"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n"
	     "Spam: True ; 15.0 / 5.0\r\n\r\n",
		"spam (score 15.0, spam from 5.0)"},
	    {"SPAMD/1.5 0 EX_OK\r\nspam:yes;-2/3\r\n",
		"spam (score -2.0, spam from 3.0)"},
	    {"SPAMD/1.0 76 Bad header line\r\n\r\n",
		"temperror (spamd gave no answer that is ok)"},
	    {"", "temperror (spamd gave no answer that is ok)"},
	    {"HTTP/1.1 0 OK\r\n\r\n",
		"temperror (spamd gave no answer that is ok)"},
	    {"SPAMD/1.1 0 EX_OK\r\n\r\nSpam: True ; 1 / 5\r\n",
		"temperror (spamd's answer has no verdict)"},
	    {"SPAMD/1.1 0 EX_OK\r\nSpam: Maybe ; 1 / 5\r\n\r\n",
		"temperror (spamd's answer has no verdict)"},
	    {"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1-2 / 5\r\n\r\n",
		"temperror (spamd's answer has no verdict)"},
	    {"SPAMD/1.1 0 EX_OK\r\nSpam: True\r\n\r\n",
		"temperror (spamd's answer has no verdict)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_spam spam =
		    record_spamd_parse(slice_str(cases[i].reply));
		struct strbuf out;

		strbuf_init(&out, 1000);
		record_spam_print(&spam, &out);
		assert_string_equal(strbuf_text(&out), cases[i].printed);
		strbuf_clear(&out);
	}
}

static void
test_rules(void **state)
{
	static const struct {
		const char *reply, *printed;
	} cases[] = {
	    {"SPAMD/1.1 0 EX_OK\r\nContent-length: 21\r\n"
	     "Spam: True ; 9 / 5\r\n\r\nGTUBE,NO_RELAYS,BAD\r\n",
		"GTUBE, NO_RELAYS, BAD"},
	    /* What is behind its end is not of it. */
	    {"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\n"
	     "Spam: True ; 9 / 5\r\n\r\nGTUBE,MORE",
		"GTUBE"},
	    {"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9 / 5\r\n\r\n"
	     "A,x y,\r\nB,<c>,,D",
		"A, B, D"},
	    {"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9 / 5\r\n\r\n", ""},
	    {"SPAMD/1.1 0 EX_OK\r\n\r\nGTUBE", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_spam spam =
		    record_spamd_parse(slice_str(cases[i].reply));
		struct strbuf out;

		strbuf_init(&out, 1000);
		record_spam_print_rules(&spam, &out);
		assert_string_equal(strbuf_text(&out), cases[i].printed);
		strbuf_clear(&out);
	}
}

static void
test_where_a_reply_ends(void **state)
{
	static const char whole[] = "SPAMD/1.1 0 EX_OK\r\n"
				    "content-Length: 5\r\n"
				    "Spam: True ; 9.0 / 5.0\r\n\r\nGTUBE";

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		assert_false(record_spamd_is_whole(slice_from(whole, n)));
	assert_true(record_spamd_is_whole(slice_str(whole)));
	assert_true(record_spamd_is_whole(
	    SLICE("SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n\r\n")));
	/* Without a length that is one, the close is the end. */
	assert_false(record_spamd_is_whole(SLICE("SPAMD/1.1 0 EX_OK\r\n\r\n")));
	assert_false(record_spamd_is_whole(
	    SLICE("SPAMD/1.1 0 EX_OK\r\nContent-length: -1\r\n\r\nx")));
}

struct told {
	int times;
	char text[200];
};

static void
on_told(void *ctx, const struct record_spam *spam)
{
	struct told *told = ctx;
	struct strbuf out;

	strbuf_init(&out, sizeof(told->text) - 1);
	record_spam_print(spam, &out);
	told->times++;
	memcpy(told->text, strbuf_text(&out), out.n + 1);
	strbuf_clear(&out);
}

static void
listen_on_loopback(int *fd, struct record_spamd_at *at)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(in);

	*fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(*fd >= 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(*fd, 5), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&in, &length), 0);
	*at = (struct record_spamd_at){.length = length, .ms = 300};
	memcpy(&at->address, &in, sizeof(in));
}

static void
run(struct event_base *base, struct told *told)
{
	for (int i = 0; i < 1000 && told->times == 0; i++)
		(void)event_base_loop(base, EVLOOP_ONCE);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(told->times, 1);
}

static void
test_a_silent_one_ends_in_time(void **state)
{
	struct event_base *base = event_base_new();
	struct record_spamd_at at;
	struct told told = {0};
	int fd;

	(void)state;
	listen_on_loopback(&fd, &at);
	(void)record_spamd_ask(base, &at, SLICE("x"), on_told, &told);
	assert_int_equal(told.times, 0);
	run(base, &told);
	assert_string_equal(
	    told.text, "temperror (spamd did not answer in time)");
	(void)close(fd);
	event_base_free(base);
}

static void
test_a_kept_connection_is_no_wait(void **state)
{
	static const char reply[] = "SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\n"
				    "Spam: True ; 9.0 / 5.0\r\n\r\nGTUBE";
	struct event_base *base = event_base_new();
	struct record_spamd_at at;
	struct told told = {0};
	int fd, peer;

	(void)state;
	listen_on_loopback(&fd, &at);
	(void)record_spamd_ask(base, &at, SLICE("x"), on_told, &told);
	peer = accept(fd, NULL, NULL);
	assert_int_equal(
	    write(peer, reply, sizeof(reply) - 1), sizeof(reply) - 1);
	run(base, &told);
	assert_string_equal(told.text, "spam (score 9.0, spam from 5.0)");
	(void)close(peer);
	(void)close(fd);
	event_base_free(base);
}

static void
test_none_there_is_told(void **state)
{
	struct event_base *base = event_base_new();
	struct record_spamd_at at;
	struct told told = {0};
	int fd;

	(void)state;
	listen_on_loopback(&fd, &at);
	(void)close(fd);
	(void)record_spamd_ask(base, &at, SLICE("x"), on_told, &told);
	run(base, &told);
	assert_string_equal(told.text, "temperror (Connection refused)");
	event_base_free(base);
}

static void
test_an_endless_answer_is_cut(void **state)
{
	static char flood[RECORD_SPAMD_REPLY_MAX + 5000];
	struct event_base *base = event_base_new();
	struct record_spamd_at at;
	struct told told = {0};
	int fd, peer;

	(void)state;
	listen_on_loopback(&fd, &at);
	at.ms = 5000;
	(void)record_spamd_ask(base, &at, SLICE("x"), on_told, &told);
	peer = accept(fd, NULL, NULL);
	assert_int_equal(write(peer, flood, sizeof(flood)), sizeof(flood));
	run(base, &told);
	assert_string_equal(
	    told.text, "temperror (spamd's answer is too long)");
	(void)close(peer);
	(void)close(fd);
	event_base_free(base);
}

static void
test_a_cancelled_one_is_silent(void **state)
{
	struct event_base *base = event_base_new();
	struct record_spamd_at at;
	struct told told = {0};
	int fd;

	(void)state;
	listen_on_loopback(&fd, &at);
	record_spamd_cancel(
	    record_spamd_ask(base, &at, SLICE("x"), on_told, &told));
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(told.times, 0);
	(void)close(fd);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_where_a_reply_ends),
	    cmocka_unit_test(test_a_kept_connection_is_no_wait),
	    cmocka_unit_test(test_a_silent_one_ends_in_time),
	    cmocka_unit_test(test_none_there_is_told),
	    cmocka_unit_test(test_an_endless_answer_is_cut),
	    cmocka_unit_test(test_a_cancelled_one_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
