/*
 * The envelope of one message: sender, accepted recipients, and who handed
 * it to us as far as XFORWARD or the connection tells. Values are copies.
 */
#ifndef PROXY_MESSAGE_ENVELOPE_H
#define PROXY_MESSAGE_ENVELOPE_H

#include "base/slice.h"
#include "base/strbuf.h"

/* Recipients times the longest path, RFC 5321 section 4.5.3.1.3, rounded. */
#define PROXY_ENVELOPE_RECIPIENTS_CAP (1024 * 1024)
#define PROXY_ENVELOPE_VALUE_CAP      4096

struct proxy_envelope {
	struct strbuf sender; /* address without <>; empty: the null sender */
	struct strbuf recipients; /* accepted ones, each followed by a NUL */
	size_t recipient_count;
	struct strbuf queue_id;	      /* XFORWARD IDENT, or an id of ours */
	struct strbuf client_address; /* XFORWARD ADDR, or the peer's */
	struct strbuf client_name;    /* XFORWARD NAME; empty: not known */
	struct strbuf client_helo;    /* XFORWARD HELO, or the peer's own */
	/* XFORWARD or a PROXY header told of the client: what is empty is not
	 * known to who handed us the message. Otherwise the peer passes for
	 * the client. */
	bool client_told;
	/* XFORWARD named a queue file: the message was accepted before, and a
	 * refusal would become a bounce. */
	bool queued;
	/* It came by milter: who may send mail of ours is not settled by who
	 * connected to us (`sign_for`). */
	bool milter;
	/* Of such a one: it came to the mail server by no SMTP; and the name by
	 * which its sender logged in there, or empty. */
	bool local;
	struct strbuf login;
};

void proxy_envelope_init(struct proxy_envelope *);

/* Empty for the next message; keeps its room. */
void proxy_envelope_reset(struct proxy_envelope *);
void proxy_envelope_clear(struct proxy_envelope *);

/* A recipient that the relay accepted; one over the cap is only counted. */
void proxy_envelope_add_recipient(struct proxy_envelope *, struct slice);

/* Is the client's address the client's? A peer on our own host that tells of
 * none is a mail server that hands mail over. */
bool proxy_envelope_knows_client(const struct proxy_envelope *);

/* Walks the recipients: *at is 0 at first. False after the last. */
bool proxy_envelope_next_recipient(
    const struct proxy_envelope *, size_t *at, struct slice *recipient);

#endif
