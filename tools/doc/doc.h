/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manuals and completions, made at build time from the tables of the command lines.
 */
#ifndef DOC_H
#define DOC_H

#include "tools.h"

#include <stdio.h>

/* A template's line "@WORD@" is replaced by what `place` prints for WORD; false: it knows no such. */
struct doc_places {
    bool (*place)(FILE *to, const char *word, const struct opt_spec *spec);
};

/* Troff for man(7). `spec`: the tool that the page is about; NULL = of none alone. */
extern const struct doc_places doc_man;
extern const struct doc_places doc_bash, doc_zsh, doc_fish;

/*
 * What may stand for an argument, in the order to offer it: doc_value(METAVAR, i) is the i-th word,
 * valid until the next call, NULL behind the last. None for files and free text.
 */
const char *doc_value(const char *metavar, size_t i);

enum doc_kind { DOC_FREE, DOC_FILE, DOC_WORD, DOC_LIST /* of words, separated by commas */ };
enum doc_kind doc_kind(const char *metavar);

/* Argument names that have words, for i from 0; NULL behind the last. */
const char *doc_metavar(size_t i);

/* Does the tool take "lkcd2elf" as its first operand? Such words; as doc_value. */
bool doc_converts(const struct opt_spec *spec);
const char *doc_conversion(size_t i);

/* The name of o's argument, without the brackets of an optional one; NULL = it has none. */
const char *doc_argument(const struct opt *o);

#endif
