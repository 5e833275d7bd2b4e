/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON (RFC 8259) that may be hostile: pieces are asked for in the order of the text, and
 * nothing is stored. Strict; no floating-point values, and no NUL in strings.
 */
#ifndef DIO_JSON_READ_H
#define DIO_JSON_READ_H

#include "plug/error.h"

#include <stdbool.h>
#include <stddef.h>

struct dio_json {
    const char *start, *p, *end;
    struct dumpio_error *err;
    int rc;     /* of the first error: everything after it does nothing */
    bool first; /* no item of the object or array at hand was read */
};

struct dio_json dio_json_start(const char *text, size_t len, struct dumpio_error *err);
/* Nothing but blanks may follow. Returns j->rc. */
int dio_json_end(struct dio_json *j);

/* DUMPIO_E_CORRUPT at the place at hand, unless something failed before. Returns j->rc. */
int dio_json_fail(struct dio_json *j, const char *what);

#define DIO_JSON_KEY 64u

void dio_json_object(struct dio_json *j); /* its "{" */
/* The next key, cut to fit; false behind the last and the "}". */
bool dio_json_key(struct dio_json *j, char key[DIO_JSON_KEY]);
void dio_json_array(struct dio_json *j); /* its "[" */
/* Is there a next item? False behind the last and the "]". */
bool dio_json_item(struct dio_json *j);

/* A string of 1 to `max` bytes, malloc'ed; NULL on error. `null` gives NULL, too, and no error. */
char *dio_json_string(struct dio_json *j, size_t max);
/* A string into a buffer, without an allocation. */
void dio_json_text(struct dio_json *j, char *buf, size_t size);
/* An integer from 0 to 2^64 - 1. */
uint64_t dio_json_u64(struct dio_json *j);
/* Any value, of at most 32 levels. */
void dio_json_skip(struct dio_json *j);

#endif
