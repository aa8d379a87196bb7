/* Text in XML: elements whose content may be anything a peer sent. */
#ifndef RECORD_XML_H
#define RECORD_XML_H

#include <stdint.h>

#include "base/sink.h"
#include "base/slice.h"
#include "base/strbuf.h"

/* Adds the text with &, <, >, " and ' as entities; control characters that
 * XML 1.0 has no place for are left out, bytes that are not UTF-8 become
 * U+FFFD. Good for HTML too. */
void record_xml_escape(struct slice, struct strbuf *out);

/* Writes <name>text</name> and a line end, `depth` spaces in. */
void record_xml_element(
    struct sink *, unsigned depth, const char *name, struct slice text);
void record_xml_number(
    struct sink *, unsigned depth, const char *name, int64_t number);

#endif
