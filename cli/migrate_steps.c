/*
 * The script that makes a move; see migrate_steps.h.
 *
 * From DKIMproxy: ours takes the place of theirs at the same address, so a
 * message goes through one of them, whatever transport it names. From OpenDKIM:
 * Postfix is stopped for the moment in which one takes over from the other; a
 * new smtpd(8) or cleanup(8) reads main.cf at once, but master.cf only after a
 * reload, so without that a message could meet both of them or none.
 */
#include <string.h>

#include "base/escape.h"
#include "cli/migrate_steps.h"

enum { NAMES_MAX = 4096 };

static const char script_head[] =
    "# As root, after a look at it and at the report beside it. Each step says "
    "why.\n"
    "# It may be run again from the beginning at any time.\n"
    "set -eu\n"
    "here=$(cd \"$(dirname \"$0\")\" && pwd)\n"
    "say() { printf '\\n== %s\\n' \"$*\"; }\n"
    "stop() { printf 'steps: %s\\n' \"$*\" >&2; exit 1; }\n"
    "[ \"$(id -u)\" = 0 ] || stop 'only root may do this'\n"
    "\n"
    "by_systemd() { [ -d /run/systemd/system ]; }\n"
    "ours() {\n"
    "	if by_systemd; then\n"
    "		systemctl daemon-reload\n"
    "		systemctl enable signpost.service\n"
    "		systemctl restart signpost.service\n"
    "	else\n"
    "		/etc/init.d/signpost stop || :\n"
    "		/etc/init.d/signpost start &&\n"
    "		    update-rc.d signpost defaults && update-rc.d signpost "
    "enable\n"
    "	fi\n"
    "}\n"
    "theirs() { # start, stop\n"
    "	if by_systemd; then\n"
    "		systemctl \"$1\" \"$old\".service\n"
    "	elif [ -x /etc/init.d/\"$old\" ]; then\n"
    "		/etc/init.d/\"$old\" \"$1\"\n"
    "	elif [ \"$1\" = stop ] && [ -n \"$pidfile\" ] && [ -r \"$pidfile\" ]; "
    "then\n"
    "		kill \"$(cat \"$pidfile\")\"\n"
    "	else\n"
    "		return 1\n"
    "	fi\n"
    "}\n"
    "never() { # it does not start with the machine any more\n"
    "	if by_systemd; then\n"
    "		systemctl disable \"$old\".service || :\n"
    "	else\n"
    "		update-rc.d \"$old\" disable 2>/dev/null || :\n"
    "	fi\n"
    "}\n"
    "mail() { # start, stop\n"
    "	if by_systemd; then systemctl \"$1\" postfix; else postfix \"$1\"; "
    "fi\n"
    "}\n";

static const char copies[] =
    "\nsay 'copies of what is there'\n"
    "backup=/var/backups/signpost/$(date -u +%Y%m%dT%H%M%SZ)\n"
    "install -d -m 700 /var/backups/signpost \"$backup\"\n"
    "for file in \"$(postconf -h config_directory)\"/main.cf \\\n"
    "    \"$(postconf -h config_directory)\"/master.cf "
    "/etc/signpost/signpost.conf \\\n"
    "    /etc/signpost/sender_map /etc/signpost/listid_map; do\n"
    "	[ ! -e \"$file\" ] || cp -p \"$file\" \"$backup\"\n"
    "done\n"
    "\nsay 'users and directories'\n"
    "for user in signpost signpost-in signpost-keys signpost-record; do\n"
    "	getent passwd $user >/dev/null || useradd --system --user-group \\\n"
    "	    --no-create-home --home-dir /nonexistent \\\n"
    "	    --shell /usr/sbin/nologin $user\n"
    "done\n"
    "install -d -m 755 /etc/signpost /var/lib/signpost\n"
    "install -d -m 700 /etc/signpost/keys\n"
    "install -d -m 700 -o signpost -g signpost /var/lib/signpost/spool\n"
    "install -d -m 700 -o signpost-in -g signpost-in "
    "/var/lib/signpost/spool-in\n"
    "install -d -m 700 -o signpost-record -g signpost-record \\\n"
    "    /var/lib/signpost-record\n"
    "[ ! -d /var/spool/postfix ] ||\n"
    "    install -d -m 750 -o root -g postfix /var/spool/postfix/signpost\n";

static void
add_quoted(struct strbuf *out, const char *before, const char *word,
    const char *behind)
{
	strbuf_add_str(out, before);
	escape_shell(slice_str(word), out);
	strbuf_add_str(out, behind);
}

/* --- keys --- */

/* The folder of a path, made for root alone. */
static void
add_folder(const char *path, struct strbuf *out)
{
	const char *slash = strrchr(path, '/');
	struct strbuf folder;

	strbuf_init(&folder, 8192);
	strbuf_add(&folder, slice_from(path, (size_t)(slash - path)));
	add_quoted(out, "install -d -m 700 ", strbuf_text(&folder), "\n");
	strbuf_clear(&folder);
}

