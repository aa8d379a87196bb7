/* Who may have access to a key file. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "proxy/keys/key_access.h"
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
	name_user(&config->fronts[0].user, SIGNER);
	name_user(&config->fronts[1].user, VERIFIER);
	proxy_report_clear(&report);
	return config;
}

/* A file of this owner, group and mode, with or without an ACL. */
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
	result = proxy_key_access_check(fd, &st, "/k", &readers, &reason);
	if (result != (said == NULL ? 0 : -1) ||
	    (said != NULL &&
		slice_search(strbuf_slice(&reason), slice_str(said)) ==
		    reason.n))
		fail_msg("%d, \"%s\", want \"%s\"", result,
		    strbuf_text(&reason), said == NULL ? "" : said);
	strbuf_clear(&reason);
	close(fd);
}

/* The recorder hears what [metrics] is asked, as [in]'s user; the signers
 * are [out]'s where they have no user of their own: with or without those
 * sections. */
static void
test_every_process_counts(void **state)
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

static void
put_number(unsigned char *to, unsigned bytes, unsigned long value)
{
	while (bytes-- > 0) {
		*to++ = (unsigned char)value;
		value >>= 8;
	}
}

/* What setfacl -m g:65534:r makes of a file, the mask given. */
static int
make_file_with_acl(mode_t mode, unsigned mask)
{
	static const struct {
		unsigned tag, bits;
		unsigned long id;
	} entries[] = {{0x01, 6, 0xffffffff}, {0x04, 0, 0xffffffff},
	    {0x08, 4, 65534}, {0x10, 4, 0xffffffff}, {0x20, 0, 0xffffffff}};
	unsigned char acl[4 + 8 * 5];
	int fd = make_file(0, 0, mode);
	size_t i;

	put_number(acl, 4, 2);
	for (i = 0; i < 5; i++) {
		unsigned char *at = acl + 4 + 8 * i;
		unsigned bits = entries[i].tag == 0x10 ? mask : entries[i].bits;

		put_number(at, 2, entries[i].tag);
		put_number(at + 2, 2, bits);
		put_number(at + 4, 4, entries[i].id);
	}
	if (fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0) != 0)
		fail_msg("/tmp has no ACLs: %s", strerror(errno));
	return fd;
}

static void
test_an_acl_may_not_let_a_worker_in(void **state)
{
	struct proxy_config *c = configure(OUT);
	struct stat st;
	int fd;

	(void)state;
	fd = make_file_with_acl(0600, 4);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640); /* all that shows */
	expect(c, fd,
	    "key file /k (mode 0640) has an ACL, which may let a "
	    "worker in: setfacl -b /k");
	/* The mask lets nobody in, and chmod g= sets it. */
	expect(c, make_file_with_acl(0600, 0), NULL);
	fd = make_file_with_acl(0600, 4);
	assert_int_equal(fchmod(fd, 0600), 0);
	expect(c, fd, NULL);
	proxy_config_free(c);
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
	    cmocka_unit_test(test_every_process_counts),
	    cmocka_unit_test(test_an_acl_may_not_let_a_worker_in),
	};

	return cmocka_run_group_tests(tests, need_root, NULL);
}
