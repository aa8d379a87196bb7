/*
 * signpost explain: why the message on standard input would be signed, and
 * with what, or why not.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/escape.h"
#include "cli/check/daemon.h"
#include "cli/check/report.h"
#include "cli/kit/chosen.h"
#include "cli/kit/cli.h"
#include "cli/kit/message.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "dkim/field_list.h"
#include "dkim/key.h"
#include "dkim/signing_set.h"

static const char help[] =
    "usage: signpost explain [-c FILE]\n"
    "           [--milter authenticated|local|ADDRESS] <message\n"
    "\n"
    "Says which rule of the configuration signs the message on standard\n"
    "input, with which signatures and keys, or why none does. Ends 0 where\n"
    "it would be signed, 1 where not.\n"
    "\n"
    "  -c, --config FILE  the configuration (/etc/signpost/signpost.conf)\n"
    "  --milter WHO       it came by milter, from who logged in, by no SMTP\n"
    "                     (sendmail, cron), or from a client of that address\n";

/* What was said of how it came. */
struct coming {
	bool milter;
	struct proxy_sign_client client;
};

static const char *const meanings[PROXY_UNSIGNED_COUNT] = {
    [PROXY_UNSIGNED_NO_RULE] =
	"no `domain' of [out], no map and no `signature' is for the sender's "
	"domain",
    [PROXY_UNSIGNED_NO_KEY] =
	"`domain = *', and no key is there for the domain or its parents",
    [PROXY_UNSIGNED_MAP_SAYS_NONE] =
	"a map says that this sender's mail is not signed",
    [PROXY_UNSIGNED_LEFT_OUT] =
	"none of the signatures that are wanted fits this message",
    [PROXY_UNSIGNED_NO_FROM] =
	"the message has no From field, so it has no author",
    [PROXY_UNSIGNED_TWO_FROM] =
	"the message has more than one From field; which one a reader would "
	"be shown cannot be known",
    [PROXY_UNSIGNED_BAD_FROM] = "the From field is not a list of addresses",
    [PROXY_UNSIGNED_HEADER_LONG] =
	"max_header_size bounds a header's bytes, and 20000 is the most fields "
	"that it may have",
    [PROXY_UNSIGNED_FAILED] =
	"of the signatures that are wanted none can be made",
    [PROXY_UNSIGNED_NOT_OURS] =
	"it came by milter from somebody who is not in sign_for",
    [PROXY_UNSIGNED_NOT_PUBLISHED] =
	"the domain has a key, but none yet that the world can see "
	"(before_published)",
};

/* "name  value", what came from the message made harmless. */
static void
print_fact(const char *name, struct slice value)
{
	struct strbuf safe;

	strbuf_init(&safe, 8 * value.n + 1);
	escape_log(value, &safe);
	printf("%-12s%s\n", name, strbuf_text(&safe));
	strbuf_clear(&safe);
}

static void
print_field(const struct mail_header *header, const char *name)
{
	const struct mail_field *field =
	    mail_header_last(header, slice_str(name));

	if (field == NULL)
		return;
	print_fact(name, slice_first(slice_trim(field->value), 500));
}

static void
print_fields_signed(
    const struct proxy_signing *signing, const struct mail_header *header)
{
	struct dkim_field_list *own = NULL;
	struct strbuf names;

	if (signing->kind != &dkim_kind_dkim)
		return;
	if (signing->fields == NULL)
		own = dkim_field_list_new();
	strbuf_init(&names, DKIM_SIGNER_FIELD_MAX);
	if (dkim_field_list_pick(
		own != NULL ? own : signing->fields, header, &names) == 0)
		printf("    h=%s\n", strbuf_text(&names));
	strbuf_clear(&names);
	dkim_field_list_free(own);
}

static void
print_chosen_key(
    const struct cli_chosen_signature *one, const struct proxy_config *config)
{
	const struct proxy_key_rule *rule =
	    &config->signing.keys[one->signing->key_rule];
	struct strbuf path, reason;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	if (one->key != NULL &&
	    proxy_key_path_by(
		rule, one->domain, one->selector, &path, &reason) == 0)
		printf("    key %s (%s, %u bits)\n", strbuf_text(&path),
		    dkim_key_type_name(dkim_key_type(one->key)),
		    dkim_key_bits(one->key));
	if (one->state != CLI_CHOSEN_GOOD)
		printf("    %s: %s\n",
		    one->key == NULL ? "no key" : "cannot be made",
		    strbuf_text(&one->reason));
	strbuf_clear(&path);
	strbuf_clear(&reason);
}

