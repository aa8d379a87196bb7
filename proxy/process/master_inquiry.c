/* Tools' questions of keys, each under way until its signers have answered. */
#include <unistd.h>

#include "proxy/process/control.h"
#include "proxy/process/inquiry.h"
#include "proxy/process/master_private.h"

static void
on_inquiry_done(void *ctx, struct slice answer)
{
	struct proxy_master_inquiry *one = ctx;

	proxy_control_answer_one(one->master->control, one->ticket, answer);
	proxy_inquiry_free(one->inquiry);
	one->inquiry = NULL;
}

static struct proxy_master_inquiry *
free_place(struct proxy_master *master)
{
	for (size_t i = 0; i < PROXY_INQUIRIES_MAX; i++)
		if (master->inquiries[i].inquiry == NULL)
			return &master->inquiries[i];
	return NULL;
}

/* Why it cannot be asked now; NULL: it can. */
static const char *
unaskable(struct proxy_master *master)
{
	if (master->serving == NULL || master->state == PROXY_MASTER_STOPPING)
		return "the daemon does not serve";
	if (!proxy_fronts_have(master->serving->config, PROXY_FILTER_SIGN))
		return "no front signs";
	return free_place(master) == NULL ? "too many ask at once" : NULL;
}

bool
proxy_master_inquire(struct proxy_master *master,
    const struct proxy_control_request *request,
    struct proxy_control_ticket ticket, struct strbuf *answer)
{
	const char *why = unaskable(master);
	struct proxy_master_inquiry *one = free_place(master);
	int signers[PROXY_SIGNERS_MAX];
	struct proxy_inquiry_job job = {.base = master->base,
	    .log = master->log,
	    .signers = signers,
	    .done = on_inquiry_done,
	    .ctx = one};

	if (why == NULL) {
		job.config = master->serving->config;
		job.signer_count =
		    proxy_generation_meet(master->serving, signers);
		if (job.signer_count == 0)
			why = "no signer serves: ask again";
	}
	if (why != NULL) {
		strbuf_addf(answer, "{\"error\":\"%s\"}\n", why);
		return true;
	}
	one->master = master;
	one->ticket = ticket;
	one->inquiry = request->verb == PROXY_CONTROL_KEY
	    ? proxy_inquiry_key(&job, request->domain)
	    : proxy_inquiry_trial(&job, request->domain);
	return false;
}

void
proxy_master_end_inquiries(struct proxy_master *master, const char *why)
{
	struct strbuf answer;

	strbuf_init(&answer, 512);
	strbuf_addf(&answer, "{\"error\":\"%s\"}\n", why);
	for (size_t i = 0; i < PROXY_INQUIRIES_MAX; i++)
		if (master->inquiries[i].inquiry != NULL)
			on_inquiry_done(
			    &master->inquiries[i], strbuf_slice(&answer));
	strbuf_clear(&answer);
}
