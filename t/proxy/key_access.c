/* Who may have access to a key file. */
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "proxy/key_access.h"
#include "t/lib/unit.h"

#define OUT "[out]\nselector = s\nkeyfile = /k\ndomain = example.org\n"
#define SEALING                                             \
	"[in]\ncheck = arc\nauthserv_id = mx.example.org\n" \
	"seal_domain = example.org\nseal_selector = s\nseal_keyfile = /k\n"
#define IN	"[in]\ncheck = none\n"
#define METRICS "[metrics]\nlisten = 127.0.0.1:1\n"
#define RESULTS "[results]\ndatabase = /r\nemail = a@example.org\n"

/* Two that are on every machine; whichever section there is. */
#define SIGNER	 "nobody"
#define VERIFIER "daemon"

static void
name_user(char **user, const char *name)
{
	free(*user);
	*user = xstrdup(name);
}

static struct proxy_config *
configure(const char *sections)
{
	struct proxy_report report;
	struct proxy_config *config;

	proxy_report_init(&report);
	config = proxy_config_parse("conf", slice_str(sections), &report);
	if (config == NULL)
		fail_msg("%s%s", sections, strbuf_text(&report.errors));
	name_user(&config->out.user, SIGNER);
	name_user(&config->in.user, VERIFIER);
	proxy_report_clear(&report);
	return config;
}

/* A file of this owner, group and mode. */
static int
make_file(uid_t owner, gid_t group, mode_t mode)
{
	char path[] = "/tmp/signpost-access-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(fchown(fd, owner, group), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	return fd;
}

/* Takes the descriptor. NULL: it is let by. */
static void
expect(const struct proxy_config *config, int fd, const char *said)
{
	struct proxy_key_readers readers;
	struct strbuf reason;
	struct stat st;
	int result;

	strbuf_init(&reason, 4096);
	proxy_key_readers_init(&readers, config);
	assert_int_equal(fstat(fd, &st), 0);
	result = proxy_key_access_check(&st, "/k", &readers, &reason);
	if (result != (said == NULL ? 0 : -1) ||
	    (said != NULL &&
		slice_search(strbuf_slice(&reason), slice_str(said)) ==
		    reason.n))
		fail_msg("%d, \"%s\", want \"%s\"", result,
		    strbuf_text(&reason), said == NULL ? "" : said);
	strbuf_clear(&reason);
	close(fd);
}

/* The recorder hears what [metrics] is asked, as [in]'s user; the sealer is
 * [out]'s: with or without those sections. */
static void
every_process_counts(void **state)
{
	static const struct {
		const char *sections;
		bool signer, verifier;
	} cases[] = {{OUT, true, false}, {OUT IN, true, true},
	    {IN, false, true}, {OUT METRICS, true, true},
	    {OUT RESULTS, true, true}, {SEALING, true, true}};
	const struct passwd *user;
	uid_t signer;
	gid_t signers, verifiers;
	size_t i;

	(void)state;
	user = getpwnam(SIGNER);
	assert_non_null(user);
	signer = user->pw_uid;
	signers = user->pw_gid;
	user = getpwnam(VERIFIER);
	assert_non_null(user);
	verifiers = user->pw_gid;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_config *c = configure(cases[i].sections);

		expect(c, make_file(0, signers, 0640),
		    cases[i].signer ? "and a worker is in that" : NULL);
		expect(c, make_file(0, verifiers, 0640),
		    cases[i].verifier ? "and a worker is in that" : NULL);
		expect(c, make_file(0, 0, 0640), NULL);
		expect(c, make_file(signer, 0, 0600),
		    cases[i].signer ? NULL : "chown root /k");
		proxy_config_free(c);
	}
}

static int
need_root(void **state)
{
	(void)state;
	if (geteuid() == 0)
		return 0;
	print_error("needs root\n");
	return -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_process_counts),
	};

	return cmocka_run_group_tests(tests, need_root, NULL);
}
