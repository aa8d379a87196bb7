/* milter/packet: any cuts, lengths that lie, what stands in a packet, answers. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "milter/packet.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

struct stream {
	struct milter_reader reader;
	struct strbuf got;
	bool bad;
};

static void *
begin_stream(void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	(void)arg;
	milter_reader_init(&s->reader);
	strbuf_init(&s->got, 4096);
	return s;
}

static void
write_stream(void *state, struct slice chunk)
{
	struct stream *s = state;
	struct milter_packet packet;
	size_t used;

	while (chunk.n > 0 && !s->bad) {
		enum milter_parse parse =
		    milter_reader_next(&s->reader, chunk, &used, &packet);

		assert_true(used <= chunk.n);
		if (parse == MILTER_MORE) {
			assert_int_equal(used, chunk.n);
			return;
		}
		s->bad = parse == MILTER_BAD;
		if (s->bad)
			strbuf_add_str(&s->got, "bad");
		else
			strbuf_addf(&s->got, "%c(%.*s)", packet.code,
			    (int)packet.data.n, packet.data.p);
		chunk = slice_after(chunk, used);
	}
}

static void
end_stream(void *state, struct strbuf *result)
{
	struct stream *s = state;

	strbuf_add(result, strbuf_slice(&s->got));
	if (milter_reader_is_within(&s->reader) && !s->bad)
		strbuf_add_str(result, "...");
	milter_reader_clear(&s->reader);
	strbuf_clear(&s->got);
	free(s);
}

static void
test_packets_are_the_same_in_any_cuts(void **state)
{
	static const struct trickle trickle = {
	    begin_stream, write_stream, end_stream};
	static const struct {
		struct slice input;
		const char *want;
	} cases[] = {
	    {SLICE_INIT("\0\0\0\1A"), "A()"},
	    {SLICE_INIT("\0\0\0\1A\0\0\0\4Bxyz\0\0\0\1Q"), "A()B(xyz)Q()"},
	    {SLICE_INIT("\0\0\0\3Hab\0\0\0\2Bx\0\0"), "H(ab)B(x)..."},
	    {SLICE_INIT("\0\0\0\3Ha"), "..."},
	    {SLICE_INIT("\0\0\0\1A\0\0\0\0Q"), "A()bad"},
	    {SLICE_INIT("\0\0\0\1A\0\x10\0\1Q"), "A()bad"},
	    {SLICE_INIT("\xff\xff\xff\xffQ"), "bad"},
	    {SLICE_INIT("GET / HTTP/1.0\r\n\r\n"), "bad"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		trickle_check(
		    &trickle, NULL, cases[i].input, slice_str(cases[i].want));
}

static void
test_the_largest_packet_is_taken_and_one_octet_more_is_not(void **state)
{
	char *bytes = xcalloc(1, 4 + MILTER_PACKET_MAX);
	struct slice in = slice_from(bytes, 4 + MILTER_PACKET_MAX);
	struct milter_reader reader;
	struct milter_packet packet;
	size_t used;

	(void)state;
	bytes[1] = 0x10;
	bytes[4] = 'B';
	milter_reader_init(&reader);
	assert_int_equal(
	    milter_reader_next(&reader, slice_first(in, 4000), &used, &packet),
	    MILTER_MORE);
	assert_int_equal(
	    milter_reader_next(&reader, slice_after(in, 4000), &used, &packet),
	    MILTER_DONE);
	assert_int_equal(packet.data.n, MILTER_PACKET_MAX - 1);
	bytes[3] = 1;
	assert_int_equal(
	    milter_reader_next(&reader, in, &used, &packet), MILTER_BAD);
	assert_int_equal(
	    milter_reader_next(&reader, in, &used, &packet), MILTER_BAD);
	milter_reader_clear(&reader);
	free(bytes);
}

static void
test_connect(void **state)
{
	static const struct {
		struct slice data;
		int result;
		const char *host;
		char family;
		unsigned port;
		const char *address;
	} cases[] = {
	    {SLICE_INIT("mx.example\0"
			"4\x04\x01"
			"192.0.2.1\0"),
		0, "mx.example", '4', 1025, "192.0.2.1"},
	    {SLICE_INIT("[::1]\0"
			"6\xff\xff"
			"IPv6:::1\0"),
		0, "[::1]", '6', 65535, "::1"},
	    {SLICE_INIT("a\0"
			"6\0\0"
			"2001:db8::1\0"),
		0, "a", '6', 0, "2001:db8::1"},
	    {SLICE_INIT("localhost\0"
			"L\0\0/run/x\0"),
		0, "localhost", 'L', 0, "/run/x"},
	    {SLICE_INIT("unknown\0U"), 0, "unknown", 'U', 0, ""},
	    {SLICE_INIT("localhost\0"
			"4\0\0"
			"127.0.0.1\0"),
		0, "localhost", '4', 0, "127.0.0.1"},
	    {SLICE_INIT("a\0"), -1, NULL, 0, 0, NULL},
	    {SLICE_INIT("a"), -1, NULL, 0, 0, NULL},
	    {SLICE_INIT(""), -1, NULL, 0, 0, NULL},
	    {SLICE_INIT("a\0X\0\0x\0"), -1, NULL, 0, 0, NULL},
	    {SLICE_INIT("a\0"
			"4\0"),
		-1, NULL, 0, 0, NULL},
	    {SLICE_INIT("a\0"
			"4\0\0"
			"192.0.2.1"),
		-1, NULL, 0, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter_connect c;

		assert_int_equal(
		    milter_connect_parse(cases[i].data, &c), cases[i].result);
		if (cases[i].result != 0)
			continue;
		assert_slice_equal(c.host, slice_str(cases[i].host));
		assert_int_equal(c.family, cases[i].family);
		assert_int_equal(c.port, cases[i].port);
		assert_slice_equal(c.address, slice_str(cases[i].address));
	}
}

static void
test_texts_need_their_end(void **state)
{
	struct slice name, value;

	(void)state;
	assert_int_equal(
	    milter_field_parse(SLICE("Subject\0 a\n b\0"), &name, &value), 0);
	assert_slice_equal(name, SLICE("Subject"));
	assert_slice_equal(value, SLICE(" a\n b"));
	assert_int_equal(milter_field_parse(SLICE("A\0\0"), &name, &value), 0);
	assert_slice_equal(value, SLICE(""));
	assert_int_equal(milter_field_parse(SLICE("A\0b"), &name, &value), -1);
	assert_int_equal(milter_field_parse(SLICE("A"), &name, &value), -1);
	assert_int_equal(
	    milter_field_parse(SLICE("A\0b\0c\0"), &name, &value), -1);
	assert_int_equal(
	    milter_text_parse(SLICE("<a@b>\0SIZE=1\0"), &value), 0);
	assert_slice_equal(milter_address(value), SLICE("a@b"));
	assert_slice_equal(milter_address(SLICE("<>")), SLICE(""));
	assert_slice_equal(milter_address(SLICE("a@b")), SLICE("a@b"));
	assert_int_equal(milter_text_parse(SLICE("a@b"), &value), -1);
}

static void
test_macros(void **state)
{
	struct slice rest, name, value;
	char code;

	(void)state;
	assert_int_equal(
	    milter_macros_parse(SLICE("Mi\0"
				      "4abc\0{auth_authen}\0joe\0{x\0y"),
		&code, &rest),
	    0);
	assert_int_equal(code, 'M');
	assert_true(milter_macro_next(&rest, &name, &value));
	assert_slice_equal(name, SLICE("i"));
	assert_slice_equal(value, SLICE("4abc"));
	assert_true(milter_macro_next(&rest, &name, &value));
	assert_slice_equal(name, SLICE("auth_authen"));
	assert_slice_equal(value, SLICE("joe"));
	assert_false(milter_macro_next(&rest, &name, &value));
	assert_int_equal(milter_macros_parse(SLICE(""), &code, &rest), -1);
}

static void
test_answers(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 4096);
	assert_int_equal(milter_print_answer(MILTER_CONTINUE, &out), 0);
	assert_int_equal(
	    milter_print_insert(0, SLICE("X"), SLICE(" a\r\n\tb"), &out), 0);
	assert_int_equal(milter_print_delete(SLICE("Y"), 258, &out), 0);
	assert_int_equal(
	    milter_print_reply(SLICE("550 5.7.1 100% a\r\nb\x80"), &out), 0);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("\0\0\0\1c"
		  "\0\0\0\x0d"
		  "i\0\0\0\0X\0 a\n\tb\0"
		  "\0\0\0\x08"
		  "m\0\0\1\2Y\0\0"
		  "\0\0\0\x17"
		  "y550 5.7.1 100%% a  b \0"));
	strbuf_clear(&out);
	strbuf_init(&out, 8);
	assert_int_equal(milter_print_reply(SLICE("550 5.7.1 no"), &out), -1);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_packets_are_the_same_in_any_cuts),
	    cmocka_unit_test(
		test_the_largest_packet_is_taken_and_one_octet_more_is_not),
	    cmocka_unit_test(test_connect),
	    cmocka_unit_test(test_texts_need_their_end),
	    cmocka_unit_test(test_macros),
	    cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
