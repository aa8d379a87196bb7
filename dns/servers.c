/* Name servers and what is remembered of them; see servers.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/number.h"
#include "base/xalloc.h"
#include "dns/conf_page.h"
#include "dns/servers.h"

enum { LOOK_AGAIN_MS = 1000, SILENT_MS = 30000 };

/* What stat() says of the file when it was read. */
struct version {
	struct timespec changed;
	dev_t device;
	ino_t inode;
	off_t size;
	bool there;
};

struct dns_servers {
	struct dns_server list[DNS_SERVERS_MAX];
	int64_t silent_since[DNS_SERVERS_MAX], silent_until[DNS_SERVERS_MAX];
	bool told[DNS_SERVERS_MAX];	      /* that it is of no use */
	int64_t quiet_until[DNS_SERVERS_MAX]; /* nothing is told */
	dns_servers_watch_fn *watch;	      /* NULL: nobody is told */
	void *watch_ctx;
	size_t count;
	bool trust_ad;
	char *path; /* NULL: not from a file */
	struct version version;
	const struct dns_conf_page *page; /* NULL: not from there */
	uint32_t page_version;
	int64_t looked;
};

/* An answer's AD bit is worth something only where nobody between could have
 * set it (RFC 4035 section 4.9.3): on this host, or where we are told to trust
 * the way. */