/* Each file behind $domain. */
static void
copy_template(const struct migrate_key *key, struct strbuf *out)
{
	static const char macro[] = "$domain";
	const char *at = strstr(key->path, macro);
	const char *to = strstr(key->use, macro);
	struct strbuf before, into;

	strbuf_init(&before, 8192);
	strbuf_init(&into, 8192);
	strbuf_add(&before, slice_from(key->path, (size_t)(at - key->path)));
	strbuf_add(&into, slice_from(key->use, (size_t)(to - key->use)));
	add_folder(key->use, out);
	add_quoted(out, "before=", strbuf_text(&before), "\n");
	add_quoted(out, "behind=", at + strlen(macro), "\n");
	strbuf_add_str(out,
	    "for key in \"$before\"*\"$behind\"; do\n"
	    "	[ -f \"$key\" ] || continue\n"
	    "	name=${key#\"$before\"}\n"
	    "	name=${name%\"$behind\"}\n");
	add_quoted(out, "	install -m 600 -o root -g root \"$key\" ",
	    strbuf_text(&into), "\"$name\".pem\n");
	strbuf_add_str(out, "done\n");
	strbuf_clear(&before);
	strbuf_clear(&into);
}

static void
add_key_steps(const struct migrate_key *key, struct strbuf *out)
{
	/* A comment, whatever a path has in it. */
	if (key->reason != NULL && key->reason[0] != '\0') {
		strbuf_add_str(out, "# ");
		escape_text(slice_str(key->reason), out);
		strbuf_add_char(out, '\n');
	}
	if (key->fate == MIGRATE_KEY_COPIED &&
	    strstr(key->path, "$domain") != NULL) {
		copy_template(key, out);
	} else if (key->fate == MIGRATE_KEY_COPIED) {
		add_folder(key->use, out);
		add_quoted(
		    out, "install -m 600 -o root -g root ", key->path, " ");
		add_quoted(out, "", key->use, "\n");
	} else if (key->fate == MIGRATE_KEY_MENDED) {
		add_quoted(out, "chown root:", key->group, " ");
		add_quoted(out, "", key->path, "\n");
		add_quoted(out, "chmod 640 ", key->path, "\n");
	} else if (key->fate == MIGRATE_KEY_WRITTEN) {
		strbuf_addf(out,
		    "# the key stands in the table, and ours has only "
		    "paths\n");
		/* In base64: the bytes that its line ends with. */
		add_folder(key->use, out);
		strbuf_addf(out, "(umask 077 && sed -n %up ", key->line);
		add_quoted(out, "", key->file,
		    " | sed 's/#.*//; s/[ \t]*$//; s/.*://' |\n"
		    "    base64 -d | openssl pkey -inform DER -out ");
		add_quoted(out, "", key->use, ")\n");
	}
}

/* --- the configuration --- */

static void
add_configuration(const struct migrate_texts *texts, struct strbuf *out)
{
	strbuf_add_str(out,
	    "\nsay 'the configuration'\n"
	    "install -m 644 \"$here\"/signpost.conf "
	    "/etc/signpost/signpost.conf\n");
	if (texts->sender_map)
		strbuf_add_str(out,
		    "install -m 644 \"$here\"/sender_map "
		    "/etc/signpost/sender_map\n");
	if (texts->listid_map)
		strbuf_add_str(out,
		    "install -m 644 \"$here\"/listid_map "
		    "/etc/signpost/listid_map\n");
	strbuf_add_str(out,
	    "signpost serve -t || stop 'see above; nothing of Postfix "
	    "was changed'\n");
}

static void
add_postconf(const char *option, const struct strbuf *words, struct strbuf *out)
{
	if (words->n == 0)
		return;
	strbuf_addf(out, "postconf %s", option);
	strbuf_add(out, strbuf_slice(words));
	strbuf_add_char(out, '\n');
}

/* --- from OpenDKIM --- */

static void
add_opendkim(const struct migrate_edits *edits, struct strbuf *out)
{
	strbuf_add_str(out,
	    "\nsay 'signpost serves; nobody asks it yet'\n"
	    "ours || stop 'signpost does not start; nothing of Postfix was "
	    "changed'\n");
	if (edits->hands.n == 0 && edits->main.n == 0) {
		strbuf_add_str(out,
		    "\n# No line of Postfix's names OpenDKIM: see the "
		    "report.\n");
		return;
	}
	strbuf_add_str(out,
	    "\n# From here to the start no mail is taken, so that each "
	    "message is signed by\n"
	    "# one of the two. What is in the queue was signed on its way in, "
	    "and goes out\n"
	    "# as it is; it names no milter.\n"
	    "say 'Postfix stops; signpost takes over; Postfix starts'\n"
	    "mail stop\n"
	    "trap 'cp -p \"$backup\"/main.cf \"$backup\"/master.cf "
	    "\"$(postconf -h config_directory)\"; mail start' EXIT\n");
	add_postconf("-e", &edits->main, out);
	add_postconf("-Me", &edits->hands, out);
	strbuf_add_str(out,
	    "mail start\n"
	    "trap - EXIT\n"
	    "\nsay 'OpenDKIM goes: nothing asks it any more'\n"
	    "theirs stop || echo 'it did not run'\n"
	    "never\n");
}

