/*
 * What the mail log says of one message: Postfix's lines and signpost's. Text
 * in, values out; nothing in it is trusted to be well formed.
 */
#ifndef CLI_CHECK_SEND_LOG_H
#define CLI_CHECK_SEND_LOG_H

#include <stdbool.h>

#include "base/slice.h"

/* How far it came; views of the text. */
struct check_fate {
	struct slice
	    status;	    /* "sent (delivered to mailbox)"; empty: none yet */
	struct slice relay; /* to whom */
	struct slice outcome; /* of signing: "signed=..." or "unsigned=..." */
	bool by_us;	      /* it was handed to a relay of ours */
	bool sent, bounced;
};

/*
 * The message with that id, without its angle brackets. Behind each filter it
 * has another queue id; the last one's status counts, unless it was sent to a
 * relay for which `ours` is true: then it is to come back.
 */
void check_fate_read(struct check_fate *, struct slice log, struct slice id,
    bool (*ours)(void *ctx, struct slice relay), void *ctx);

#endif
