/* Mail of our own; see own_mail.h. */
#include "cli/kit/own_mail.h"
#include "dkim/signing_set.h"
#include "mail/address.h"
#include "mail/header.h"
#include "proxy/message/sign_rule.h"

enum { LINE_MAX_OCTETS = 1024 };

bool
own_mail_goes_through_out(const struct proxy_config *config)
{
	const struct proxy_front *front =
	    proxy_front_with(config, PROXY_FILTER_SIGN);
	const struct proxy_listeners *listen = &front->listen;

	for (size_t i = 0; front->enabled && i < listen->count; i++)
		if (proxy_endpoint_covers(
			&listen->list[i].at, &config->reflector.relay))
			return true;
	/* By milter it is the mail server at that address who shows it to
	 * [out], as mail of a client that has the same address. */
	return front->enabled &&
	    proxy_front_speaks(front, PROXY_LISTEN_MILTER) &&
	    config->reflector.relay.length > 0 &&
	    proxy_networks_contain(&config->signing.sign_for.networks,
		(const struct sockaddr *)&config->reflector.relay.address);
}

const char *
own_mail_advice(const struct proxy_config *config)
{
	return proxy_front_speaks(proxy_front_with(config, PROXY_FILTER_SIGN),
		   PROXY_LISTEN_SMTP)
	    ? "leave `relay =' of [reflector] out, or see that the server "
	      "there signs them"
	    : "have `relay =' of [reflector] lead to a mail server that asks "
	      "[out], and name its address in `sign_for' of [out]";
}

static bool
is_choice_aligned(const struct proxy_sign_choice *choice, struct slice domain)
{
	for (size_t i = 0; choice->status == PROXY_SIGN && i < choice->count;
	     i++) {
		const struct proxy_signing *s = &choice->list[i];

		if (s->kind == &dkim_kind_dkim &&
		    (mail_domain_is_within(domain, s->domain) ||
			mail_domain_is_within(s->domain, domain)))
			return true;
	}
	return false;
}

bool
own_mail_is_signed(const struct proxy_config *config, const char *mailbox)
{
	struct proxy_sign_choice choice;
	struct mail_header *header;
	struct strbuf text;
	bool is;

	strbuf_init(&text, LINE_MAX_OCTETS);
	strbuf_addf(&text, "From: <%s>\r\n\r\n", mailbox);
	header = mail_header_parse(strbuf_slice(&text), LINE_MAX_OCTETS);
	proxy_sign_choice_init(&choice);
	if (header != NULL)
		proxy_sign_rule_choose(config, header, &choice);
	is = header != NULL &&
	    is_choice_aligned(&choice, mail_address_domain(slice_str(mailbox)));
	proxy_sign_choice_clear(&choice);
	mail_header_free(header);
	strbuf_clear(&text);
	return is;
}
