/*
 * The filter that signs: the rules choose, signers are asked which keys there
 * are while the body still comes, one hash a canonicalization; signers sign,
 * and all signatures go on top.
 */
#ifndef PROXY_MESSAGE_FILTER_SIGN_H
#define PROXY_MESSAGE_FILTER_SIGN_H

#include "base/log.h"
#include "proxy/figures/counters.h"
#include "proxy/message/filter.h"
#include "proxy/message/recording.h"
#include "proxy/message/signers.h"
#include "proxy/settings/config.h"

/* What its filters share, all borrowed: the `env` of begin. */
struct proxy_sign_env {
	const struct proxy_config *config;
	struct proxy_signers *signers;
	size_t text_max; /* octets that a signature may cover of a header */
	struct dkim_field_list *built_in; /* for those who name no fields */
	struct proxy_counters *counters;
	struct proxy_recording *recording; /* NULL: nothing is recorded */
	struct log *log;
};

extern const struct proxy_filter_ops proxy_filter_sign;

#endif
