/* smtp/alien: what is taken for SMTP and what is not. */
#include "smtp/alien.h"
#include "t/lib/unit.h"

struct alien_case {
	const char *line, *first, *later; /* what it is; NULL: SMTP */
};

#define REQUEST "an HTTP request"
#define FIELD	"a header field"
#define OCTET	"an octet that begins no command"
#define NONE	"no SMTP command first"

static const struct alien_case cases[] = {
    /* What clients really send, some of it out of turn. */
    {"EHLO x", NULL, NULL},
    {"ehlo [127.0.0.1]", NULL, NULL},
    {"HELO", NULL, NULL},
    {"  HELO x", NULL, NULL},
    {"MAIL FROM: <a@b>", NULL, NULL},
    {"mail from:a@b", NULL, NULL},
    {"RCPT TO : <a@b>", NULL, NULL},
    {"MAIL\tFROM:<>", NULL, NULL},
    {"DATA ", NULL, NULL},
    {"NOOP : what", NULL, NULL},
    {"RSET", NULL, NULL},
    {"quit", NULL, NULL},
    {"HELP", NULL, NULL},
    {"VRFY root", NULL, NULL},
    {"EXPN list", NULL, NULL},
    {"LHLO x", NULL, NULL},
    {"STARTTLS", NULL, NULL},
    {"AUTH PLAIN =", NULL, NULL},
    {"BDAT 5", NULL, NULL},
    {"ETRN x", NULL, NULL},
    {"XCLIENT NAME=x", NULL, NULL},
    {"XFORWARD NAME=x", NULL, NULL},
    {"TURN", NULL, NULL},
    {"QUIT\nNOOP", NULL, NULL},
    {"", NULL, NULL},
    {" \t", NULL, NULL},
    {"\r", NULL, NULL},
    /* A slip of the finger is one only where SMTP was spoken before. */
    {"HELLO x", NONE, NULL},
    {"\tx", NONE, NULL},
    {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", NONE, NULL},
    {"USER anonymous", NONE, NULL},
    {"SSH-2.0-OpenSSH_9.2", NONE, NULL},
    /* HTTP in its versions, then the lines behind its first. */
    {"GET / HTTP/1.1", REQUEST, REQUEST},
    {"get /", REQUEST, REQUEST},
    {" POST / HTTP/1.0", REQUEST, REQUEST},
    {"PUT /", REQUEST, REQUEST},
    {"HEAD /", REQUEST, REQUEST},
    {"OPTIONS *", REQUEST, REQUEST},
    {"DELETE /", REQUEST, REQUEST},
    {"PATCH /", REQUEST, REQUEST},
    {"TRACE /", REQUEST, REQUEST},
    {"CONNECT a:25 HTTP/1.1", REQUEST, REQUEST},
    {"PRI * HTTP/2.0", REQUEST, REQUEST},
    {"GET\nx", REQUEST, REQUEST},
    {"GETTY", NONE, NULL},
    {"Host: 127.0.0.1", FIELD, FIELD},
    {"Subject : x", FIELD, FIELD},
    {"sec-ch-ua: \"Chromium\"", FIELD, FIELD},
    {"QUIT: x", FIELD, FIELD},
    {"http://127.0.0.1/", FIELD, FIELD},
    /* No letter. */
    {"\x16\x03\x01\x02", OCTET, OCTET},
    {"------WebKitFormBoundary", OCTET, OCTET},
    {"{\"a\":1}", OCTET, OCTET},
    {"\nEHLO x", OCTET, OCTET},
    {"*1", OCTET, OCTET},
    {"\xc3\xa9", OCTET, OCTET},
    {"220 x", OCTET, OCTET},
    {".", OCTET, OCTET},
};

static void
check(const char *got, const char *want, const char *line)
{
	if (got == NULL && want == NULL)
		return;
	if (got == NULL || want == NULL || strcmp(got, want) != 0)
		fail_msg("%s: %s, not %s", line, got == NULL ? "SMTP" : got,
		    want == NULL ? "SMTP" : want);
}

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice line = slice_str(cases[i].line);

		check(smtp_alien(line, true), cases[i].first, line.p);
		check(smtp_alien(line, false), cases[i].later, line.p);
	}
}

/* Every octet may begin the first line, and only these may go on. */
static void
test_octets(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool may = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    c == ' ' || c == '\t' || c == '\r';

		assert_int_equal(smtp_alien_octet((char)c) == NULL, may);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
