/*
 * What tools may ask the master: one word, with or without a line end behind
 * it. Arithmetic alone; proxy/process/control has the socket and the answers.
 */
#ifndef PROXY_PROCESS_CONTROL_REQUEST_H
#define PROXY_PROCESS_CONTROL_REQUEST_H

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of a request. */
#define PROXY_CONTROL_REQUEST_MAX 320

enum proxy_control_verb {
	PROXY_CONTROL_VERSION,
	PROXY_CONTROL_STATE,
	PROXY_CONTROL_RELOAD
};

struct proxy_control_request {
	enum proxy_control_verb verb;
};

/* 0; or -1 and what is wrong with it, for who asked. */
int proxy_control_request_parse(
    struct slice text, struct proxy_control_request *, struct strbuf *reason);

#endif
