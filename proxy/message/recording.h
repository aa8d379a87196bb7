/*
 * A worker's side of the recorder: one datagram a message over a socket
 * that all workers share. A recorder that is behind or gone costs a message
 * nothing: what it does not take is dropped, counted and, at most once a
 * minute, logged.
 */
#ifndef PROXY_MESSAGE_RECORDING_H
#define PROXY_MESSAGE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/results.h"
#include "base/log.h"
#include "proxy/figures/counters.h"
#include "proxy/message/filter.h"
#include "proxy/settings/config.h"

struct proxy_recording {
	int fd; /* SOCK_SEQPACKET; -1: nothing is recorded */
	const struct proxy_config *config;
	struct proxy_counters *counters;
	struct log *log;
	int64_t complained; /* s, monotonic */
	uint64_t lost;	    /* since it last took one */
};

/* For signed mail: its author's domain; a signature made ("dkim:d=:s=:a="),
 * or why there is none. A NULL recording records nothing. */
void proxy_recording_author(struct proxy_recording *, struct proxy_journal *,
    const struct mail_header *);
void proxy_recording_signed(
    struct proxy_recording *, struct proxy_journal *, struct slice signature);
void proxy_recording_unsigned(
    struct proxy_recording *, struct proxy_journal *, struct slice why);

/* What the verifying filter found, and whether the message is refused, put into
 * its record. */
void proxy_recording_checked(struct proxy_recording *,
    const struct proxy_filter_job *, const struct auth_results *,
    enum proxy_verdict);

/* The message is over: sends its record, where a filter began one. */
void proxy_recording_send(struct proxy_recording *,
    const struct proxy_envelope *, struct proxy_journal *);

#endif
