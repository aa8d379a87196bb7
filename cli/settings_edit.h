/*
 * A configuration file's text, changed as a person would: a line here and
 * there, all else as it was. Text in, text out.
 */
#ifndef CLI_SETTINGS_EDIT_H
#define CLI_SETTINGS_EDIT_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* The value of the first line that sets it, without its comment; a view of the
 * text. False where no line does. */
bool cli_settings_get(struct slice text, struct slice section,
    struct slice name, struct slice *value);

/*
 * Sets it: in place of the first line that does, or else at the line that shows
 * it behind a #, or else at the section's top; a section that is not there is
 * appended. 0, or -1 where the text becomes longer than its cap.
 */
int cli_settings_set(struct strbuf *text, struct slice section,
    struct slice name, struct slice value);

/* The same for one more line of a list, behind the last that sets it. */
int cli_settings_add(struct strbuf *text, struct slice section,
    struct slice name, struct slice value);

/* Takes one item out of a list, wherever in it: `is` says whether it is that.
 * Lines that are left without any go. How many there were; -1 where the text
 * becomes longer than its cap. */
int cli_settings_drop(struct strbuf *text, struct slice section,
    struct slice name, bool (*is)(void *ctx, struct slice item), void *ctx);

#endif
