/*
 * What postconf(1) prints of master.cf and main.cf, as services and as what a
 * parameter is in each. Text in, views out; nothing in the text is trusted to
 * be well formed.
 */
#ifndef CLI_KIT_MASTER_H
#define CLI_KIT_MASTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* More services than that are not looked at. */
enum { CLI_SERVICES_MAX = 256 };

struct cli_service {
	struct slice name, type, command;
	struct slice options; /* what stands behind the command */
	bool chrooted;
};

struct cli_master {
	struct cli_service list[CLI_SERVICES_MAX];
	size_t count;
	struct slice parameters;
};

/* `services` is what -Mfx prints, `parameters` what -x does (defaults too);
 * both must outlive the result. */
void cli_master_read(
    struct cli_master *, struct slice services, struct slice parameters);

/* Has it one of these names? "submission", "127.0.0.1:submission" are the same.
 * NULL ends them. */
bool cli_service_is_one_of(struct slice name, const char *const *names);

/* The service of that name by which Postfix's own programs reach it (its type
 * is not inet); NULL where there is none. */
const struct cli_service *cli_master_find(
    const struct cli_master *, struct slice name);

/* Sets `*value` where the service's own -o sets the parameter; of several the
 * last one counts, as for Postfix. */
bool cli_service_sets(
    const struct cli_service *, const char *name, struct slice *value);

/* What the parameter is in that service; NULL: in main.cf. Empty where it is
 * so, or where this Postfix does not know it. */
struct slice cli_master_value(
    const struct cli_master *, const struct cli_service *, const char *);

/* The next word between blanks as it stands; what is between braces is one word.
 * False at the end. */
bool cli_master_token(struct slice *rest, struct slice *token);

/* The same, but "{ a = b }" without its braces. */
bool cli_master_word(struct slice *rest, struct slice *word);

/* The next option (-o name=value, -o { name = value }) of what stands behind a
 * command; arguments of other kinds are passed over. False at the end. */
bool cli_master_option(
    struct slice *rest, struct slice *name, struct slice *value);

/* The next word of a list with commas or blanks between. */
bool cli_master_item(struct slice *rest, struct slice *item);

/* Is the word in such a list? Case is ignored. */
bool cli_master_lists(struct slice list, struct slice word);

#endif
