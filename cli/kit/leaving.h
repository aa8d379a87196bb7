/*
 * The addresses by which this machine's mail leaves: what the world sees as its
 * client, and SPF must name. Postfix's settings say it (smtp_bind_address and
 * its kin, inet_interfaces, proxy_interfaces, relayhost), and where they are
 * silent the kernel, by the way that it would take, or the interfaces. Asks the
 * DNS for the addresses of a relay host, and is answered.
 */
#ifndef CLI_KIT_LEAVING_H
#define CLI_KIT_LEAVING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/kit/master.h"
#include "dns/question.h"

enum {
	CLI_LEAVING_MAX = 32,	    /* addresses */
	CLI_LEAVING_RELAYS_MAX = 4, /* relay hosts */
	CLI_LEAVING_QUESTIONS_MAX = 64
};

struct cli_leaving_address {
	char text[INET6_ADDRSTRLEN];
	/* The parameter that says so, or "the interface". */
	const char *from;
	int relay;   /* the number of the relay host that has it; -1: ours */
	bool hidden; /* private: the world sees another one, which is not known
		      * here (RFC 1918, 6598, 4193, 3927) */
};

/* A host that takes all mail from us. */
struct cli_leaving_relay {
	char *host;   /* a name; NULL where it is an address, listed above */
	bool mx;      /* Postfix looks for its MX */
	bool unknown; /* the DNS gave no address */
};

struct cli_leaving_question {
	struct dns_question question;
	int relay;
	bool answered;
};

struct cli_leaving {
	struct cli_leaving_address list[CLI_LEAVING_MAX];
	size_t count;
	struct cli_leaving_relay relays[CLI_LEAVING_RELAYS_MAX];
	size_t relay_count;
	const char *tables; /* a parameter that has some mail leave by another
			     * way, by a table that is not looked at; or NULL */
	struct cli_leaving_question questions[CLI_LEAVING_QUESTIONS_MAX];
	size_t question_count, asked;
	bool silent; /* a question has no answer */
};

/* By which addresses the kernel would send to the world; "" for none. */
struct cli_leaving_machine {
	char v4[INET6_ADDRSTRLEN], v6[INET6_ADDRSTRLEN];
};

/* No packet is sent. */
void cli_leaving_look(struct cli_leaving_machine *);

/* Without a Postfix (NULL) it is the machine's. */
void cli_leaving_find(struct cli_leaving *, const struct cli_master *,
    const struct cli_leaving_machine *);

/* For struct proxy_asking_ops, whose subject is the struct cli_leaving. */
bool cli_leaving_ask(void *leaving, struct dns_question *);
void cli_leaving_answer(
    void *leaving, const struct dns_question *, const struct dns_answer *);
void cli_leaving_clear(struct cli_leaving *);

#endif
