/*
 * The reflector's share of checking a message: is it to the reflector, who is
 * its sender proven to be, is it refused for that; and what the recorder is
 * told so that it can answer.
 */
#ifndef PROXY_MESSAGE_REFLECTION_H
#define PROXY_MESSAGE_REFLECTION_H

#include <stdbool.h>

#include "auth/results.h"
#include "proxy/message/filter.h"
#include "proxy/message/refusal.h"
#include "proxy/settings/config.h"
#include "record/reflect.h"

struct mail_header;

struct proxy_reflection {
	bool wanted; /* one of its recipients is the reflector's */
	bool alone;  /* and none is another's */
	enum record_proof proof;
	/* Of the results the signature that is the proof. */
	const struct auth_result *signature;
};

/* Is it to the reflector, and will spamd have to see it? */
bool proxy_reflection_wants_message(
    const struct proxy_config *, const struct proxy_envelope *);

/* `address` may be NULL: there is no reflector. The results must outlive
 * the value. */
struct proxy_reflection proxy_reflection_judge(const char *address,
    const struct proxy_envelope *, const struct auth_results *,
    const struct mail_header *);

/*
 * For mail to the reflector alone, in place of what the settings would refuse:
 * it is refused only where SPF says that its sender is forged and nothing
 * proves the contrary, and only before it lies in a queue.
 */
struct proxy_refusal proxy_reflection_refusal(const struct proxy_reflection *,
    const struct proxy_envelope *, const struct auth_results *);

/* What the recorder needs for an answer, or to say why there is none; added to
 * a record that was begun (proxy/message/recording.h). */
void proxy_reflection_record(const struct proxy_reflection *,
    const struct proxy_config *, const struct proxy_filter_job *,
    const struct auth_results *, const struct mail_header *);

#endif
