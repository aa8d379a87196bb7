/* base/table: numbers are found by their keys, and none shares a chain at will. */
#include <stdio.h>
#include <stdlib.h>

#include "base/table.h"
#include "base/xalloc.h"
#include "t/lib/unit.h"

enum { ROOM = 1000, NAME = 20 };

struct names {
	struct table table;
	char (*name)[NAME];
};

static struct slice
name_of(const struct names *names, uint32_t number)
{
	return slice_str(names->name[number]);
}

static uint32_t
find(const struct names *names, const char *name)
{
	uint32_t n = table_first(
	    &names->table, table_hash(&names->table, slice_str(name), 0));

	while (
	    n != TABLE_NONE && !slice_equal(name_of(names, n), slice_str(name)))
		n = table_next(&names->table, n);
	return n;
}

static uint32_t
add(struct names *names, const char *name)
{
	uint32_t n = table_add(
	    &names->table, table_hash(&names->table, slice_str(name), 0));

	if (n != TABLE_NONE)
		(void)snprintf(names->name[n], NAME, "%s", name);
	return n;
}

static void
names_init(struct names *names, size_t room)
{
	table_init(&names->table, room);
	names->name = xcalloc(room, NAME);
}

static void
names_clear(struct names *names)
{
	table_clear(&names->table);
	free(names->name);
}

static void
fill(struct names *names, uint32_t count)
{
	char name[NAME];

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(name, NAME, "n%u.example", i);
		assert_int_equal(add(names, name), i);
	}
}

static void
test_numbers_come_in_order_and_no_more_than_there_is_room_for(void **state)
{
	struct names names;
	char name[NAME];

	(void)state;
	names_init(&names, ROOM);
	fill(&names, ROOM);
	assert_int_equal(add(&names, "one more"), TABLE_NONE);
	for (uint32_t i = 0; i < ROOM; i++) {
		(void)snprintf(name, NAME, "n%u.example", i);
		assert_int_equal(find(&names, name), i);
	}
	assert_int_equal(find(&names, "one more"), TABLE_NONE);
	names_clear(&names);
}

static void
test_what_is_removed_is_not_found_and_its_number_comes_again(void **state)
{
	struct names names;
	char name[NAME];

	(void)state;
	names_init(&names, ROOM);
	fill(&names, ROOM);
	for (uint32_t i = 0; i < ROOM; i += 3) {
		table_remove(&names.table,
		    table_hash(&names.table, name_of(&names, i), 0), i);
		names.name[i][0] = '\0';
	}
	for (uint32_t i = 0; i < ROOM; i++) {
		(void)snprintf(name, NAME, "n%u.example", i);
		assert_int_equal(
		    find(&names, name), i % 3 == 0 ? TABLE_NONE : i);
	}
	for (uint32_t i = ROOM / 3 + 1; i-- > 0;) {
		(void)snprintf(name, NAME, "again %u", i);
		assert_int_equal(add(&names, name), i * 3);
	}
	assert_int_equal(add(&names, "one more"), TABLE_NONE);
	assert_int_equal(find(&names, "again 7"), 21);
	names_clear(&names);
}

static void
test_the_last_added_comes_first_in_a_chain(void **state)
{
	struct table table;
	uint64_t hash;

	(void)state;
	table_init(&table, 10);
	hash = table_hash(&table, SLICE("Received"), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(table_add(&table, hash), i);
	assert_int_equal(table_first(&table, hash), 2);
	assert_int_equal(table_next(&table, 2), 1);
	assert_int_equal(table_next(&table, 1), 0);
	assert_int_equal(table_next(&table, 0), TABLE_NONE);
	table_clear(&table);
}

static void
test_an_empty_table_holds_nothing(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, 0);
	assert_int_equal(table_first(&table, 7), TABLE_NONE);
	assert_int_equal(table_add(&table, 7), TABLE_NONE);
	table_clear(&table);
	table_clear(&table);
}

static void
test_a_hash_knows_no_case_and_what_stands_beside(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, ROOM);
	assert_true(table_hash(&table, SLICE("Example.ORG"), 1) ==
	    table_hash(&table, SLICE("example.org"), 1));
	assert_false(table_hash(&table, SLICE("example.org"), 1) ==
	    table_hash(&table, SLICE("example.org"), 2));
	assert_false(table_hash(&table, SLICE("ab"), 0) ==
	    table_hash(&table, SLICE("ba"), 0));
	table_clear(&table);
}

/* The longest chain of so many keys that share one in another table: whoever
 * has seen how one table spreads them knows nothing of the next. */
static void
test_keys_that_collide_in_one_table_do_not_in_the_next(void **state)
{
	struct table known, other;
	uint32_t longest = 0, *in_chain = xcalloc(ROOM, sizeof(*in_chain));
	char name[NAME];

	(void)state;
	table_init(&known, ROOM);
	table_init(&other, ROOM);
	for (uint32_t i = 0, found = 0; found < 100; i++) {
		uint64_t hash;
		uint32_t first;

		(void)snprintf(name, NAME, "x%u", i);
		hash = table_hash(&known, slice_str(name), 0);
		if (hash * known.mixer >> known.shift != 5)
			continue;
		found++;
		hash = table_hash(&other, slice_str(name), 0);
		first = table_first(&other, hash);
		in_chain[table_add(&other, hash)] =
		    first == TABLE_NONE ? 1 : in_chain[first] + 1;
	}
	for (uint32_t i = 0; i < ROOM; i++)
		if (in_chain[i] > longest)
			longest = in_chain[i];
	assert_true(longest < 10);
	free(in_chain);
	table_clear(&known);
	table_clear(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_numbers_come_in_order_and_no_more_than_there_is_room_for),
	    cmocka_unit_test(
		test_what_is_removed_is_not_found_and_its_number_comes_again),
	    cmocka_unit_test(test_the_last_added_comes_first_in_a_chain),
	    cmocka_unit_test(test_an_empty_table_holds_nothing),
	    cmocka_unit_test(test_a_hash_knows_no_case_and_what_stands_beside),
	    cmocka_unit_test(
		test_keys_that_collide_in_one_table_do_not_in_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