/* --- from DKIMproxy --- */

static const char drain[] =
    "# In the queue each message names the transport that it goes by; it has "
    "to stay\n"
    "# until none does. It leads to signpost by now.\n"
    "waiting() {\n"
    "	postqueue -j | sed -n 's/.*\"queue_id\": \"\\([^\"]*\\)\".*/\\1/p' |\n"
    "	    while read -r id; do postcat -eq \"$id\" 2>/dev/null || :; done |\n"
    "	    grep -Ec \"^content_filter: ($1):\" || :\n"
    "}\n";

static void
add_drain(const struct migrate_edits *edits, struct strbuf *out)
{
	struct strbuf names;

	if (edits->transport_count == 0)
		return;
	strbuf_add_str(out, "\nsay 'mail that names the old transport'\n");
	strbuf_add_str(out, drain);
	strbuf_init(&names, NAMES_MAX);
	for (size_t i = 0; i < edits->transport_count; i++)
		strbuf_addf(
		    &names, "%s%s", i == 0 ? "" : "|", edits->transports[i]);
	add_quoted(out, "names=", strbuf_text(&names), "");
	strbuf_clear(&names);
	strbuf_add_str(out,
	    "\n"
	    "end=$(($(date +%s) + ${WAIT:-600})) clear=0\n"
	    "while [ $clear -lt 3 ]; do\n"
	    "	n=$(waiting \"$names\")\n"
	    "	if [ \"$n\" = 0 ]; then clear=$((clear + 1)); else clear=0; "
	    "fi\n"
	    "	[ \"$n\" = 0 ] || [ \"$(date +%s)\" -lt $end ] || stop \"$n "
	    "messages wait still:"
	    " postqueue -p says what keeps them. The old transport stays for "
	    "them. Run this"
	    " again when they are gone (WAIT=SECONDS waits longer). Where new "
	    "ones come, an"
	    " access or header_checks table has FILTER with that name\"\n"
	    "	[ \"$n\" = 0 ] || postqueue -f\n"
	    "	sleep 1\n"
	    "done\n"
	    "postconf -MX");
	for (size_t i = 0; i < edits->transport_count; i++)
		add_quoted(out, " ", edits->transports[i], "/unix");
	strbuf_add_str(out, "\npostfix reload\n");
}

static void
add_dkimproxy(const struct migrate_edits *edits, struct strbuf *out)
{
	strbuf_add_str(out,
	    "\n# Ours listens where theirs did: mail that is in the queue, and "
	    "mail that\n"
	    "# comes, goes through one of the two whatever it names. Between "
	    "the two it waits\n"
	    "# in the queue, or is answered 451 where it is not in it yet.\n"
	    "say 'signpost takes the place of DKIMproxy'\n"
	    "theirs stop || echo \"$old is not known as a service here, or did "
	    "not run\"\n"
	    "if ! ours; then\n"
	    "	theirs start || :\n"
	    "	stop \"signpost does not start. Where DKIMproxy runs still, "
	    "stop "
	    "it as it was"
	    " started, and run this again\"\n"
	    "fi\n"
	    "never\n"
	    "\nsay 'its way from the queue, and back'\n");
	add_postconf("-Me", &edits->below, out);
	strbuf_add_str(out, "\nsay 'the lines that hand mail over'\n");
	add_postconf("-e", &edits->main, out);
	add_postconf("-Me", &edits->hands, out);
	strbuf_add_str(out, "postfix reload\npostqueue -f\n");
	add_drain(edits, out);
}

void
migrate_steps_print(const struct migrate_plan *plan,
    const struct migrate_edits *edits, const struct migrate_texts *texts,
    struct strbuf *out)
{
	bool opendkim = plan->program == MIGRATE_OPENDKIM;

	strbuf_addf(out, "#!/bin/sh\n# Made by `signpost migrate %s'.\n",
	    opendkim ? "opendkim" : "dkimproxy");
	strbuf_add_str(out, script_head);
	strbuf_addf(out, "old=%s\n", opendkim ? "opendkim" : "dkimproxy");
	add_quoted(
	    out, "pidfile=", plan->pidfile == NULL ? "" : plan->pidfile, "\n");
	strbuf_add_str(out, copies);
	strbuf_add_str(out, "\nsay 'private keys'\n");
	for (size_t i = 0; i < plan->keys.count; i++)
		add_key_steps(&plan->keys.list[i], out);
	add_configuration(texts, out);
	if (opendkim)
		add_opendkim(edits, out);
	else
		add_dkimproxy(edits, out);
	strbuf_add_str(out,
	    "\nsay 'what is still missing'\n"
	    "signpost check || :\n");
}
