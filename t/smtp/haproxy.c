/* smtp/haproxy: both versions, whole and cut short at every place, and
 * what is not a header. */
#include "smtp/haproxy.h"
#include "base/strbuf.h"
#include "t/lib/unit.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4                               \
	V2 "\x21\x11\x00\x0c"                 \
	   "\xc0\x00\x02\x01\xc0\x00\x02\x02" \
	   "\x30\x39\x00\x19"
#define V2_TCP6                                         \
	V2 "\x21\x21\x00\x24"                           \
	   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
	   "\xff\xff\x00\x19"

static const struct {
	struct slice wire;
	bool known, local;
	const char *address;
	unsigned port;
} good[] = {
    {SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n"), true, false,
	"192.0.2.1", 12345},
    {SLICE_INIT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	true, false, "255.255.255.255", 65535},
    {SLICE_INIT("PROXY TCP6 2001:db8::1 ::1 1 0\r\n"), true, false,
	"2001:db8::1", 1},
    {SLICE_INIT("PROXY TCP6 2001:0DB8:0:0:0:0:0:1 ::1 1 0\r\n"), true, false,
	"2001:db8::1", 1},
    {SLICE_INIT("PROXY UNKNOWN\r\n"), false, false, "", 0},
    {SLICE_INIT("PROXY UNKNOWN ffff:f:f ffff 65535 65535\r\n"), false, false,
	"", 0},
    {SLICE_INIT(V2_TCP4), true, false, "192.0.2.1", 12345},
    {SLICE_INIT(V2_TCP6), true, false, "2001:db8::1", 65535},
    /* TLVs behind the addresses are passed over. */
    {SLICE_INIT(V2 "\x21\x11\x00\x10"
		   "\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x00\x19"
		   "\x04\x00\x01x"),
	true, false, "192.0.2.1", 12345},
    {SLICE_INIT(V2 "\x20\x00\x00\x00"), false, true, "", 0},
    {SLICE_INIT(V2 "\x20\x11\x00\x03xyz"), false, true, "", 0},
    /* Unix sockets, UDP, unspecified: no address of a client. */
    {SLICE_INIT(V2 "\x21\x00\x00\x00"), false, false, "", 0},
    {SLICE_INIT(V2 "\x21\x31\x00\x02xy"), false, false, "", 0},
    {SLICE_INIT(V2 "\x21\x12\x00\x00"), false, false, "", 0},
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct smtp_haproxy header;
		struct strbuf in;
		size_t used;

		for (size_t n = 0; n < good[i].wire.n; n++) {
			assert_int_equal(
			    smtp_haproxy_parse(slice_first(good[i].wire, n),
				&used, &header, NULL),
			    SMTP_MORE);
			assert_int_equal(used, 0);
		}
		strbuf_init(&in, 4096);
		(void)strbuf_add(&in, good[i].wire);
		(void)strbuf_add_str(&in, "EHLO x\r\n");
		assert_int_equal(
		    smtp_haproxy_parse(strbuf_slice(&in), &used, &header, NULL),
		    SMTP_DONE);
		assert_int_equal(used, good[i].wire.n);
		assert_int_equal(header.known, good[i].known);
		assert_int_equal(header.local, good[i].local);
		assert_string_equal(header.address, good[i].address);
		assert_int_equal(header.port, good[i].port);
		strbuf_clear(&in);
	}
}

static void
test_bad(void **state)
{
	static const struct slice bad[] = {
	    SLICE_INIT("EHLO x\r\n"),
	    SLICE_INIT("P\r\n"),
	    SLICE_INIT("proxy TCP4 192.0.2.1 192.0.2.2 12345 25\r\n"),
	    SLICE_INIT("PROXY\r\n"),
	    SLICE_INIT("PROXY TCP5 192.0.2.1 192.0.2.2 12345 25\r\n"),
	    SLICE_INIT("PROXY TCP4  192.0.2.1 192.0.2.2 12345 25\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 12345 25 \r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 12345 25 x\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 12345\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 025 25\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 -1 25\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2 12345 25\r\n"),
	    SLICE_INIT("PROXY TCP4 ::1 ::2 12345 25\r\n"),
	    SLICE_INIT("PROXY TCP6 192.0.2.1 192.0.2.2 12345 25\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1\0 192.0.2.2 12345 25\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\n\r\n"),
	    SLICE_INIT(V2 "\x22\x11\x00\x0c____________"),
	    SLICE_INIT(V2 "\x11\x11\x00\x0c____________"),
	    SLICE_INIT(V2 "\x21\x11\x00\x0b___________"),
	    SLICE_INIT(V2 "\x21\x21\x00\x0c____________"),
	    SLICE_INIT(V2 "\x21\x11\xff\xff"),
	    SLICE_INIT(V2 "\x20\x11\x04\x01"),
	    SLICE_INIT("\r\n\r\n\0\r\nQUIT\r"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct smtp_haproxy header;
		struct strbuf reason;
		size_t used;

		strbuf_init(&reason, 100);
		assert_int_equal(
		    smtp_haproxy_parse(bad[i], &used, &header, &reason),
		    SMTP_BAD);
		assert_int_equal(used, 0);
		assert_true(reason.n > 0);
		strbuf_clear(&reason);
	}
}

/* Neither version is waited for beyond its own bound. */
static void
test_bounds(void **state)
{
	struct smtp_haproxy header;
	struct strbuf in;
	size_t used;

	(void)state;
	strbuf_init(&in, 4096);
	(void)strbuf_add_str(&in, "PROXY UNKNOWN ");
	while (in.n < SMTP_HAPROXY_V1_MAX - 1)
		(void)strbuf_add_char(&in, 'x');
	assert_int_equal(
	    smtp_haproxy_parse(strbuf_slice(&in), &used, &header, NULL),
	    SMTP_MORE);
	(void)strbuf_add_char(&in, '\r');
	assert_int_equal(
	    smtp_haproxy_parse(strbuf_slice(&in), &used, &header, NULL),
	    SMTP_BAD);
	strbuf_reset(&in);
	(void)strbuf_add(&in, SLICE(V2 "\x20\x00\x04\x00"));
	while (in.n < SMTP_HAPROXY_V2_MAX)
		(void)strbuf_add_char(&in, 'x');
	assert_int_equal(
	    smtp_haproxy_parse(strbuf_slice(&in), &used, &header, NULL),
	    SMTP_DONE);
	strbuf_clear(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
