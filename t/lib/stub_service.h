/*
 * What one proxy_session needs around it: a proxy_service whose filter does
 * as it is told, and whose relay is a listening socket of ours. Fails no
 * test by itself, so that a fuzzer can have it too.
 */
#ifndef T_LIB_STUB_SERVICE_H
#define T_LIB_STUB_SERVICE_H

#include "proxy/message/service.h"

/* The filter: changes nothing, gives this outcome. */
struct stub_filter {
	bool waits;   /* gives it only when told: stub_filter_go_on() */
	bool passing; /* says before that the message will pass */
	struct proxy_outcome outcome;
	bool judges;	      /* the sender */
	proxy_outcome_fn *fn; /* once it waits; NULL again once freed */
	void *ctx;
	void (*tell_passing)(void *ctx);
	void *passing_ctx;
	unsigned begun, freed;
};

struct stub_service {
	struct proxy_service service;
	struct stub_filter filter;
	struct proxy_counters counters;
	_Atomic uint64_t slot; /* the quota's: bytes held */
	struct proxy_quota quota;
	int listener, spool_dir;
};

/* Gives the outcome that the filter waits with. */
void stub_filter_go_on(struct stub_filter *);

/* Everything that has no default of its own, on a zeroed struct. Messages
 * are kept in /tmp over 64 KB. False where the system would not. */
bool stub_service_begin(struct stub_service *, struct event_base *);

/* The relay's side of a connection that a session has made, not blocking;
 * -1 where there is none. The caller closes it. */
int stub_service_accept(const struct stub_service *);

/* Cuts the sessions off; returns what they have left behind, in words: ""
 * where, as it must be, that is nothing. */
const char *stub_service_cut(struct stub_service *);

/* After that. */
void stub_service_end(struct stub_service *);

#endif
