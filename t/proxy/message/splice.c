/* An edited message is the spool with fields on top and fields gone. */
#include <fcntl.h>
#include <unistd.h>

#include "proxy/message/splice.h"
#include "t/lib/unit.h"

static const struct {
	const char *top[3], *spool, *want;
	const char *removed; /* numbers of fields from the top, as digits */
} cases[] = {
    {{NULL}, "", "", ""},
    {{NULL}, "A: 1\r\n\r\nbody", "A: 1\r\n\r\nbody", ""},
    {{"X: 1\r\n", "Y: 2\r\n"}, "A: 1\r\n\r\nb", "X: 1\r\nY: 2\r\nA: 1\r\n\r\nb",
	""},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\n\r\nb", "X: 1\r\nB: 2\r\n\r\nb", "0"},
    {{NULL}, "A: 1\r\nB: 2\r\n 3\r\nC: 3\r\n\r\nb", "A: 1\r\n\r\nb", "12"},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\nC: 3\r\n", "X: 1\r\nB: 2\r\n", "02"},
    {{NULL}, "no field", "\r\nno field", ""},
    {{"X: 1\r\n"}, "no field", "X: 1\r\n\r\nno field", ""},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\nno field", "X: 1\r\nB: 2\r\n\r\nno field",
	"0"},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\nno field", "X: 1\r\nA: 1\r\n\r\nno field",
	"1"},
};

static void
play_case(size_t c, size_t mark, size_t step, bool edited)
{
	int dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct mail_header *header =
	    mail_header_parse(slice_str(cases[c].spool), 1000);
	struct proxy_edit *edit = proxy_edit_new();
	struct proxy_spool_files *files = proxy_spool_files_new(dir_fd);
	struct proxy_splice splice;
	struct proxy_quota quota;
	struct proxy_spool *spool;
	_Atomic uint64_t slot;
	char out[256];
	size_t n = 0;
	ssize_t got;

	proxy_quota_init(&quota, &slot, 0);
	spool = proxy_spool_new(mark, files, &quota);
	assert_int_equal(proxy_spool_append(spool, slice_str(cases[c].spool)),
	    PROXY_SPOOL_OK);
	for (size_t i = 0; i < 3 && cases[c].top[i] != NULL; i++)
		assert_int_equal(
		    proxy_edit_top(edit, slice_str(cases[c].top[i])), 0);
	for (const char *i = cases[c].removed; *i != '\0'; i++)
		assert_int_equal(
		    proxy_edit_remove(edit, header, (size_t)(*i - '0')), 0);
	proxy_splice_begin(&splice, spool, header, edited ? edit : NULL);
	while ((got = proxy_splice_next(&splice, out + n, step)) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	if (edited)
		assert_slice_equal(
		    slice_from(out, n), slice_str(cases[c].want));
	else
		assert_int_equal(n,
		    slice_str(cases[c].spool).n +
			(mail_header_ending(header) == MAIL_HEADER_END_LINE
				? 2
				: 0));
	proxy_edit_free(edit);
	mail_header_free(header);
	proxy_spool_free(spool);
	proxy_spool_files_free(files);
	close(dir_fd);
}

static void
test_plays_what_was_spliced_in_any_steps(void **state)
{
	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		for (size_t step = 1; step < 40; step++) {
			play_case(c, 1024, step, true);
			play_case(c, 4, step, true); /* all in the file */
			play_case(c, 1024, step, false);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plays_what_was_spliced_in_any_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
