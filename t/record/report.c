/* record/report: the XML is valid whatever the rows hold (xmllint against
 * the structure of RFC 9990), the names are as its section 3.5.2 has them. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "record/report.h"
#include "t/lib/unit.h"

static const struct record_report about = {
    .reporter = SLICE_INIT("mx.example.org"),
    .email = SLICE_INIT("postmaster@example.org"),
    .contact = SLICE_INIT("https://example.org/?a&b"),
    .domain = SLICE_INIT("example.com"),
    .policy = SLICE_INIT(
	"v=DMARC1; p=reject; sp=none; adkim=s; t=y; rua=mailto:a@b.c"),
    .begin = 999993600,
    .end = 1000079999,
    .part = 1,
    .generator = SLICE_INIT("signpost 1.2.3"),
};

static const struct record_row rows[] = {
    {.client = SLICE_INIT("192.0.2.1"),
	.disposition = SLICE_INIT("pass"),
	.dkim = SLICE_INIT("pass"),
	.spf = SLICE_INIT("fail"),
	.overrides = SLICE_INIT("mailing_list\nnonsense\n"),
	.author = SLICE_INIT("example.com"),
	.sender = SLICE_INIT("bounce.example.com"),
	.recipient = SLICE_INIT("example.org"),
	.results = SLICE_INIT("dkim\tpass\texample.com\ts1\t\n"
			      "dkim\tfail\tb.example\ts2\tbody hash\n"
			      "spf\tsoftfail\tbounce.example.com\tmfrom\n"
			      "spf\tpass\thelo.example.com\thelo\n"),
	.count = 3},
    /* What a peer may have brought in. */
    {.client = SLICE_INIT("<script>&\"'\x01\xff"),
	.disposition = SLICE_INIT("explode"),
	.dkim = SLICE_INIT(""),
	.spf = SLICE_INIT("]]>"),
	.author = SLICE_INIT("</header_from><x>"),
	.results = SLICE_INIT("dkim\tbogus\ta\tb\t\ndkim\npass\t\t\t\n"
			      "spf\t\t\t\nnothing\n\n"),
	.count = 1},
};

static void
make(struct sink *to)
{
	record_report_begin(to, &about);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		record_report_row(to, &about, &rows[i]);
	record_report_end(to);
}

