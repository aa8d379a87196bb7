/* A set, its texts signed elsewhere; see sealing.h. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "dkim/signed_text.h"
#include "dkim/signer.h"
#include "proxy/message/sealing.h"
#include "proxy/message/signers.h"
#include "proxy/settings/sign_rights.h"

enum { FIELDS_MAX = 3 * DKIM_SIGNER_FIELD_MAX, REASON_MAX = 512 };

/* One message's. */
struct proxy_seal {
	const struct proxy_sealing *sealing;
	struct proxy_seal_job job; /* its results are the strbuf's */
	struct strbuf results, reason;
	struct dkim_arc_sealer *set; /* NULL: not made, or not to be made */
	struct strbuf selector;	     /* that the set names */
	bool message_sealed;	     /* the message's signature is in it */
	struct proxy_sign_asking *asking;
	proxy_seal_fn *fn;
	void *ctx;
};

void
proxy_seal_cancel(struct proxy_seal *seal)
{
	if (seal == NULL)
		return;
	proxy_sign_asking_end(seal->asking);
	dkim_arc_sealer_free(seal->set);
	strbuf_clear(&seal->results);
	strbuf_clear(&seal->reason);
	strbuf_clear(&seal->selector);
	free(seal);
}

/* --- the set --- */

/* The text of the one that is to be signed now. Where the key was replaced
 * between the two, the message's signature was made with the old one, which is
 * good: a set may name two. But they are of one name here, so both are made
 * again. */
static int
on_make(void *ctx, const struct proxy_sign_names *names, struct slice *text)
{
	struct proxy_seal *seal = ctx;
	bool same = slice_equal(strbuf_slice(&seal->selector), names->selector);
	struct dkim_signed_text read;
	const char *why;

	if (seal->set == NULL || !same) {
		const struct dkim_arc_sealing what = {
		    .domain = names->domain,
		    .selector = names->selector,
		    .algorithm = names->algorithm,
		    .results = strbuf_slice(&seal->results),
		    .chain = seal->job.chain,
		    .time = clock_wall_s(),
		};

		dkim_arc_sealer_free(seal->set);
		seal->message_sealed = false;
		strbuf_reset(&seal->selector);
		strbuf_add(&seal->selector, names->selector);
		seal->set = dkim_arc_sealer_new(
		    &what, seal->job.header, seal->job.body, &seal->reason);
	}
	if (seal->set == NULL)
		return -1;
	*text = seal->message_sealed ? dkim_arc_sealer_text(seal->set)
				     : dkim_arc_sealer_message_text(seal->set);
	/* What a signer would refuse, it would refuse each time. */
	why = text->n > seal->sealing->text_max
	    ? "the set is too long"
	    : dkim_signed_text_read(*text, &read);
	if (why == NULL)
		return 0;
	strbuf_add_str(&seal->reason, why);
	return -1;
}

/* --- its signatures --- */

static void ask_for_seal(struct proxy_seal *);

/* The first signature is the message's, the second the seal's. */
static void
on_signed(void *ctx, const struct proxy_sign_answer *answer)
{
	struct proxy_seal *seal = ctx;

	if (answer->status != PROXY_SIGN_DONE) {
		enum proxy_seal_status status =
		    seal->reason.n > 0 ? PROXY_SEAL_NONE : PROXY_SEAL_TROUBLE;

		/* Trouble without a reason is that there is no set to be
		 * made. */
		if (seal->reason.n == 0)
			strbuf_add(&seal->reason,
			    slice_first(answer->reason, REASON_MAX - 1));
		seal->fn(seal->ctx, status, slice_from(NULL, 0),
		    strbuf_text(&seal->reason));
	} else if (seal->message_sealed) {
		struct slice signature = answer->signature;
		struct strbuf fields;

		strbuf_init(&fields, FIELDS_MAX);
		if (dkim_arc_sealer_seal(seal->set, signature, &fields) == 0)
			seal->fn(seal->ctx, PROXY_SEAL_MADE,
			    strbuf_slice(&fields), "");
		else
			seal->fn(seal->ctx, PROXY_SEAL_NONE,
			    slice_from(NULL, 0), "the set is too long");
		strbuf_clear(&fields);
	} else {
		seal->message_sealed = true;
		dkim_arc_sealer_message_seal(seal->set, answer->signature);
		ask_for_seal(seal);
	}
}

static void
ask_for_seal(struct proxy_seal *seal)
{
	const struct proxy_sign_wish wish = {
	    .right = PROXY_SIGN_RIGHT_SEAL,
	    .kind = PROXY_SIGN_ASK_TEXT,
	    .domain = slice_str(seal->sealing->config->checking.seal.domain),
	    .make = on_make,
	    .done = on_signed,
	    .ctx = seal,
	};

	proxy_sign_asking_end(seal->asking);
	seal->asking = NULL;
	seal->asking = proxy_sign_ask(seal->sealing->signers, &wish);
}

/* --- beginning --- */

void
proxy_sealing_want(struct dkim_body_hashes *body)
{
	(void)dkim_body_hashes_want(
	    body, DKIM_CANON_RELAXED, DKIM_SHA256, DKIM_BODY_WHOLE);
}

struct proxy_seal *
proxy_seal_begin(const struct proxy_sealing *sealing,
    const struct proxy_seal_job *job, proxy_seal_fn *fn, void *ctx)
{
	struct proxy_seal *seal = xcalloc(1, sizeof(*seal));

	seal->sealing = sealing;
	seal->job = *job;
	seal->fn = fn;
	seal->ctx = ctx;
	strbuf_init(&seal->results, job->results.n + 1);
	strbuf_add(&seal->results, job->results);
	strbuf_init(&seal->reason, REASON_MAX);
	strbuf_init(&seal->selector, PROXY_SIGN_NAME_MAX);
	ask_for_seal(seal);
	return seal;
}

bool
proxy_seal_is_likely(const struct proxy_seal *seal)
{
	return proxy_sign_asking_is_likely(seal->asking);
}
