/*
 * Address lists of From, Sender and their kin: RFC 5322 section 3.4 with its
 * obsolete forms (4.4), groups (RFC 6854) and RFC 6532's UTF-8. What is not
 * of that grammar is an error with a reason: guessing at an author is how
 * mail gets spoofed. Two liberties that leave the domain beyond doubt: dots
 * may stand anywhere in a local part, and a display name may hold any byte
 * over 0x7f.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/slice.h"
#include "base/strbuf.h"

/* A list with more mailboxes is an error. */
enum { MAIL_ADDRESS_COUNT_MAX = 1000 };

/* Views into the list; white space, comments and quoting are gone. */
struct mail_mailbox {
	struct slice
	    display; /* the name, words joined by one space; or empty */
	struct slice local;
	struct slice domain; /* as written in case; [...] of a literal */
};

struct mail_address_list;

/*
 * Reads a field's value. NULL where it is not a list of addresses, with the
 * reason added ("address without a domain"). A list may have no mailbox: a
 * group may be empty. `reason` may be NULL.
 */
struct mail_address_list *mail_address_parse(
    struct slice value, struct strbuf *reason);

/*
 * The same for whom no address must escape that another program might show,
 * however it reads the field. Never NULL. Where it has a fault it is what a
 * reader might take for the field's mailboxes: those before the fault, and
 * whatever looks like one behind it. What they say is not to be relied upon,
 * and a domain may be no UTF-8.
 */
struct mail_address_list *mail_address_salvage(struct slice value);
/* Static text; NULL: the value is a list of addresses. */
const char *mail_address_fault(const struct mail_address_list *);
void mail_address_free(struct mail_address_list *);

size_t mail_address_count(const struct mail_address_list *);

/* NULL past the last one; 0 is the first. */
const struct mail_mailbox *mail_address_at(
    const struct mail_address_list *, size_t index);

/* Adds local@domain, the local part quoted where it has to be. 0, or -1
 * where out is full. */
int mail_mailbox_print(const struct mail_mailbox *, struct strbuf *out);

/* The domain of an addr-spec alone (an envelope address, i=): what stands
 * behind the last @; empty where there is none. */
struct slice mail_address_domain(struct slice addr_spec);

/* Is that domain the parent, or below it? ASCII, without case, at a dot only:
 * notexample.org is not below example.org. */
bool mail_domain_is_within(struct slice domain, struct slice parent);

/* What stands before the last @; all of it where there is none. */
struct slice mail_address_local(struct slice addr_spec);

#endif
