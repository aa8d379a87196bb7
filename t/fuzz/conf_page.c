/*
 * The page of resolv.conf on anything, as if the master had been taken over: its
 * size is right or it is none; what is read is whole, is not longer than a page
 * has room for, and is read by the servers' parser as any file is. What a file
 * has, the page has.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dns/conf_page.h"
#include "dns/servers.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

/* Version and length are in front of the text. */
enum { HEAD = 2 * sizeof(uint32_t), PAGE = HEAD + DNS_CONF_MAX };

static int
file_of(const uint8_t *bytes, size_t n, off_t size)
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	must(fd >= 0);
	must(write(fd, bytes, n) == (ssize_t)n);
	must(size == 0 || ftruncate(fd, size) == 0);
	return fd;
}

static void
read_page(const uint8_t *bytes, size_t n)
{
	int fd = file_of(bytes, n < PAGE ? n : PAGE, PAGE);
	struct dns_conf_page *page = dns_conf_page_map(fd);
	uint32_t head[2] = {0, 0};
	struct strbuf text;

	must(page != NULL);
	memcpy(head, bytes, n < HEAD ? n : HEAD);
	strbuf_init(&text, DNS_CONF_MAX);
	must(dns_conf_page_version(page) == (head[0] & ~1U));
	if (dns_conf_page_read(page, &text) == 0) {
		must(head[0] % 2 == 0 && head[1] <= DNS_CONF_MAX);
		must(text.n == head[1]);
		for (size_t i = 0; i < text.n; i++)
			must(strbuf_text(&text)[i] ==
			    (HEAD + i < n ? (char)bytes[HEAD + i] : '\0'));
	} else {
		must(head[0] % 2 != 0 || head[1] >= DNS_CONF_MAX);
		must(text.n == 0);
	}
	dns_servers_free(dns_servers_from_page(page, false));
	strbuf_clear(&text);
	dns_conf_page_free(page);
	(void)close(fd);
}

/* By a file of these bytes. */
static void
follow(const uint8_t *bytes, size_t n)
{
	int made, fd = file_of(bytes, n, 0);
	struct dns_conf_page *page = dns_conf_page_new(&made), *reader;
	struct strbuf path, text;

	must(page != NULL);
	strbuf_init(&path, 64);
	strbuf_init(&text, DNS_CONF_MAX);
	strbuf_addf(&path, "/proc/self/fd/%d", fd);
	dns_conf_page_follow(page, strbuf_text(&path));
	dns_conf_page_follow(page, strbuf_text(&path));
	dns_conf_page_follow(page, "/nonexistent/resolv.conf");
	reader = dns_conf_page_map(made);
	must(reader != NULL && dns_conf_page_version(reader) == 2);
	if (n < DNS_CONF_MAX) {
		must(dns_conf_page_read(reader, &text) == 0 && text.n == n);
		must(memcmp(strbuf_text(&text), bytes, n) == 0);
	}
	strbuf_clear(&path);
	strbuf_clear(&text);
	dns_conf_page_free(reader);
	dns_conf_page_free(page);
	(void)close(made);
	(void)close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int fd = file_of(bytes, n, 0);

	must(n == PAGE || dns_conf_page_map(fd) == NULL);
	(void)close(fd);
	read_page(bytes, n);
	follow(bytes, n);
	return 0;
}
