/*
 * record/rua: the first line is the domain, the second rua=, each other one an
 * answer, taken in turn ("-" no such name, "?" lost, else TXT records with TABs
 * between). It ends, and an address that a report would go to is one: bounded,
 * and nothing in it ends a line or a command.
 */
#include <stdlib.h>

#include "record/rua.h"
#include "t/fuzz/replay.h"

enum { RECORDS_MAX = 8, QUESTIONS_MAX = 100 };

static struct slice
take_line(struct slice *rest)
{
	struct slice line = {0};

	(void)slice_cut(rest, '\n', &line);
	return line;
}

static void
answer_one(struct record_rua *rua, const struct dns_question *question,
    struct slice line)
{
	struct dns_record records[RECORDS_MAX] = {0};
	struct dns_answer answer = {.status = DNS_TEMPFAIL, .records = records};

	if (slice_equal(line, SLICE("-")))
		answer.status = DNS_NXDOMAIN;
	else if (!slice_equal(line, SLICE("?")))
		while (answer.count < RECORDS_MAX &&
		    slice_cut(&line, '\t', &records[answer.count].value))
			answer.count++;
	if (answer.count > 0)
		answer.status = DNS_OK;
	record_rua_answer(rua, question, &answer);
}

static void
check_address(struct slice address)
{
	if (address.n == 0 || address.n > RECORD_RUA_ADDRESS_MAX ||
	    slice_find(address, '@') == address.n)
		abort();
	for (size_t i = 0; i < address.n; i++)
		if ((unsigned char)address.p[i] < ' ' ||
		    address.p[i] == '\x7f' || address.p[i] == '>')
			abort();
}

static void
look(const struct record_rua *rua)
{
	for (size_t i = 0; i < record_rua_count(rua); i++) {
		struct slice address;
		enum record_rua_status status = record_rua_at(rua, i, &address);

		if (status == RECORD_RUA_ASKING)
			abort();
		if (status == RECORD_RUA_APPROVED)
			check_address(address);
		else if (record_rua_reason(status) == NULL)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice rest = slice_from((const char *)bytes, n);
	struct slice domain = take_line(&rest), value = take_line(&rest);
	struct record_rua *rua = record_rua_new(domain, value);
	struct dns_question question;
	size_t asked = 0;

	while (record_rua_ask(rua, &question)) {
		if (++asked > QUESTIONS_MAX)
			abort();
		answer_one(rua, &question, take_line(&rest));
	}
	look(rua);
	record_rua_free(rua);
	return 0;
}
