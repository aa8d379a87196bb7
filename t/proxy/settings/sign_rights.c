/* For which d= a signature may be asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/settings/sign_map.h"
#include "proxy/settings/sign_rights.h"
#include "t/lib/unit.h"

static const char front[] = "[signpost]\nhostname = mx.example.org\n"
			    "[out]\nlisten = 127.0.0.1:10027\n"
			    "relay = 127.0.0.1:10028\nselector = s\n"
			    "keyfile = /keys/$domain.pem\n";

struct rig {
	struct proxy_config *config;
	struct proxy_sign_rights *rights;
	char folder[64], map[96];
};

/* `lines` goes into [out]; `map`, where there is one, into a file that `%s` in
 * the lines stands for. */
static void
rig_begin(struct rig *rig, const char *lines, const char *map)
{
	struct proxy_report report;
	char text[2048];
	FILE *file;
	int n;

	memset(rig, 0, sizeof(*rig));
	(void)snprintf(rig->folder, sizeof(rig->folder), "/tmp/rightsXXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	(void)snprintf(rig->map, sizeof(rig->map), "%s/map", rig->folder);
	file = fopen(rig->map, "w");
	assert_non_null(file);
	(void)fputs(map == NULL ? "" : map, file);
	(void)fclose(file);
	n = snprintf(text, sizeof(text), "%s%s", front, lines);
	if (map != NULL)
		(void)snprintf(
		    text + n, sizeof(text) - (size_t)n, "%s\n", rig->map);
	proxy_report_init(&report);
	rig->config = proxy_config_parse("test.conf", slice_str(text), &report);
	if (rig->config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	proxy_report_clear(&report);
	rig->rights = proxy_sign_rights_new(rig->config);
}

static void
rig_end(struct rig *rig)
{
	proxy_sign_rights_free(rig->rights);
	proxy_config_free(rig->config);
	(void)unlink(rig->map);
	(void)rmdir(rig->folder);
}

static bool
covers(const struct rig *rig, unsigned number, const char *domain)
{
	const struct proxy_sign_right *right =
	    proxy_sign_rights_find(rig->rights, number);

	assert_non_null(right);
	return proxy_sign_right_covers(rig->rights, right, slice_str(domain));
}

static void
test_each_rule_covers_its_own_domains(void **state)
{
	static const struct {
		const char *lines, *map; /* of one signature, the first */
		const char *yes[4], *no[4];
	} cases[] = {
	    {"domain = example.org, example.com\nsignature = dkim\n", NULL,
		{"example.org", "example.com"},
		{"sub.example.org", "example.net", "org", "xexample.org"}},
	    {"domain = *\nsignature = dkim\n", NULL, {"example.org", "a.b.c"},
		{NULL}},
	    {"domain = example.org\nsignature = dkim(d=example.com)\n", NULL,
		{"example.com"}, {"example.org", "a.example.com"}},
	    {"domain = example.org\nsignature = dkim(d=$senderdomain)\n", NULL,
		{"example.org", "a.example.org"}, {"example.com", "org"}},
	    {"domain = example.org\nsign_all = yes\n"
	     "signature = dkim(d=$senderdomain)\n",
		NULL, {"example.org", "example.net"}, {NULL}},
	    {"domain = example.org\nsign_all = yes\nsignature = dkim\n", NULL,
		{"example.org"}, {"example.net"}},
	    {"domain = example.org\n"
	     "signature = dkim(d=$senderdomain.dk.example.net)\n",
		NULL, {"dk.example.net", "example.org.dk.example.net"},
		{"example.net", "example.org", "xdk.example.net"}},
	    {"signature = dkim(d=$senderdomain)\n", NULL, {"example.net"},
		{NULL}},
	    {"sender_map = ", "example.org dkim\n", {"example.org"},
		{"a.example.org", "example.net"}},
	    {"sender_map = ", "joe@example.org dkim\n", {"example.org"},
		{"a.example.org", "joe@example.org"}},
	    {"sender_map = ", "example.org dkim(d=$senderdomain)\n",
		{"example.org", "a.example.org"}, {"example.net", "org"}},
	    {"sender_map = ", ". dkim(d=$senderdomain)\n",
		{"example.org", "example.net"}, {NULL}},
	    {"sender_map = ", ". dkim(d=example.org)\n", {"example.org"},
		{"example.net"}},
	    {"listid_map = ", "news.example.org dkim\n",
		{"news.example.org", "example.org"},
		{"org", "a.news.example.org", "example.net"}},
	    {"listid_map = ", "news.example.org dkim(d=$senderdomain)\n",
		{"example.net"}, {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig;

		rig_begin(&rig, cases[i].lines, cases[i].map);
		for (size_t j = 0; j < 4 && cases[i].yes[j] != NULL; j++)
			if (!covers(&rig, 1, cases[i].yes[j]))
				fail_msg("%s%s: not %s", cases[i].lines,
				    cases[i].map == NULL ? "" : cases[i].map,
				    cases[i].yes[j]);
		for (size_t j = 0; j < 4 && cases[i].no[j] != NULL; j++)
			if (covers(&rig, 1, cases[i].no[j]))
				fail_msg("%s%s: %s", cases[i].lines,
				    cases[i].map == NULL ? "" : cases[i].map,
				    cases[i].no[j]);
		assert_null(
		    proxy_sign_rights_find(rig.rights, PROXY_SIGN_RIGHT_SEAL));
		assert_null(proxy_sign_rights_find(rig.rights, 2));
		rig_end(&rig);
	}
}

static void
test_numbers_go_through_settings_and_maps(void **state)
{
	const struct proxy_sign_right *right;
	struct rig rig;

	(void)state;
	rig_begin(&rig,
	    "domain = example.org\nsignature = dkim, domainkeys\n"
	    "sender_map = ",
	    "example.com dkim(a=ed25519-sha256)\nexample.net none\n"
	    "example.edu domainkeys\n");
	right = proxy_sign_rights_find(rig.rights, 2);
	assert_int_equal(right->use, PROXY_SIGN_USE_DOMAINKEYS);
	assert_true(covers(&rig, 2, "example.org"));
	assert_int_equal(rig.config->signing.signatures.list[1].number, 2);
	right = proxy_sign_rights_find(rig.rights, 3);
	assert_int_equal(right->algorithm, DKIM_ED25519_SHA256);
	assert_true(covers(&rig, 3, "example.com"));
	assert_false(covers(&rig, 3, "example.org"));
	assert_true(covers(&rig, 4, "example.edu"));
	assert_int_equal(proxy_sign_map_find(rig.config->signing.sender_map,
			     SLICE("a@example.edu"))
			     ->signatures.list[0]
			     .number,
	    4);
	assert_null(proxy_sign_rights_find(rig.rights, 5));
	rig_end(&rig);
}

static void
test_a_seal_is_of_its_domain_alone(void **state)
{
	const struct proxy_sign_right *right;
	struct rig rig;

	(void)state;
	rig_begin(&rig,
	    "domain = example.org\nsignature = dkim\n"
	    "[in]\nlisten = 127.0.0.1:10025\nrelay = 127.0.0.1:10026\n"
	    "authserv_id = mx\nseal_domain = example.net\n"
	    "seal_selector = arc\nseal_keyfile = /keys/arc.pem\n",
	    NULL);
	right = proxy_sign_rights_find(rig.rights, PROXY_SIGN_RIGHT_SEAL);
	assert_non_null(right);
	assert_int_equal(right->use, PROXY_SIGN_USE_ARC);
	assert_true(covers(&rig, PROXY_SIGN_RIGHT_SEAL, "example.net"));
	assert_false(covers(&rig, PROXY_SIGN_RIGHT_SEAL, "example.org"));
	assert_false(covers(&rig, PROXY_SIGN_RIGHT_SEAL, "a.example.net"));
	rig_end(&rig);
	proxy_sign_rights_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_rule_covers_its_own_domains),
	    cmocka_unit_test(test_numbers_go_through_settings_and_maps),
	    cmocka_unit_test(test_a_seal_is_of_its_domain_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
