/* record/spelling: what means the same is spelt the same; what is no name or
 * address is nothing. */
#include "record/spelling.h"
#include "t/lib/unit.h"

static const struct {
	void (*spell)(struct slice, struct strbuf *);
	const char *in, *out;
} cases[] = {
    {record_spell_domain, "Example.ORG", "example.org"},
    {record_spell_domain, "example.org.", "example.org"},
    {record_spell_domain,
	"B\xc3\xbc"
	"cher.example",
	"xn--bcher-kva.example"},
    {record_spell_domain, "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
    {record_spell_domain, "[192.0.2.1]", ""},
    {record_spell_domain, "[IPv6:2001:db8::1]", ""},
    {record_spell_domain, "a b.example", ""},
    {record_spell_domain, "<script>", ""},
    {record_spell_domain, "\xff.example", ""},
    {record_spell_domain, "", ""},
    {record_spell_domain, ".", ""},
    {record_spell_selector, "S1", "s1"},
    {record_spell_selector, "S1._x", "s1._x"},
    {record_spell_selector, "A<B", "a<b"},
    {record_spell_address, "192.0.2.1", "192.0.2.1"},
    {record_spell_address, "::ffff:192.0.2.1", "192.0.2.1"},
    {record_spell_address, "::FFFF:c000:201", "192.0.2.1"},
    {record_spell_address, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {record_spell_address, "2001:0db8::0001", "2001:db8::1"},
    {record_spell_address, "unknown", ""},
    {record_spell_address, "192.0.2.1 ", ""},
    {record_spell_address, "[192.0.2.1]", ""},
    {record_spell_address, "", ""},
};

static void
test_cases(void **state)
{
	struct strbuf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strbuf_init(&out, 300);
		cases[i].spell(slice_str(cases[i].in), &out);
		assert_string_equal(strbuf_text(&out), cases[i].out);
		strbuf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
