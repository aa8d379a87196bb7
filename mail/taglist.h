/*
 * RFC 6376 section 3.2: "tag=value; tag=value" of DKIM-Signature, ARC
 * fields, key records and DMARC records. Names are case-sensitive; a name
 * that comes twice makes the whole list invalid. UTF-8 is let through
 * (RFC 8616), control characters are not.
 */
#ifndef MAIL_TAGLIST_H
#define MAIL_TAGLIST_H

#include "base/slice.h"
#include "mail/reason.h"

/* A list with more tags is invalid. */
enum { MAIL_TAGLIST_MAX = 1000 };

struct mail_tag {
	struct slice name;
	struct slice value; /* trimmed; folding inside it kept */
	struct slice whole; /* from behind the = to the ; or the end */
};

/* A plain value of views into the text it was parsed from. */
struct mail_taglist {
	size_t count;
	struct mail_tag tags[MAIL_TAGLIST_MAX];
};

/* 0; or -1 with the reason in *reason, which may be NULL. The list must have at
 * least one tag. */
int mail_taglist_parse(
    struct slice text, struct mail_taglist *, enum mail_reason *reason);

/* NULL where there is no such tag. */
const struct mail_tag *mail_taglist_find(
    const struct mail_taglist *, struct slice name);

/* The trimmed value; its p is NULL where there is no such tag, and is not
 * where the value is empty. */
struct slice mail_taglist_value(const struct mail_taglist *, struct slice name);

#endif
