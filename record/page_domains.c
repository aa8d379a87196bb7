/*
 * The status page's domains: those that need a look, and all of them. One pass
 * over the database; what is remembered of it is bounded, whoever makes up
 * names.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "mail/address.h"
#include "record/page_private.h"
#include "record/store_page.h"

enum {
	OWN_SHOWN = 20,	      /* of our own domains */
	FAILING_SHOWN = 10,   /* of others' */
	SIGNED_FOR_MOST = 50, /* of domains that are ours because we sign */
	NAME_MAX_BYTES = RECORD_TEXT_MAX
};

/* --- the most of something --- */

struct entry {
	char *name;
	size_t n;
	struct record_domain d; /* its name is the bytes above */
	bool own;
};

/* A heap of the `most` largest, the smallest of them on top. */
struct top {
	struct entry *list;
	size_t count, most;
	int64_t (*size)(const struct entry *);
};

static int64_t
size_by_mail(const struct entry *e)
{
	return e->d.in + e->d.out;
}

static int64_t
size_by_failures(const struct entry *e)
{
	return e->d.fail;
}

/* Larger first; those of one size by name, so that a page is like the next. */
static bool
comes_before(
    const struct top *top, const struct entry *a, const struct entry *b)
{
	int64_t x = top->size(a), y = top->size(b);
	int by_name;

	if (x != y)
		return x > y;
	x = size_by_mail(a);
	y = size_by_mail(b);
	if (x != y)
		return x > y;
	by_name = memcmp(a->name, b->name, a->n < b->n ? a->n : b->n);
	return by_name != 0 ? by_name < 0 : a->n < b->n;
}

static void
swap(struct entry *a, struct entry *b)
{
	struct entry c = *a;

	*a = *b;
	*b = c;
}

static void
sink_down(struct top *top, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < top->count; at = child) {
		if (child + 1 < top->count &&
		    comes_before(top, &top->list[child], &top->list[child + 1]))
			child++;
		if (comes_before(top, &top->list[child], &top->list[at]))
			return;
		swap(&top->list[at], &top->list[child]);
	}
}

/* Takes a copy where it is among the largest. */
static void
top_add(struct top *top, const struct entry *new)
{
	struct entry *to = &top->list[top->count];

	if (top->count == top->most) {
		to = &top->list[0];
		if (top->most == 0 || !comes_before(top, new, to))
			return;
		free(to->name);
	}
	*to = *new;
	to->name = xmalloc(new->n + 1);
	memcpy(to->name, new->name, new->n);
	to->d.name = slice_from(to->name, new->n);
	if (to == &top->list[0] && top->count == top->most)
		sink_down(top, 0);
	else {
		size_t at = top->count++;

		while (at > 0 &&
		    comes_before(
			top, &top->list[(at - 1) / 2], &top->list[at])) {
			swap(&top->list[at], &top->list[(at - 1) / 2]);
			at = (at - 1) / 2;
		}
	}
}

/* The largest first. */
static void
top_sort(struct top *top)
{
	size_t all = top->count;

	while (top->count > 1) {
		swap(&top->list[0], &top->list[top->count - 1]);
		top->count--;
		sink_down(top, 0);
	}
	top->count = all;
}

static void
top_init(struct top *top, size_t most, int64_t (*size)(const struct entry *))
{
	*top = (struct top){.most = most, .size = size};
	top->list = xcalloc(most, sizeof(*top->list));
}

static void
top_clear(struct top *top)
{
	for (size_t i = 0; i < top->count; i++)
		free(top->list[i].name);
	free(top->list);
}

/* --- one pass --- */

struct pass {
	const struct record_page *page;
	struct top own, failing, all;
	char *signed_for[SIGNED_FOR_MOST];
	size_t signed_for_count;
	uint64_t domains, own_domains;
};

static bool
is_page_domain_own(const struct pass *pass, struct slice domain)
{
	if (pass->page->is_own != NULL &&
	    pass->page->is_own(pass->page->ctx, domain))
		return true;
	for (size_t i = 0; i < pass->signed_for_count; i++)
		if (mail_domain_is_within(
			domain, slice_str(pass->signed_for[i])))
			return true;
	return false;
}

static void
take_signed_for(void *ctx, const struct record_domain *domain)
{
	struct pass *pass = ctx;

	if (domain->name.n > 0 && pass->signed_for_count < SIGNED_FOR_MOST)
		pass->signed_for[pass->signed_for_count++] =
		    xslicedup(domain->name);
}

