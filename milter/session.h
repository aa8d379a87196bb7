/*
 * Where a mail server's connection is, and which packet may come there. A mail
 * server may leave steps out; what it may not do is go back without saying so,
 * save that a new sender, client or HELO name ends the message before it.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include <stdbool.h>

#include "base/machine.h"

enum milter_state {
	MILTER_BEGINNING, /* the offer is due */
	MILTER_AGREED,	  /* the client is due */
	MILTER_CLIENT,	  /* between messages */
	MILTER_SENDER,	  /* MAIL came, and perhaps recipients */
	MILTER_FIELDS,	  /* the message is coming */
	MILTER_CHUNKS,	  /* its header is complete */
	MILTER_COMPLETE,  /* all of it is here; the answer is due */
	MILTER_OVER,
	MILTER_STATES
};
extern const struct machine milter_session_machine;

/* What a packet means where it comes. */
enum milter_meaning {
	MILTER_IS_WRONG,   /* it may not come here */
	MILTER_IS_ASIDE,   /* macros, an unknown command: changes no state */
	MILTER_GOES_ON,	   /* *next is the state it leads to */
	MILTER_BREAKS_OFF, /* the same; a message that was there is no more */
};

/* `code` is any octet. A code that the protocol does not have is wrong. */
enum milter_meaning milter_session_look(
    enum milter_state, char code, enum milter_state *next);

/* Has it a message, so that an abort loses one? */
bool milter_session_has_message(enum milter_state);

#endif
