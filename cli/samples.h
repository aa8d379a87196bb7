/*
 * Texts of etc/ as they were when the program was built, so that what setup
 * writes is what the documentation shows. Made by cli/CMakeLists.txt.
 */
#ifndef CLI_SAMPLES_H
#define CLI_SAMPLES_H

/* etc/postfix/NAME.cf */
extern const char cli_sample_out_after_queue[];
extern const char cli_sample_out_before_queue[];
extern const char cli_sample_in_after_queue[];
extern const char cli_sample_in_before_queue[];
extern const char cli_sample_local_mail[];
extern const char cli_sample_milter[];

/* etc/signpost.conf */
extern const char cli_sample_signpost[];

#endif