static bool
is_loopback_server(const struct dns_server *server)
{
	const struct in6_addr *v6 = &server->address.in6.sin6_addr;

	if (server->address.any.sa_family == AF_INET)
		return ntohl(server->address.in.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(v6) ||
	    (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* getaddrinfo() for the sake of fe80::1%eth0. */
static int
address_parse(struct slice host, struct slice port, struct dns_server *server)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	    .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	char host_text[INET6_ADDRSTRLEN + 32], port_text[8];
	int result = -1;

	/* No name: a server that had to be looked up would need another
	 * server. */
	if (host.n == 0 || host.n >= sizeof(host_text) ||
	    port.n >= sizeof(port_text) || memchr(host.p, '\0', host.n))
		return -1;
	(void)snprintf(
	    host_text, sizeof(host_text), "%.*s", (int)host.n, host.p);
	(void)snprintf(
	    port_text, sizeof(port_text), "%.*s", (int)port.n, port.p);
	if (getaddrinfo(host_text, port_text, &hints, &found) != 0)
		return -1;
	if (found->ai_addrlen <= sizeof(server->address)) {
		memcpy(&server->address, found->ai_addr, found->ai_addrlen);
		server->length = found->ai_addrlen;
		result = 0;
	}
	freeaddrinfo(found);
	return result;
}

/* Splits ADDR, ADDR:PORT, [ADDR6]:PORT, [ADDR6] and a bare ADDR6. A bare IPv6
 * address has more than one colon; with a port it needs brackets, as in a URL
 * (RFC 3986 section 3.2.2). */
static int
split_address(struct slice text, struct slice *host, struct slice *port)
{
	size_t colon = slice_find(text, ':'), bracket = slice_find(text, ']');

	*host = text;
	*port = SLICE("53");
	if (text.n > 0 && text.p[0] == '[') {
		if (bracket == text.n)
			return -1;
		*host = slice_from(text.p + 1, bracket - 1);
		if (bracket + 1 == text.n)
			return 0;
		if (text.p[bracket + 1] != ':')
			return -1;
		*port = slice_after(text, bracket + 2);
	} else if (colon < text.n && slice_find_last(text, ':') == colon) {
		*host = slice_first(text, colon);
		*port = slice_after(text, colon + 1);
	}
	return 0;
}

int
dns_server_set(struct dns_server *server, struct slice address, uint16_t port)
{
	*server = (struct dns_server){0};
	if (address.n == sizeof(server->address.in.sin_addr)) {
		server->address.in.sin_family = AF_INET;
		server->address.in.sin_port = htons(port);
		memcpy(&server->address.in.sin_addr, address.p, address.n);
		server->length = sizeof(server->address.in);
		return 0;
	}
	if (address.n == sizeof(server->address.in6.sin6_addr)) {
		server->address.in6.sin6_family = AF_INET6;
		server->address.in6.sin6_port = htons(port);
		memcpy(&server->address.in6.sin6_addr, address.p, address.n);
		server->length = sizeof(server->address.in6);
		return 0;
	}
	return -1;
}

struct dns_servers *
dns_servers_new(bool trust_ad)
{
	struct dns_servers *servers = xcalloc(1, sizeof(*servers));

	servers->trust_ad = trust_ad;
	return servers;
}

void
dns_servers_free(struct dns_servers *servers)
{
	if (servers == NULL)
		return;
	free(servers->path);
	free(servers);
}

int
dns_servers_add(
    struct dns_servers *servers, struct slice text, struct strbuf *reason)
{
	struct dns_server server;
	struct slice host, port;
	uint64_t number;

	memset(&server, 0, sizeof(server));
	if (split_address(text, &host, &port) != 0 ||
	    /* Port 0 is none that anybody listens on. */
	    number_parse(port, 65535, &number) != 0 || number == 0 ||
	    address_parse(host, port, &server) != 0)
		return strbuf_fail(reason,
		    "'%.*s' is no name server's address (ADDR or ADDR:PORT)",
		    (int)slice_first(text, 100).n, text.p);
	if (servers->count == DNS_SERVERS_MAX)
		return strbuf_fail(
		    reason, "more than %d name servers", DNS_SERVERS_MAX);
	/* Decided once here, so that no later place can forget to ask. */
	server.trust_ad = servers->trust_ad || is_loopback_server(&server);
	servers->silent_since[servers->count] = INT64_MAX;
	servers->silent_until[servers->count] = INT64_MIN;
	servers->told[servers->count] = false;
	servers->quiet_until[servers->count] = INT64_MIN;
	servers->list[servers->count++] = server;
	return 0;
}

static struct slice
take_conf_word(struct slice *rest)
{
	size_t n = 0;
	struct slice word;

	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	word = slice_first(*rest, n);
	*rest = slice_trim(slice_after(*rest, n));
	return word;
}

/* Without a usable line the server is this host, as the system's own resolver
 * has it (resolv.conf(5)). */
static void
add_lines(struct dns_servers *servers, struct slice text)
{
	struct slice line, rest = text;
	struct strbuf reason;

	strbuf_init(&reason, 1000);
	while (text.n > 0 && slice_cut(&rest, '\n', &line)) {
		line = slice_trim(line);
		if (!slice_equal(take_conf_word(&line), SLICE("nameserver")))
			continue;
		/* Its port is always 53: one in brackets is not resolv.conf's
		 * syntax. */
		strbuf_reset(&reason);
		(void)dns_servers_add(servers, take_conf_word(&line), &reason);
	}
	if (servers->count == 0)
		(void)dns_servers_add(servers, SLICE("127.0.0.1"), &reason);
	strbuf_clear(&reason);
}

/* What is remembered of the old servers goes with them: the same place in a new
 * file is another server's. */
static void
read_resolv_conf(struct dns_servers *servers)
{
	FILE *file = fopen(servers->path, "re");
	char *text = xmalloc(DNS_CONF_MAX);
	size_t n = 0;

	if (file != NULL) {
		n = fread(text, 1, DNS_CONF_MAX, file);
		(void)fclose(file);
	}
	servers->count = 0;
	add_lines(servers, slice_from(text, n));
	free(text);
}

/* More than the time: a file that is replaced within one tick of the clock has
 * another inode, and one that is written in place another size. */
static struct version
version_of(const char *path)
{
	struct version version;
	struct stat st;

	memset(&version, 0, sizeof(version));
	if (stat(path, &st) != 0)
		return version;
	version.changed = st.st_mtim;
	version.device = st.st_dev;
	version.inode = st.st_ino;
	version.size = st.st_size;
	version.there = true;
	return version;
}

static bool
version_equal(const struct version *a, const struct version *b)
{
	return a->there == b->there && a->device == b->device &&
	    a->inode == b->inode && a->size == b->size &&
	    a->changed.tv_sec == b->changed.tv_sec &&
	    a->changed.tv_nsec == b->changed.tv_nsec;
}

struct dns_servers *
dns_servers_from_file(const char *path, bool trust_ad)
{
	struct dns_servers *servers = dns_servers_new(trust_ad);

	servers->path = xstrdup(path);
	servers->version = version_of(path);
	servers->looked = INT64_MIN / 2;
	read_resolv_conf(servers);
	return servers;
}

static void
read_page(struct dns_servers *servers)
{
	uint32_t version = dns_conf_page_version(servers->page);
	struct strbuf text;

	strbuf_init(&text, DNS_CONF_MAX + 1);
	/* A page that is just being written is read at the next question. */
	if (dns_conf_page_read(servers->page, &text) == 0) {
		servers->page_version = version;
		servers->count = 0;
		add_lines(servers, strbuf_slice(&text));
	}
	strbuf_clear(&text);
}

struct dns_servers *
dns_servers_from_page(const struct dns_conf_page *page, bool trust_ad)
{
	struct dns_servers *servers = dns_servers_new(trust_ad);

	servers->page = page;
	servers->looked = INT64_MIN / 2;
	read_page(servers);
	return servers;
}

void
dns_servers_refresh(struct dns_servers *servers, int64_t now)
{
	struct version version;

	if (servers->page != NULL &&
	    dns_conf_page_version(servers->page) != servers->page_version)
		read_page(servers);
	if (servers->path == NULL || now - servers->looked < LOOK_AGAIN_MS)
		return;
	servers->looked = now;
	version = version_of(servers->path);
	/* A file that is away for a moment is one being replaced. */
	if (!version.there || version_equal(&version, &servers->version))
		return;
	servers->version = version;
	read_resolv_conf(servers);
}

/* The silent ones go last and are not left out: when all are silent there is
 * nobody else to ask, and one of them may be back. */
size_t
dns_servers_order(const struct dns_servers *servers, int64_t now,
    struct dns_server to[DNS_SERVERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < servers->count; i++)
		if (servers->silent_until[i] <= now)
			to[n++] = servers->list[i];
	for (size_t i = 0; i < servers->count; i++)
		if (servers->silent_until[i] > now)
			to[n++] = servers->list[i];
	return n;
}

void
dns_servers_watch(
    struct dns_servers *servers, dns_servers_watch_fn *watch, void *ctx)
{
	servers->watch = watch;
	servers->watch_ctx = ctx;
}

void
dns_server_print(const struct dns_server *server, char to[DNS_SERVER_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN + 16], port[8];
	bool v6 = server->address.any.sa_family == AF_INET6;

	if (getnameinfo(&server->address.any, server->length, host,
		sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(to, DNS_SERVER_TEXT_MAX, "?");
	else
		(void)snprintf(to, DNS_SERVER_TEXT_MAX,
		    v6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* What is told is what holds once the quiet is over. A server that comes and
 * goes is not worth a line each time. */
static void
tell_change(struct dns_servers *servers, size_t i, int error, int64_t now)
{
	char text[DNS_SERVER_TEXT_MAX];

	if (servers->told[i] == (error != 0) || servers->quiet_until[i] > now)
		return;
	servers->told[i] = error != 0;
	servers->quiet_until[i] = now + DNS_SERVERS_QUIET_MS;
	if (servers->watch == NULL)
		return;
	dns_server_print(&servers->list[i], text);
	servers->watch(servers->watch_ctx, text, error);
}

void
dns_servers_note(struct dns_servers *servers, const struct dns_server *server,
    int error, int64_t now)
{
	for (size_t i = 0; i < servers->count; i++) {
		const struct dns_server *one = &servers->list[i];

		if (one->length != server->length ||
		    memcmp(&one->address, &server->address, one->length) != 0)
			continue;
		if (error == 0) {
			servers->silent_since[i] = INT64_MAX;
			servers->silent_until[i] = INT64_MIN;
			tell_change(servers, i, 0, now);
		} else {
			/* A silence that nobody asked into for a while is
			 * over: this one is new. */
			if (servers->silent_since[i] > now ||
			    servers->silent_until[i] <= now)
				servers->silent_since[i] = now;
			servers->silent_until[i] = now + SILENT_MS;
			/* One lost packet is not worth a line in the log; a
			 * refusal of the system, such as no route, is certain
			 * at once. */
			if (error != ETIMEDOUT ||
			    now - servers->silent_since[i] >=
				DNS_SERVERS_PATIENCE_MS)
				tell_change(servers, i, error, now);
		}
	}
}
