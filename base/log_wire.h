/*
 * A line of a log on its way to the process that writes it: a datagram, an
 * octet for its level and the text. Whoever sends it may have been taken over.
 */
#ifndef BASE_LOG_WIRE_H
#define BASE_LOG_WIRE_H

#include "base/log.h"
#include "base/strbuf.h"

/* Octets of a datagram, and of a text that was read out of one. */
enum { LOG_DATAGRAM_MAX = 8192, LOG_WIRE_TEXT_MAX = 4 * LOG_DATAGRAM_MAX };

/* Adds the datagram of a line; of one that is too long its beginning. */
void log_wire_print(enum log_level, struct slice text, struct strbuf *);

/* Its level, and its text made harmless. 0, or -1 where it is none. */
int log_wire_read(struct slice datagram, enum log_level *, struct strbuf *text);

#endif
