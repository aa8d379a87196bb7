/*
 * What a worker counts. One writer, any number of readers: no lock, no
 * system call. The block may lie on a page that others read.
 */
#ifndef PROXY_FIGURES_COUNTERS_H
#define PROXY_FIGURES_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/slice.h"
#include "proxy/settings/fronts.h"

struct auth_results;
struct dns_counts;

/* Sizes of the families below. */
enum {
	PROXY_DELAY_BUCKETS = 12,  /* proxy_delay_bounds[] and "more" */
	PROXY_RESULT_METHODS = 8,  /* of enum auth_method */
	PROXY_RESULT_VERDICTS = 8, /* of enum mail_verdict */
	PROXY_DNS_OUTCOMES = 4,	   /* proxy_dns_words[], of enum dns_status */
	PROXY_DNS_BUCKETS = 10,	   /* proxy_dns_bounds[] and "more" */
	PROXY_DNS_PACKETS = 3,	   /* proxy_packet_words[] */
	PROXY_ANSWERS = 6,	   /* of enum record_reflector_result */
	PROXY_SIGN_ANSWERS = 6	   /* of enum proxy_sign_answer_kind */
};

/* What a signer answered: the wire's words, and that it must not. */
enum proxy_sign_answer_kind {
	PROXY_SIGN_ANSWER_DONE,
	PROXY_SIGN_ANSWER_STALE,
	PROXY_SIGN_ANSWER_MISSING,
	PROXY_SIGN_ANSWER_TROUBLE,
	PROXY_SIGN_ANSWER_UNPUBLISHED,
	PROXY_SIGN_ANSWER_REFUSED
};

extern const char *const proxy_sign_answer_words[PROXY_SIGN_ANSWERS];

/* Why a message is passed on unsigned. The log has the word, and for some of
 * them behind a colon what is spoken of. */
enum proxy_unsigned {
	PROXY_UNSIGNED_NO_RULE, /* no rule is for the sender's domain */
	PROXY_UNSIGNED_NO_KEY,	/* `domain = *`, and there is none */
	PROXY_UNSIGNED_MAP_SAYS_NONE,
	PROXY_UNSIGNED_LEFT_OUT, /* none of the signatures fits */
	PROXY_UNSIGNED_NO_FROM,
	PROXY_UNSIGNED_TWO_FROM,
	PROXY_UNSIGNED_BAD_FROM,
	PROXY_UNSIGNED_HEADER_LONG,
	PROXY_UNSIGNED_FAILED,	      /* none could be made */
	PROXY_UNSIGNED_NOT_OURS,      /* by milter, and not in sign_for */
	PROXY_UNSIGNED_NOT_PUBLISHED, /* no key yet that the world can see */
	PROXY_UNSIGNED_COUNT
};

extern const char *const proxy_unsigned_words[PROXY_UNSIGNED_COUNT];

/* Upper bounds of the delays' buckets, ms, without the last. */
extern const unsigned proxy_delay_bounds[PROXY_DELAY_BUCKETS - 1];
/* What DNS questions came to; upper bounds, ms, of how long those took that
 * were asked of a name server; packets. */
extern const char *const proxy_dns_words[PROXY_DNS_OUTCOMES];
extern const unsigned proxy_dns_bounds[PROXY_DNS_BUCKETS - 1];
extern const char *const proxy_packet_words[PROXY_DNS_PACKETS];

