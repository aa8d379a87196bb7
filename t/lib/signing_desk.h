/*
 * A signer's desk without its process, and a master that opens key files for
 * it, all in the event loop of a test.
 */
#ifndef T_LIB_SIGNING_DESK_H
#define T_LIB_SIGNING_DESK_H

#include "proxy/keys/key_files.h"
#include "proxy/keys/keys.h"
#include "proxy/keys/sign_desk.h"

struct event;
struct event_base;
struct log;

struct signing_desk {
	const struct proxy_config *config;
	struct proxy_key_readers readers;
	struct event_base *base;
	struct event *master; /* answers questions for keys */
	int master_fd;
	unsigned opened; /* questions that the master had */
	struct proxy_keys *keys;
	struct proxy_sign_desk *desk;
	/* Of the last answer, and how many there were. */
	enum proxy_sign_word status;
	bool refused;
	unsigned answers;
};

void signing_desk_init(struct signing_desk *, struct event_base *,
    const struct proxy_config *, struct log *);
void signing_desk_clear(struct signing_desk *);

/* Another asker, of that front: its end. */
int signing_desk_ask(struct signing_desk *, const struct proxy_front *);

#endif
