/* dns/conf_page: what the writer puts there readers have, whole; they cannot
 * write, and servers of the page follow it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dns/conf_page.h"
#include "dns/servers.h"
#include "t/lib/unit.h"

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
assert_first(const struct dns_servers *servers, const char *want)
{
	struct dns_server list[DNS_SERVERS_MAX];
	char text[DNS_SERVER_TEXT_MAX];

	assert_true(dns_servers_order(servers, 0, list) > 0);
	dns_server_print(&list[0], text);
	assert_string_equal(text, want);
}

static void
test_readers_follow_and_cannot_write(void **state)
{
	char path[] = "/tmp/signpost-conf-XXXXXX";
	int fd, file = mkstemp(path);
	struct dns_conf_page *writer = dns_conf_page_new(&fd), *reader;
	struct dns_servers *servers;
	struct strbuf text;
	uint32_t version;

	(void)state;
	assert_true(file >= 0);
	assert_non_null(writer);
	reader = dns_conf_page_map(fd);
	assert_non_null(reader);
	assert_int_equal(dns_conf_page_version(reader), 0);
	write_file(path, "nameserver 192.0.2.1\n");
	dns_conf_page_follow(writer, path);
	version = dns_conf_page_version(reader);
	assert_int_not_equal(version, 0);
	servers = dns_servers_from_page(reader, false);
	assert_first(servers, "192.0.2.1:53");
	/* The same again, and a file that is away, change nothing. */
	dns_conf_page_follow(writer, path);
	assert_int_equal(unlink(path), 0);
	dns_conf_page_follow(writer, path);
	assert_int_equal(dns_conf_page_version(reader), version);
	write_file(path, "nameserver 192.0.2.22\n# and more\n");
	dns_conf_page_follow(writer, path);
	assert_int_not_equal(dns_conf_page_version(reader), version);
	assert_first(servers, "192.0.2.1:53");
	dns_servers_refresh(servers, 0);
	assert_first(servers, "192.0.2.22:53");
	strbuf_init(&text, DNS_CONF_MAX + 1);
	assert_int_equal(dns_conf_page_read(reader, &text), 0);
	assert_true(slice_equal(
	    strbuf_slice(&text), SLICE("nameserver 192.0.2.22\n# and more\n")));
	strbuf_clear(&text);
	/* By the descriptor nobody writes any more. */
	assert_ptr_equal(
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
	    MAP_FAILED);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	dns_servers_free(servers);
	dns_conf_page_free(reader);
	dns_conf_page_free(writer);
	(void)close(fd);
	(void)close(file);
	(void)unlink(path);
}

/* More than a page holds is cut, and names no server by half a line. */
static void
test_what_is_too_long_or_no_page(void **state)
{
	char path[] = "/tmp/signpost-conf-XXXXXX";
	int fd, file = mkstemp(path);
	struct dns_conf_page *writer = dns_conf_page_new(&fd);
	struct strbuf text;
	char *line = malloc(DNS_CONF_MAX + 100);

	(void)state;
	assert_true(file >= 0);
	assert_non_null(writer);
	assert_non_null(line);
	memset(line, '#', DNS_CONF_MAX + 99);
	line[DNS_CONF_MAX + 99] = '\0';
	write_file(path, line);
	dns_conf_page_follow(writer, path);
	strbuf_init(&text, DNS_CONF_MAX + 1);
	assert_int_equal(dns_conf_page_read(writer, &text), 0);
	assert_int_equal(text.n, DNS_CONF_MAX);
	strbuf_clear(&text);
	assert_null(dns_conf_page_map(file));
	assert_null(dns_conf_page_map(-1));
	dns_conf_page_free(writer);
	dns_conf_page_free(NULL);
	(void)close(fd);
	(void)close(file);
	(void)unlink(path);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_readers_follow_and_cannot_write),
	    cmocka_unit_test(test_what_is_too_long_or_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