enum proxy_counter {
	PROXY_COUNT_SESSIONS,	      /* accepted */
	PROXY_COUNT_SESSIONS_REFUSED, /* not in `allow` */
	PROXY_COUNT_SESSIONS_OPEN,    /* goes down, too */
	PROXY_COUNT_RELAY_FAILED,     /* connections not made or lost */
	PROXY_COUNT_SENT,	      /* the relay said 250, and so did we */
	PROXY_COUNT_REJECTED,	      /* 5xx after the data */
	PROXY_COUNT_DEFERRED,	      /* 4xx after the data */
	PROXY_COUNT_ABORTED,	      /* the client went before its answer */
	PROXY_COUNT_MAYBE_DELIVERED,  /* RFC 1047: a second copy may come */
	PROXY_COUNT_BYTES,	      /* of the messages sent */
	PROXY_COUNT_SIGNATURES,	      /* made */
	PROXY_COUNT_SIGNATURES_FAILED,
	PROXY_COUNT_TO_SIGN,	  /* messages that a rule has signed */
	PROXY_COUNT_SIGN_TROUBLE, /* of those: a signature could not be made */
	PROXY_COUNT_UNSIGNED,	  /* messages passed on without one */
	PROXY_COUNT_PUT_OFF,	  /* of those deferred: by our own checks */
	PROXY_COUNT_TRUSTED,	  /* messages of our own networks, checked */
	PROXY_COUNT_RECORDS_LOST, /* the recorder did not take them */
	PROXY_COUNT_KEYS,	  /* in memory; goes down, too */
	PROXY_COUNT_KEY_AGE,	  /* s, of the oldest of them; is set */
	PROXY_COUNT_DELAY_MS,	  /* of all messages together */
	PROXY_COUNT_DNS_CACHED,	  /* questions answered from the cache */
	PROXY_COUNT_DNS_MERGED,	  /* that joined an equal one in flight */
	PROXY_COUNT_DNS_MS,	  /* of all that were asked together */
	PROXY_COUNT_REPORTS,	  /* aggregate reports seen to be sent */
	PROXY_COUNT_REPORTS_SEEN, /* up to then, s since 1970; is set */
	/* Of the process itself (proxy/figures/process.h); all of them are
	 * set. */
	PROXY_COUNT_CPU_MS,
	PROXY_COUNT_RESIDENT, /* bytes */
	PROXY_COUNT_VIRTUAL,
	PROXY_COUNT_BEGAN_MS, /* since 1970 */
	PROXY_COUNT_FDS,      /* open descriptors */
	PROXY_COUNT_FDS_MAX,  /* 0: it has not said anything yet */

	/* Families, one counter a member. */
	PROXY_COUNT_DELAYS,
	PROXY_COUNT_REASONS = PROXY_COUNT_DELAYS + PROXY_DELAY_BUCKETS,
	PROXY_COUNT_RESULTS = PROXY_COUNT_REASONS + PROXY_UNSIGNED_COUNT,
	PROXY_COUNT_DNS =
	    PROXY_COUNT_RESULTS + PROXY_RESULT_METHODS * PROXY_RESULT_VERDICTS,
	PROXY_COUNT_DNS_TOOK = PROXY_COUNT_DNS + PROXY_DNS_OUTCOMES,
	PROXY_COUNT_PACKETS = PROXY_COUNT_DNS_TOOK + PROXY_DNS_BUCKETS,
	PROXY_COUNT_ANSWERS = PROXY_COUNT_PACKETS + PROXY_DNS_PACKETS,
	/* The recorder's own: what it could not keep, and what it has taken
	 * and not yet committed (goes down, too), by the front they are of. */
	PROXY_COUNT_LOST = PROXY_COUNT_ANSWERS + PROXY_ANSWERS,
	PROXY_COUNT_PENDING = PROXY_COUNT_LOST + PROXY_FRONTS,
	/* A signer's: of each front. */
	PROXY_COUNT_SIGN_ANSWERS = PROXY_COUNT_PENDING + PROXY_FRONTS,
	PROXY_COUNTERS =
	    PROXY_COUNT_SIGN_ANSWERS + PROXY_FRONTS * PROXY_SIGN_ANSWERS
};

struct proxy_counters {
	_Atomic uint64_t n[PROXY_COUNTERS];
};

void proxy_count_add(
    struct proxy_counters *, enum proxy_counter, uint64_t more);
void proxy_count(struct proxy_counters *, enum proxy_counter);
void proxy_count_down(struct proxy_counters *, enum proxy_counter);
void proxy_count_set(
    struct proxy_counters *, enum proxy_counter, uint64_t value);

/* The recorder's, of a front by its number. */
enum proxy_counter proxy_count_lost(size_t front);
enum proxy_counter proxy_count_pending(size_t front);

/* A message's delay into its bucket and the sum. */
void proxy_count_delay(struct proxy_counters *, uint64_t ms);

/* An unsigned message, under its reason. */
void proxy_count_unsigned(struct proxy_counters *, enum proxy_unsigned);

/* A signer's answer to a worker of the front. */
enum proxy_counter proxy_count_of_answer(
    size_t front, enum proxy_sign_answer_kind);

/* What a resolver has counted for itself since `before`, which is that then. It
 * is added: another worker's figures may stand there already. */
void proxy_count_dns(struct proxy_counters *, const struct dns_counts *now,
    struct dns_counts *before);

/* What a message's checks came to. */
void proxy_count_results(struct proxy_counters *, const struct auth_results *);

uint64_t proxy_counter_get(const struct proxy_counters *, enum proxy_counter);

#endif
