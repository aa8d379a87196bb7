/*
 * The filter of system calls, made of proxy/process/sandbox_calls by
 * libseccomp.
 *
 * What is not listed ends in EPERM: the kernel sends SIGSYS (SECCOMP_RET_TRAP),
 * and a handler here says which call it was, over the descriptor that it was
 * given, and lets it return -1. A supervisor that is asked by the kernel
 * (SECCOMP_RET_USER_NOTIF) could do so, too; but then the master would have to
 * answer before the call returns, and a process that was taken over could keep
 * it busy, or wait for it for ever. So the process looks after itself, and the
 * master is told at leisure. With `log` the kernel writes down what it would
 * have been (its audit log, dmesg), and lets it pass.
 */
#ifndef PROXY_PROCESS_SANDBOX_FILTER_H
#define PROXY_PROCESS_SANDBOX_FILTER_H

#include <stdbool.h>

#include "base/strbuf.h"

enum proxy_sandbox_unlisted {
	PROXY_SANDBOX_UNLISTED_REFUSED, /* EPERM, and it is told */
	PROXY_SANDBOX_UNLISTED_LOGGED,	/* let pass, and in the kernel's log */
	PROXY_SANDBOX_UNLISTED_DEATH /* for tests: said on stderr, and dead */
};

/* For good, for one of the kinds of proxy/process/sandbox_calls; what is not
 * listed is told of over `tell` (proxy/process/life_wire.h). 0; or -1 and
 * errno, and nothing is filtered. */
int proxy_sandbox_filter(unsigned kind, enum proxy_sandbox_unlisted, int tell);

/* The master's: it may do anything but what kills. */
int proxy_sandbox_filter_master(enum proxy_sandbox_unlisted);

/* Adds the name of a call of this machine, or its number. */
void proxy_sandbox_call_name(int number, struct strbuf *);

#endif
