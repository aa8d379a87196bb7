/* Domains of a command line and of lists; see domains.h. */
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "cli/kit/cli.h"
#include "cli/kit/domains.h"
#include "cli/kit/files.h"
#include "mail/idn.h"
#include "proxy/settings/index.h"

/* Of a list: a million names of some length. */
enum { LIST_MAX = 32 * 1024 * 1024, SHOWN_MAX = 1200, SHOWN_OCTETS = 250 };

void
cli_domains_clear(struct cli_domains *domains)
{
	proxy_index_free(domains->names);
	domains->names = NULL;
}

size_t
cli_domains_count(const struct cli_domains *domains)
{
	return domains->names == NULL ? 0 : proxy_index_count(domains->names);
}

struct slice
cli_domains_at(const struct cli_domains *domains, size_t number)
{
	return proxy_index_key(domains->names, number);
}

int
cli_domain_read(struct slice name, struct strbuf *ascii)
{
	bool final_dot = slice_ends_nocase(name, SLICE("."));

	return mail_idn_to_ascii(slice_first(name, name.n - final_dot), ascii);
}

int
cli_domains_add(struct cli_domains *domains, struct slice name)
{
	struct strbuf ascii;
	int outcome;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	outcome = cli_domain_read(name, &ascii);
	if (domains->names == NULL)
		domains->names = proxy_index_new();
	if (outcome == 0)
		(void)proxy_index_add(domains->names, strbuf_slice(&ascii));
	strbuf_clear(&ascii);
	return outcome;
}

static int
add_domain_lines(
    struct cli_domains *domains, const char *path, struct slice text)
{
	struct slice line;
	int status = CLI_OK;

	for (size_t number = 1; slice_cut(&text, '\n', &line); number++) {
		struct strbuf shown;

		line = slice_trim(slice_first(line, slice_find(line, '#')));
		if (line.n == 0 || cli_domains_add(domains, line) == 0)
			continue;
		strbuf_init(&shown, SHOWN_MAX);
		escape_log(slice_first(line, SHOWN_OCTETS), &shown);
		cli_error("%s:%zu: no domain name: %s", path, number,
		    strbuf_text(&shown));
		strbuf_clear(&shown);
		status = CLI_NO_MESSAGE;
	}
	return status;
}

int
cli_domains_read(struct cli_domains *domains, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	struct strbuf text;
	int status = CLI_UNREADABLE;

	strbuf_init(&text, LIST_MAX);
	if ((standard
		    ? cli_file_read_open(STDIN_FILENO, "standard input", &text)
		    : cli_file_read(path, &text)) == 0)
		status = add_domain_lines(domains,
		    standard ? "standard input" : path, strbuf_slice(&text));
	strbuf_clear(&text);
	return status;
}