static void
print_signature(const struct cli_chosen_signature *one,
    const struct proxy_config *config, const struct mail_header *header)
{
	const struct proxy_signing *signing = one->signing;
	enum dkim_algorithm algorithm =
	    dkim_kind_algorithm(signing->kind, signing->algorithm, one->key);

	printf("signature   %s\n", signing->kind->name);
	printf("    d=%.*s s=%s", (int)one->domain.n, one->domain.p,
	    one->selector);
	if (algorithm != DKIM_ALGORITHM_UNKNOWN)
		printf(" a=%s", dkim_algorithm_name(algorithm));
	putchar('\n');
	if (signing->identity.n > 0)
		print_fact("    i=", signing->identity);
	printf("    c=%s", dkim_canon_name(signing->header_canon));
	if (signing->kind == &dkim_kind_dkim)
		printf("/%s", dkim_canon_name(signing->body_canon));
	putchar('\n');
	print_fields_signed(signing, header);
	print_chosen_key(one, config);
}

/* The last line: what becomes of the message. */
static int
print_fate(
    const struct cli_chosen *chosen, const struct proxy_signing_rules *rules)
{
	static const char *const words[] = {
	    [CLI_FATE_SIGNED] = "signed",
	    [CLI_FATE_UNSIGNED] = "unsigned: ",
	    [CLI_FATE_DEFERRED] = "deferred with 451 (on_error = tempfail): ",
	    [CLI_FATE_REFUSED] = "refused with 550 (unsignable = reject): ",
	};
	struct strbuf safe;
	struct cli_unsigned reason;
	enum cli_fate fate = cli_chosen_fate(chosen, rules, &reason);

	if (fate == CLI_FATE_SIGNED) {
		printf("result      %s\n", words[fate]);
		return CLI_OK;
	}
	strbuf_init(&safe, 4096);
	escape_log(slice_str(reason.text), &safe);
	if (fate == CLI_FATE_DEFERRED &&
	    reason.why == PROXY_UNSIGNED_NOT_PUBLISHED)
		printf("result      deferred with 451 (before_published = "
		       "tempfail): %s\n",
		    strbuf_text(&safe));
	else
		printf("result      %s%s\n", words[fate], strbuf_text(&safe));
	printf("            %s\n", meanings[reason.why]);
	strbuf_clear(&safe);
	return CLI_FAILED;
}

static int
explain(const struct cli_chosen *chosen, const struct proxy_config *config,
    const struct mail_header *header)
{
	const struct proxy_sign_choice *choice = &chosen->choice;

	if (header != NULL) {
		print_field(header, "From");
		print_field(header, "Sender");
		print_field(header, "List-Id");
	}
	if (choice->from_fault.n > 0)
		printf("From fault  %s: all its addresses are of one domain, "
		       "which counts\n",
		    strbuf_text(&choice->from_fault));
	if (choice->rule.n > 0)
		print_fact("rule", strbuf_slice(&choice->rule));
	for (size_t i = 0; i < chosen->count; i++)
		print_signature(&chosen->list[i], config, header);
	if (choice->left_out.n > 0)
		print_fact("left out", strbuf_slice(&choice->left_out));
	return print_fate(chosen, &config->signing);
}

static void
print_sign_for(const struct proxy_sign_for *whom)
{
	struct strbuf text;

	strbuf_init(&text, 64 * 1024);
	if (whom->origins & PROXY_ORIGIN_AUTHENTICATED)
		strbuf_add_str(&text, "authenticated");
	if (whom->origins & PROXY_ORIGIN_LOCAL)
		strbuf_addf(&text, "%slocal", text.n > 0 ? ", " : "");
	for (size_t i = 0; i < whom->networks.count; i++) {
		strbuf_add_str(&text, text.n > 0 ? ", " : "");
		proxy_network_print(&whom->networks.list[i], &text);
	}
	print_fact(
	    "sign_for", text.n > 0 ? strbuf_slice(&text) : SLICE("none"));
	strbuf_clear(&text);
}