/* Its wait status. */
static int
xmllint(char *path)
{
	char *argv[] = {(char[]){"xmllint"}, (char[]){"--noout"},
	    (char[]){"--nonet"}, (char[]){"--schema"},
	    (char[]){T_DATA "/dmarc-aggregate.xsd"}, path, NULL};
	pid_t child;
	int status = -1;

	assert_int_equal(
	    posix_spawnp(&child, argv[0], NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
test_is_valid(void **state)
{
	char path[] = "/tmp/signpost-report-XXXXXX";
	struct strbuf xml;
	struct strbuf_sink sink;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	strbuf_init(&xml, 1 << 20);
	strbuf_sink_init(&sink, &xml);
	make(&sink.sink);
	assert_false(xml.full);
	assert_int_equal(write(fd, xml.p, xml.n), (ssize_t)xml.n);
	assert_int_equal(close(fd), 0);
	assert_int_equal(xmllint(path), 0);
	assert_int_equal(unlink(path), 0);

	assert_non_null(strstr(xml.p, "<testing>y</testing>"));
	assert_non_null(strstr(xml.p, "<sp>none</sp>"));
	/* What the record does not say has its default. */
	assert_non_null(strstr(xml.p, "<np>none</np>"));
	assert_non_null(strstr(xml.p, "<aspf>r</aspf>"));
	assert_non_null(strstr(xml.p, "<fo>0</fo>"));
	assert_non_null(strstr(xml.p, "<generator>signpost 1.2.3</generator>"));
	assert_non_null(strstr(xml.p, "<type>mailing_list</type>"));
	assert_non_null(strstr(xml.p, "<result>softfail</result>"));
	assert_null(strstr(xml.p, "helo.example.com"));
	assert_non_null(strstr(xml.p, "&lt;script&gt;&amp;&quot;&#39;"));
	strbuf_clear(&xml);
}

/* RFC 7489 knows neither the name space nor these words. */
static void
test_the_old_format(void **state)
{
	struct record_report old = about;
	struct record_row row = rows[0];
	struct strbuf xml;
	struct strbuf_sink sink;

	(void)state;
	old.format = RECORD_RFC7489;
	row.overrides = SLICE("policy_test_mode\n");
	row.results = SLICE("spf\tpass\thelo.example.com\thelo\n");
	strbuf_init(&xml, 1 << 20);
	strbuf_sink_init(&sink, &xml);
	record_report_begin(&sink.sink, &old);
	record_report_row(&sink.sink, &old, &row);
	row.results = SLICE("");
	record_report_row(&sink.sink, &old, &row);
	record_report_end(&sink.sink);
	assert_non_null(strstr(xml.p, "\n<feedback>\n"));
	assert_non_null(strstr(xml.p, "<pct>0</pct>"));
	assert_non_null(strstr(xml.p, "<type>sampled_out</type>"));
	assert_non_null(strstr(xml.p, "<disposition>none</disposition>"));
	assert_non_null(strstr(xml.p, "<scope>helo</scope>"));
	assert_non_null(strstr(xml.p, "<result>none</result>"));
	assert_null(strstr(xml.p, "<np>"));
	assert_null(strstr(xml.p, "<testing>"));
	assert_null(strstr(xml.p, "<generator>"));
	assert_null(strstr(xml.p, "<discovery_method>"));
	strbuf_clear(&xml);
}

static void
test_two_mails_have_two_message_ids(void **state)
{
	struct strbuf mails[2];
	char *ids[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		strbuf_init(&mails[i], 1 << 20);
		assert_int_equal(
		    record_report_mail(&about, SLICE("r@example.com"),
			SLICE("gzip"), 1000080000, &mails[i]),
		    0);
		ids[i] = strstr(mails[i].p, "\r\nMessage-ID: <");
		assert_non_null(ids[i]);
		assert_non_null(
		    strstr(ids[i], ".999993600.example.com@mx.example.org>"));
	}
	assert_memory_not_equal(ids[0], ids[1], 30);
	strbuf_clear(&mails[0]);
	strbuf_clear(&mails[1]);
}

static void
test_names(void **state)
{
	struct record_report second = about;
	struct strbuf name;

	(void)state;
	second.part = 2;
	strbuf_init(&name, 1000);
	assert_int_equal(record_report_filename(&about, &name), 0);
	assert_string_equal(strbuf_text(&name),
	    "mx.example.org!example.com!999993600!1000079999.xml.gz");
	strbuf_reset(&name);
	assert_int_equal(record_report_filename(&second, &name), 0);
	assert_string_equal(strbuf_text(&name),
	    "mx.example.org!example.com!999993600!1000079999!2.xml.gz");
	strbuf_clear(&name);
}

static void
test_gzip_gives_the_same_bytes_back(void **state)
{
	struct strbuf xml, packed;
	struct strbuf_sink sink;
	struct record_gzip *gzip;
	char unpacked[16384];
	z_stream z = {0};

	(void)state;
	strbuf_init(&xml, 1 << 20);
	strbuf_init(&packed, 1 << 20);
	strbuf_sink_init(&sink, &xml);
	make(&sink.sink);
	gzip = record_gzip_new(&packed);
	make(record_gzip_sink(gzip));
	assert_int_equal(record_gzip_end(gzip), 0);

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (Bytef *)packed.p;
	z.avail_in = (uInt)packed.n;
	z.next_out = (Bytef *)unpacked;
	z.avail_out = sizeof(unpacked);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_slice_equal(
	    slice_from(unpacked, z.total_out), strbuf_slice(&xml));
	(void)inflateEnd(&z);
	strbuf_clear(&xml);
	strbuf_clear(&packed);
}

static void
test_gzip_over_its_cap_fails(void **state)
{
	struct strbuf packed;
	struct record_gzip *gzip;

	(void)state;
	strbuf_init(&packed, 100);
	gzip = record_gzip_new(&packed);
	make(record_gzip_sink(gzip));
	assert_int_equal(record_gzip_end(gzip), -1);
	strbuf_clear(&packed);
}

static void
test_mail_has_short_lines_and_the_subject(void **state)
{
	struct strbuf mail;
	struct slice rest, line;
	char gzip[1000] = {1, 2, 3};

	(void)state;
	strbuf_init(&mail, 1 << 20);
	assert_int_equal(record_report_mail(&about, SLICE("r@example.com"),
			     slice_from(gzip, sizeof(gzip)), 1000080000, &mail),
	    0);
	assert_non_null(strstr(mail.p,
	    "\r\nSubject: Report Domain: example.com\r\n"
	    "\tSubmitter: mx.example.org\r\n"
	    "\tReport-ID: <999993600.example.com@mx.example.org>\r\n"));
	assert_non_null(
	    strstr(mail.p, "\r\nDate: Mon, 10 Sep 2001 00:00:00 +0000\r\n"));
	rest = strbuf_slice(&mail);
	while (slice_cut(&rest, '\n', &line)) {
		assert_in_range(line.n, 0, 79);
		assert_true(line.n == 0 || line.p[line.n - 1] == '\r');
	}
	strbuf_clear(&mail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_valid),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_the_old_format),
	    cmocka_unit_test(test_two_mails_have_two_message_ids),
	    cmocka_unit_test(test_gzip_gives_the_same_bytes_back),
	    cmocka_unit_test(test_gzip_over_its_cap_fails),
	    cmocka_unit_test(test_mail_has_short_lines_and_the_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
