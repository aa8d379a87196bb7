/*
 * What a filter did to a message: whole fields put on top, and fields of its
 * header left out, each by the name and number that people and milters know it
 * by. How that is done to the bytes is for whoever passes the message on: the
 * SMTP front splices its spool (proxy/message/splice.h).
 */
#ifndef PROXY_MESSAGE_EDIT_H
#define PROXY_MESSAGE_EDIT_H

#include <stdint.h>

#include "base/slice.h"
#include "mail/header.h"

/* Bounds: bytes put on top, fields left out. */
#define PROXY_EDIT_TOP_MAX     (128 * 1024)
#define PROXY_EDIT_REMOVED_MAX MAIL_HEADER_FIELDS_MAX

struct proxy_removed {
	struct slice name; /* the header's */
	uint32_t index;	   /* in the header: 0 is the topmost field */
	uint32_t number;   /* the how-manieth of that name, 1 the topmost */
};

struct proxy_edit;

struct proxy_edit *proxy_edit_new(void);
void proxy_edit_free(struct proxy_edit *); /* NULL is fine */

/* Puts whole fields (name to CRLF) on top, below those put there before. The
 * bytes are copied. 0, or -1 over the bound. */
int proxy_edit_top(struct proxy_edit *, struct slice fields);

/* Leaves out the field at `index` of the header, which must outlive the edit;
 * in ascending order. 0, or -1 where it is not, or over the bound. */
int proxy_edit_remove(
    struct proxy_edit *, const struct mail_header *, size_t index);

/* All that goes on top, the topmost first. */
struct slice proxy_edit_top_fields(const struct proxy_edit *);

/* What is left out, from the top down: how many, and they. */
size_t proxy_edit_removed(
    const struct proxy_edit *, const struct proxy_removed **);

#endif
