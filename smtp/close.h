/* Why a connection ended. The text that travels with it names the peer's or
 * the system's part in it and never holds a peer's raw bytes unescaped. */
#ifndef SMTP_CLOSE_H
#define SMTP_CLOSE_H

enum smtp_close {
	SMTP_CLOSE_DONE,     /* as agreed: QUIT, or our 421 flushed */
	SMTP_CLOSE_CONNECT,  /* relay: could not be reached */
	SMTP_CLOSE_TIMEOUT,  /* a timer ended */
	SMTP_CLOSE_EOF,	     /* the peer's input came to its end */
	SMTP_CLOSE_RESET,    /* the peer is gone: a reset, a failed write */
	SMTP_CLOSE_PROTOCOL, /* the peer sent what SMTP does not allow */
	SMTP_CLOSE_ALIEN,    /* server: the client speaks another protocol */
};

/* "done", "connect", "timeout", "eof", "protocol"; static. */
const char *smtp_close_name(enum smtp_close);

#endif
