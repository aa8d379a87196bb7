/* Which packet may come when; see session.h. */
#include "milter/session.h"
#include "milter/packet.h"

#define BIT(state) MACHINE_BIT(state)

static const char *const session_names[] = {
    [MILTER_BEGINNING] = "BEGINNING",
    [MILTER_AGREED] = "AGREED",
    [MILTER_CLIENT] = "CLIENT",
    [MILTER_SENDER] = "SENDER",
    [MILTER_FIELDS] = "FIELDS",
    [MILTER_CHUNKS] = "CHUNKS",
    [MILTER_COMPLETE] = "COMPLETE",
    [MILTER_OVER] = "OVER",
};

/* Back to where a message, a client or a connection begins. */
#define BACK                                                            \
	(BIT(MILTER_AGREED) | BIT(MILTER_CLIENT) | BIT(MILTER_SENDER) | \
	    BIT(MILTER_OVER))

static const unsigned session_next[] = {
    [MILTER_BEGINNING] = BIT(MILTER_AGREED) | BIT(MILTER_OVER),
    [MILTER_AGREED] = BACK,
    [MILTER_CLIENT] = BACK,
    [MILTER_SENDER] =
	BACK | BIT(MILTER_FIELDS) | BIT(MILTER_CHUNKS) | BIT(MILTER_COMPLETE),
    [MILTER_FIELDS] =
	BACK | BIT(MILTER_FIELDS) | BIT(MILTER_CHUNKS) | BIT(MILTER_COMPLETE),
    [MILTER_CHUNKS] = BACK | BIT(MILTER_CHUNKS) | BIT(MILTER_COMPLETE),
    [MILTER_COMPLETE] = BACK,
    [MILTER_OVER] = 0,
};

const struct machine milter_session_machine = {
    "milter", session_names, session_next, MILTER_STATES};

#define HAS_SENDER \
	(BIT(MILTER_SENDER) | BIT(MILTER_FIELDS) | BIT(MILTER_CHUNKS))

/* Where a packet may come, and where it leads. */
static const struct {
	char code;
	unsigned from;
	enum milter_state to;
} rows[] = {
    {MILTER_NEGOTIATE, BIT(MILTER_BEGINNING), MILTER_AGREED},
    {MILTER_CONNECT, BIT(MILTER_AGREED), MILTER_CLIENT},
    {MILTER_HELO, BIT(MILTER_AGREED) | BIT(MILTER_CLIENT), MILTER_CLIENT},
    {MILTER_MAIL, BIT(MILTER_AGREED) | BIT(MILTER_CLIENT), MILTER_SENDER},
    {MILTER_RCPT, BIT(MILTER_SENDER), MILTER_SENDER},
    {MILTER_DATA, BIT(MILTER_SENDER), MILTER_SENDER},
    {MILTER_HEADER, BIT(MILTER_SENDER) | BIT(MILTER_FIELDS), MILTER_FIELDS},
    {MILTER_END_OF_HEADER, BIT(MILTER_SENDER) | BIT(MILTER_FIELDS),
	MILTER_CHUNKS},
    {MILTER_BODY, HAS_SENDER, MILTER_CHUNKS},
    {MILTER_END, HAS_SENDER, MILTER_COMPLETE},
};

bool
milter_session_has_message(enum milter_state state)
{
	return state >= MILTER_SENDER && state <= MILTER_COMPLETE;
}

enum milter_meaning
milter_session_look(enum milter_state state, char code, enum milter_state *next)
{
	*next = state;
	if (state >= MILTER_OVER)
		return MILTER_IS_WRONG;
	if (code == MILTER_QUIT) {
		*next = MILTER_OVER;
		return MILTER_BREAKS_OFF;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* A new client, HELO or sender where a message is: the one
		 * before is over. */
		bool anew = milter_session_has_message(state) &&
		    (code == MILTER_CONNECT || code == MILTER_HELO ||
			code == MILTER_MAIL);

		if (rows[i].code != code ||
		    (!anew && (rows[i].from & BIT(state)) == 0))
			continue;
		*next = rows[i].to;
		return anew ? MILTER_BREAKS_OFF : MILTER_GOES_ON;
	}
	if (state == MILTER_BEGINNING)
		return MILTER_IS_WRONG;
	/* Packets that may come anywhere behind the offer. */
	switch (code) {
	case MILTER_MACROS:
	case MILTER_UNKNOWN:
		return MILTER_IS_ASIDE;
	case MILTER_QUIT_NEW:
		*next = MILTER_AGREED;
		return MILTER_BREAKS_OFF;
	case MILTER_ABORT:
		*next = state == MILTER_AGREED ? MILTER_AGREED : MILTER_CLIENT;
		return MILTER_BREAKS_OFF;
	default:
		return MILTER_IS_WRONG;
	}
}
