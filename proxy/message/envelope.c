/*
 * Sender, recipients, and who handed the message to us; see envelope.h. Only
 * what the next hop accepted counts: a recipient that it refused is none, and
 * no rule may be chosen by it.
 */
#include "proxy/message/envelope.h"
#include "auth/address.h"

void
proxy_envelope_init(struct proxy_envelope *e)
{
	strbuf_init(&e->sender, PROXY_ENVELOPE_VALUE_CAP);
	strbuf_init(&e->recipients, PROXY_ENVELOPE_RECIPIENTS_CAP);
	e->recipient_count = 0;
	strbuf_init(&e->queue_id, PROXY_ENVELOPE_VALUE_CAP);
	strbuf_init(&e->client_address, PROXY_ENVELOPE_VALUE_CAP);
	strbuf_init(&e->client_name, PROXY_ENVELOPE_VALUE_CAP);
	strbuf_init(&e->client_helo, PROXY_ENVELOPE_VALUE_CAP);
	e->client_told = false;
	e->queued = false;
	e->milter = false;
	e->local = false;
	strbuf_init(&e->login, PROXY_ENVELOPE_VALUE_CAP);
}

void
proxy_envelope_reset(struct proxy_envelope *e)
{
	strbuf_reset(&e->sender);
	strbuf_reset(&e->recipients);
	e->recipient_count = 0;
	strbuf_reset(&e->queue_id);
	strbuf_reset(&e->client_address);
	strbuf_reset(&e->client_name);
	strbuf_reset(&e->client_helo);
	e->client_told = false;
	e->queued = false;
	e->milter = false;
	e->local = false;
	strbuf_reset(&e->login);
}

void
proxy_envelope_clear(struct proxy_envelope *e)
{
	strbuf_clear(&e->sender);
	strbuf_clear(&e->recipients);
	e->recipient_count = 0;
	strbuf_clear(&e->queue_id);
	strbuf_clear(&e->client_address);
	strbuf_clear(&e->client_name);
	strbuf_clear(&e->client_helo);
	strbuf_clear(&e->login);
}

void
proxy_envelope_add_recipient(struct proxy_envelope *e, struct slice address)
{
	e->recipient_count++;
	if (address.n + 1 > e->recipients.cap - e->recipients.n)
		return;
	strbuf_add(&e->recipients, address);
	strbuf_add_char(&e->recipients, '\0');
}

bool
proxy_envelope_knows_client(const struct proxy_envelope *e)
{
	static const unsigned char six[16] = {[15] = 1}, four[4] = {127};
	struct auth_address client;

	if (auth_address_parse(strbuf_slice(&e->client_address), &client) != 0)
		return false;
	if (e->client_told)
		return true;
	return client.length == 4
	    ? !auth_address_matches(client.octets, four, 8)
	    : !auth_address_matches(client.octets, six, 128);
}

bool
proxy_envelope_next_recipient(
    const struct proxy_envelope *e, size_t *at, struct slice *recipient)
{
	struct slice rest = slice_after(strbuf_slice(&e->recipients), *at);

	if (rest.n == 0)
		return false;
	*recipient = slice_first(rest, slice_find(rest, '\0'));
	*at += recipient->n + 1;
	return true;
}
