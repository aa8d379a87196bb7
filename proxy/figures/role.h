/*
 * What a process of ours is. The master makes one, or one for each core, of
 * each that the settings want; the shared page says which is where.
 */
#ifndef PROXY_FIGURES_ROLE_H
#define PROXY_FIGURES_ROLE_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/settings/config.h"

enum proxy_role {
	PROXY_ROLE_NONE, /* the slot was never used */
	PROXY_ROLE_RECORDER,
	PROXY_ROLE_SIGNER,
	/* A worker of the first front; those of the other rows follow. */
	PROXY_ROLE_WORKER,
	PROXY_ROLES = PROXY_ROLE_WORKER + PROXY_FRONTS
};

/* The role of a front's workers, by its number. */
enum proxy_role proxy_role_of(size_t front);

bool proxy_role_is_worker(enum proxy_role);
/* Whose worker it is; NULL: it is none. */
const struct proxy_front *proxy_role_front(
    enum proxy_role, const struct proxy_config *);

/* "out", "recorder": for logs and arguments. */
const char *proxy_role_name(enum proxy_role);
/* "worker"; of one that is none, "process". */
const char *proxy_role_kind(enum proxy_role);

/* PROXY_ROLE_NONE where it is no role's name. */
enum proxy_role proxy_role_find(const char *name);

#endif
