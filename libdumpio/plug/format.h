/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dump format implements: a reader, a writer, or both. One const struct per format, listed
 * in formats/CMakeLists.txt.
 *
 * Reading: probe -> open (fills the model) -> next_run and fetch, by several threads -> close.
 * Writing: create (knows the whole page map) -> place (in ascending address order, one at a time)
 * -> store (in any order, by several threads when the sink is RANDOM) -> finish or discard.
 */
#ifndef DIO_FORMAT_H
#define DIO_FORMAT_H

#include "bytes.h"
#include "codec.h"
#include "model.h"
#include "out.h"
#include "salvage.h"

#include <stdbool.h>

/* ---- pages ----------------------------------------------------------------------------------- */

enum dio_page_kind {
    DIO_DATA = 1, /* payload at data[0..len) */
    DIO_ZERO,     /* all zero; data NULL */
    DIO_LOST,     /* should be there, cannot be read; data = the reason as text, or NULL */
    DIO_ABSENT    /* not in the dump (hole or excluded); data NULL. Never handed to a writer */
};

struct dio_page {
    uint64_t addr;                 /* multiple of the unit */
    const uint8_t *data;           /* payload: in the batch's arena or borrowed from it */
    uint32_t len;                  /* bytes at data; plain: exactly the unit */
    uint8_t kind;                  /* enum dio_page_kind */
    uint8_t flags;                 /* the format's own; writers may use it between place and store */
    uint8_t shared;                /* set by place: an earlier page's payload serves this one */
    const struct dio_codec *codec; /* NULL = plain */
    uint64_t where;                /* place assigned by the writer */
    uint64_t tag[2];               /* of DATA, for DIO_FORMAT_SHARES: with equal tag, len and codec,
                                      payloads are equal; another in every run. 0,0 = none */
};

/*
 * A batch: the pages of one window of physical memory, and the memory they stand in. Its arena
 * never moves what it gave out until dio_batch_reset.
 */
struct dio_batch;

/* n bytes, 64-byte aligned, valid until the batch is reset; NULL when out of memory. */
void *dio_batch_alloc(struct dio_batch *b, size_t n);
/* Append a page; NULL when out of memory. Addresses must ascend. */
struct dio_page *dio_batch_add(struct dio_batch *b, uint64_t addr);
/* Append a LOST page with its reason. 0 or DUMPIO_E_NOMEM. */
int dio_batch_add_lost(struct dio_batch *b, uint64_t addr, const char *fmt, ...) DIO_PRINTF(3, 4);
size_t dio_batch_count(const struct dio_batch *b);
struct dio_page *dio_batch_pages(struct dio_batch *b);

/* ---- the page map as a walk -------------------------------------------------------------- */

/*
 * Successive dumpio_run's, page-granular: starts and ends are multiples of the writer's unit,
 * ascending, not overlapping, neighbours of one kind merged. dio_map_next returns 0 or DUMPIO_END
 * or an error; dio_map_rewind starts over. One walker, one user.
 */
struct dio_map;
void dio_map_rewind(struct dio_map *map);
int dio_map_next(struct dio_map *map, struct dumpio_run *run, struct dumpio_error *err);

/* ---- writing --------------------------------------------------------------------------------- */

struct dio_format_codec {
    const char *name;  /* as the user says it after "FORMAT:": "gzip" */
    const char *codec; /* dio_codec name; NULL = plain */
};

