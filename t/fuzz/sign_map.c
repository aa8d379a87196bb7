/* A sender map, and addresses looked up in it. */
#include "proxy/settings/sign_map.h"
#include "base/strbuf.h"
#include "t/fuzz/replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	struct slice line = slice_first(text, slice_find(text, '\n'));
	struct proxy_sign_defaults defaults = {"s", "/keys/$domain", n % 2 == 0,
	    proxy_key_table_new(), n % 3 == 0};
	struct proxy_macros macros = {SLICE("example.org"), line};
	const struct proxy_sign_entry *entry;
	struct proxy_key_rule *rules;
	struct proxy_sign_map *map;
	struct proxy_report report;
	struct strbuf out;
	size_t i, count;

	proxy_report_init(&report);
	strbuf_init(&out, 4096);
	map = proxy_sign_map_parse("map", text, &defaults, &report);
	entry = proxy_sign_map_find(map, line);
	for (i = 0; entry != NULL && i < entry->signatures.count; i++)
		if (entry->signatures.list[i].identity != NULL)
			(void)proxy_macros_expand(
			    slice_str(entry->signatures.list[i].identity),
			    &macros, &out);
	(void)proxy_sign_map_find(map, SLICE("a+b@c.example.org"));
	proxy_sign_map_free(map);
	rules = proxy_key_table_detach(defaults.keys, &count);
	proxy_key_rules_free(rules, count);
	proxy_report_clear(&report);
	strbuf_clear(&out);
	return 0;
}
