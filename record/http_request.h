/*
 * The request line and header of HTTP/1.0 and 1.1 (RFC 9112), as far as the
 * pages of `[metrics]` need them: GET and HEAD, the path, the query, whom it is
 * for, and where it ends. Looks at no other field: every connection takes one
 * request.
 */
#ifndef RECORD_HTTP_REQUEST_H
#define RECORD_HTTP_REQUEST_H

#include <stdbool.h>

#include "base/slice.h"

/* Views of the input. */
struct record_http_wanted {
	bool head;	    /* HEAD: the answer's header alone */
	struct slice path;  /* without the query */
	struct slice query; /* behind its `?`; empty where there is none */
	struct slice host;  /* as sent, with its port; empty: not said */
};

/*
 * Of all input so far: 0 where the header has not ended, 200 for a request
 * that is in *to then, else the status that refuses it (400, 501).
 */
unsigned record_http_request_parse(
    struct slice input, struct record_http_wanted *to);

/* Its host without the port and a final dot: of "[::1]:80" it is "::1". */
struct slice record_http_host_name(struct slice host);

/* Can nobody's name server have led here who asks for this host: an address, or
 * localhost? Then it is none that a stranger's page could have made up. */
bool record_http_host_is_local(struct slice name);

/* "a=1&b&c=2": is that name in it, and its value (empty for b)? Nothing is
 * decoded. */
bool record_http_query_find(
    struct slice query, struct slice name, struct slice *value);

#endif
