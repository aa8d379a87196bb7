/* Lines that are too long; see long_line.h. */
#include "proxy/message/long_line.h"

/*
 * A line ends at CRLF only, of which there is no other CR or LF by now. Only
 * whether one is too long is asked: the last LF within what a line may take
 * tells of all the lines before it.
 */
void
proxy_long_line_write(struct proxy_long_line *l, struct slice bytes)
{
	size_t most = l->most + 1; /* with the CR */

	if (l->most == 0)
		return;
	while (bytes.n > 0 && !l->found) {
		struct slice window = slice_first(bytes, most + 1 - l->line);
		size_t lf = slice_find_last(window, '\n');

		if (lf < window.n) {
			l->line = 0;
			bytes = slice_after(bytes, lf + 1);
			continue;
		}
		l->line += window.n;
		l->found = l->line > most;
		bytes = slice_after(bytes, window.n);
	}
}

void
proxy_long_line_note(
    const struct proxy_long_line *l, struct proxy_journal *journal)
{
	if (l->found)
		proxy_journal_note(journal, "risk", SLICE("line-length"));
}
