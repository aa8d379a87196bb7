/* An edited message is the spool with fields on top and stretches gone. */
#include <fcntl.h>
#include <unistd.h>

#include "proxy/message/edit.h"
#include "t/lib/unit.h"

struct stretch {
	uint64_t offset, n;
};

static const struct {
	const char *top[3], *spool, *want;
	struct stretch drops[4];
	int blank; /* an empty line before that byte, less one; 0: none */
} cases[] = {
    {{NULL}, "", "", {{0, 0}}, 0},
    {{NULL}, "A: 1\r\n\r\nbody", "A: 1\r\n\r\nbody", {{0, 0}}, 0},
    {{"X: 1\r\n", "Y: 2\r\n"}, "A: 1\r\n\r\nb", "X: 1\r\nY: 2\r\nA: 1\r\n\r\nb",
	{{0, 0}}, 0},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\n\r\nb", "X: 1\r\nB: 2\r\n\r\nb", {{0, 6}},
	0},
    {{NULL}, "A: 1\r\nB: 2\r\nC: 3\r\n\r\nb", "A: 1\r\n\r\nb",
	{{6, 6}, {12, 6}}, 0},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\nC: 3\r\n", "X: 1\r\nB: 2\r\n",
	{{0, 6}, {12, 6}}, 0},
    {{NULL}, "no field", "\r\nno field", {{0, 0}}, 1},
    {{"X: 1\r\n"}, "no field", "X: 1\r\n\r\nno field", {{0, 0}}, 1},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\nno field", "X: 1\r\nB: 2\r\n\r\nno field",
	{{0, 6}}, 13},
    {{"X: 1\r\n"}, "A: 1\r\nB: 2\r\nno field", "X: 1\r\nA: 1\r\n\r\nno field",
	{{6, 6}}, 13},
    {{NULL}, "A: 1\r\n", "A: 1\r\n\r\n", {{0, 0}}, 7},
};

static void
play_case(size_t c, size_t mark, size_t step)
{
	int dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Atomic uint64_t slot;
	struct proxy_quota quota;
	struct proxy_spool_files *files;
	struct proxy_spool *spool;
	struct proxy_edit *edit = proxy_edit_new();
	struct proxy_playback play;
	char out[256];
	size_t n = 0;
	ssize_t got;

	proxy_quota_init(&quota, &slot, 0);
	files = proxy_spool_files_new(dir_fd);
	spool = proxy_spool_new(mark, files, &quota);
	assert_int_equal(proxy_spool_append(spool, slice_str(cases[c].spool)),
	    PROXY_SPOOL_OK);
	for (size_t i = 0; i < 3 && cases[c].top[i] != NULL; i++)
		assert_int_equal(
		    proxy_edit_top(edit, slice_str(cases[c].top[i])), 0);
	for (size_t i = 0; i < 4 && cases[c].drops[i].n > 0; i++)
		assert_int_equal(proxy_edit_drop(edit, cases[c].drops[i].offset,
				     cases[c].drops[i].n),
		    0);
	if (cases[c].blank > 0)
		proxy_edit_blank(edit, (uint64_t)cases[c].blank - 1);
	proxy_playback_init(&play, edit, spool);
	while ((got = proxy_playback_next(&play, out + n, step)) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	assert_slice_equal(slice_from(out, n), slice_str(cases[c].want));
	proxy_edit_free(edit);
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
			play_case(c, 1024, step);
			play_case(c, 4, step); /* all of it in the file */
		}
}

static void
test_keeps_its_bounds(void **state)
{
	struct proxy_edit *edit = proxy_edit_new();
	static const char field[1024];

	(void)state;
	assert_int_equal(proxy_edit_drop(edit, 10, 5), 0);
	assert_int_equal(proxy_edit_drop(edit, 14, 5), -1);
	for (unsigned i = 1; i < PROXY_EDIT_DROPS_MAX; i++)
		assert_int_equal(proxy_edit_drop(edit, 10 + 5 * i, 5), 0);
	assert_int_equal(proxy_edit_drop(edit, 100000, 1), -1);
	for (unsigned i = 0; i < PROXY_EDIT_TOP_MAX / sizeof(field); i++)
		assert_int_equal(
		    proxy_edit_top(edit, slice_from(field, sizeof(field))), 0);
	assert_int_equal(proxy_edit_top(edit, SLICE("x")), -1);
	proxy_edit_free(edit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plays_what_was_spliced_in_any_steps),
	    cmocka_unit_test(test_keeps_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