/* Whose mail it is counts by milter alone: is it to be looked at by the
 * rules? */
static bool
is_looked_at(const struct coming *coming, const struct proxy_config *config)
{
	const struct proxy_front *front =
	    proxy_front_with(config, PROXY_FILTER_SIGN);
	bool has = !coming->milter ||
	    proxy_sign_for_has(&config->signing.sign_for, &coming->client);

	if (!coming->milter && !proxy_front_speaks(front, PROXY_LISTEN_MILTER))
		return true;
	if (!coming->milter) {
		printf("by milter   only what is in sign_for: see --milter\n");
	} else {
		const struct proxy_sign_client *client = &coming->client;

		print_fact("by milter",
		    client->local	? SLICE("local")
			: client->login ? SLICE("authenticated")
					: client->address);
	}
	print_sign_for(&config->signing.sign_for);
	return has;
}

static int
explain_stdin(const struct proxy_config *config, const struct coming *coming)
{
	static const struct mail_reader_ops ops = {NULL, NULL};
	struct cli_message *message = cli_message_new_bounded(&ops, NULL, false,
	    proxy_front_with(config, PROXY_FILTER_SIGN)->max_header_size);
	struct dkim_signing_set *set = dkim_signing_set_new();
	const char *no_header;
	struct cli_chosen chosen;
	int status;

	cli_chosen_init(&chosen);
	status = cli_message_read(message, STDIN_FILENO);
	no_header = cli_message_no_header(message);
	if (status == CLI_OK && !is_looked_at(coming, config))
		proxy_sign_choice_not_ours(&chosen.choice);
	else if (status == CLI_OK && no_header != NULL)
		proxy_sign_choice_no_header(&chosen.choice, no_header);
	else if (status == CLI_OK)
		cli_chosen_make(&chosen, config, cli_message_header(message),
		    clock_wall_s(), set);
	if (status == CLI_OK)
		status = explain(&chosen, config, cli_message_header(message));
	cli_chosen_clear(&chosen);
	dkim_signing_set_free(set);
	cli_message_free(message);
	return cli_stdout_close(status);
}

/* What runs may answer otherwise than what is explained here. */
static void
tell_daemon(const char *path, const struct proxy_config *config)
{
	struct check_report report = {0};
	struct strbuf reason;
	bool absent;
	json_t *state;

	strbuf_init(&reason, 1000);
	state = check_daemon_state(path, &absent, &reason);
	if (state != NULL)
		check_daemon_look(state, path, config, &report);
	for (size_t i = 0; i < report.count; i++)
		if (report.list[i].result == CHECK_FAIL)
			cli_warn("the running daemon: %s: %s",
			    report.list[i].subject, report.list[i].reason);
	check_report_clear(&report);
	json_decref(state);
	strbuf_clear(&reason);
}

static int
set_coming(void *to, const char *text)
{
	struct coming *coming = to;
	struct proxy_network network;
	struct strbuf reason;
	int outcome = 0;

	*coming = (struct coming){.milter = true};
	coming->client.local = strcmp(text, "local") == 0;
	coming->client.login = strcmp(text, "authenticated") == 0;
	if (coming->client.local || coming->client.login)
		return 0;
	coming->client.address = slice_str(text);
	strbuf_init(&reason, 1000);
	if (strchr(text, '/') != NULL ||
	    proxy_network_parse(slice_str(text), &network, &reason) != 0)
		outcome = cli_usage_error("explain",
		    "--milter %s: neither authenticated, local nor an address",
		    text);
	strbuf_clear(&reason);
	return outcome;
}

static int
run(int argc, char **argv)
{
	const char *path = PROXY_CONFIG_PATH;
	struct coming coming = {.milter = false};
	const struct cli_option options[] = {
	    {'c', "config", .text = &path},
	    {0, "milter", .take = set_coming, .to = &coming},
	    {0},
	};
	struct proxy_config *config;
	int status;

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return CLI_USAGE;
	status = cli_config_load(path, &config);
	if (status != CLI_OK)
		return status;
	tell_daemon(path, config);
	status = explain_stdin(config, &coming);
	proxy_config_free(config);
	return status;
}

const struct cli_command cli_explain = {
    "explain", run, "why a message is signed, or is not", help};
