/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open dump, as the core sees it.
 */
#ifndef DIO_DUMP_H
#define DIO_DUMP_H

#include "kernel/kernel.h"
#include "filter.h"
#include "plug/format.h"
#include "stack.h"
#include "stream.h"

#include <pthread.h>

struct dio_page_cache;

struct dumpio_dump {
    const struct dio_format *format;
    void *self; /* the format's */
    struct dio_model *model;
    const struct dumpio_info *info;
    struct dio_bytes **parts; /* what is inside their containers */
    size_t n_parts;
    uint32_t joined;          /* files that part 0 was joined from; 0 = not joined */
    bool unwrapped;           /* a flattened stream was, on its way into the spool */
    char containers[DIO_STACK_NAMES];
    struct dumpio_env env;
    struct dumpio_open_options options;
    struct dio_stream *stream; /* input that is no file, and may be read in order; else NULL */
    struct dio_page_cache *cache;
    struct dio_mem mem;
    int explored;
    struct dio_salvage *salvage; /* NULL: not asked for */
    struct dio_kernel *kernel; /* NULL: not looked for, or not to be had (why: kernel_error) */
    struct dumpio_error kernel_error;
};

/* ---- registry (generated) --------------------------------------------------------------------- */

extern const struct dio_format *const dio_formats[]; /* NULL ends */
const struct dio_format *dio_format_by_name(const char *name);

/* Why memory of a LOST run is lost. */
#define DIO_LOST_RUN_WHY "beyond the end of the file, or marked as lost"

/* ---- the page map --------------------------------------------------------------------------------- */

struct dio_map_options {
    uint32_t unit;                      /* bytes */
    const struct dumpio_range *keep;       /* NULL: everything */
    size_t n_keep;
    const struct dumpio_filter *filter; /* NULL: none. What it leaves out is EXCLUDED */
    bool redacted;                      /* what is EXCLUDED, is PRESENT: zeros will be written */
};

/* A walk in units over the dump's runs; see plug/format.h. What `o` points to is borrowed. */
struct dio_map *dio_map_new(struct dumpio_dump *dump, const struct dio_map_options *o);
void dio_map_free(struct dio_map *map);
/*
 * What the filter left out since the rewind, bytes by reason (DIO_DROP_REASONS of them); and what
 * it kept without knowing its class.
 */
const uint64_t *dio_map_dropped(const struct dio_map *map);
uint64_t dio_map_unknown(const struct dio_map *map);

/* ---- pages ------------------------------------------------------------------------------------------- */

/* Per-thread decoding: codec states and room for one unit. */
struct dio_decoder {
    void *states[DIO_CODECS_MAX];
};
void dio_decoder_free(struct dio_decoder *d);

/*
 * Expand page p (DATA) of `unit` bytes into out. 0, DUMPIO_E_CORRUPT (the page is lost; err says
 * why), DUMPIO_E_UNSUPPORTED (codec not built in) or DUMPIO_E_NOMEM.
 */
int dio_decode(struct dio_decoder *d, const struct dio_page *p, uint32_t unit, uint8_t *out,
               struct dumpio_error *err);

/* ---- random reads ------------------------------------------------------------------------------------- */

struct dio_page_cache *dio_page_cache_new(struct dumpio_dump *dump);
void dio_page_cache_free(struct dio_page_cache *c);
int dio_page_cache_read(struct dio_page_cache *c, uint64_t addr, void *buf, size_t len,
                        struct dumpio_error *err);

/* ---- reads of large pieces, by one thread: see plug/mem.h ---------------------------------------------- */

struct dio_mem_reader *dio_large_reader_new(struct dumpio_dump *dump);
void dio_large_reader_free(struct dio_mem_reader *r);
int dio_large_read(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len,
                   struct dumpio_error *err);
int dio_large_look(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len, bool *zeros,
                   struct dumpio_error *err);

/* The dump's memory for the kernel reader, when its format and cache are there. */
struct dio_mem dio_dump_mem(struct dumpio_dump *dump);

#endif
