/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of flattened files: going on behind damaged segment headers. Reference, and what is not
 * handled: flat_salvage.c, flat_place.c.
 */
#ifndef DIO_FLAT_SALVAGE_H
#define DIO_FLAT_SALVAGE_H

#include "../plug/salvage.h"
#include "flat_overlap.h"

#include <stdbool.h>

/* A segment whose header cannot be read, or several: bytes [start, end) of the stream. */
struct dio_flat_damage {
    uint64_t start, end;
    uint64_t offset; /* of its data, inside; valid when placed */
    bool placed;
};

/* What may be a segment: its header was looked for behind damage; any bytes may look like one. */
struct dio_flat_suspect {
    uint64_t offset, len; /* inside */
    uint64_t pos;         /* of its data, in the stream */
    size_t behind;        /* which damage */
    bool believed;
};

struct dio_flat_rescue {
    struct dio_salvage *salvage;
    struct dio_flat_damage *damage;
    size_t n, cap;
    struct dio_flat_suspect *suspects;
    size_t n_suspects, cap_suspects;
    uint64_t size;   /* bytes inside */
    bool cut;        /* the end marker is missing */
};

/*
 * Every segment that can be found, as entries {start, pos, len} of `starts`, or as a suspect.
 * DUMPIO_E_CORRUPT when there is none.
 */
int dio_flat_scan_around(struct dio_bytes *below, struct dio_index *starts,
                         struct dio_flat_rescue *r, struct dumpio_error *err);

int dio_flat_add_damage(struct dio_flat_rescue *r, uint64_t start, uint64_t end,
                        struct dumpio_error *err);

/*
 * The disjoint extents of all segments, also of suspects and lost ones that have a place in the gaps
 * between the others; findings go to r->salvage. *out is the caller's on error, too; NULL allowed.
 */
int dio_flat_index_around(struct dio_index **out, struct dio_bytes *below,
                          struct dio_flat_rescue *r, const struct dumpio_env *env,
                          struct dumpio_error *err);

/* Is any byte lost that may be in a gap? */
bool dio_flat_gaps_lost(const struct dio_flat_rescue *r);

/* What was found, into r->salvage. */
void dio_flat_tell(const struct dio_flat_rescue *r, const struct dio_bytes *below);

/* For struct dio_layer: a flattened stream without its signature. */
int dio_flat_find(struct dio_bytes *below, bool *there, struct dumpio_error *err);

void dio_flat_rescue_free(struct dio_flat_rescue *r);

#endif
