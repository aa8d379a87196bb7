/*
 * What each verb may do: one row of the table `verbs` a verb, and the state
 * that its answer leads to. See server.h and DESIGN, "SMTP, exactly".
 */
#include <stdio.h>

#include "base/clock.h"
#include "smtp/server_private.h"
#include "smtp/timer.h"

/* Why a verb was not taken; see refuse(). */
enum fault { SYNTAX, TURN };

enum argument { NO_ARGUMENT, ARGUMENT, ANY_ARGUMENT };

struct verb {
	unsigned states; /* in which it is taken, as bits */
	enum argument argument;
	void (*act)(struct smtp_server *, const struct smtp_command *);
	enum smtp_server_state accepted; /* after a 2xx; STATES: as before */
	bool gathered; /* the reply may wait for the next (RFC 2920) */
};

#define BIT(state) MACHINE_BIT(SMTP_SERVER_##state)

enum {
	ANY_TURN = BIT(OPEN) | BIT(READY) | BIT(MAIL) | BIT(RCPT),
	GREETED = BIT(READY) | BIT(MAIL) | BIT(RCPT),
};

static void ask_verb(struct smtp_server *, const struct smtp_command *);
static void take_recipient(struct smtp_server *, const struct smtp_command *);
static void answer_vrfy(struct smtp_server *, const struct smtp_command *);
static void refuse_bdat(struct smtp_server *, const struct smtp_command *);
static void refuse_unknown(struct smtp_server *, const struct smtp_command *);

static const struct verb verbs[SMTP_VERBS] = {
    [SMTP_EHLO] = {ANY_TURN, ARGUMENT, ask_verb, SMTP_SERVER_READY, false},
    [SMTP_HELO] = {ANY_TURN, ARGUMENT, ask_verb, SMTP_SERVER_READY, false},
    [SMTP_MAIL] = {BIT(READY), ARGUMENT, ask_verb, SMTP_SERVER_MAIL, true},
    [SMTP_RCPT] = {BIT(MAIL) | BIT(RCPT), ARGUMENT, take_recipient,
	SMTP_SERVER_RCPT, true},
    [SMTP_DATA] = {BIT(RCPT), NO_ARGUMENT, ask_verb, SMTP_SERVER_STATES, false},
    [SMTP_RSET] = {ANY_TURN, NO_ARGUMENT, ask_verb, SMTP_SERVER_READY, true},
    [SMTP_NOOP] = {ANY_TURN, ANY_ARGUMENT, ask_verb, SMTP_SERVER_STATES, false},
    [SMTP_QUIT] = {ANY_TURN, NO_ARGUMENT, ask_verb, SMTP_SERVER_STATES, false},
    [SMTP_XFORWARD] = {BIT(READY), ARGUMENT, ask_verb, SMTP_SERVER_STATES,
	true},
    [SMTP_VRFY] = {ANY_TURN, ANY_ARGUMENT, answer_vrfy, SMTP_SERVER_STATES,
	false},
    [SMTP_BDAT] = {ANY_TURN, ANY_ARGUMENT, refuse_bdat, SMTP_SERVER_STATES,
	false},
    [SMTP_OTHER] = {ANY_TURN, ANY_ARGUMENT, refuse_unknown, SMTP_SERVER_STATES,
	false},
};

void
smtp_server_refuse(struct smtp_server *server, const char *wire)
{
	if (++server->errors >= server->limits.errors_max) {
		smtp_server_say(server, "421 4.7.0 Error: too many errors\r\n");
		smtp_server_finish(
		    server, SMTP_CLOSE_PROTOCOL, "too many errors", true);
		return;
	}
	smtp_server_say(server, wire);
}

static void
refuse_command(struct smtp_server *server, enum fault fault,
    enum smtp_verb verb, const char *what)
{
	char wire[100];

	(void)snprintf(wire, sizeof(wire), "%s Error: %s %s\r\n",
	    fault == SYNTAX ? "501 5.5.4" : "503 5.5.1", smtp_verb_name(verb),
	    what);
	smtp_server_refuse(server, wire);
}

/* Acts. */

