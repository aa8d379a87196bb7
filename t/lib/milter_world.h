/*
 * What one proxy_milter needs around it: the filters of both fronts as the
 * daemon has them, a signer's desk with keys, and name servers that answer as
 * they are told. Fails no test by itself, so that a fuzzer can have it too. Who
 * links it has its dns_resolver_ask() (--wrap).
 */
#ifndef T_LIB_MILTER_WORLD_H
#define T_LIB_MILTER_WORLD_H

#include "proxy/message/filter_sign.h"
#include "proxy/message/filter_verify.h"
#include "proxy/message/service.h"
#include "t/lib/signing_desk.h"

enum milter_world_kind {
	MILTER_WORLD_SIGNS,	 /* mail of example.org and ed.example, by DKIM
			     * simple and relaxed and by DomainKeys, of who
			     * logged in, is local or in 192.0.2.0/24 */
	MILTER_WORLD_SIGNS_NONE, /* the same, of nobody: knows its outcome when
				  * the message ends */
	MILTER_WORLD_CHECKS,	 /* as mx.example.org */
	MILTER_WORLD_REFUSES,	 /* and refuses what fails; has a reflector,
				  * echo@example.org, that wants the message */
	MILTER_WORLD_KINDS
};

/* What the name servers say. */
enum milter_world_dns {
	MILTER_WORLD_NO_SUCH_NAME,
	MILTER_WORLD_LOST,
	MILTER_WORLD_DENIES, /* SPF and DMARC let nobody send */
	MILTER_WORLD_HELD    /* nothing yet */
};

struct milter_world {
	enum milter_world_kind kind;
	struct event_base *base;
	struct proxy_config *config;
	struct proxy_counters counters;
	struct signing_desk desk;
	struct proxy_sign_env sign;
	struct proxy_verify_env verify;
	int spool_dir;
	/* For one connection after another: */
	struct proxy_service service;
	_Atomic uint64_t slot; /* the quota's: bytes held */
	struct proxy_quota quota;
};

/* Made when it is asked for first, and kept: keys and settings cost more than a
 * connection. NULL where the system would not. */
struct milter_world *milter_world_of(enum milter_world_kind);

/* A service as the worker makes it, for the caller to change. */
void milter_world_begin(struct milter_world *, enum milter_world_dns);

/* They may say otherwise later; questions that wait are answered then. */
void milter_world_say(enum milter_world_dns);
void milter_world_answer(void);

/* Cuts the connections off; returns what they have left behind, in words: ""
 * where, as it must be, that is nothing. */
const char *milter_world_end(struct milter_world *);

#endif