/* What a format has a place for; the rest is carried, or lost with a warning. */
enum dio_holds {
    DIO_HOLDS_UTS = 1 << 0,
    DIO_HOLDS_DUMP_TIME = 1 << 1,
    DIO_HOLDS_PANIC = 1 << 2,       /* panic string */
    DIO_HOLDS_PANIC_TASK = 1 << 3,
    DIO_HOLDS_REGS_ONE = 1 << 4,    /* registers of the panic cpu */
    DIO_HOLDS_REGS_ALL = 1 << 5,    /* of every cpu */
    DIO_HOLDS_NOTES = 1 << 6,       /* any note */
    DIO_HOLDS_VMCOREINFO = 1 << 7,
    DIO_HOLDS_ERASEINFO = 1 << 8,
    DIO_HOLDS_PHYS_BASE = 1 << 9,
    DIO_HOLDS_DUMP_LEVEL = 1 << 10, /* makedumpfile's level */
    DIO_HOLDS_EXCLUDED = 1 << 11,   /* tells excluded pages from holes */
    DIO_HOLDS_LOST = 1 << 12,       /* marks single pages lost after create */
    DIO_HOLDS_ABSENT = 1 << 13,     /* can tell absent from zero */
    DIO_HOLDS_PARTIAL = 1 << 14,    /* byte-granular ends (then unit-granular map plus partials) */
    DIO_HOLDS_CPU_TASKS = 1 << 15,  /* task and stack of every cpu */
    DIO_HOLDS_NR_CPUS = 1 << 16,    /* how many there are, whatever is known of them */
    DIO_HOLDS_VIRTUAL = 1 << 17     /* virtual addresses, which the kernel's page tables tell */
};

/* The part of a split set that is to be written, of a dump whose map is the whole one. */
struct dio_split {
    uint64_t start, end;    /* physical; UINT64_MAX = to the end of the dump */
    uint64_t present_pages; /* pages of `unit` that come */
    bool lost;              /* the whole map has LOST runs */
};

struct dio_write_plan {
    const struct dumpio_info *info;   /* of the input. From a stream the system's names come with
                                         the pages: they are there at `finish` */
    uint32_t unit;                    /* page size to write, bytes; = info->page_size */
    const struct dio_codec *codec;    /* for pages; NULL = plain */
    int level;
    struct dio_map *map;              /* unit-granular; the writer may walk it in create */
    uint64_t end_addr;                /* end of the last run */
    uint64_t present_pages;           /* pages of `unit` in PRESENT and LOST runs */
    const struct dumpio_partial *partials; /* ascending; pages of `unit` not held whole */
    uint32_t n_partials;
    const void *carried;              /* the carried model, NULL when nothing needs carrying */
    size_t carried_len;
    uint64_t (*virt_of)(void *ctx, uint64_t phys); /* direct-map address; 0 when unknown */
    void *virt_ctx;
    uint64_t text_virt, text_phys, text_len; /* kernel image mapping, len 0 when unknown */
    const struct dio_split *split;    /* NULL = a whole dump. Only for DIO_FORMAT_SPLITS */
};

struct dio_input {
    struct dio_bytes **parts; /* n sources; owned by the core and valid until close */
    size_t n;
    const struct dumpio_open_options *options; /* never NULL */
    struct dio_salvage *salvage; /* NULL, or: give what can be proved, see salvage.h */
};

/* ---- the format -------------------------------------------------------------------------------- */

enum dio_format_flags {
    DIO_FORMAT_ON_REQUEST = 1 << 0, /* never detected (raw) */
    DIO_FORMAT_SEEKS = 1 << 1,      /* its writer goes back: never gets a FORWARD sink */
    DIO_FORMAT_SHARES = 1 << 2,     /* its writer can store equal payloads once: it wants tags */
    DIO_FORMAT_SPLITS = 1 << 3,     /* has split sets of its own: parts with the whole map */
    DIO_FORMAT_FORWARD = 1 << 4,    /* its reader takes a forward source: see open and behind */
    DIO_FORMAT_SALVAGES = 1 << 5    /* with dio_input.salvage, open can do without the signature */
};

#define DIO_SPAN_MAX (4u << 20) /* fetch is never asked for more than this, bytes */
#define DIO_PROBE_SIZE (64u << 10)

struct dio_format {
    const char *name;  /* "kdump" */
    const char *title; /* one line for lists */
    unsigned flags;

    /* ---- reader; all NULL when the format is written only (an alias of another) ---- */

    /* 0 = not this, 100 = surely; pure function of the first n bytes (<= DIO_PROBE_SIZE). */
    int (*probe)(const uint8_t *head, size_t n);

