/* Which key of a domain is to sign: by its file, and by what that said before. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proxy/keys/selectors_known.h"
#include "t/lib/unit.h"

static char dir[] = "/tmp/signpost-known-XXXXXX";
static char template[64];

/* Who complains, and of what last. */
static unsigned complaints;
static char complaint[4096];

static void
complain(void *ctx, const char *text)
{
	(void)ctx;
	complaints++;
	(void)snprintf(complaint, sizeof(complaint), "%s", text);
}

static struct proxy_key_readers
readers_with(struct proxy_selectors_known *known)
{
	struct proxy_key_readers readers = {.known = known};

	readers.owners[readers.owner_count++] = geteuid();
	return readers;
}

static const char *
path_of(const char *domain, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", dir, domain, name);
	return path;
}

/* By a rename, as the file is to be replaced. */
static void
put(const char *domain, const char *text, mode_t mode)
{
	char beside[256];
	FILE *file;

	(void)snprintf(beside, sizeof(beside), "%s/%s", dir, domain);
	(void)mkdir(beside, 0700);
	(void)snprintf(beside, sizeof(beside), "%s", path_of(domain, "beside"));
	file = fopen(beside, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fchmod(fileno(file), mode), 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(beside, path_of(domain, "selectors")), 0);
}

/* "found NAME", "staged NAME"; else the status, and a part of the reason. */
static void
expect_of(const struct proxy_key_readers *readers, const char *domain,
    enum dkim_algorithm algorithm, enum proxy_key_status want, const char *said)
{
	const struct proxy_key_rule rule = {.file = template,
	    .selector = (char[]){"auto"},
	    .automatic = true,
	    .algorithm = algorithm,
	    .per_domain = true};
	struct proxy_selectors_choice choice = {.name = ""};
	enum proxy_key_status got;
	struct strbuf reason;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	got = proxy_selectors_choose(
	    readers, &rule, slice_str(domain), &choice, &reason);
	if (got != want ||
	    (want == PROXY_KEY_FOUND && strcmp(choice.name, said) != 0) ||
	    (want != PROXY_KEY_FOUND &&
		slice_search(strbuf_slice(&reason), slice_str(said)) ==
		    reason.n))
		fail_msg("%s: %d %s \"%s\", want %d %s", domain, (int)got,
		    choice.name, strbuf_text(&reason), (int)want, said);
	if (want == PROXY_KEY_FOUND)
		assert_int_equal(reason.n, 0);
	strbuf_clear(&reason);
}

static void
expect(const struct proxy_key_readers *readers, enum dkim_algorithm algorithm,
    enum proxy_key_status want, const char *said)
{
	expect_of(readers, "a.example", algorithm, want, said);
}

