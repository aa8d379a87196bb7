/* Shared by the files of `signpost setup`; nobody else's. */
#ifndef CLI_SETUP_PRIVATE_H
#define CLI_SETUP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/steps.h"

struct proxy_config;

enum { SETUP_DOMAINS_MAX = 100, SETUP_SELECTOR_MAX = 64 };

enum setup_wiring { SETUP_AFTER_QUEUE, SETUP_BEFORE_QUEUE, SETUP_MILTER };
enum setup_keys { SETUP_RSA, SETUP_ED25519, SETUP_BOTH };

/* What is wished for, from the command line. */
struct setup_wishes {
	const char *domains[SETUP_DOMAINS_MAX]; /* A-labels; owned */
	size_t domain_count;
	const char *selector; /* NULL: auto */
	enum setup_keys keys;
	bool domainkeys, local, inbound, reject_dmarc;
	enum setup_wiring wiring;
	bool wiring_said;      /* else that which is there */
	const char *reflector; /* NULL: none */
	const char *config;    /* the file; within the root */
	const char *root;      /* NULL: / */
	uint64_t wait;	       /* s, of undo */
	bool undo;
};

struct setup {
	struct setup_wishes wishes;
	struct cli_steps steps;
	struct strbuf config_path; /* with the root before it */
	struct proxy_config *config;
	/* The selectors that it comes to; empty: no key of that kind. Where they
	 * are automatic, names for keys that are not there yet. */
	struct strbuf rsa, ed25519;
	bool automatic;
	bool config_changed, backed_up;
	bool reloaded;	    /* Postfix was asked to read its files again */
	bool checked_waits; /* mail in the queue goes by [in], for undo */
};

/* --- setup_machine.c: users, directories, keys, the service --- */

void setup_users(struct setup *);
void setup_directories(struct setup *);
void setup_keys(struct setup *);
void setup_service_start(struct setup *);
void setup_service_stop(struct setup *);

/* --- setup_config.c: signpost.conf --- */

/* Writes what is missing in it and reads it into `config`. 0; or -1 where
 * nothing can go on, which is told. */
int setup_configure(struct setup *);

/* --- setup_postfix.c --- */

/* What one service of master.cf wants, and what is there. */
enum setup_part {
	SETUP_PARTS_BELOW, /* transports, ways back, their cleanups */
	SETUP_PARTS_HAND   /* the lines that hand mail to us */
};

/* A plan of what is missing in Postfix. */
struct setup_postfix;

/* Looks. NULL where there is no Postfix, or it cannot be asked: told. */
struct setup_postfix *setup_postfix_new(struct setup *);
void setup_postfix_free(struct setup_postfix *);

/* Does something stand in the way? Then it is told, and nothing of Postfix is
 * to be changed. */
bool setup_postfix_is_blocked(struct setup_postfix *);

/* Takes the steps of that part that nothing stands in the way of. 0 or -1. */
int setup_postfix_take(struct setup_postfix *, enum setup_part);

/* Has a running Postfix read its configuration again. */
void setup_postfix_reload(struct setup *);

/* Copies main.cf and master.cf aside, once, before the first change. 0 or
 * -1. */
int setup_postfix_backup(struct setup *);

/* Each service that setup writes: "signpost", "unix", and the sample that has
 * it. */
struct setup_service {
	const char *name, *type;
	const char *sample;
};

/* Those below what hands mail to us, of one direction; ends with a NULL name. By
 * milter there are none. */
const struct setup_service *setup_postfix_services(
    bool inbound, enum setup_wiring wiring);

/* By which wiring the services of one direction stand there (postconf -M): the
 * one that has more of them as they are now. */
enum setup_wiring setup_postfix_wiring(struct slice services, bool inbound);

/* Is that an option by which setup has mail handed to us? */
bool setup_postfix_hands(struct slice name, struct slice value);

/* --- setup_milter.c --- */

/* Where the sockets are that Postfix asks us at. */
#define SETUP_MILTER_DIRECTORY "/var/spool/postfix/signpost"

/* Does Postfix go through signpost by another wiring than the one that is
 * wished for, by milter or not? Then that is told. Where none was wished for,
 * and Postfix asks by milter, that is the one. */
bool setup_milter_is_other(struct setup *);

/* Takes the milters out that setup wrote. 0, or -1 where Postfix could not be
 * asked or changed. */
int setup_milter_undo(struct setup *);

/* --- setup_undo.c --- */

int setup_undo(struct setup *);

#endif
