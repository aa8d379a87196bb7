/*
 * What the tools that check a message share: an evaluation's wires to the
 * message and to the DNS, and what the command line says of the client.
 */
#ifndef CLI_KIT_CHECKING_H
#define CLI_KIT_CHECKING_H

#include "auth/evaluation.h"
#include "auth/spf.h"
#include "base/slice.h"

enum { CLI_HOST_MAX = 256 };

struct cli_resolver;
struct mail_header;

/* --client-ip, --helo, --mail-from; NULL where not given. */
struct cli_client {
	const char *ip, *helo, *mail_from;
};

/* Are the addresses such, the client's and the sender's, where they are
 * given? 0; or -1 with a message on stderr that names the command. */
int cli_client_check(const struct cli_client *, const char *command);

/* The same for an evaluation, the sender without its angle brackets. The
 * texts are borrowed. */
struct auth_client cli_client_of(const struct cli_client *);

/* The check of mail of that domain from that address, which also says HELO by
 * the domain's name. */
struct auth_spf *cli_spf_new(
    const char *domain, struct slice address, enum auth_spf_version);

/* This machine's name; "localhost" where it has none. */
void cli_host_name(char host[CLI_HOST_MAX]);

/* For struct mail_reader_ops, whose ctx is the evaluation. */
void cli_checking_header(void *evaluation, const struct mail_header *);
void cli_checking_body(void *evaluation, struct slice chunk);

/* Asks whatever the evaluation has to ask by now; see cli_resolve(). */
void cli_checking_resolve(struct cli_resolver *, struct auth_evaluation *);

#endif
