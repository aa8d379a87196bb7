/* What the status page asks of the database. The views live for the call. */
#ifndef RECORD_STORE_PAGE_H
#define RECORD_STORE_PAGE_H

#include "record/store.h"

/* The tallies since `from`, in no order and without domains. */
int record_store_hours(
    struct record_store *, int64_t from, record_tally_fn *, void *ctx);

/* One author's domain; what it is empty of was mail without a readable one. */
struct record_domain {
	struct slice name;
	int64_t in, pass, fail; /* mail that came; what DMARC said of it */
	int64_t out, bare;	/* that went; of those, unsigned */
};
typedef void record_domain_fn(void *ctx, const struct record_domain *);

/* Each domain of which there was mail since `from`, in no order. */
int record_store_domains(
    struct record_store *, int64_t from, record_domain_fn *, void *ctx);

/* The domains that were signed for since `from`, at most `most`: the name
 * alone. */
int record_store_signed_for(struct record_store *, int64_t from, unsigned most,
    record_domain_fn *, void *ctx);

/* What is known of a domain's DMARC failures since `from`. */
enum { RECORD_CLIENTS_SHOWN = 3 };

struct record_share {
	char name[RECORD_TEXT_MAX + 1];
	int64_t count; /* 0: none */
};

struct record_failures {
	struct record_share clients[RECORD_CLIENTS_SHOWN]; /* the most first */
	int64_t client_count;				   /* of all */
	struct record_share reason; /* the most frequent */
	struct record_share policy; /* "reject"; "" where there is none */
};

int record_store_failures(struct record_store *, int64_t from,
    struct slice domain, struct record_failures *);

/* Answers of the reflector that were tried in vain and will be again; -1 where
 * the database does not answer. */
int64_t record_store_answers_waiting(struct record_store *);

/* How the aggregate reports go. */
struct record_reports {
	bool wanted;	   /* somebody asks for one of that day */
	int64_t tried;	   /* of that day, to whichever address */
	int64_t deferred;  /* of those, to be tried again */
	int64_t taken;	   /* of those, sent; the rest never will be */
	int64_t sent;	   /* from `since` to before `now`, of any day */
	int64_t last_sent; /* s since 1970; 0: never */
};

/* `day` is its first second. -1 likewise. */
int record_store_reports(struct record_store *, int64_t day, int64_t since,
    int64_t now, struct record_reports *);

/* Octets of the file; -1 likewise. */
int64_t record_store_size(struct record_store *);

#endif
