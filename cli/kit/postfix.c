/* What postconf(1) says; see postfix.h. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/kit/capture.h"
#include "cli/kit/postfix.h"

enum { OUTPUT_MAX = 256 * 1024, REASON_MAX = 512, PATH_BYTES = 4096 };

static int
run_postconf(struct cli_postfix *p, const char *path, const char *option,
    struct strbuf *output)
{
	const char *const argv[] = {path, option, NULL};
	struct strbuf why;
	int outcome;

	strbuf_init(&why, REASON_MAX);
	outcome = cli_capture(argv, CLI_POSTFIX_MS, output, &why);
	if (outcome != 0)
		strbuf_addf(
		    &p->reason, "%s %s %s", path, option, strbuf_text(&why));
	strbuf_clear(&why);
	return outcome;
}

struct cli_postfix *
cli_postfix_new(void)
{
	struct cli_postfix *p = xcalloc(1, sizeof(*p));
	struct strbuf path;

	strbuf_init(&path, PATH_BYTES);
	strbuf_init(&p->services, OUTPUT_MAX);
	strbuf_init(&p->parameters, OUTPUT_MAX);
	strbuf_init(&p->reason, REASON_MAX + PATH_BYTES);
	if (cli_program_find("postconf", &path) != 0) {
		p->status = CLI_POSTFIX_NONE;
	} else if (run_postconf(p, strbuf_text(&path), "-Mfx", &p->services) !=
		0 ||
	    run_postconf(p, strbuf_text(&path), "-x", &p->parameters) != 0) {
		p->status = CLI_POSTFIX_TROUBLE;
	} else {
		p->status = CLI_POSTFIX_READ;
		cli_master_read(&p->master, strbuf_slice(&p->services),
		    strbuf_slice(&p->parameters));
	}
	strbuf_clear(&path);
	return p;
}

void
cli_postfix_free(struct cli_postfix *p)
{
	if (p == NULL)
		return;
	strbuf_clear(&p->services);
	strbuf_clear(&p->parameters);
	strbuf_clear(&p->reason);
	free(p);
}