static void
ask_verb(struct smtp_server *server, const struct smtp_command *command)
{
	smtp_server_ask(server, command->verb);
	(void)server->ops.command(server->ctx, command, false);
}

static void
take_recipient(struct smtp_server *server, const struct smtp_command *command)
{
	if (server->recipients >= server->limits.recipients_max)
		smtp_server_say(
		    server, "452 4.5.3 Error: too many recipients\r\n");
	else
		ask_verb(server, command);
}

static void
answer_vrfy(struct smtp_server *server, const struct smtp_command *command)
{
	(void)command;
	smtp_server_say(
	    server, "252 2.5.2 Cannot VRFY, but will take the message\r\n");
}

/* What comes behind it is a chunk of a message, not commands. */
static void
refuse_bdat(struct smtp_server *server, const struct smtp_command *command)
{
	(void)command;
	smtp_server_say(server, "502 5.5.1 Error: BDAT is not offered\r\n");
	smtp_server_finish(
	    server, SMTP_CLOSE_PROTOCOL, "BDAT though not offered", true);
}

static void
refuse_unknown(struct smtp_server *server, const struct smtp_command *command)
{
	smtp_server_refuse(server,
	    command->line.n == 0
		? "500 5.5.2 Error: empty line\r\n"
		: "502 5.5.1 Error: command not recognized\r\n");
}

/*
 * A client that pipelines learns only later that its MAIL was refused: the
 * RCPTs and the DATA behind it are not its errors. Nor is the DATA behind
 * refused RCPTs.
 */
static void
refuse_turn(struct smtp_server *server, enum smtp_verb verb)
{
	if (verb == SMTP_DATA && server->state == SMTP_SERVER_MAIL &&
	    server->recipient_refused) {
		smtp_server_say(
		    server, "554 5.5.1 Error: no valid recipients\r\n");
	} else if ((verb == SMTP_RCPT || verb == SMTP_DATA) &&
	    server->forgiven > 0) {
		server->forgiven--;
		smtp_server_say(
		    server, "503 5.5.1 Error: need MAIL command\r\n");
	} else if (server->state == SMTP_SERVER_OPEN) {
		refuse_command(server, TURN, verb, "before EHLO or HELO");
	} else {
		refuse_command(server, TURN, verb, "out of turn");
	}
}

void
smtp_server_dispatch(
    struct smtp_server *server, const struct smtp_command *command)
{
	const struct verb *verb = &verbs[command->verb];

	if (!verb->gathered)
		server->urgent = true;
	if ((verb->states >> server->state & 1) == 0)
		refuse_turn(server, command->verb);
	else if (verb->argument == NO_ARGUMENT && command->argument.n > 0)
		refuse_command(
		    server, SYNTAX, command->verb, "takes no argument");
	else if (verb->argument == ARGUMENT && command->argument.n == 0)
		refuse_command(
		    server, SYNTAX, command->verb, "without its argument");
	else
		verb->act(server, command);
}

/* Groups (RFC 2920). */

void
smtp_server_ask(struct smtp_server *server, enum smtp_verb verb)
{
	server->asked[(server->first + server->due++) % SMTP_DUE_MAX] =
	    (unsigned char)verb;
	server->recipients_asked += verb == SMTP_RCPT;
}

enum smtp_verb
smtp_server_asked(struct smtp_server *server)
{
	enum smtp_verb verb = (enum smtp_verb)server->asked[server->first];

	if (server->due == 0)
		return SMTP_VERBS;
	server->first = (server->first + 1) % SMTP_DUE_MAX;
	server->due--;
	server->recipients_asked -= verb == SMTP_RCPT;
	return verb;
}

static bool
is_asked(const struct smtp_server *server, enum smtp_verb verb)
{
	for (size_t i = 0; i < server->due; i++)
		if (server->asked[(server->first + i) % SMTP_DUE_MAX] == verb)
			return true;
	return false;
}

/*
 * XFORWARDs, then MAIL, then RCPTs: each leaves the ones behind it their turn
 * if it is taken, and where it is not, smtp_server_refuse_late() has the answer
 * that they would have had. All else waits, and so does RCPT where the cap
 * might be reached.
 */
