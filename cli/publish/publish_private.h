/* The parts of cli/publish/publish.h: SPF and Sender-ID, DMARC. */
#ifndef CLI_PUBLISH_PUBLISH_PRIVATE_H
#define CLI_PUBLISH_PUBLISH_PRIVATE_H

#include "auth/orgdomain.h"
#include "auth/spf.h"
#include "cli/kit/zone.h"
#include "cli/publish/publish.h"
#include "cli/publish/spf_plan.h"
#include "record/rua.h"

/* An SPF record: v=spf1, or spf2.0 of the scope pra. */
struct publish_spf {
	enum auth_spf_version version;
	const char *what; /* "spf", "senderid" */
	struct slice existing[CLI_SPF_PLAN_RECORDS_MAX];
	char *texts[CLI_SPF_PLAN_RECORDS_MAX]; /* what those are views of */
	size_t count;
	bool known;   /* what stands there */
	bool begun;   /* are the addresses covered? */
	bool planned; /* `record` is made, or `reason` says why not */
	struct auth_spf *covers[CLI_LEAVING_MAX];
	struct strbuf record, reason;
	bool refused; /* the reason is one for a person */
	/* Of the new record: does it look up too much? Two addresses that no
	 * host has go through all of it. */
	struct auth_spf *trial_v4, *trial_v6;
};

struct publish_dmarc {
	struct dns_question own; /* at _dmarc. of the domain */
	bool asked, answered, silent, planned, held, refused;
	size_t records; /* that begin as DMARC's do */
	char *existing; /* the first of them */
	struct auth_orgdomain *org;
	struct strbuf record;
	struct record_rua *rua;
};

struct cli_publish {
	const struct cli_publish_wishes *wishes;
	const struct cli_leaving *leaving;
	char *domain;
	bool domainkeys;
	unsigned what, faults;
	struct cli_records keys; /* and DomainKeys' policy */
	struct publish_key *key_questions;
	struct cli_zone zone;
	struct dns_question text; /* the TXT records of the domain */
	bool text_asked;
	struct publish_spf spf, senderid;
	struct publish_dmarc dmarc;
};

/* "signpost: dns: WHAT DOMAIN: ..." on stderr, and the fault noted. */
void publish_complain(struct cli_publish *, unsigned fault, const char *what,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* No name server said it: left out. */
void publish_complain_silent(struct cli_publish *, const char *what);

void publish_spf_init(
    struct publish_spf *, enum auth_spf_version, const char *what);
void publish_spf_take(struct publish_spf *, const struct dns_answer *);
bool publish_spf_ask(
    struct cli_publish *, struct publish_spf *, struct dns_question *);
void publish_spf_answer(struct publish_spf *, const struct dns_question *,
    const struct dns_answer *);
void publish_spf_finish(
    struct cli_publish *, struct publish_spf *, struct cli_records *);
void publish_spf_clear(struct publish_spf *);

void publish_dmarc_init(struct cli_publish *);
bool publish_dmarc_ask(struct cli_publish *, struct dns_question *);
void publish_dmarc_answer(struct cli_publish *, const struct dns_question *,
    const struct dns_answer *);
void publish_dmarc_finish(struct cli_publish *, struct cli_records *);
void publish_dmarc_clear(struct publish_dmarc *);

#endif
