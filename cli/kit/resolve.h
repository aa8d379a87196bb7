/*
 * DNS for a tool: the questions of one subject, asked and answered before
 * the call returns.
 */
#ifndef CLI_KIT_RESOLVE_H
#define CLI_KIT_RESOLVE_H

#include <stdint.h>

#include "proxy/message/asking.h"

struct cli_resolver;
struct strbuf;
struct proxy_dns_settings;

/* For --dns-timeout. */
enum { CLI_DNS_TIMEOUT_MAX = 600 };

/* What the options say. */
struct cli_dns {
	const char *nameserver; /* ADDR[:PORT]; NULL: as configured */
	uint64_t timeout;	/* of a question, in seconds; 0: likewise */
};

/*
 * By the options, and where they are silent by the configuration; where
 * there is none (NULL), by /etc/resolv.conf and the default timeout. NULL,
 * with a message on stderr that begins with `option`, where the name
 * server's address is none.
 */
struct cli_resolver *cli_resolver_new(const struct cli_dns *,
    const struct proxy_dns_settings *configured, const char *option);

/* What it is made of, for who asks more than one thing at once. */
struct event_base *cli_resolver_base(const struct cli_resolver *);
struct dns_resolver *cli_resolver_dns(const struct cli_resolver *);

/* Runs until the subject has no open question; by its bounds (20 s and 60
 * questions) at the latest. */
void cli_resolve(
    struct cli_resolver *, const struct proxy_asking_ops *, void *subject);

/* Who is asked, for messages: "127.0.0.1:5353", or the file that names them. */
void cli_resolver_print(const struct cli_resolver *, struct strbuf *);

void cli_resolver_free(struct cli_resolver *); /* NULL is fine */

#endif
