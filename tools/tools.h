/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tools of the one executable.
 */
#ifndef TOOLS_H
#define TOOLS_H

int dumpconv_main(int argc, char **argv);
int dumpcrypt_main(int argc, char **argv);
int dumpfilter_main(int argc, char **argv);
int dumpinfo_main(int argc, char **argv);
int dumpverify_main(int argc, char **argv);

#endif
