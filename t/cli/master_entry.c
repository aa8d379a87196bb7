/* cli/master_entry: services of master.cf, ours and postconf's. */
#include "cli/master_entry.h"
#include "t/lib/unit.h"

static const char text[] =
    "# a comment\n"
    "smtp      inet  n       -       y       -       -       smtpd\n"
    "  -o content_filter=signpost-in:[127.0.0.1]:10025\n"
    "#  -o { smtpd_end_of_data_restrictions = none }\n"
    "\n"
    "  -o { smtpd_client_restrictions = permit_mynetworks, reject }\n"
    "  -o a=b=c\n"
    "#submission inet n - y - - smtpd\n"
    "smtp      unix  -       -       y       -       -       smtp\n"
    "short inet n\n"
    "mailman unix - n n - - pipe flags=FRX -o a=1 -o a=2 -o";

static void
test_a_service_is_one_line(void **state)
{
	static const struct {
		const char *name, *type, *want; /* NULL: none */
	} cases[] = {
	    {"smtp", "inet",
		"smtp inet n - y - - smtpd -o "
		"content_filter=signpost-in:[127.0.0.1]:10025 -o "
		"{ smtpd_client_restrictions = permit_mynetworks, reject } -o "
		"a=b=c"},
	    {"smtp", "unix", "smtp unix - - y - - smtp"},
	    {"submission", "inet", NULL},
	    {"short", "inet", "short inet n"},
	    {"smt", "inet", NULL},
	};
	struct strbuf entry;

	(void)state;
	strbuf_init(&entry, CLI_MASTER_ENTRY_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(cli_master_entry_find(slice_str(text),
				     slice_str(cases[i].name),
				     slice_str(cases[i].type), &entry),
		    cases[i].want != NULL);
		if (cases[i].want != NULL)
			assert_slice_equal(
			    strbuf_slice(&entry), slice_str(cases[i].want));
	}
	strbuf_clear(&entry);
}

static void
test_an_option_is_found_in_each_of_its_forms(void **state)
{
	static const struct {
		const char *entry, *name, *want; /* NULL: none */
	} cases[] = {
	    {"a inet n - y - - smtpd -o b=c", "b", "c"},
	    {"a inet n - y - - smtpd -o b=c -o b=d", "b", "d"},
	    {"a inet n - y - - smtpd -o {b=c d}", "b", "c d"},
	    {"a inet n - y - - smtpd -o { b = {c} {d e} }", "b", "{c} {d e}"},
	    {"a inet n - y - - smtpd -o b=", "b", ""},
	    {"a inet n - y - - smtpd -v -o b=c", "b", "c"},
	    {"a inet n - y - - smtpd -o bb=c", "b", NULL},
	    {"a inet n - y - - smtpd -o b", "b", NULL},
	    {"a inet n - y - - smtpd -o {b=c", "b", NULL},
	    {"-o b=c inet n - y - - smtpd", "b", NULL},
	    {"a inet n", "b", NULL},
	    {"", "b", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice value;

		assert_int_equal(
		    cli_master_entry_option(slice_str(cases[i].entry),
			slice_str(cases[i].name), &value),
		    cases[i].want != NULL);
		if (cases[i].want != NULL)
			assert_slice_equal(value, slice_str(cases[i].want));
	}
}

static void
test_two_services_are_equal_whatever_the_order_of_options(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
	    {"a inet n - y - 20 smtpd -o b=c -o d=e",
		"a  inet n - y - 20 smtpd -o {d = e} -o b=c", true},
	    {"a inet n - y - 20 smtpd", "a inet n - y - 20 smtpd", true},
	    {"a inet n - y - 20 smtpd -o b=c", "a inet n - y - 20 smtpd -o b=d",
		false},
	    {"a inet n - y - 20 smtpd -o b=c", "a inet n - y - 20 smtpd",
		false},
	    {"a inet n - y - 20 smtpd", "a inet n - y - 20 smtpd -o b=c",
		false},
	    {"a inet n - y - 20 smtpd", "a inet n - y - 21 smtpd", false},
	    {"a inet n - y - 20 smtpd", "a inet n - y - 20", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(cli_master_entry_equal(slice_str(cases[i].a),
				     slice_str(cases[i].b)),
		    cases[i].equal);
	assert_slice_equal(
	    cli_master_entry_command(SLICE("a inet n - y - 20 smtpd -o b=c")),
	    SLICE("smtpd"));
	assert_slice_equal(
	    cli_master_entry_command(SLICE("a inet n")), slice_str(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_service_is_one_line),
	    cmocka_unit_test(test_an_option_is_found_in_each_of_its_forms),
	    cmocka_unit_test(
		test_two_services_are_equal_whatever_the_order_of_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
