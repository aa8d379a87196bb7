/* Dates as mail writes them (RFC 5322 section 3.3), in UTC. */
#ifndef RECORD_DATE_H
#define RECORD_DATE_H

#include <stdint.h>

#include "base/strbuf.h"

/* "Mon, 10 Sep 2001 00:00:00 +0000" */
int record_date_print(int64_t seconds, struct strbuf *);

#endif