static void
take_domain(void *ctx, const struct record_domain *domain)
{
	struct pass *pass = ctx;
	struct slice name = slice_first(domain->name, NAME_MAX_BYTES);
	char bytes[NAME_MAX_BYTES + 1];
	struct entry e = {.name = bytes, .n = name.n, .d = *domain};

	if (name.n > 0)
		memcpy(bytes, name.p, name.n);
	e.own = name.n > 0 && is_page_domain_own(pass, name);
	pass->domains++;
	pass->own_domains += e.own;
	top_add(&pass->all, &e);
	if (e.own)
		top_add(&pass->own, &e);
	else if (domain->fail > 0)
		top_add(&pass->failing, &e);
}

static bool
has_own(const struct pass *pass, struct slice name)
{
	for (size_t i = 0; i < pass->own.count; i++)
		if (slice_equal_nocase(pass->own.list[i].d.name, name))
			return true;
	return false;
}

/* Ours are there always, though no mail was. */
static void
add_own(struct pass *pass, struct slice name)
{
	char bytes[NAME_MAX_BYTES + 1];
	struct entry e = {.name = bytes, .own = true};

	name = slice_first(name, NAME_MAX_BYTES);
	e.n = name.n;
	if (pass->own.count == pass->own.most || has_own(pass, name))
		return;
	memcpy(bytes, name.p, name.n);
	pass->own_domains++;
	top_add(&pass->own, &e);
}

/* --- those that need a look --- */

static void
print_count(int64_t n, const char *one, const char *many, struct strbuf *out)
{
	strbuf_addf(out, "%" PRId64 " %s", n, n == 1 ? one : many);
}

static void
print_failures(const struct record_failures *f, struct strbuf *out)
{
	if (f->policy.name[0] != '\0') {
		strbuf_add_str(out, ", policy <code>p=");
		record_page_text(slice_str(f->policy.name), out);
		strbuf_add_str(out, "</code>");
	}
	if (f->clients[0].count > 0) {
		int64_t shown = 0;

		strbuf_add_str(out, "<br>From ");
		for (size_t i = 0; i < RECORD_CLIENTS_SHOWN; i++) {
			if (f->clients[i].count == 0)
				break;
			if (shown++ > 0)
				strbuf_add_str(out, ", ");
			record_page_name(slice_str(f->clients[i].name),
			    "an unknown client", out);
			strbuf_addf(out, " (%" PRId64 ")", f->clients[i].count);
		}
		if (f->client_count > shown)
			strbuf_addf(out, " and %" PRId64 " more",
			    f->client_count - shown);
	}
	if (f->reason.count == 0)
		return;
	strbuf_add_str(out, "<br>Most often: ");
	record_page_text(slice_str(f->reason.name), out);
	strbuf_addf(out, " (%" PRId64 ")", f->reason.count);
}

static int
print_look(const struct record_page *page, int64_t from, const struct entry *e,
    struct strbuf *out)
{
	struct record_failures f;

	strbuf_add_str(out, "<li><b>");
	record_page_name(e->d.name, "(no author)", out);
	strbuf_add_str(
	    out, e->own ? "</b> <span class=tag>ours</span> " : "</b> ");
	if (e->d.fail == 0) {
		strbuf_add_str(out, "no failures in ");
		print_count(e->d.in, "message", "messages", out);
	} else {
		strbuf_addf(out,
		    "<span class=failed>%" PRId64 " of %" PRId64 " fail</span>",
		    e->d.fail, e->d.in);
		if (record_store_failures(page->store, from, e->d.name, &f) !=
		    0)
			return -1;
		print_failures(&f, out);
	}
	if (e->own && e->d.bare > 0) {
		strbuf_add_str(out, "<br>");
		print_count(e->d.bare, "message", "messages", out);
		strbuf_add_str(out, " went out unsigned");
	}
	strbuf_add_str(out, "</li>\n");
	return 0;
}

static int
print_looks(const struct pass *pass, int64_t from, struct strbuf *out)
{
	const struct top *tops[] = {&pass->own, &pass->failing};

	strbuf_add_str(out,
	    "<section><h2>Needs a look</h2>\n<p class=muted>Mail that says it "
	    "is of these domains and fails DMARC: ours first, then the ten "
	    "with most.</p>\n<ul class=looks>\n");
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < tops[t]->count; i++)
			if (print_look(
				pass->page, from, &tops[t]->list[i], out) != 0)
				return -1;
	strbuf_add_str(out, "</ul>\n");
	if (pass->own_domains > pass->own.count)
		strbuf_addf(out, "<p class=muted>And %llu more of ours.</p>\n",
		    (unsigned long long)(pass->own_domains - pass->own.count));
	if (pass->own.count + pass->failing.count == 0)
		strbuf_add_str(
		    out, "<p class=empty>Nothing failed DMARC.</p>\n");
	strbuf_add_str(out, "</section>\n");
	return 0;
}