static bool
belongs_to_group(
    const struct smtp_server *server, const struct smtp_command *command)
{
	size_t last = (server->first + server->due - 1) % SMTP_DUE_MAX;

	if (server->due >= SMTP_DUE_MAX || command->argument.n == 0)
		return false;
	switch (command->verb) {
	case SMTP_XFORWARD:
	case SMTP_MAIL:
		return server->state == SMTP_SERVER_READY &&
		    server->asked[last] == SMTP_XFORWARD;
	case SMTP_RCPT:
		return (server->asked[last] == SMTP_MAIL ||
			   server->asked[last] == SMTP_RCPT) &&
		    (server->state != SMTP_SERVER_READY ||
			is_asked(server, SMTP_MAIL)) &&
		    server->recipients + server->recipients_asked <
		    server->limits.recipients_max;
	default:
		return false;
	}
}

bool
smtp_server_follow(
    struct smtp_server *server, const struct smtp_command *command)
{
	if (!belongs_to_group(server, command))
		return false;
	trace_line(server->trace, "client: %s", smtp_line_verb(command->line));
	if (!server->ops.command(server->ctx, command, true))
		return false;
	smtp_server_ask(server, command->verb);
	return true;
}

bool
smtp_server_refuse_late(struct smtp_server *server, enum smtp_verb verb)
{
	if (verb >= SMTP_VERBS || server->state < SMTP_SERVER_OPEN ||
	    server->state > SMTP_SERVER_RCPT ||
	    (verbs[verb].states >> server->state & 1) != 0)
		return false;
	refuse_turn(server, verb);
	return true;
}

/* Answers. */

static void
begin_ready(struct smtp_server *server)
{
	smtp_server_go_to(server, SMTP_SERVER_READY);
	server->recipients = 0;
	server->recipient_refused = false;
	server->forgiven = 0;
}

void
smtp_server_advance(struct smtp_server *server, enum smtp_verb asked,
    const struct smtp_reply *reply)
{
	bool accepted = smtp_reply_class(reply) == 2;
	bool quit = asked == SMTP_QUIT && server->state < SMTP_SERVER_HELD;

	/* Of a body more may be on its way: it would be answered by a reset
	 * that overtakes our words. */
	if (reply->code == 421 || quit) {
		smtp_server_finish(server, SMTP_CLOSE_DONE,
		    quit ? "quit" : "closed by us",
		    server->state == SMTP_SERVER_BODY ||
			smtp_conn_ended(server->conn));
	} else if (server->state <= SMTP_SERVER_GREETING) {
		if (reply->code != 220) {
			smtp_server_finish(
			    server, SMTP_CLOSE_DONE, "greeting refused", true);
		} else {
			smtp_server_go_to(server,
			    server->state == SMTP_SERVER_PROXY
				? SMTP_SERVER_PROXY_GREETED
				: SMTP_SERVER_OPEN);
		}
	} else if (server->state == SMTP_SERVER_HELD) {
		begin_ready(server);
		server->urgent = true;
		if (accepted)
			server->errors = 0;
	} else {
		enum smtp_server_state next = verbs[asked].accepted;

		/* The answer to `asked` was given. */
		if (asked == SMTP_DATA && reply->code == 354) {
			smtp_server_go_to(server, SMTP_SERVER_BODY);
			server->brought = 0;
			server->since_ms = 0;
			server->window = 0;
			server->window_ms = clock_coarse_ms();
			server->body_read = SMTP_BODY_FIRST;
			smtp_undot_init(&server->undot, &server->body);
		}
		if (asked == SMTP_MAIL && !accepted)
			server->forgiven = server->limits.recipients_max + 1;
		if (asked == SMTP_RCPT && accepted)
			server->recipients++;
		if (asked == SMTP_RCPT && !accepted)
			server->recipient_refused = true;
		if (accepted && next != SMTP_SERVER_STATES) {
			if (next != SMTP_SERVER_READY)
				smtp_server_go_to(server, next);
			else if (asked != SMTP_RSET ||
			    server->state != SMTP_SERVER_OPEN)
				begin_ready(server);
		}
	}
}
