/* proxy/listener: Unix-domain sockets, and what stands where one should be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/listener.h"
#include "t/lib/unit.h"

enum { WAIT_S = 10 };

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
	fd = proxy_listener_open(&at, &reason);
	assert_true(fd >= 0);
	close(fd); /* and the file is still there */
	fd = proxy_listener_open(&at, &reason);
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
	assert_int_equal(proxy_listener_open(&at, &reason), -1);
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
