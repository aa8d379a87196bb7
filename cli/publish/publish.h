/*
 * What one domain is to publish: the records of its keys, DomainKeys' policy,
 * SPF, Sender-ID and DMARC. What is in the DNS already is kept and extended. A
 * subject of questions (cli/kit/flow.h):
 *
 *	p = cli_publish_new(&wishes, leaving, domain);
 *	cli_publish_add_key(p, ...);			for each of its keys
 *	cli_publish_ask(p, &question), cli_publish_answer(p, ...)
 *	cli_publish_finish(p, &records);
 *	cli_publish_free(p);
 */
#ifndef CLI_PUBLISH_PUBLISH_H
#define CLI_PUBLISH_PUBLISH_H

#include "cli/kit/leaving.h"
#include "cli/kit/records.h"

struct dkim_key;

/* What is wanted, in bits. */
enum cli_publish_what {
	CLI_PUBLISH_DKIM = 1 << 0, /* DomainKeys' policy too */
	CLI_PUBLISH_SPF = 1 << 1,
	CLI_PUBLISH_SENDERID = 1 << 2,
	CLI_PUBLISH_DMARC = 1 << 3,
	CLI_PUBLISH_ALL = (1 << 4) - 1
};

/* Questions of one domain: twice SPF's for each address. */
enum { CLI_PUBLISH_QUESTIONS = 2000 };

/* The texts are borrowed. */
struct cli_publish_wishes {
	unsigned what;
	bool ask;	     /* the DNS is asked at all */
	const char *terms;   /* of SPF; NULL: the machine's addresses */
	const char *policy;  /* "none", "quarantine", "reject"; NULL */
	const char *rua;     /* an address; NULL */
	const char *config;  /* " -c FILE" for commands; may be empty */
	const char *servers; /* who is asked, for messages */
};

/* What became of it. */
enum cli_publish_fault {
	CLI_PUBLISH_PERSON = 1 << 0, /* somebody has to mend something */
	CLI_PUBLISH_SILENT = 1 << 1, /* no name server answered */
	CLI_PUBLISH_KEY = 1 << 2     /* a key cannot be used */
};

struct cli_publish;

/* The wishes and the leaving, of which all questions have been answered, must
 * live as long. The domain is in A-labels. */
struct cli_publish *cli_publish_new(const struct cli_publish_wishes *,
    const struct cli_leaving *, struct slice domain);

/* Of what is wished for only that, for this domain. */
void cli_publish_limit(struct cli_publish *, unsigned what);

/* Of this domain, or of another that signs its mail. 0, or -1 and the
 * reason. */
int cli_publish_add_key(struct cli_publish *, struct slice domain,
    struct slice selector, const struct dkim_key *, enum cli_key_for,
    struct strbuf *reason);

/* Its mail gets DomainKeys signatures: there is to be a policy. */
void cli_publish_add_domainkeys(struct cli_publish *);

/* For proxy_asking_ops. */
bool cli_publish_ask(void *publish, struct dns_question *);
void cli_publish_answer(
    void *publish, const struct dns_question *, const struct dns_answer *);

/* Adds the records, and tells on stderr what could not be; once. Returns the
 * faults, in bits. */
unsigned cli_publish_finish(struct cli_publish *, struct cli_records *);

void cli_publish_free(struct cli_publish *); /* NULL is fine */

#endif
