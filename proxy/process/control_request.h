/*
 * What tools may ask the master: one line of text, "VERB" or "VERB DOMAIN",
 * with or without a line end behind it. Arithmetic alone; proxy/process/control
 * has the socket and the answers.
 */
#ifndef PROXY_PROCESS_CONTROL_REQUEST_H
#define PROXY_PROCESS_CONTROL_REQUEST_H

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of a request; of a domain name as text (RFC 1035 section 3.1). */
#define PROXY_CONTROL_REQUEST_MAX 320
#define PROXY_CONTROL_DOMAIN_MAX  253

enum proxy_control_verb {
	PROXY_CONTROL_VERSION,
	PROXY_CONTROL_STATE,
	PROXY_CONTROL_RELOAD,
	PROXY_CONTROL_KEY,
	PROXY_CONTROL_TRIAL
};

struct proxy_control_request {
	enum proxy_control_verb verb;
	struct slice domain; /* a view of what was parsed; empty: none */
};

/* 0; or -1 and what is wrong with it, for who asked. */
int proxy_control_request_parse(
    struct slice text, struct proxy_control_request *, struct strbuf *reason);

#endif
