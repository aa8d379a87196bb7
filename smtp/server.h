/*
 * The side that clients speak to (DESIGN, "States"). Keeps the order of
 * commands, the limits and the timers; decides nothing. It hands out no
 * further command until the last one is answered, so whoever answers may
 * take its time; save that XFORWARDs, MAIL and RCPTs that came together may be
 * handed out as a group (RFC 2920), to be answered one by one in order. What
 * the client hears is the same: an RCPT behind a MAIL that turns out to be
 * refused is answered 503 here, whatever its answer was.
 *
 * What it answers by itself: VRFY 252, BDAT 502 and close, verbs it does not
 * know 502, verbs out of turn 503, lines that are none 500, the recipients
 * over the cap 452, DATA without an accepted recipient 503 or 554, the timers'
 * 421, and 421 to what is another protocol's line (alien.h). All else is a call
 * of ops->command, which must be answered once with smtp_server_reply(), at
 * once or later. It watches the answers to know where
 * it is: 2xx to MAIL begins a transaction, 354 to DATA the body.
 *
 * A client that has closed its sending half is not gone: what it said is
 * carried out and answered, then the connection is closed. A message without
 * its dot and a line without its CRLF are dropped. After the last answer it is
 * watched for a moment (SMTP_CONN_WATCH_MS); `closed` says SMTP_CLOSE_RESET
 * where it turns out to have gone before it read that.
 *
 * Callbacks come from the event loop only, never out of a call into here
 * ... save that smtp_server_free() may be called from every callback.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/util.h>

#include "base/machine.h"
#include "base/slice.h"
#include "base/trace.h"
#include "smtp/close.h"
#include "smtp/command.h"
#include "smtp/haproxy.h"
#include "smtp/reply.h"

struct event_base;

/* Zeros mean the defaults that are named here. Times in milliseconds. */
struct smtp_limits {
	/* Between commands and within the body; for a kilobyte of the body it
	 * is thrice that: 300 s. */
	unsigned idle_ms;
	unsigned proxy_header_ms; /* for the PROXY header: 60 s */
	size_t recipients_max;	  /* accepted ones, a message: 1000 */
	unsigned errors_max;	  /* errors of a client's, then 421: 20 */
	unsigned gather_ms;	  /* a reply waits so long for the next: 10 s */
	unsigned slow_ms;	  /* see smtp_server_is_slow(): 60 s */
	bool proxy_header;	  /* a PROXY header comes first, and must */
};

/* As text too, for the settings' table: the same default, once. */
#define SMTP_SERVER_IDLE_S	   300
#define SMTP_SERVER_PROXY_HEADER_S 60
#define SMTP_SERVER_RECIPIENTS_MAX 1000
#define SMTP_SERVER_ERRORS_MAX	   20

enum {
	SMTP_SERVER_IDLE_MS = SMTP_SERVER_IDLE_S * 1000,
	SMTP_SERVER_PROXY_HEADER_MS = SMTP_SERVER_PROXY_HEADER_S * 1000,
	SMTP_SERVER_GATHER_MS = 10 * 1000,
	SMTP_SERVER_SLOW_MS = 60 * 1000,
};

enum smtp_server_state {
	SMTP_SERVER_PROXY,	   /* reads the PROXY header */
	SMTP_SERVER_PROXY_GREETED, /* the same; 220 goes out behind it */
	SMTP_SERVER_GREETING,	   /* waits for smtp_server_reply(220) */
	SMTP_SERVER_OPEN,	   /* greeted; EHLO or HELO is due */
	SMTP_SERVER_READY,
	SMTP_SERVER_MAIL,
	SMTP_SERVER_RCPT,
	SMTP_SERVER_BODY,
	SMTP_SERVER_HELD, /* the message is complete; its answer is due */
	SMTP_SERVER_CLOSING,
	SMTP_SERVER_OVER, /* `closed` was called, or smtp_server_free() */
	SMTP_SERVER_STATES
};
extern const struct machine smtp_server_machine;

struct smtp_server_ops {
	/* A PROXY header came; only where the limits ask for one. The greeting
	 * may be sent before or after. The struct lives for the call. */
	void (*proxied)(void *ctx, const struct smtp_haproxy *);
	/* EHLO HELO MAIL RCPT DATA RSET NOOP QUIT XFORWARD, in their states
	 * only. The views live for the call. Answer with smtp_server_reply().
	 * After the answer to QUIT the connection is closed. `behind`: others
	 * are not answered yet, and an answer given now would be theirs; false
	 * then says "not now", and it comes again when they are. */
	bool (*command)(void *ctx, const struct smtp_command *, bool behind);
	/* Part of the body, dots taken off; lives for the call. */
	void (*body)(void *ctx, struct slice chunk);
	/* The body is complete. Answer with smtp_server_reply(). */
	void (*body_end)(void *ctx);
	/* The connection is gone; the last callback. `why` lives for the call.
	 * smtp_server_free() is still to be called, here or later. Nothing
	 * that was asked can be answered any more; answering is harmless. */
	void (*closed)(void *ctx, enum smtp_close, const char *why);
};

struct smtp_server;

/* Takes the socket and closes it in the end. `limits` and `ops` are copied,
 * `ctx` is given to every callback. In state GREETING, or PROXY. */
struct smtp_server *smtp_server_new(struct event_base *, evutil_socket_t,
    const struct smtp_limits *limits, const struct smtp_server_ops *ops,
    void *ctx);

/* What happens is told there (base/trace.h); it must outlive the server. */
void smtp_server_trace(struct smtp_server *, const struct trace *);

/*
 * The greeting or the answer that is due; the bytes are copied. A greeting
 * other than 220 closes the connection, and so does any 421. With nothing due
 * only a 421 is taken (we are going down): it closes the connection after it;
 * anything else then is a bug of the caller (assert).
 */
void smtp_server_reply(struct smtp_server *, const struct smtp_reply *);

enum smtp_server_state smtp_server_state(const struct smtp_server *);

/* True where a 421 would cut nothing: no answer is due and no transaction
 * is begun (OPEN, READY). */
bool smtp_server_between_messages(const struct smtp_server *);

/* True once the client has closed its sending half. */
bool smtp_server_ended(const struct smtp_server *);

/* How long neither side has said a thing, in ms; within a body, how long
 * none of it came. */
int64_t smtp_server_silent_ms(const struct smtp_server *);

/* True where the client alone is waited for, in the middle of a message, and
 * for the limits' slow_ms has sent less than a kilobyte a second. */
bool smtp_server_is_slow(const struct smtp_server *);

/* Closes what is open, without an answer. From any place. NULL is fine. */
void smtp_server_free(struct smtp_server *);

#endif
