/*
 * Which name servers are asked: those of the settings, or those of a
 * resolv.conf, which is read again when it changes. Remembers which of
 * them have lately kept silent, so that a dead first one is not waited for
 * at every question.
 */
#ifndef DNS_SERVERS_H
#define DNS_SERVERS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "base/strbuf.h"

#define DNS_SERVERS_MAX 16
#define DNS_RESOLV_CONF "/etc/resolv.conf"

struct dns_server {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
	socklen_t length;
	bool trust_ad; /* its AD bit is believed */
};

/* "192.0.2.1:53", "[2001:db8::1]:53". */
#define DNS_SERVER_TEXT_MAX 80
void dns_server_print(const struct dns_server *, char to[DNS_SERVER_TEXT_MAX]);

/* From an address as A and AAAA records have it, 4 or 16 octets; -1 for another
 * length. */
int dns_server_set(struct dns_server *, struct slice address, uint16_t port);

struct dns_conf_page;
struct dns_servers;

/* No servers yet. The AD bit (RFC 4035 section 3.2.3) is believed from
 * loopback addresses always, from others where `trust_ad` is set. */
struct dns_servers *dns_servers_new(bool trust_ad);

/*
 * Servers of a resolv.conf (resolv.conf(5), `nameserver` lines alone); a
 * file that is missing or names none stands for 127.0.0.1. It is read now
 * and after changes.
 */
struct dns_servers *dns_servers_from_file(const char *path, bool trust_ad);
/* The same by way of the page that another process keeps
 * (dns/conf_page.h), which must outlive them. */
struct dns_servers *dns_servers_from_page(
    const struct dns_conf_page *, bool trust_ad);
void dns_servers_free(struct dns_servers *);

/* ADDR, ADDR:PORT, [ADDR6]:PORT; port 53 where left out. 0; or -1 with the
 * reason where it is none of these, or there are DNS_SERVERS_MAX. */
int dns_servers_add(
    struct dns_servers *, struct slice text, struct strbuf *reason);

/* Reads the file again if it has changed; looks at most once a second. The
 * page costs nothing to look at.
 * `now` is in milliseconds of a clock that never goes back. */
void dns_servers_refresh(struct dns_servers *, int64_t now);

/*
 * The servers in the order they should be asked: as configured, but those
 * that kept silent within the last 30 s last. Returns how many.
 */
size_t dns_servers_order(const struct dns_servers *, int64_t now,
    struct dns_server to[DNS_SERVERS_MAX]);

/*
 * What became of asking one. `error` is 0: there was an answer, ETIMEDOUT:
 * none in its time, else the errno that says why no packet came through.
 */
void dns_servers_note(
    struct dns_servers *, const struct dns_server *, int error, int64_t now);

/*
 * For those who tell people. Called when a server is of no use any more: at
 * once where nothing can be sent to it, after DNS_SERVERS_PATIENCE_MS of
 * silence else (a name server may itself have to wait for an answer). And,
 * with 0, when such a one answers again. Of one server only so often as
 * DNS_SERVERS_QUIET_MS: some answer by UDP and refuse TCP, by turns.
 * `server` is "192.0.2.1:53".
 */
#define DNS_SERVERS_PATIENCE_MS 10000
#define DNS_SERVERS_QUIET_MS	60000
typedef void dns_servers_watch_fn(void *ctx, const char *server, int error);
void dns_servers_watch(struct dns_servers *, dns_servers_watch_fn *, void *ctx);

#endif
