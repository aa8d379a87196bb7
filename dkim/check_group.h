/*
 * The checks of one message together: what all signatures of a kind do alike
 * when they ask, are answered and end. Private to the room.
 */
#ifndef DKIM_CHECK_GROUP_H
#define DKIM_CHECK_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "dkim/check.h"

/* An ARC chain has the most: fifty seals and a message signature. */
#define DKIM_CHECK_GROUP_MAX 51

/* Zeroed, it is empty. */
struct dkim_check_group {
	struct dkim_check *list[DKIM_CHECK_GROUP_MAX];
	size_t count;
	const struct dkim_body_hashes *body;
	bool ended;
};

/* The check must outlive the group; it is whoever adds it that clears it. */
void dkim_check_group_add(struct dkim_check_group *, struct dkim_check *);

/* The next question; equal ones are asked once. */
bool dkim_check_group_ask(struct dkim_check_group *, struct dns_question *);
/* To each check that asked this. */
void dkim_check_group_answer(struct dkim_check_group *,
    const struct dns_question *, const struct dns_answer *);
void dkim_check_group_end(struct dkim_check_group *);

bool dkim_check_group_judged(const struct dkim_check_group *);

#endif
