/*
 * Where a stage writes what it made. Embed it as the first member; recover
 * yourself from it. The bytes are the writer's for the length of the call.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include "base/slice.h"

struct sink {
	void (*write)(struct sink *, struct slice);
};

static inline void
sink_write_to(struct sink *sink, struct slice bytes)
{
	if (bytes.n > 0)
		sink->write(sink, bytes);
}

#endif
