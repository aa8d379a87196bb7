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
};

struct smtp_server {
	struct smtp_conn *conn;
	struct smtp_limits limits;
	struct smtp_server_ops ops;
	void *ctx;
	const struct trace *trace;
	enum smtp_server_state state;
	enum smtp_verb asked; /* what the answer due is to */
	bool due;
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

/* server_verbs.c: acts on a command by its row of the table. */
void smtp_server_dispatch(struct smtp_server *, const struct smtp_command *);

/* A reply of ours to a client's error; the last one it is allowed is a 421
 * instead. */
void smtp_server_refuse(struct smtp_server *, const char *wire);

/* The answer that was due was this: where the connection is now. */
void smtp_server_advance(struct smtp_server *, const struct smtp_reply *);

#endif
