/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON to a stream: commas, indents and escapes are its business.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *to;
    int depth;
    bool first;
};

void json_start(struct json *j, FILE *to);
void json_open(struct json *j, const char *key, char bracket); /* key NULL inside arrays */
void json_close(struct json *j, char bracket);
void json_text(struct json *j, const char *key, const char *text); /* NULL and "" give null */
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_hex(struct json *j, const char *key, uint64_t v);        /* "0x..." as a string */
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
void json_real(struct json *j, const char *key, double v);

#endif
