/*
 * The request line and header of HTTP/1.0 and 1.1 (RFC 9112), as far as the
 * pages of `[metrics]` need them: GET and HEAD, the path, and where it ends.
 * Looks at no field: every connection takes one request.
 */
#ifndef RECORD_HTTP_REQUEST_H
#define RECORD_HTTP_REQUEST_H

#include <stdbool.h>

#include "base/slice.h"

struct record_http_wanted {
	bool head;	   /* HEAD: the answer's header alone */
	struct slice path; /* without the query; a view of the input */
};

/*
 * Of all input so far: 0 where the header has not ended, 200 for a request
 * that is in *to then, else the status that refuses it (400, 501).
 */
unsigned record_http_request_parse(
    struct slice input, struct record_http_wanted *to);

#endif
