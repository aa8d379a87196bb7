/*
 * What a person has been told of a domain by the runs of a timer: the same
 * complaint is told once, until it changes or goes. It is kept where systemd has
 * a place for it (STATE_DIRECTORY/told-DOMAIN), for keys may lie where the unit
 * may not write, else beside the domain's folder (KEYS/.told-DOMAIN), for there
 * may be no folder, and the file `selectors' in it may be what is wrong. Where
 * it cannot be kept, a person hears it again.
 */
#ifndef CLI_ROTATE_TOLD_H
#define CLI_ROTATE_TOLD_H

#include "cli/rotate/domains.h"

struct rotate_told;

/* The domains are borrowed. */
struct rotate_told *rotate_told_new(const struct rotate_domains *);
void rotate_told_free(struct rotate_told *); /* NULL is fine */

/* A complaint of this run, in one line or more: has it been told already, in the
 * run before or in this one? */
bool rotate_told_again(
    struct rotate_told *, const char *domain, struct slice complaint);

/* At the end of a run: what it complained of is kept, and nothing else is. */
void rotate_told_keep(const struct rotate_told *);

/* Whatever was told of that domain is over. */
void rotate_told_forget(const struct rotate_domain *);

#endif
