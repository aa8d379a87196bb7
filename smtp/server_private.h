/* Shared by server.c (the connection) and server_verbs.c (the table). */
#ifndef SMTP_SERVER_PRIVATE_H
#define SMTP_SERVER_PRIVATE_H

#include <stdint.h>

#include "smtp/conn.h"
#include "smtp/server.h"
#include "smtp/undot.h"

enum {
	SMTP_BODY_FIRST = 16 * 1024,	   /* read of a body at once ... */
	SMTP_BODY_MOST = SMTP_CONN_IN_MAX, /* ... once it shows to be large */
	SMTP_DUE_MAX = 64, /* commands handed out and not answered */
};

struct smtp_server {
	struct smtp_conn *conn;
	struct smtp_limits limits;
	struct smtp_server_ops ops;
	void *ctx;
	const struct trace *trace;
	enum smtp_server_state state;
	/* What the answers that are due are to: a ring, the oldest at `first`.
	 * Several stand in it only in a group: XFORWARDs, MAIL, RCPTs. */
	unsigned char asked[SMTP_DUE_MAX];
	size_t first, due;
	size_t recipients_asked; /* of those, RCPTs */
	bool urgent;	  /* what is unwritten must not wait for more replies */
	bool waiting;	  /* the idle timer runs */
	size_t brought;	  /* of a body, since ... */
	int64_t since_ms; /* ... this, when all was well */
	bool working;	  /* within take_input() */
	bool spoken;	  /* a line that was more than empty came */
	bool skipping, skipped_cr; /* the rest of an over-long line */
	bool recipient_refused;
	size_t recipients;
	size_t forgiven; /* commands that a refused MAIL leaves behind it */
	unsigned errors;
	size_t body_read;
	uint64_t window; /* bytes of a body, since ... */
	int64_t window_ms;
	int64_t stirred_ms;    /* the last line of either side */
	int64_t held_since_ms; /* the oldest reply not written */
	struct smtp_undot undot;
	struct sink body;
};

void smtp_server_say(struct smtp_server *, const char *wire);
void smtp_server_finish(
    struct smtp_server *, enum smtp_close, const char *why, bool linger);

/* server.c: the one way to another state. */
void smtp_server_go_to(struct smtp_server *, enum smtp_server_state);

/* server_verbs.c: acts on a command by its row of the table, with no answer
 * due. */
void smtp_server_dispatch(struct smtp_server *, const struct smtp_command *);

/* Hands it out behind those that are not answered, where it belongs to their
 * group; false where it must wait. */
bool smtp_server_follow(struct smtp_server *, const struct smtp_command *);

/* The answer to `verb` is the last one that will be due. */
void smtp_server_ask(struct smtp_server *, enum smtp_verb);

/* Takes the oldest that is due out of the ring; SMTP_VERBS: none is. */
enum smtp_verb smtp_server_asked(struct smtp_server *);

/* It was handed out behind one whose answer has left it no turn: whatever the
 * relay said to it, the client hears what it would have heard without a group.
 * False where it has its turn. */
bool smtp_server_refuse_late(struct smtp_server *, enum smtp_verb);

/* A reply of ours to a client's error; the last one it is allowed is a 421
 * instead. */
void smtp_server_refuse(struct smtp_server *, const char *wire);

/* The answer to that verb was this: where the connection is now. */
void smtp_server_advance(
    struct smtp_server *, enum smtp_verb, const struct smtp_reply *);

#endif
