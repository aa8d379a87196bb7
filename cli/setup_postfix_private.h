/* Shared by setup_postfix.c and setup_milter.c: a plan for Postfix in the
 * making. */
#ifndef CLI_SETUP_POSTFIX_PRIVATE_H
#define CLI_SETUP_POSTFIX_PRIVATE_H

#include "cli/setup_private.h"

/* One change that main.cf or master.cf needs, or what stands in its way. */
struct setup_action {
	enum setup_part part;
	enum cli_step_state state; /* OK, WOULD or STOP */
	const char *option;	   /* postconf's: -Me, -Pe, -e */
	char *argument;		   /* its argument */
	char *about, *todo;
};

struct setup_postfix {
	struct setup *setup;
	struct strbuf services, parameters; /* postconf -M, -n */
	struct setup_action *actions;
	size_t count, room;
};

/* By whom a service of master.cf is used. */
enum setup_door {
	SETUP_NO_DOOR,
	SETUP_SUBMISSION, /* "submission", "127.0.0.1:submission" and "587" */
	SETUP_INCOMING	  /* 25, and what postscreen passes on */
};

/* The next service of a list (postconf -M) in one line, and its names: views of
 * the list. False at the end. */
bool setup_postfix_next(struct slice *services, struct slice *name,
    struct slice *type, struct strbuf *entry);

/* An smtpd's, by its name. */
enum setup_door setup_postfix_door(struct slice entry, struct slice name);

/* What the service's own line or else main.cf says, as it stands there; NULL:
 * main.cf alone. False where neither does, or it is empty. */
bool setup_postfix_value(const struct setup_postfix *,
    const struct slice *entry, struct slice name, struct slice *value);

/* Takes `argument`, `about` and `todo`. */
void setup_postfix_add(struct setup_postfix *, const struct setup_action *);

/* The texts of an action; the caller's. */
char *setup_postfix_print(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* --- setup_milter.c --- */

/* Adds what it takes to have Postfix ask by milter. The number of services by
 * which mail is submitted. */
size_t setup_milter_plan(struct setup_postfix *);

#endif
