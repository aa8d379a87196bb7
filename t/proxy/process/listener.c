/* proxy/process/listener: Unix-domain sockets, and what stands where one
 * should be. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/process/listener.h"
#include "t/lib/unit.h"

enum { WAIT_S = 10 };

static const struct proxy_rights plain;
static char directory[] = "/tmp/signpost-listener-XXXXXX";

static struct proxy_endpoint
at_path(const char *name)
{
	struct proxy_endpoint at;
	struct strbuf text, reason;

	strbuf_init(&text, 200);
	strbuf_init(&reason, 200);
	(void)strbuf_addf(&text, "unix:%s/%s", directory, name);
	assert_int_equal(
	    proxy_endpoint_parse(strbuf_slice(&text), &at, &reason), 0);
	strbuf_clear(&text);
	strbuf_clear(&reason);
	return at;
}

static int
connect_to(const struct proxy_endpoint *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&at->address, at->length) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
test_one_left_behind_is_replaced(void **state)
{
	struct proxy_endpoint at = at_path("stale");
	struct strbuf reason;
	int fd, client;

	(void)state;
	strbuf_init(&reason, 500);
	fd = proxy_listener_open(&at, &plain, &reason);
	assert_true(fd >= 0);
	close(fd); /* and the file is still there */
	fd = proxy_listener_open(&at, &plain, &reason);
	assert_true(fd >= 0);
	client = connect_to(&at);
	assert_true(client >= 0);
	close(client);
	close(fd);
	unlink(proxy_endpoint_path(&at));
	strbuf_clear(&reason);
}

/* One that takes nothing: its queue is full, and nobody waits in it. */
static void
test_a_busy_one_stays_and_is_not_waited_for(void **state)
{
	struct proxy_endpoint at = at_path("busy");
	struct strbuf reason;
	int busy = socket(AF_UNIX, SOCK_STREAM, 0), clients[8], n = 0;

	(void)state;
	assert_int_equal(
	    bind(busy, (struct sockaddr *)&at.address, at.length), 0);
	assert_int_equal(listen(busy, 0), 0);
	while (n < 8 && (clients[n] = connect_to(&at)) >= 0)
		n++;
	assert_in_range(n, 1, 7);
	strbuf_init(&reason, 500);
	alarm(WAIT_S);
	assert_int_equal(proxy_listener_open(&at, &plain, &reason), -1);
	alarm(0);
	assert_true(slice_search(strbuf_slice(&reason),
			slice_str(strerror(EADDRINUSE))) < reason.n);
	assert_int_equal(access(proxy_endpoint_path(&at), F_OK), 0);
	while (n > 0)
		close(clients[--n]);
	close(busy);
	unlink(proxy_endpoint_path(&at));
	strbuf_clear(&reason);
}

static unsigned
mode_of(const struct proxy_endpoint *at)
{
	struct stat st;

	assert_int_equal(lstat(proxy_endpoint_path(at), &st), 0);
	return st.st_mode & 07777;
}

static void
test_its_mode(void **state)
{
	static const struct proxy_rights open_to_all = {.mode = 0666};
	static const struct proxy_rights no_such = {
	    .group = "no-such-group-here"};
	struct proxy_endpoint at = at_path("mode");
	struct strbuf reason;
	int fd;

	(void)state;
	strbuf_init(&reason, 500);
	fd = proxy_listener_open(&at, &plain, &reason);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(&at), PROXY_LISTENER_MODE);
	assert_int_equal(proxy_listener_admit(&at, &open_to_all, &reason), 0);
	assert_int_equal(mode_of(&at), 0666);
	close(fd);
	fd = proxy_listener_open(&at, &open_to_all, &reason);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(&at), 0666);
	close(fd);
	assert_int_equal(proxy_listener_open(&at, &no_such, &reason), -1);
	assert_int_equal(access(proxy_endpoint_path(&at), F_OK), -1);
	strbuf_clear(&reason);
}

/* The name may have come to mean another thing. */
static void
test_what_is_no_socket_is_left_alone(void **state)
{
	static const struct proxy_rights open_to_all = {.mode = 0666};
	struct proxy_endpoint at = at_path("link");
	struct proxy_endpoint other = at_path("file");
	const char *path = proxy_endpoint_path(&at);
	const char *file = proxy_endpoint_path(&other);
	struct strbuf reason;
	int fd = open(file, O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	strbuf_init(&reason, 500);
	assert_int_equal(symlink(file, path), 0);
	assert_int_equal(proxy_listener_admit(&at, &open_to_all, &reason), -1);
	assert_int_equal(
	    proxy_listener_admit(&other, &open_to_all, &reason), -1);
	assert_int_equal(mode_of(&other), 0600);
	unlink(path);
	unlink(file);
	strbuf_clear(&reason);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_left_behind_is_replaced),
	    cmocka_unit_test(test_a_busy_one_stays_and_is_not_waited_for),
	    cmocka_unit_test(test_its_mode),
	    cmocka_unit_test(test_what_is_no_socket_is_left_alone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
