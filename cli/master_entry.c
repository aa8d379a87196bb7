/* master.cf(5): "name type private unpriv chroot wakeup maxproc command". */
#include "cli/master_entry.h"
#include "cli/kit/master.h"

enum { COLUMNS = 8 };

bool
cli_master_entry_names(
    struct slice line, struct slice *name, struct slice *type)
{
	return cli_master_token(&line, name) && cli_master_token(&line, type);
}

bool
cli_master_entry_find(struct slice text, struct slice name, struct slice type,
    struct strbuf *entry)
{
	struct slice line;
	bool within = false;

	strbuf_reset(entry);
	while (slice_cut(&text, '\n', &line)) {
		struct slice words = line, word;

		while (words.n > 0 && ascii_is_space(words.p[0]))
			words = slice_after(words, 1);
		if (words.n == 0 || words.p[0] == '#')
			continue;
		if (words.p == line.p) {
			struct slice its_name, its_type;

			if (within)
				break;
			/* Does the line begin a service of that name and
			 * type? */
			within = cli_master_entry_names(
				     line, &its_name, &its_type) &&
			    slice_equal(its_name, name) &&
			    slice_equal(its_type, type);
		}
		if (within)
			while (cli_master_token(&words, &word)) {
				if (entry->n > 0)
					strbuf_add_char(entry, ' ');
				strbuf_add(entry, word);
			}
	}
	return entry->n > 0 && !entry->full;
}

static struct slice
behind_columns(struct slice entry)
{
	struct slice word;

	for (int i = 0; i < COLUMNS; i++)
		if (!cli_master_token(&entry, &word))
			break;
	return entry;
}

bool
cli_master_entry_option(
    struct slice entry, struct slice name, struct slice *value)
{
	struct slice rest = behind_columns(entry), its_name, its_value;
	bool found = false;

	while (cli_master_option(&rest, &its_name, &its_value))
		if (slice_equal(its_name, name)) {
			*value = its_value;
			found = true;
		}
	return found;
}

void
cli_master_entry_options(struct slice entry,
    void (*found)(void *ctx, struct slice name, struct slice value), void *ctx)
{
	struct slice rest = behind_columns(entry), name, value;

	while (cli_master_option(&rest, &name, &value))
		found(ctx, name, value);
}

struct slice
cli_master_entry_command(struct slice entry)
{
	struct slice word = {NULL, 0};

	for (int i = 0; i < COLUMNS; i++)
		if (!cli_master_token(&entry, &word))
			return slice_str(NULL);
	return word;
}

/* Has `other` each option of `entry`, with the same value? */
static bool
has_options_of(struct slice other, struct slice entry, size_t *count)
{
	struct slice rest = behind_columns(entry), name, value, theirs;

	for (*count = 0; cli_master_option(&rest, &name, &value); ++*count)
		if (!cli_master_entry_option(other, name, &theirs) ||
		    !slice_equal(value, theirs))
			return false;
	return true;
}

bool
cli_master_entry_equal(struct slice a, struct slice b)
{
	struct slice left = a, right = b, one, other;
	size_t ours, theirs;

	for (int i = 0; i < COLUMNS; i++)
		if (!cli_master_token(&left, &one) ||
		    !cli_master_token(&right, &other) ||
		    !slice_equal(one, other))
			return false;
	return has_options_of(b, a, &ours) && has_options_of(a, b, &theirs) &&
	    ours == theirs;
}
