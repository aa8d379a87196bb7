/*
 * Services of Postfix's master.cf(5), as texts of ours and postconf(1) have
 * them. Text in, text out: nothing is read or run here, and nothing in the text
 * is trusted to be well formed.
 */
#ifndef CLI_MASTER_ENTRY_H
#define CLI_MASTER_ENTRY_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* The longest service that is looked at, in bytes. */
#define CLI_MASTER_ENTRY_MAX 8192

/*
 * The service of that name and type, as one line with single blanks: comments
 * left out, lines that go on joined. `entry` is emptied first. False where
 * there is none, or it is too long.
 */
bool cli_master_entry_find(struct slice text, struct slice name,
    struct slice type, struct strbuf *entry);

/* Name and type of a service, of its first line; views. False where they are
 * not both there. */
bool cli_master_entry_names(
    struct slice line, struct slice *name, struct slice *type);

/* The value of an option (-o name=value, -o { name = value }) in such a line;
 * a view of it. Where it is given twice the last one counts, as for
 * Postfix. */
bool cli_master_entry_option(
    struct slice entry, struct slice name, struct slice *value);

/* Calls `found` for each option, in order. */
void cli_master_entry_options(struct slice entry,
    void (*found)(void *ctx, struct slice name, struct slice value), void *ctx);

/* The command: the eighth column, "smtpd". */
struct slice cli_master_entry_command(struct slice entry);

/* The same columns, and the same options in any order. */
bool cli_master_entry_equal(struct slice, struct slice);

#endif
