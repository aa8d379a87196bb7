/* base/fd: all of it is written, whatever one write(2) takes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "t/lib/unit.h"

enum { MANY = 300000 };

static char
octet_at(size_t i)
{
	return (char)('a' + i % 26);
}

/* In a process of its own: 0 where all of it came, in its order. */
static int
read_all(int fd)
{
	char bytes[1000];
	size_t got = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] != octet_at(got++))
				return 1;
	return got == MANY ? 0 : 1;
}

static void
test_all_of_it_is_written_in_pieces(void **state)
{
	static char bytes[MANY];
	int ends[2], status = -1;
	pid_t reader;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		bytes[i] = octet_at(i);
	assert_int_equal(pipe(ends), 0);
	reader = fork();
	if (reader == 0) {
		close(ends[1]);
		_exit(read_all(ends[0]));
	}
	close(ends[0]);
	assert_int_equal(fd_write_all(ends[1], slice_from(bytes, MANY)), 0);
	close(ends[1]);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
}

static void
test_what_cannot_be_written_is_told(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	assert_int_equal(fd_write_all(full, SLICE("")), 0);
	assert_int_equal(fd_write_all(full, SLICE("a")), -1);
	assert_int_equal(errno, ENOSPC);
	close(full);
}

static void
test_what_is_closed_is_none(void **state)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), was = fd;

	(void)state;
	assert_true(fd >= 0);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
	fd_close(&fd);
	assert_int_equal(fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_of_it_is_written_in_pieces),
	    cmocka_unit_test(test_what_cannot_be_written_is_told),
	    cmocka_unit_test(test_what_is_closed_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
