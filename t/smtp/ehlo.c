/* smtp/ehlo: what a relay offers, what we offer in front of it. */
#include "smtp/ehlo.h"
#include "smtp/xforward.h"
#include "t/lib/unit.h"

static struct smtp_capabilities
parse(const char *wire)
{
	struct smtp_reply reply = smtp_reply_of(wire);
	struct smtp_capabilities caps;

	smtp_ehlo_parse(&reply, &caps);
	return caps;
}

static void
test_parse(void **state)
{
	static const struct {
		const char *wire;
		unsigned extensions;
		uint64_t size;
		unsigned xforward;
	} cases[] = {
	    {"250 mx\r\n", 0, 0, 0},
	    {"250-mx\r\n250-pipelining\r\n250 8BITMIME\r\n",
		SMTP_EXT_PIPELINING | SMTP_EXT_8BITMIME, 0, 0},
	    {"250-mx\r\n250-SIZE 10240000\r\n250-DSN\r\n250 SMTPUTF8\r\n",
		SMTP_EXT_SIZE | SMTP_EXT_DSN | SMTP_EXT_SMTPUTF8, 10240000, 0},
	    {"250-mx\r\n250 SIZE\r\n", SMTP_EXT_SIZE, 0, 0},
	    {"250-mx\r\n250 SIZE x\r\n", SMTP_EXT_SIZE, 0, 0},
	    {"250-mx\r\n250 SIZE 99999999999999999999999\r\n", SMTP_EXT_SIZE, 0,
		0},
	    {"250-mx\r\n250-ENHANCEDSTATUSCODES\r\n"
	     "250 XFORWARD NAME addr BOGUS  IDENT\r\n",
		SMTP_EXT_ENHANCEDSTATUSCODES | SMTP_EXT_XFORWARD, 0,
		1U << SMTP_XFORWARD_NAME | 1U << SMTP_XFORWARD_ADDR |
		    1U << SMTP_XFORWARD_IDENT},
	    /* Not for us, and what only looks alike. */
	    {"250-mx\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250-CHUNKING\r\n"
	     "250-VRFY\r\n250-ETRN\r\n250-PIPELININGS\r\n250 DSN2\r\n",
		0, 0, 0},
	    /* The first line is a name, not an extension. */
	    {"250-DSN\r\n250 mx\r\n", 0, 0, 0},
	    {"502-mx\r\n502 DSN\r\n", 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_capabilities caps = parse(cases[i].wire);

		assert_int_equal(caps.extensions, cases[i].extensions);
		assert_int_equal(caps.size, cases[i].size);
		assert_int_equal(caps.xforward, cases[i].xforward);
	}
}

static void
test_offer(void **state)
{
	static const struct {
		const char *relay;
		bool eight_bit;
		uint64_t size_max;
		const char *ours;
	} cases[] = {
	    {"250 mx\r\n", true, 0,
		"250-us\r\n250-PIPELINING\r\n250-SIZE\r\n"
		"250-ENHANCEDSTATUSCODES\r\n"
		"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n"},
	    {"250-mx\r\n250-SIZE 5000\r\n250-STARTTLS\r\n250-8BITMIME\r\n"
	     "250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 AUTH PLAIN\r\n",
		true, 7000,
		"250-us\r\n250-PIPELINING\r\n250-SIZE 5000\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n"
		"250-SMTPUTF8\r\n"
		"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n"},
	    {"250-mx\r\n250-SIZE 5000\r\n250-8BITMIME\r\n250-DSN\r\n"
	     "250 SMTPUTF8\r\n",
		false, 3000,
		"250-us\r\n250-PIPELINING\r\n250-SIZE 3000\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n"
		"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n"},
	    {"250-mx\r\n250 SIZE 0\r\n", true, 3000,
		"250-us\r\n250-PIPELINING\r\n250-SIZE 3000\r\n"
		"250-ENHANCEDSTATUSCODES\r\n"
		"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_capabilities relay = parse(cases[i].relay);
		struct smtp_capabilities ours = smtp_ehlo_offer(
		    &relay, cases[i].eight_bit, cases[i].size_max);
		struct strbuf out;

		strbuf_init(&out, 4096);
		assert_int_equal(smtp_ehlo_print(SLICE("us"), &ours, &out), 0);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(cases[i].ours));
		strbuf_clear(&out);
	}
}

static void
test_host(void **state)
{
	struct smtp_reply one = smtp_reply_of("250 mx.example.org hello\r\n");
	struct smtp_reply two = smtp_reply_of("250-mx2\r\n250 DSN\r\n");
	struct smtp_reply bare = smtp_reply_of("250\r\n");

	(void)state;
	assert_slice_equal(smtp_ehlo_host(&one), SLICE("mx.example.org"));
	assert_slice_equal(smtp_ehlo_host(&two), SLICE("mx2"));
	assert_slice_equal(smtp_ehlo_host(&bare), SLICE(""));
}

static void
test_nothing_to_offer_is_one_line(void **state)
{
	struct smtp_capabilities none = {.extensions = 0};
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 8);
	assert_int_equal(smtp_ehlo_print(SLICE("us"), &none, &out), 0);
	assert_slice_equal(strbuf_slice(&out), SLICE("250 us\r\n"));
	assert_int_equal(smtp_ehlo_print(SLICE("us"), &none, &out), -1);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_offer),
	    cmocka_unit_test(test_host),
	    cmocka_unit_test(test_nothing_to_offer_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
