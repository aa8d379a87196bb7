/* The line a message: its exact form, and that no peer can add to it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/message/journal.h"
#include "t/lib/unit.h"

/* What the journal writes, taken from standard error. */
static void
written(enum log_target target, const struct proxy_journal *journal,
    struct strbuf *line)
{
	struct log *log = log_new("signpost/out", target, LOGGING_INFO);
	int saved = dup(STDERR_FILENO), ends[2];
	char *to;
	ssize_t n;

	strbuf_init(line, 32768);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	proxy_journal_write(log, journal);
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	close(saved);
	to = strbuf_reserve(line, 32000);
	while ((n = read(ends[0], to, 32000 - line->n)) > 0) {
		line->n += (size_t)n;
		to += n;
	}
	*to = '\0';
	close(ends[0]);
	log_free(log);
}

static void
fill(struct proxy_journal *r)
{
	proxy_journal_init(r);
	r->queue_id = SLICE("3CF6B2AAE8");
	r->sender = SLICE("a@b");
	r->recipients = 1;
	r->size = 4096;
	(void)strbuf_add_str(&r->message_id, "<1@b>");
	r->client = SLICE("192.0.2.1");
	r->relay = SLICE("127.0.0.1:10028");
	r->delay = 0.0042;
	r->status = "sent";
	(void)strbuf_add_str(&r->reply, "250 2.0.0 Ok: queued as 3CF6");
	proxy_journal_note(
	    r, "signed", SLICE("dkim:example.org:mail2026:rsa-sha256"));
	proxy_journal_note(r, "rule", SLICE("domain:example.org"));
}

static void
test_has_the_documented_form(void **state)
{
	struct proxy_journal r;
	struct strbuf line;

	(void)state;
	fill(&r);
	written(LOGGING_STDERR, &r, &line);
	assert_string_equal(strstr(strbuf_text(&line), "]: ") + 3,
	    "3CF6B2AAE8: from=<a@b> nrcpt=1 size=4096 message-id=<1@b> "
	    "client=192.0.2.1 signed=dkim:example.org:mail2026:rsa-sha256 "
	    "rule=domain:example.org delay=0.004 relay=127.0.0.1:10028 "
	    "status=sent (250 2.0.0 Ok: queued as 3CF6)\n");
	strbuf_clear(&line);
	written(LOGGING_JSON, &r, &line);
	assert_non_null(strstr(strbuf_text(&line),
	    "\"queue_id\":\"3CF6B2AAE8\",\"from\":\"a@b\",\"nrcpt\":1,"
	    "\"size\":4096,\"message-id\":\"<1@b>\",\"client\":\"192.0.2.1\","
	    "\"signed\":\"dkim:example.org:mail2026:rsa-sha256\","
	    "\"rule\":\"domain:example.org\",\"delay\":0.004,"
	    "\"relay\":\"127.0.0.1:10028\",\"status\":\"sent\","
	    "\"reply\":\"250 2.0.0 Ok: queued as 3CF6\"}\n"));
	strbuf_clear(&line);
	proxy_journal_clear(&r);
}

static void
test_joins_notes_of_one_name(void **state)
{
	struct proxy_journal r;

	(void)state;
	fill(&r);
	proxy_journal_note(&r, "signed", SLICE("domainkeys:example.org:k"));
	assert_int_equal(r.note_count, 2);
	assert_slice_equal(slice_from(r.text.p + r.notes[0].at, r.notes[0].n),
	    SLICE("dkim:example.org:mail2026:rsa-sha256,"
		  "domainkeys:example.org:k"));
	proxy_journal_clear(&r);
}

static void
test_lets_no_peer_add_a_value_or_a_line(void **state)
{
	struct proxy_journal r;
	struct strbuf line;

	(void)state;
	fill(&r);
	r.sender = SLICE("a@b> status=sent (x)\n\"\x1b[0m");
	strbuf_reset(&r.message_id);
	(void)strbuf_add_str(&r.message_id, "<1> signed=dkim:evil\r\nx");
	written(LOGGING_STDERR, &r, &line);
	assert_non_null(strstr(strbuf_text(&line),
	    " from=<a@b>\\x20status=sent\\x20(x)\\x0a\\x22\\x1b[0m> "));
	assert_non_null(strstr(strbuf_text(&line),
	    " message-id=<1>\\x20signed=dkim:evil\\x0d\\x0ax "));
	assert_ptr_equal(strchr(line.p, '\n'), line.p + line.n - 1);
	strbuf_clear(&line);
	proxy_journal_clear(&r);
}

/* However long and foul the values, the line ends in its status. */
static void
test_a_long_line_keeps_its_end(void **state)
{
	static const enum log_target targets[] = {LOGGING_STDERR, LOGGING_JSON};
	struct proxy_journal r;
	struct strbuf line;
	char foul[4096];

	(void)state;
	memset(foul, 1, sizeof(foul));
	fill(&r);
	r.sender = r.client = r.queue_id = slice_from(foul, sizeof(foul));
	proxy_journal_note(&r, "x", slice_from(foul, sizeof(foul)));
	for (size_t i = 0; i < 2; i++) {
		written(targets[i], &r, &line);
		assert_non_null(strstr(strbuf_text(&line), "status"));
		assert_non_null(strstr(strbuf_text(&line), "queued as 3CF6"));
		strbuf_clear(&line);
	}
	proxy_journal_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_has_the_documented_form),
	    cmocka_unit_test(test_joins_notes_of_one_name),
	    cmocka_unit_test(test_lets_no_peer_add_a_value_or_a_line),
	    cmocka_unit_test(test_a_long_line_keeps_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
