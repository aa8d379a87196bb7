/* cli/migrate_postfix: Postfix's lines, ours in place of theirs. */
#include "cli/migrate_postfix.h"
#include "cli/migrate_keys.h"
#include "cli/migrate_steps.h"
#include "t/lib/unit.h"

static void
test_a_milter_is_who_listens_at_the_socket(void **state)
{
	static const struct {
		const char *milter, *socket;
		bool is;
	} cases[] = {
	    {"inet:localhost:8891", "inet:8891@localhost", true},
	    {"inet:127.0.0.1:8891", "inet:8891@localhost", true},
	    {"inet:[::1]:8891", "inet6:8891@[::1]", true},
	    {"inet:localhost:8891", "inet:8891", true},
	    {"inet:localhost:8892", "inet:8891@localhost", false},
	    {"inet:10.0.0.1:8891", "inet:8891@localhost", false},
	    {"inet:mx.example:8891", "inet:8891@MX.example", true},
	    {"unix:/run/opendkim/opendkim.sock",
		"local:/run/opendkim/opendkim.sock", true},
	    {"local:/run/o.sock", "/run/o.sock", true},
	    {"unix:opendkim/opendkim.sock",
		"local:/var/spool/postfix/opendkim/opendkim.sock", true},
	    {"unix:/opendkim/opendkim.sock",
		"local:/var/spool/postfix/opendkim/opendkim.sock", true},
	    {"unix:/run/rspamd.sock", "local:/run/o.sock", false},
	    {"unix:", "local:/var/spool/postfix/", false},
	    {"{ inet:localhost:8891, connect_timeout=10s }",
		"inet:8891@127.0.0.1", true},
	    {"{}", "inet:8891", false},
	    {"", "", false},
	    {"inet:8891", "inet:8891", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (migrate_milter_is(slice_str(cases[i].milter),
			cases[i].socket,
			SLICE("/var/spool/postfix")) != cases[i].is)
			fail_msg("%s, %s", cases[i].milter, cases[i].socket);
}

static void
test_an_option_of_a_service_is_set_once(void **state)
{
	static const struct {
		const char *entry, *value, *want;
	} cases[] = {
	    {"smtp inet n - y - - smtpd", "",
		"smtp inet n - y - - smtpd -o a="},
	    {"smtp inet n - y - - smtpd -v -o a=b -o { c = d e } -o {a = f}",
		"g", "smtp inet n - y - - smtpd -v -o { c = d e } -o a=g"},
	    {"x unix - - - - - y -o ab=c", "d e",
		"x unix - - - - - y -o ab=c -o {a=d e}"},
	    {"x -o", "y", "x -o -o a=y"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 10000);
		migrate_entry_set(slice_str(cases[i].entry), "a",
		    slice_str(cases[i].value), &out);
		assert_string_equal(strbuf_text(&out), cases[i].want);
		strbuf_clear(&out);
	}
}

/* --- whole ones --- */

static int
no_files(
    void *ctx, const char *path, struct strbuf *text, struct strbuf *reason)
{
	(void)ctx;
	(void)path;
	(void)text;
	return strbuf_add_str(reason, "none") - 1;
}

static const struct migrate_files files = {no_files, NULL};

struct run {
	struct migrate_plan plan;
	struct migrate_edits edits;
	struct strbuf steps;
};

static void
run_wiring(struct run *r, enum migrate_program program, const char *conf,
    const char *master, const char *main_cf, const char *expanded)
{
	const struct migrate_postconf said = {slice_str(master),
	    slice_str(master), slice_str(main_cf),
	    slice_str(expanded == NULL ? main_cf : expanded)};
	const struct migrate_texts texts = {true, false};

	migrate_plan_init(&r->plan, program, &files);
	migrate_plan_read(&r->plan, "conf", slice_str(conf));
	migrate_plan_make(&r->plan);
	assert_string_equal(strbuf_text(&r->plan.errors), "");
	migrate_edits_init(&r->edits);
	migrate_postfix_run(&r->edits, &r->plan, &said);
	strbuf_init(&r->steps, 1000 * 1000);
	migrate_steps_print(&r->plan, &r->edits, &texts, &r->steps);
}

static void
run_clear(struct run *r)
{
	migrate_plan_clear(&r->plan);
	migrate_edits_clear(&r->edits);
	strbuf_clear(&r->steps);
}

static void
assert_has(const struct strbuf *text, const char *what)
{
	if (what != NULL && strstr(strbuf_text(text), what) == NULL)
		fail_msg("no \"%s\" in:\n%s", what, strbuf_text(text));
}

#define ODK                                          \
	"Domain a.example\nSelector s\nKeyFile /a\n" \
	"Socket inet:8891@localhost\n"
#define MASTER                                                       \
	"smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\n" \
	"cleanup unix n - y - 0 cleanup\n"

static void
test_ours_stand_where_opendkims_milter_stood(void **state)
{
	static const struct {
		const char *conf, *master, *main_cf;
		const char *hands, *main, *todo;
	} cases[] = {
	    {ODK "Mode s\n", MASTER,
		"smtpd_milters = inet:localhost:8891\n"
		"non_smtpd_milters = inet:localhost:8891\n",
		"",
		" smtpd_milters=unix:signpost/out "
		"non_smtpd_milters=unix:signpost/out",
		""},
	    /* Others stay where they are, and what braces say. */
	    {ODK "Mode sv\n", MASTER,
		"smtpd_milters = unix:/rspamd { inet:localhost:8891, "
		"default_action=accept }, inet:x:1\n"
		"non_smtpd_milters = $smtpd_milters\n",
		"",
		" 'smtpd_milters=unix:/rspamd, { unix:signpost/in, "
		"default_action=accept }, { unix:signpost/out, "
		"default_action=accept }, inet:x:1'",
		""},
	    {ODK "Mode v\n", MASTER,
		"smtpd_milters = inet:localhost:8891\n"
		"non_smtpd_milters = inet:localhost:8891, inet:x:1\n",
		"",
		" smtpd_milters=unix:signpost/in non_smtpd_milters=inet:x:1",
		""},
	    /* A service of its own; who submits is not checked. */
	    {ODK "Mode sv\n",
		"submission inet n - y - - smtpd -o "
		"smtpd_milters=inet:127.0.0.1:8891,unix:/b\n"
		"10025 inet n - y - - smtpd -o "
		"receive_override_options=no_milters\n",
		"\n",
		" 'submission/inet=submission inet n - y - - smtpd -o "
		"{smtpd_milters=unix:signpost/out, unix:/b}'",
		"", ""},
	    {ODK "Mode sv\n",
		"smtp inet n - y - - smtpd\n"
		"127.0.0.1:587 inet n - y - - smtpd\n"
		"smtps inet n - y - - smtpd -o smtpd_milters=\n",
		"smtpd_milters = inet:localhost:8891\n",
		" '127.0.0.1:587/inet=127.0.0.1:587 inet n - y - - smtpd -o "
		"smtpd_milters=unix:signpost/out'",
		" 'smtpd_milters=unix:signpost/in, unix:signpost/out'", ""},
	    {ODK "Mode s\n", "submission inet n - y - - smtpd\n",
		"smtpd_milters = inet:localhost:8891\n"
		"content_filter = amavis:[127.0.0.1]:10024\n",
		"", " smtpd_milters=unix:signpost/out", ""},
	    {ODK "Mode s\n", MASTER, "smtpd_milters = inet:localhost:1\n", "",
		"", "no milter of Postfix's is its Socket"},
	    {ODK "Mode s\n", MASTER,
		"smtpd_milters = inet:localhost:8891\n"
		"queue_directory = /srv/queue\n",
		"", " smtpd_milters=unix:signpost/out",
		"main.cf: queue_directory is /srv/queue: listen below it"},
	    {"Domain a.example\nSelector s\nKeyFile /a\n", MASTER, "\n", "", "",
		"there is no Socket"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r;

		run_wiring(&r, MIGRATE_OPENDKIM, cases[i].conf, cases[i].master,
		    cases[i].main_cf, NULL);
		assert_string_equal(
		    strbuf_text(&r.edits.hands), cases[i].hands);
		assert_string_equal(strbuf_text(&r.edits.main), cases[i].main);
		assert_string_equal(strbuf_text(&r.edits.below), "");
		assert_has(&r.plan.todo, cases[i].todo);
		if (cases[i].todo[0] == '\0')
			assert_string_equal(strbuf_text(&r.plan.todo), "");
		run_clear(&r);
	}
}

/* By another parameter, which postconf -x shows in place of its name. */
static void
test_a_milter_by_another_parameter(void **state)
{
	static const struct {
		const char *main_cf, *expanded, *main;
	} cases[] = {
	    {"smtpd_milters = $mine, unix:/a\nmine = inet:localhost:8891\n",
		"smtpd_milters = inet:localhost:8891, unix:/a\n"
		"mine = inet:localhost:8891\n",
		" 'smtpd_milters=unix:signpost/in, unix:signpost/out, "
		"unix:/a'"},
	    /* Local mail is not checked. */
	    {"smtpd_milters = inet:localhost:8891, unix:/a\n"
	     "non_smtpd_milters = ${smtpd_milters}\n",
		"smtpd_milters = inet:localhost:8891, unix:/a\n"
		"non_smtpd_milters = inet:localhost:8891, unix:/a\n",
		" 'smtpd_milters=unix:signpost/in, unix:signpost/out, unix:/a' "
		"'non_smtpd_milters=unix:signpost/out, unix:/a'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r;

		run_wiring(&r, MIGRATE_OPENDKIM, ODK "Mode sv\n", MASTER,
		    cases[i].main_cf, cases[i].expanded);
		assert_string_equal(strbuf_text(&r.edits.main), cases[i].main);
		assert_string_equal(strbuf_text(&r.plan.todo), "");
		run_clear(&r);
	}
}

/* Positions in the script: what must come before what. */
static size_t
at(const struct run *r, const char *what)
{
	const char *found = strstr(strbuf_text(&r->steps), what);

	if (found == NULL)
		fail_msg("no \"%s\" in:\n%s", what, strbuf_text(&r->steps));
	return (size_t)(found - strbuf_text(&r->steps));
}

static void
test_postfix_stands_still_while_a_milter_goes(void **state)
{
	struct run r;

	(void)state;
	run_wiring(&r, MIGRATE_OPENDKIM, ODK "Mode s\n", MASTER,
	    "smtpd_milters = inet:localhost:8891\n", NULL);
	assert_true(at(&r, "signpost serve -t") < at(&r, "\nours ||"));
	assert_true(at(&r, "\nours ||") < at(&r, "\nmail stop\n"));
	assert_true(at(&r, "\nmail stop\n") < at(&r, "\npostconf -e "));
	assert_true(at(&r, "\npostconf -e ") < at(&r, "\nmail start\n"));
	assert_true(at(&r, "\nmail start\n") < at(&r, "\ntheirs stop"));
	run_clear(&r);
}

#define PROXY                                                           \
	"listen 127.0.0.1:10027\nrelay 127.0.0.1:2\ndomain a.example\n" \
	"selector s\nkeyfile /a\n"

static void
test_dkimproxys_lines_become_ours(void **state)
{
	static const struct {
		const char *conf, *master, *main_cf, *hands, *main, *below;
		const char *transport, *todo;
	} cases[] = {
	    {PROXY,
		"submission inet n - y - - smtpd -o "
		"content_filter=dksign:[127.0.0.1]:10027\n"
		"dksign unix - - n - 10 smtp\n127.0.0.1:2 inet n - n - 10 "
		"smtpd -o content_filter=\n",
		"\n",
		" 'submission/inet=submission inet n - y - - smtpd -o "
		"content_filter=signpost:[127.0.0.1]:10027'",
		"", " '127.0.0.1:2/inet=127.0.0.1:2 inet n - n - 100 smtpd",
		"dksign", ""},
	    {PROXY, MASTER, "content_filter = dksign:127.0.0.1:10027\n", "",
		" content_filter=signpost:127.0.0.1:10027",
		" 'signpost/unix=signpost unix", "dksign", ""},
	    {PROXY,
		"587 inet n - y - - smtpd -o "
		"smtpd_proxy_filter=127.0.0.1:10027 -o "
		"smtpd_proxy_timeout=60s\n",
		"\n",
		" '587/inet=587 inet n - y - - smtpd -o "
		"smtpd_proxy_filter=127.0.0.1:10027 -o "
		"smtpd_proxy_timeout=60s -o "
		"smtpd_client_connection_count_limit=10 -o "
		"smtpd_proxy_options=speed_adjust'",
		"", "smtpd_recipient_restrictions=$signpost_reflector", NULL,
		""},
	    {"listen 127.0.0.1:5\nrelay 127.0.0.1:6\nhostname a\n",
		"smtp inet n - y - - smtpd -o "
		"content_filter=dkin:[127.0.0.1]:5\n",
		"\n", "-o content_filter=signpost-in:[127.0.0.1]:5'", "",
		" 'cleanup-checked/unix=", "dkin", ""},
	    {PROXY, MASTER, "\n", "", "", " 'cleanup-signed/unix=", NULL,
		"nothing in main.cf or master.cf hands mail to "
		"127.0.0.1:10027"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r;

		run_wiring(&r, MIGRATE_DKIMPROXY, cases[i].conf,
		    cases[i].master, cases[i].main_cf, NULL);
		assert_has(&r.edits.hands, cases[i].hands);
		assert_string_equal(strbuf_text(&r.edits.main), cases[i].main);
		assert_has(&r.edits.below, cases[i].below);
		assert_int_equal(
		    r.edits.transport_count, cases[i].transport != NULL);
		if (cases[i].transport != NULL)
			assert_string_equal(
			    r.edits.transports[0], cases[i].transport);
		assert_has(&r.plan.todo, cases[i].todo);
		run_clear(&r);
	}
}

static void
test_the_old_transport_goes_last(void **state)
{
	struct run r;

	(void)state;
	run_wiring(&r, MIGRATE_DKIMPROXY, PROXY, MASTER,
	    "content_filter = dksign:127.0.0.1:10027\n", NULL);
	assert_true(at(&r, "signpost serve -t") < at(&r, "\ntheirs stop"));
	assert_true(at(&r, "\ntheirs stop") < at(&r, "if ! ours"));
	assert_true(at(&r, "if ! ours") < at(&r, "'signpost/unix=signpost"));
	assert_true(
	    at(&r, "'signpost/unix=signpost") < at(&r, "\npostconf -e "));
	assert_true(at(&r, "\npostconf -e ") < at(&r, "\npostfix reload\n"));
	assert_true(at(&r, "\npostfix reload\n") < at(&r, "n=$(waiting"));
	assert_true(at(&r, "n=$(waiting") < at(&r, "postconf -MX dksign/unix"));
	run_clear(&r);
}

static void
test_a_key_stays_where_it_is_taken(void **state)
{
	static const struct {
		struct migrate_key_found found;
		enum migrate_key_fate dkimproxy, opendkim;
	} cases[] = {
	    {{.missing = false}, MIGRATE_KEY_STAYS, MIGRATE_KEY_STAYS},
	    {{.missing = true}, MIGRATE_KEY_MISSING, MIGRATE_KEY_MISSING},
	    {{.way_refused = true}, MIGRATE_KEY_COPIED, MIGRATE_KEY_COPIED},
	    {{.hidden = true}, MIGRATE_KEY_COPIED, MIGRATE_KEY_COPIED},
	    {{.is_mapped = true}, MIGRATE_KEY_COPIED, MIGRATE_KEY_COPIED},
	    {{.has_acl = true}, MIGRATE_KEY_COPIED, MIGRATE_KEY_COPIED},
	    {{.owner_refused = true}, MIGRATE_KEY_MENDED, MIGRATE_KEY_COPIED},
	    {{.mode_refused = true}, MIGRATE_KEY_MENDED, MIGRATE_KEY_MENDED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(migrate_key_decide(&cases[i].found, false),
		    cases[i].dkimproxy);
		assert_int_equal(migrate_key_decide(&cases[i].found, true),
		    cases[i].opendkim);
	}
	assert_true(migrate_key_is_hidden("/home/a/k.pem"));
	assert_true(migrate_key_is_hidden("/root/k.pem"));
	assert_false(migrate_key_is_hidden("/etc/home/k.pem"));
	assert_true(migrate_key_is_awkward("/etc/a b.pem"));
	assert_true(migrate_key_is_awkward("/etc/a,b.pem"));
	assert_true(migrate_key_is_awkward("/etc/$x.pem"));
	assert_false(migrate_key_is_awkward("/etc/$domain/k.pem"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_milter_is_who_listens_at_the_socket),
	    cmocka_unit_test(test_an_option_of_a_service_is_set_once),
	    cmocka_unit_test(test_ours_stand_where_opendkims_milter_stood),
	    cmocka_unit_test(test_a_milter_by_another_parameter),
	    cmocka_unit_test(test_postfix_stands_still_while_a_milter_goes),
	    cmocka_unit_test(test_dkimproxys_lines_become_ours),
	    cmocka_unit_test(test_the_old_transport_goes_last),
	    cmocka_unit_test(test_a_key_stays_where_it_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
