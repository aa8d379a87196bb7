/*
 * An aggregate report as XML (RFC 9990 section 3.1 and appendix A, or RFC
 * 7489 appendix C for who reads nothing newer), written to a sink piece by
 * piece; and the names that go with it. Whatever came
 * from the network is escaped, and cut where the database cut it.
 */
#ifndef RECORD_REPORT_H
#define RECORD_REPORT_H

#include <stdint.h>

#include "base/sink.h"
#include "base/slice.h"
#include "base/strbuf.h"
#include "record/store.h"

enum record_report_format { RECORD_RFC9990, RECORD_RFC7489 };

/* Who reports about what. */
struct record_report {
	struct slice reporter;	     /* our domain: "mail.receiver.example" */
	struct slice email, contact; /* contact may be empty */
	struct slice domain, policy; /* the DMARC record and where it stands */
	int64_t begin, end;	     /* seconds since 1970, end included */
	unsigned part; /* 1, or more where the policy changed on that day */
	struct slice generator; /* "signpost 0.1.0" */
	enum record_report_format format;
};

void record_report_begin(struct sink *, const struct record_report *);
/* A row whose result words are none that the format knows is put right or
 * left out, so that the XML stays valid. */
void record_report_row(
    struct sink *, const struct record_report *, const struct record_row *);
void record_report_end(struct sink *);

/* "receiver!domain!begin!end!part.xml.gz" (section 3.5.2); part only where
 * it is not the first. */
int record_report_filename(const struct record_report *, struct strbuf *);
/*
 * The whole mail that carries it: Subject, a Message-ID of its own, MIME, the
 * file in base64; CRLF line ends. `gzip` is the compressed XML. 0, or -1 where
 * the strbuf is full.
 */
int record_report_mail(const struct record_report *, struct slice to,
    struct slice gzip, int64_t now, struct strbuf *mail);

/* A sink that compresses (RFC 1952) into a strbuf. */
struct record_gzip;
struct record_gzip *record_gzip_new(struct strbuf *to);
struct sink *record_gzip_sink(struct record_gzip *);
/* 0; -1 where the strbuf is full or zlib failed. Frees it. */
int record_gzip_end(struct record_gzip *);

#endif