static int
set_up(void **state)
{
	complaints = 0;
	complaint[0] = '\0';
	*state = proxy_selectors_known_new(3, complain, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	proxy_selectors_known_free(*state);
	(void)unlink(path_of("a.example", "selectors"));
	return 0;
}

static void
test_the_active_key_of_a_kind_is_chosen(void **state)
{
	const struct proxy_key_readers readers = readers_with(*state);

	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_MISSING, "No such file");
	put("a.example",
	    "rsa retired r0\nrsa staged r2\nrsa active r1\n"
	    "ed25519 active e1\n",
	    0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	expect(&readers, DKIM_ED25519_SHA256, PROXY_KEY_FOUND, "e1");
	expect(&readers, DKIM_ALGORITHM_UNKNOWN, PROXY_KEY_FOUND, "r1");
	put("a.example", "rsa retired r0\nrsa staged r2\ned25519 active e1\n",
	    0600);
	expect(&readers, DKIM_ALGORITHM_UNKNOWN, PROXY_KEY_FOUND, "e1");
	put("a.example", "rsa retired r0\ned25519 active e1\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_MISSING,
	    "names no key of rsa that is active or staged");
	assert_int_equal(complaints, 0);
}

static void
test_one_that_is_staged_says_so(void **state)
{
	const struct proxy_key_readers readers = readers_with(*state);
	const struct proxy_key_rule rule = {
	    .file = template, .selector = (char[]){"auto"}, .automatic = true};
	struct proxy_selectors_choice choice;
	struct strbuf reason;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	put("a.example", "rsa staged r1\nrsa staged r2\n", 0600);
	assert_int_equal(proxy_selectors_choose(&readers, &rule,
			     SLICE("a.example"), &choice, &reason),
	    PROXY_KEY_FOUND);
	assert_string_equal(choice.name, "r1");
	assert_true(choice.staged);
	put("a.example", "rsa staged r1\nrsa active r2\n", 0600);
	assert_int_equal(proxy_selectors_choose(&readers, &rule,
			     SLICE("a.example"), &choice, &reason),
	    PROXY_KEY_FOUND);
	assert_string_equal(choice.name, "r2");
	assert_false(choice.staged);
	strbuf_clear(&reason);
}

static void
test_a_mistake_leaves_what_was_good_and_is_told_once(void **state)
{
	const struct proxy_key_readers readers = readers_with(*state);

	put("a.example", "rsa active r1\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	put("a.example", "rsa active r2\nrsa active r3\n", 0600);
	for (int i = 0; i < 5; i++)
		expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_int_equal(complaints, 1);
	assert_non_null(strstr(complaint,
	    "/a.example/selectors:2: of each kind one key alone is active"));
	/* Another change, another complaint. */
	put("a.example", "rsa active r2", 0600);
	for (int i = 0; i < 5; i++)
		expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_int_equal(complaints, 2);
	put("a.example", "rsa active r2\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r2");
	assert_int_equal(complaints, 2);
}

static void
test_others_may_read_it_and_not_write_to_it(void **state)
{
	const struct proxy_key_readers readers = readers_with(*state);
	const struct proxy_key_readers nobodys = {.known = *state};

	put("a.example", "rsa active r1\n", 0644);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	put("a.example", "rsa active r2\n", 0664);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_int_equal(complaints, 1);
	assert_non_null(strstr(complaint,
	    "has mode 0664, which lets others write to it: chmod go-w /"));
	put("a.example", "rsa active r2\n", 0602);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_int_equal(complaints, 2);
	put("a.example", "rsa active r3\n", 0600);
	expect(&nobodys, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_non_null(strstr(complaint, " belongs to user "));
	assert_int_equal(chmod(path_of("a.example", ""), 0777), 0);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_int_equal(chmod(path_of("a.example", ""), 0700), 0);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r3");
}

static void
test_who_remembers_nothing_is_refused(void **state)
{
	const struct proxy_key_readers readers = readers_with(NULL);

	(void)state;
	put("a.example", "rsa active r1\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	put("a.example", "rsa active\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_TROUBLE,
	    "/a.example/selectors:1: no selector:");
	put("a.example", "rsa active r1\n", 0620);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_TROUBLE, "chmod go-w /");
	assert_int_equal(unlink(path_of("a.example", "selectors")), 0);
	assert_int_equal(mkdir(path_of("a.example", "selectors"), 0700), 0);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_TROUBLE,
	    "/selectors is no regular file");
	assert_int_equal(rmdir(path_of("a.example", "selectors")), 0);
}

static void
test_a_file_that_is_gone_is_forgotten(void **state)
{
	const struct proxy_key_readers readers = readers_with(*state);

	put("a.example", "rsa active r1\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
	assert_int_equal(unlink(path_of("a.example", "selectors")), 0);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_MISSING, "No such file");
	/* And what it said is no more what counts. */
	put("a.example", "rsa active\n", 0600);
	expect(&readers, DKIM_RSA_SHA256, PROXY_KEY_TROUBLE, "no selector:");
	assert_int_equal(complaints, 0);
}

/* Three are remembered; then the least lately used goes. */
static void
test_what_is_remembered_has_a_bound(void **state)
{
	const struct proxy_key_readers readers = readers_with(*state);
	char domain[32];

	for (int i = 0; i < 4; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		put(domain, "rsa active r1\n", 0600);
		expect_of(
		    &readers, domain, DKIM_RSA_SHA256, PROXY_KEY_FOUND, "r1");
		expect_of(&readers, "d0.example", DKIM_RSA_SHA256,
		    PROXY_KEY_FOUND, "r1");
	}
	for (int i = 0; i < 4; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		put(domain, "rsa\n", 0600);
		expect_of(&readers, domain, DKIM_RSA_SHA256,
		    i == 1 ? PROXY_KEY_TROUBLE : PROXY_KEY_FOUND,
		    i == 1 ? "a key is staged" : "r1");
		(void)unlink(path_of(domain, "selectors"));
		(void)rmdir(path_of(domain, ""));
	}
	assert_int_equal(complaints, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_the_active_key_of_a_kind_is_chosen, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_one_that_is_staged_says_so, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_mistake_leaves_what_was_good_and_is_told_once, set_up,
		tear_down),
	    cmocka_unit_test_setup_teardown(
		test_others_may_read_it_and_not_write_to_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_who_remembers_nothing_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_file_that_is_gone_is_forgotten, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_what_is_remembered_has_a_bound, set_up, tear_down),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(
	    template, sizeof(template), "%s/$domain/$selector.pem", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(path_of("a.example", ""));
	(void)rmdir(dir);
	return failed;
}
