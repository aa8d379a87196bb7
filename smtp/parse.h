/* What a parser of the wire's bytes answers, everywhere in this room. */
#ifndef SMTP_PARSE_H
#define SMTP_PARSE_H

/*
 * MORE: all that was given is used and nothing is finished. DONE: one thing
 * is finished; bytes behind it are not used. BAD: it can never become right;
 * what happens then is said at each parser.
 */
enum smtp_parse { SMTP_MORE, SMTP_DONE, SMTP_BAD };

#endif
