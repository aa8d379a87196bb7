/* Mail of our own, answers and reports: does it go out signed? */
#ifndef CLI_KIT_OWN_MAIL_H
#define CLI_KIT_OWN_MAIL_H

#include <stdbool.h>

#include "proxy/settings/config.h"

/* Is what it is handed to a listener of [out], or a mail server that shows it to
 * [out] by milter, as far as the settings say? */
bool own_mail_goes_through_out(const struct proxy_config *);

/* What to do where it is not. */
const char *own_mail_advice(const struct proxy_config *);

/* Would [out] sign mail from that address so that DMARC takes it: by DKIM, for
 * its domain, one above or one below it? */
bool own_mail_is_signed(const struct proxy_config *, const char *mailbox);

#endif
