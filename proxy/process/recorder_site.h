/* The pages of [metrics]: /metrics, /health and the status page. Private to
 * the recorder. */
#ifndef PROXY_PROCESS_RECORDER_SITE_H
#define PROXY_PROCESS_RECORDER_SITE_H

#include "proxy/process/recorder.h"

struct event_base;
struct record_store;
struct proxy_recorder_site;

/* Serves on the job's listeners. NULL where there are none. */
struct proxy_recorder_site *proxy_recorder_site_new(
    struct event_base *, const struct proxy_recorder_job *);

/* Where the status page finds its results; NULL for nowhere. */
void proxy_recorder_site_set_store(
    struct proxy_recorder_site *, struct record_store *);

/* Why nothing can be kept; borrowed until the next call. NULL: it can. */
void proxy_recorder_site_set_trouble(
    struct proxy_recorder_site *, const char *trouble);

/* Takes no more connections; and, of those that are open, is anybody's answer
 * not on its way? With `askers`, who has not asked to the end counts too. NULL
 * is fine for both. */
void proxy_recorder_site_stop(struct proxy_recorder_site *);
bool proxy_recorder_site_is_busy(
    const struct proxy_recorder_site *, bool askers);

void proxy_recorder_site_free(struct proxy_recorder_site *); /* NULL is fine */

#endif
