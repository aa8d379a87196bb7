/*
 * What all sessions of one front share, SMTP's and milter's: where the next hop
 * is, the limits, the filter, the log. Made by the worker; read only to
 * sessions, save for what is behind its pointers.
 */
#ifndef PROXY_MESSAGE_SERVICE_H
#define PROXY_MESSAGE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/slice.h"
#include "mail/newline.h"
#include "proxy/figures/counters.h"
#include "proxy/message/filter.h"
#include "proxy/message/quota.h"
#include "proxy/message/seldom.h"
#include "proxy/message/spool_files.h"
#include "proxy/settings/address.h"
#include "smtp/relay.h"
#include "smtp/server.h"

struct event_base;
struct proxy_recording;
struct proxy_session;

/* The relay hears a NOOP so often while a body arrives; by default. */
#define PROXY_KEEPALIVE_MS (120 * 1000)

/*
 * What sessions tell each other of a next hop that offers PIPELINING and cannot
 * (proxy/message/hop.h): one that was confused by a group gets one command at a
 * time for so long, and so does one that failed in the middle of so many
 * running, for then it may be the group's doing.
 */
#define PROXY_GROUPING_PAUSE_MS	    (600 * 1000)
#define PROXY_GROUPING_FAILURES_MAX 3

struct proxy_grouping {
	int64_t one_by_one_until_ms;
	unsigned failures;
};

struct proxy_milter;

LIST_HEAD(proxy_session_list, proxy_session);
LIST_HEAD(proxy_milter_list, proxy_milter);

struct proxy_service {
	struct event_base *base;
	struct smtp_target relay;
	struct slice relay_name; /* for the log: 127.0.0.1:10028 */
	struct smtp_limits limits;
	/* Whose clients are served behind a PROXY header; NULL: anybody's. */
	const struct proxy_networks *allow;
	const char *section;  /* of the settings: "out", "in" */
	uint64_t message_max; /* bytes; 0: the relay's limit */
	size_t header_max;    /* bytes */
	unsigned keepalive_ms;
	bool eight_bit; /* announce 8BITMIME and SMTPUTF8 */
	/* Octets without CRLF; over it Postfix breaks a line behind us. 0: it
	 * breaks none. */
	size_t line_max;
	enum mail_newline_mode newline;

	const struct proxy_filter_ops *filter;
	void *filter_env;

	size_t spool_mark;
	struct proxy_spool_files *spool_files;
	struct proxy_quota *quota;
	struct proxy_counters *counters;
	struct proxy_recording *recording;
	struct log *log;
	struct proxy_seldom *seldom; /* NULL: all is logged */
	/* How the next hop takes groups; NULL: each session finds that out for
	 * itself. */
	struct proxy_grouping *grouping;

	bool finishing;	   /* sessions end as soon as they may */
	bool overdue;	   /* nor does the client of a mail server hold it up */
	bool hurried;	   /* who is silent before DATA is not waited for */
	unsigned ids;	   /* made so far, for messages that come without */
	unsigned long pid; /* of this process, in such an id */
	unsigned long session_number;	    /* of the last one, for traces */
	struct proxy_session_list sessions; /* by SMTP */
	struct proxy_milter_list milters;   /* by milter */
	size_t session_count;
	/* Told when a session has ended, from the event loop; may be NULL. */
	void (*session_ended)(void *ctx);
	void *ctx;
};

#endif
