/* dns/cache: lives as long as the TTL and the caps say, in bounded memory. */
#include <stdio.h>

#include "dns/cache.h"
#include "t/lib/unit.h"

static struct dns_question
numbered(int n)
{
	struct dns_question question;
	char name[32];

	snprintf(name, sizeof(name), "n%d.example", n);
	assert_int_equal(
	    dns_question_set(&question, DNS_TXT, slice_str(name)), 0);
	return question;
}

static struct dns_reply *
text_reply(const char *text, uint32_t ttl)
{
	struct dns_record record = {.value.n = strlen(text)};

	return dns_reply_new(&record, 1, slice_str(text), ttl);
}

static void
add(struct dns_cache *cache, int n, struct dns_reply *reply, int64_t now)
{
	struct dns_question question = numbered(n);

	dns_cache_add(cache, &question, reply, now);
	dns_reply_drop(reply);
}

static bool
has(struct dns_cache *cache, int n, int64_t now)
{
	struct dns_question question = numbered(n);

	return dns_cache_find(cache, &question, now) != NULL;
}

static void
test_each_status_has_its_time(void **state)
{
	static const struct {
		enum dns_status status;
		uint32_t ttl;
		int64_t seconds; /* that it lives */
	} cases[] = {
	    {DNS_OK, 60, 60},
	    {DNS_OK, 1, 1},
	    {DNS_OK, 0, 0},
	    {DNS_OK, 0x7fffffff, DNS_TTL_MAX},
	    {DNS_NODATA, 60, 60},
	    {DNS_NODATA, 0, 0},
	    {DNS_NODATA, 86400, DNS_NEGATIVE_TTL_MAX},
	    {DNS_NXDOMAIN, 86400, DNS_NEGATIVE_TTL_MAX},
	    {DNS_TEMPFAIL, 0, DNS_FAILURE_TTL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_cache *cache = dns_cache_new(10, 10000);
		struct dns_reply *reply = cases[i].status == DNS_OK
		    ? text_reply("x", cases[i].ttl)
		    : dns_reply_new_status(cases[i].status, cases[i].ttl);
		int64_t end = 1000 + cases[i].seconds * 1000;

		add(cache, 1, reply, 1000);
		assert_int_equal(has(cache, 1, end - 1), cases[i].seconds > 0);
		assert_false(has(cache, 1, end));
		assert_int_equal(dns_cache_bytes(cache), 0);
		dns_cache_free(cache);
	}
}

static void
test_type_and_name_are_the_key(void **state)
{
	struct dns_cache *cache = dns_cache_new(10, 10000);
	struct dns_question question = numbered(1);

	(void)state;
	add(cache, 1, text_reply("x", 60), 0);
	question.type = DNS_A;
	assert_null(dns_cache_find(cache, &question, 1));
	assert_false(has(cache, 2, 1));
	assert_true(has(cache, 1, 1));
	dns_cache_free(cache);
}

static void
test_the_new_one_replaces_the_old(void **state)
{
	struct dns_cache *cache = dns_cache_new(10, 10000);
	struct dns_question question = numbered(1);
	size_t bytes;

	(void)state;
	add(cache, 1, text_reply("old", 60), 0);
	bytes = dns_cache_bytes(cache);
	add(cache, 1, text_reply("new", 60), 0);
	assert_int_equal(dns_cache_bytes(cache), bytes);
	assert_slice_equal(
	    dns_cache_find(cache, &question, 1)->answer.records[0].value,
	    SLICE("new"));
	add(cache, 1, text_reply("unkept", 0), 0);
	assert_false(has(cache, 1, 1));
	dns_cache_free(cache);
}

static void
test_the_longest_unused_goes_first(void **state)
{
	struct dns_cache *cache = dns_cache_new(3, 10000);

	(void)state;
	for (int n = 1; n <= 3; n++)
		add(cache, n, text_reply("x", 60), 0);
	assert_true(has(cache, 1, 1));
	add(cache, 4, text_reply("x", 60), 1);
	assert_false(has(cache, 2, 2));
	assert_true(has(cache, 1, 2));
	assert_true(has(cache, 3, 2));
	assert_true(has(cache, 4, 2));
	dns_cache_free(cache);
}

static void
test_bytes_have_a_bound(void **state)
{
	struct dns_cache *cache = dns_cache_new(1000, 20000);
	char big[10000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (int n = 0; n < 1000; n++) {
		add(cache, n, text_reply("x", 60), 0);
		assert_true(dns_cache_bytes(cache) <= 20000);
	}
	add(cache, 1000, text_reply(big, 60), 0);
	assert_true(dns_cache_bytes(cache) <= 20000);
	assert_true(has(cache, 1000, 1));
	dns_cache_free(cache);
	cache = dns_cache_new(10, 5000);
	add(cache, 1, text_reply("x", 60), 0);
	add(cache, 2, text_reply(big, 60), 0);
	assert_false(has(cache, 2, 1));
	assert_true(has(cache, 1, 1));
	dns_cache_free(cache);
}

static void
test_a_held_reply_outlives_the_cache(void **state)
{
	struct dns_cache *cache = dns_cache_new(10, 10000);
	struct dns_question question = numbered(1);
	struct dns_reply *reply;

	(void)state;
	add(cache, 1, text_reply("still here", 60), 0);
	reply = dns_reply_hold(dns_cache_find(cache, &question, 1));
	dns_cache_free(cache);
	assert_slice_equal(reply->answer.records[0].value, SLICE("still here"));
	dns_reply_drop(reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_status_has_its_time),
	    cmocka_unit_test(test_type_and_name_are_the_key),
	    cmocka_unit_test(test_the_new_one_replaces_the_old),
	    cmocka_unit_test(test_the_longest_unused_goes_first),
	    cmocka_unit_test(test_bytes_have_a_bound),
	    cmocka_unit_test(test_a_held_reply_outlives_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