    /*
     * Open: set *self, fill the model: info.format is set by the core; set version, file_order,
     * file_word, unit, page_size, end_addr, arch, order, word and everything the file tells.
     * Damage that leaves something readable sets info.truncated / yields LOST, no error.
     * With a forward source (DIO_FORMAT_FORWARD): only what stands before the pages is read, and
     * fetches that ascend must read in ascending order; DUMPIO_E_UNSUPPORTED if they would not.
     */
    int (*open)(void **self, const struct dio_input *in, struct dio_model *model,
                const struct dumpio_env *env, struct dumpio_error *err);
    void (*close)(void *self);

    /*
     * The lowest run with end > addr, cut at addr; byte-granular. 0 or DUMPIO_END or an error.
     * Thread-safe. Must be cheap when called in ascending order.
     */
    int (*next_run)(void *self, uint64_t addr, struct dumpio_run *run, struct dumpio_error *err);

    /*
     * Append one page per unit of [start, end) to the batch: both multiples of info.unit, end -
     * start <= DIO_SPAN_MAX, ascending. Every unit gets its page: DATA (payload of that unit,
     * packed or plain; bytes that the dump holds only in part are zero), ZERO, LOST (damage: with
     * reason, no error) or ABSENT. Errors are for out of memory and for I/O errors that are not
     * damage of one place. Thread-safe. Payload lengths are checked here (<= unit), not decoded.
     */
    int (*fetch)(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                 struct dumpio_error *err);

    /*
     * NULL, or, of a forward source, when all was fetched: does what stands behind the pages change
     * what they meant? An error then, for that cannot be taken back.
     */
    int (*behind)(void *self, struct dumpio_error *err);

    /*
     * NULL, or: read memory that stands plain and in one piece in the file straight into buf.
     * *got = bytes read from addr on; what is missing of len, 0 to all of it, takes fetch, which
     * finds out why. Thread-safe.
     */
    int (*read_plain)(void *self, uint64_t addr, void *buf, size_t len, size_t *got,
                      struct dumpio_error *err);

    /* ---- writer; all NULL when the format is read only ---- */

    const struct dio_format_codec *codecs; /* the default first; name NULL ends */
    unsigned holds;                        /* enum dio_holds */
    /* Largest carried block that create will find room for, bytes; NULL = any size. */
    size_t (*carry_room)(const struct dumpio_info *info);

    /* The sink stays the caller's: the core finishes or discards it after the writer. */
    int (*create)(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                  const struct dumpio_env *env, struct dumpio_error *err);
    /*
     * Give every page of the batch (DATA, ZERO or LOST, unit-sized, ascending over all calls) its
     * place. In order, one at a time, no large I/O. Exactly the pages of the map's PRESENT runs
     * come; those that turned out lost as DIO_LOST.
     */
    int (*place)(void *self, struct dio_batch *batch, struct dumpio_error *err);
    /*
     * In place of `place`, for formats whose layout does not depend on the pages: where in the file
     * the map's next PRESENT run begins, which stands there in one piece, plain. The sink is FORWARD.
     * NULL: the format has no such layout.
     */
    uint64_t (*locate)(void *self, const struct dumpio_run *run);
    /* A LOST run of the map, in order with the batches: as long as a liar says, so not by pages. */
    int (*lost)(void *self, uint64_t start, uint64_t end, struct dumpio_error *err);
    /*
     * A PRESENT run of the map whose pages will not come: the work was stopped. In order, behind all
     * that was placed; `finish` comes next, and makes a dump that says that it is incomplete.
     */
    int (*unreached)(void *self, uint64_t start, uint64_t end, struct dumpio_error *err);
    /* Write the batch. RANDOM sinks: any order, several threads. FORWARD: in order. */
    int (*store)(void *self, struct dio_batch *batch, struct dumpio_error *err);
    /* Write what remains (headers, tables); *size = length of the file. */
    int (*finish)(void *self, uint64_t *size, struct dumpio_error *err);
    void (*free)(void *self); /* after finish or instead of it */
};

#endif
