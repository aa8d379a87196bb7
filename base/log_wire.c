/* Lines as datagrams; see log_wire.h. */
#include "base/log_wire.h"
#include "base/escape.h"

void
log_wire_print(enum log_level level, struct slice text, struct strbuf *to)
{
	strbuf_add_char(to, (char)('0' + level));
	strbuf_add(to, slice_first(text, LOG_DATAGRAM_MAX - 1));
}

int
log_wire_read(struct slice datagram, enum log_level *level, struct strbuf *text)
{
	if (datagram.n < 2 || datagram.n > LOG_DATAGRAM_MAX ||
	    datagram.p[0] < '0' || datagram.p[0] > '0' + LOGGING_DEBUG)
		return -1;
	*level = (enum log_level)(datagram.p[0] - '0');
	return escape_text(slice_after(datagram, 1), text);
}