/* --- all of them --- */

static void
print_number(int64_t n, struct strbuf *out)
{
	if (n == 0)
		strbuf_add_str(out, "<td class=muted>0</td>");
	else
		strbuf_addf(out, "<td>%" PRId64 "</td>", n);
}

static void
print_link(const struct record_page_wish *wish, const char *text, bool is_this,
    struct strbuf *out)
{
	if (is_this) {
		strbuf_addf(out, "<b>%s</b> ", text);
		return;
	}
	strbuf_addf(out, "<a href='?hours=%u%s%s#domains'>%s</a> ", wish->hours,
	    wish->by_failures ? "&amp;sort=fail" : "",
	    wish->all ? "&amp;all" : "", text);
}

static void
print_all(const struct pass *pass, struct strbuf *out)
{
	struct record_page_wish wish;
	bool by_failures;

	strbuf_add_str(out, "<section id=domains><h2>By domain</h2>\n");
	if (pass->all.count == 0) {
		strbuf_add_str(
		    out, "<p class=empty>There was no mail.</p></section>\n");
		return;
	}
	wish = pass->page->wish;
	by_failures = wish.by_failures;
	strbuf_addf(out, "<p class=muted>%llu of %llu domains. Sorted by ",
	    (unsigned long long)pass->all.count,
	    (unsigned long long)pass->domains);
	wish.by_failures = false;
	print_link(&wish, "messages", !by_failures, out);
	strbuf_add_str(out, "&middot; ");
	wish.by_failures = true;
	print_link(&wish, "failures", by_failures, out);
	wish.by_failures = by_failures;
	if (pass->domains > pass->all.count && !wish.all) {
		wish.all = true;
		strbuf_add_str(out, "&middot; show ");
		print_link(&wish, "all", false, out);
	}
	strbuf_add_str(out, "</p>\n");
	strbuf_add_str(out,
	    "<table><thead><tr><th>Domain of From<th>In<th>Pass<th>Fail"
	    "<th>Out<th>Unsigned</tr></thead>"
	    "<tbody>\n");
	for (size_t i = 0; i < pass->all.count; i++) {
		const struct entry *e = &pass->all.list[i];

		strbuf_add_str(out, "<tr><td>");
		record_page_name(e->d.name, "(no author)", out);
		record_page_bar(e->d.pass, e->d.fail, e->d.in, out);
		strbuf_add_str(out, "</td>");
		print_number(e->d.in, out);
		print_number(e->d.pass, out);
		print_number(e->d.fail, out);
		print_number(e->d.out, out);
		print_number(e->d.bare, out);
		strbuf_add_str(out, "</tr>\n");
	}
	strbuf_add_str(out, "</tbody></table>\n</section>\n");
}

/* --- both --- */

static int
gather(struct pass *pass, int64_t from)
{
	const struct record_page *page = pass->page;

	if (record_store_signed_for(page->store, from, SIGNED_FOR_MOST,
		take_signed_for, pass) != 0 ||
	    record_store_domains(page->store, from, take_domain, pass) != 0)
		return -1;
	for (size_t i = 0; i < page->own_count; i++)
		add_own(pass, page->own[i]);
	for (size_t i = 0; i < pass->signed_for_count; i++)
		add_own(pass, slice_str(pass->signed_for[i]));
	top_sort(&pass->own);
	top_sort(&pass->failing);
	top_sort(&pass->all);
	return 0;
}

int
record_page_domains(const struct record_page *page, int64_t from,
    struct strbuf *looks, struct strbuf *list)
{
	struct pass pass = {.page = page};
	int result;

	top_init(&pass.own, OWN_SHOWN, size_by_failures);
	top_init(&pass.failing, FAILING_SHOWN, size_by_failures);
	top_init(&pass.all,
	    page->wish.all ? RECORD_PAGE_DOMAINS_MAX : RECORD_PAGE_DOMAINS,
	    page->wish.by_failures ? size_by_failures : size_by_mail);
	result = gather(&pass, from);
	if (result == 0)
		result = print_looks(&pass, from, looks);
	if (result == 0)
		print_all(&pass, list);
	top_clear(&pass.own);
	top_clear(&pass.failing);
	top_clear(&pass.all);
	for (size_t i = 0; i < pass.signed_for_count; i++)
		free(pass.signed_for[i]);
	return result;
}
