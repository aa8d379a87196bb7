/* What postconf(1) says; see postfix.h. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/kit/capture.h"
#include "cli/kit/postfix.h"

enum { OUTPUT_MAX = 256 * 1024, REASON_MAX = 512, PATH_BYTES = 4096 };

static int
run_postconf(struct cli_postfix *p, const char *option, struct strbuf *output)
{
	const char *const argv[] = {strbuf_text(&p->path), option, NULL};

	if (cli_capture(argv, CLI_POSTFIX_MS, output, &p->reason) == 0)
		return 0;
	p->option = option;
	p->status = CLI_POSTFIX_TROUBLE;
	return -1;
}

struct cli_postfix *
cli_postfix_new(void)
{
	struct cli_postfix *p = xcalloc(1, sizeof(*p));

	strbuf_init(&p->path, PATH_BYTES);
	strbuf_init(&p->services, OUTPUT_MAX);
	strbuf_init(&p->parameters, OUTPUT_MAX);
	strbuf_init(&p->reason, REASON_MAX);
	if (cli_program_find("postconf", &p->path) != 0 ||
	    run_postconf(p, "-Mfx", &p->services) != 0 ||
	    run_postconf(p, "-x", &p->parameters) != 0)
		return p;
	p->status = CLI_POSTFIX_READ;
	cli_master_read(&p->master, strbuf_slice(&p->services),
	    strbuf_slice(&p->parameters));
	return p;
}

void
cli_postfix_free(struct cli_postfix *p)
{
	if (p == NULL)
		return;
	strbuf_clear(&p->path);
	strbuf_clear(&p->services);
	strbuf_clear(&p->parameters);
	strbuf_clear(&p->reason);
	free(p);
}
