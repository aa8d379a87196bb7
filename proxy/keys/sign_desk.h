/*
 * Where a signer takes questions and answers them (DESIGN, "Asker and
 * signer"). Each asker has a socket of its own, and the master says which front
 * it is of; what it asks is believed in nothing. A text is read before it is
 * signed (dkim/signed_text.h), and held against what its rule may sign
 * (proxy/settings/sign_rights.h).
 */
#ifndef PROXY_KEYS_SIGN_DESK_H
#define PROXY_KEYS_SIGN_DESK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "proxy/keys/sign_wire.h"
#include "proxy/settings/config.h"

struct event_base;
struct proxy_keys;
struct proxy_sign_desk;

/* Askers at a time; questions of one that wait for a key, beyond which no more
 * of its datagrams are read. */
#define PROXY_SIGN_ASKERS_MAX  512
#define PROXY_SIGN_WAITING_MAX 16

/* All borrowed. */
struct proxy_sign_desk_job {
	struct event_base *base;
	const struct proxy_config *config;
	struct proxy_keys *keys;
	struct log *log;
	/* Told of each answer, for the figures. `refused`: it must not be
	 * signed, whoever asks for it. */
	void (*answered)(void *ctx, const struct proxy_front *,
	    enum proxy_sign_word, bool refused);
	void (*deserted)(void *ctx); /* the last asker has gone; or NULL */
	void *ctx;
};

struct proxy_sign_desk *proxy_sign_desk_new(const struct proxy_sign_desk_job *);
void proxy_sign_desk_free(struct proxy_sign_desk *); /* NULL is fine */

/* One more asker, of that front; takes the socket, which does not wait. It is
 * let go where there are too many, and once it hangs up or says what is no
 * question. */
void proxy_sign_desk_take(
    struct proxy_sign_desk *, int socket, const struct proxy_front *);

/* Is there nobody who could ask? */
bool proxy_sign_desk_is_deserted(const struct proxy_sign_desk *);

#endif
