/* What the tools that check share; see checking.h. */
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/kit/checking.h"
#include "cli/kit/cli.h"
#include "cli/kit/resolve.h"
#include "proxy/message/filter_verify.h"

static struct slice
without_brackets(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		return slice_from(s.p + 1, s.n - 2);
	return s;
}

int
cli_client_check(const struct cli_client *client, const char *command)
{
	struct slice sender = without_brackets(slice_str(client->mail_from));
	unsigned char address[16];

	if (client->ip != NULL &&
	    inet_pton(AF_INET, client->ip, address) != 1 &&
	    inet_pton(AF_INET6, client->ip, address) != 1)
		return cli_usage_error(command, "--client-ip: no IP address");
	/* An empty one is that of a bounce; for one without a local part SPF
	 * takes postmaster (RFC 7208 section 4.3). */
	if (sender.n > 0 && slice_find_last(sender, '@') + 1 >= sender.n)
		return cli_usage_error(command,
		    "--mail-from: no address (LOCAL@DOMAIN, or empty)");
	return 0;
}

struct auth_client
cli_client_of(const struct cli_client *client)
{
	return (struct auth_client){
	    .address = slice_str(client->ip),
	    .helo = slice_str(client->helo),
	    .mail_from = without_brackets(slice_str(client->mail_from)),
	};
}

struct auth_spf *
cli_spf_new(
    const char *domain, struct slice address, enum auth_spf_version version)
{
	const struct auth_spf_identity identity = {
	    .address = address,
	    .domain = slice_str(domain),
	    .helo = slice_str(domain),
	    .now = clock_wall_s(),
	};

	return auth_spf_new(&identity, version);
}

void
cli_host_name(char host[CLI_HOST_MAX])
{
	memset(host, 0, CLI_HOST_MAX);
	if (gethostname(host, CLI_HOST_MAX - 1) != 0 || host[0] == '\0')
		memcpy(host, "localhost", sizeof("localhost"));
}

void
cli_checking_header(void *evaluation, const struct mail_header *header)
{
	auth_evaluation_header(evaluation, header);
}

void
cli_checking_body(void *evaluation, struct slice chunk)
{
	auth_evaluation_body(evaluation, chunk);
}

void
cli_checking_resolve(
    struct cli_resolver *resolver, struct auth_evaluation *evaluation)
{
	cli_resolve(resolver, &proxy_asking_evaluation, evaluation);
}
