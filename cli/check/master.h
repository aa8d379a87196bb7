/*
 * What postconf(1) prints of master.cf and main.cf, as services and as what a
 * parameter is in each. Text in, views out; nothing in the text is trusted to
 * be well formed.
 */
#ifndef CLI_CHECK_MASTER_H
#define CLI_CHECK_MASTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* More services than that are not looked at. */
enum { CHECK_SERVICES_MAX = 256 };

struct check_service {
	struct slice name, type, command;
	struct slice options; /* what stands behind the command */
};

struct check_master {
	struct check_service list[CHECK_SERVICES_MAX];
	size_t count;
	struct slice parameters;
};

/* `services` is what -Mfx prints, `parameters` what -x does (defaults too);
 * both must outlive the result. */
void check_master_read(
    struct check_master *, struct slice services, struct slice parameters);

/* The service of that name by which Postfix's own programs reach it (its type
 * is not inet); NULL where there is none. */
const struct check_service *check_master_find(
    const struct check_master *, struct slice name);

/* Sets `*value` where the service's own -o sets the parameter. */
bool check_service_sets(
    const struct check_service *, const char *name, struct slice *value);

/* What the parameter is in that service; NULL: in main.cf. Empty where it is
 * so, or where this Postfix does not know it. */
struct slice check_master_value(
    const struct check_master *, const struct check_service *, const char *);

/* The next word between blanks; "{ a = b }" is one, without its braces. False
 * at the end. */
bool check_master_word(struct slice *rest, struct slice *word);

/* The next word of a list with commas or blanks between. */
bool check_master_item(struct slice *rest, struct slice *item);

/* Is the word in such a list? Case is ignored. */
bool check_master_lists(struct slice list, struct slice word);

#endif
