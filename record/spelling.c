/* One spelling for what is kept; see spelling.h. */
#include <arpa/inet.h>

#include "auth/address.h"
#include "mail/idn.h"
#include "record/spelling.h"

void
record_spell_domain(struct slice domain, struct strbuf *out)
{
	if (slice_ends_nocase(domain, SLICE(".")))
		domain.n--;
	(void)mail_idn_to_ascii(domain, out);
}

void
record_spell_selector(struct slice selector, struct strbuf *out)
{
	size_t before = out->n;

	(void)mail_idn_to_ascii(selector, out);
	if (out->n > before)
		return;
	for (size_t i = 0; i < selector.n; i++)
		strbuf_add_char(out, ascii_lower(selector.p[i]));
}

/* inet_ntop() follows RFC 5952 where it counts: lower case, no leading
 * zeros, the longest run of zeros left out. */
void
record_spell_address(struct slice text, struct strbuf *out)
{
	struct auth_address address;
	char printed[INET6_ADDRSTRLEN];

	if (auth_address_parse(text, &address) == 0 &&
	    inet_ntop(address.length == 4 ? AF_INET : AF_INET6, address.octets,
		printed, sizeof(printed)) != NULL)
		strbuf_add_str(out, printed);
}
