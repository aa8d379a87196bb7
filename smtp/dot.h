/*
 * The way back of undot.h: a dot in front of each line that begins with
 * one, and the end of the message. The input has CRLF line ends.
 */
#ifndef SMTP_DOT_H
#define SMTP_DOT_H

#include "base/sink.h"
#include "base/slice.h"

struct smtp_dot {
	unsigned char state;
	struct sink *out; /* not owned */
};

void smtp_dot_init(struct smtp_dot *, struct sink *out);

/* Any cuts. */
void smtp_dot_write(struct smtp_dot *, struct slice in);

/* The end: a CRLF where the last line has none, and dot CRLF. */
void smtp_dot_end(struct smtp_dot *);

#endif
