/* The DMARC record to publish; see dmarc_plan.h. */
#include "cli/publish/dmarc_plan.h"

/* Is the address one of a rua's? A size may stand behind it ("!10m"). */
static bool
names_address(struct slice rua, struct slice address)
{
	struct slice uri;

	while (slice_cut(&rua, ',', &uri)) {
		uri = slice_trim(uri);
		if (!slice_starts_nocase(uri, SLICE("mailto:")))
			continue;
		uri = slice_after(uri, 7);
		if (slice_equal_nocase(
			slice_first(uri, slice_find(uri, '!')), address))
			return true;
	}
	return false;
}

struct dmarc_making {
	const struct cli_dmarc_plan *plan;
	struct strbuf *to;
	bool has_policy, has_rua, changed;
};

static void
write_tag(struct dmarc_making *m, struct slice tag)
{
	const struct cli_dmarc_plan *plan = m->plan;
	size_t equals = slice_find(tag, '=');
	struct slice name = slice_trim(slice_first(tag, equals));
	struct slice value = slice_trim(slice_after(tag, equals + 1));

	/* A rua without an address says nothing, and one put behind it would
	 * not be read. */
	if (name.n == 0 ||
	    (slice_equal_nocase(name, SLICE("rua")) && value.n == 0))
		return;
	if (m->to->n > 0)
		strbuf_add_str(m->to, "; ");
	if (slice_equal_nocase(name, SLICE("p")) && !m->has_policy) {
		m->has_policy = true;
		if (plan->policy != NULL &&
		    !slice_equal_nocase(value, slice_str(plan->policy))) {
			m->changed = true;
			strbuf_addf(m->to, "p=%s", plan->policy);
			return;
		}
	}
	strbuf_add(m->to, slice_trim(tag));
	if (!slice_equal_nocase(name, SLICE("rua")) || m->has_rua)
		return;
	m->has_rua = true;
	if (plan->rua != NULL && !names_address(value, slice_str(plan->rua))) {
		m->changed = true;
		strbuf_addf(m->to, ",mailto:%s", plan->rua);
	}
}

/* p= comes right behind v=: older receivers want it there (RFC 7489 section
 * 6.3). */
static void
write_tags(struct dmarc_making *m)
{
	const struct cli_dmarc_plan *plan = m->plan;
	struct slice rest = plan->existing, tag;
	const char *rua = plan->rua == NULL ? plan->fallback : plan->rua;

	if (rest.n == 0)
		rest = SLICE("v=DMARC1; p=none");
	while (slice_cut(&rest, ';', &tag))
		write_tag(m, tag);
	if (!m->has_policy) {
		m->changed = true;
		strbuf_addf(m->to, "; p=%s",
		    plan->policy == NULL ? "none" : plan->policy);
	}
	if (!m->has_rua && rua != NULL) {
		m->changed = true;
		strbuf_addf(m->to, "; rua=mailto:%s", rua);
	}
}

int
cli_dmarc_plan_make(const struct cli_dmarc_plan *plan, struct strbuf *record)
{
	struct dmarc_making m = {.plan = plan, .to = record};

	write_tags(&m);
	if (!m.changed && plan->existing.n > 0) {
		strbuf_reset(record);
		strbuf_add(record, plan->existing);
	}
	return record->full ? -1 : 0;
}

bool
cli_dmarc_plan_takes(struct slice address)
{
	size_t at = slice_find_last(address, '@');

	for (size_t i = 0; i < address.n; i++)
		if (!ascii_is_alnum(address.p[i]) &&
		    slice_find(SLICE("@.-_+*$'"), address.p[i]) == 8)
			return false;
	return at > 0 && at + 1 < address.n && slice_find(address, '@') == at;
}
