/*
 * The text of a resolv.conf on a page of memory: one process follows the file,
 * others that may not open it read the page. Nobody but who made it can write
 * there: what is mapped later is to be read alone.
 */
#ifndef DNS_CONF_PAGE_H
#define DNS_CONF_PAGE_H

#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* More of a resolv.conf than any has. */
enum { DNS_CONF_MAX = 64 << 10 };

struct dns_conf_page;

/* An empty one; its descriptor (close-on-exec), to be handed on, in *fd. NULL
 * and errno where there is no memory for it. */
struct dns_conf_page *dns_conf_page_new(int *fd);

/* The page behind a descriptor, to be read. NULL and errno where it is none. */
struct dns_conf_page *dns_conf_page_map(int fd);
void dns_conf_page_free(struct dns_conf_page *); /* NULL is fine */

/* By who made it: puts there what the file has. One that cannot be read is one
 * that is being replaced, and changes nothing. */
void dns_conf_page_follow(struct dns_conf_page *, const char *path);

/* Changes with the text. 0: nothing was ever put there. */
uint32_t dns_conf_page_version(const struct dns_conf_page *);

/* Adds the text (cap DNS_CONF_MAX). 0; or -1 where it is being changed right
 * now: then it is as it was, and may be asked again. */
int dns_conf_page_read(const struct dns_conf_page *, struct strbuf *to);

#endif
