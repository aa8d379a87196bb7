/*
 * Is it SMTP that a client speaks? A browser, or a web application that was
 * talked into it, can send lines of a stranger's choosing to our port; what
 * it cannot choose is how they begin. A mail server that answered 500 to an
 * HTTP request's lines would go on to take the mail in its body.
 */
#ifndef SMTP_ALIEN_H
#define SMTP_ALIEN_H

#include <stdbool.h>

#include "base/slice.h"

/* What a line of no SMTP is, for the log: static. NULL where nothing speaks
 * against it. `first`: no line of the client's before was more than empty,
 * and this one must begin with an SMTP verb. */
const char *smtp_alien(struct slice line, bool first);

/* What its first octet alone tells; the rest may never come. */
const char *smtp_alien_octet(char);

#endif
