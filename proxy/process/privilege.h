/*
 * Giving up privileges for good. In this order: limits (which root may
 * raise), groups, user, and then no way back.
 */
#ifndef PROXY_PROCESS_PRIVILEGE_H
#define PROXY_PROCESS_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/*
 * Becomes `user`, with its primary group alone, where we are root; stays
 * who we are otherwise. In both cases: not dumpable, so that nobody of the
 * same user traces us; no core files, no new privileges, no new processes;
 * `descriptors` files may be open, if the system lets us. 0; or -1 and the
 * reason, after which the process must end.
 */
int proxy_privilege_drop(
    const char *user, size_t descriptors, struct strbuf *reason);

/* Lets so many files be open, or as many as the system does; no fewer than
 * before. */
void proxy_privilege_allow_descriptors(size_t wanted);

/* Fewer open files than these let no process of ours begin. */
#define PROXY_DESCRIPTORS_LEAST 32

/* Are so many allowed? 0; or -1 and the reason, with what to do. */
int proxy_privilege_check_descriptors(struct strbuf *reason);

/* Of root's rights the master keeps those that it uses, and its children begin
 * with no more: to read files of keys_user and others, to become others and
 * signal them, to listen on low ports, to give a socket to a group, to raise
 * limits and to lock memory. 0, or -1 and the reason. Without root's rights
 * there is nothing to drop. */
int proxy_privilege_keep_few(struct strbuf *reason);

/* Lets as much memory be locked as a signer has; for the master, whose
 * processes have its limits. False: the system refuses, and pages with keys may
 * be swapped out. */
bool proxy_privilege_allow_lock(void);
/* Locks all of a signer's memory, and what comes later, as far as that is
 * allowed: root has no bound, so before the change of user. */
void proxy_privilege_lock(void);
/* What another process than a signer may lock: nothing. */
void proxy_privilege_forbid_lock(void);

/* The part that keeps others from looking in: for the master, which passes
 * open key files on. */
void proxy_privilege_hide(void);

#endif
