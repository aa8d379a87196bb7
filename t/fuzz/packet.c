/* dns/packet: the first octet chooses the type asked, the others are the
 * packet. It answers a question for x.org with whatever id it has. */
#include <stdlib.h>

#include "dns/packet.h"
#include "t/fuzz/replay.h"

static void
check(const struct dns_packet_query *query, enum dns_packet_kind kind,
    const struct dns_packet_answer *answer)
{
	const struct dns_reply *reply = answer->reply;

	if ((kind == DNS_PACKET_ANSWER) != (reply != NULL))
		abort();
	if (answer->cnames > query->cnames)
		abort();
	if (reply != NULL &&
	    (reply->answer.status == DNS_OK) != (reply->answer.count > 0))
		abort();
	if (kind == DNS_PACKET_CNAME && answer->next.name[0] == '\0')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_packet_query query = {.edns = true, .cnames = 8};
	struct dns_packet_answer answer;
	struct slice wire;

	if (size < 3)
		return 0;
	wire = slice_from((const char *)data + 1, size - 1);
	query.id = (uint16_t)(data[1] << 8 | data[2]);
	(void)dns_question_set(
	    &query.question, (enum dns_type)(data[0] % 5), SLICE("x.org"));
	check(&query, dns_packet_read(wire, &query, &answer), &answer);
	dns_reply_drop(answer.reply);
	return 0;
}
