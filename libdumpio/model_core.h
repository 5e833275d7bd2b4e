/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's side of the model: making, completing and freeing it, and building the carried block.
 * Formats see plug/model.h only.
 */
#ifndef DIO_MODEL_CORE_H
#define DIO_MODEL_CORE_H

#include "plug/arch.h"
#include "plug/model.h"

#include <stdbool.h>

int dio_model_new(struct dio_model **out, struct dumpio_error *err);
void dio_model_free(struct dio_model *m); /* NULL allowed */

/*
 * Derive what is still unknown from what is known. Call it when the format has opened the file,
 * and again whenever vmcoreinfo, arch or order were found elsewhere since.
 */
void dio_model_complete(struct dio_model *m, const struct dumpio_env *env);

/* found: 1 in the file, 2 in memory. Copies text. 0 or DUMPIO_E_NOMEM. */
int dio_model_set_vmcoreinfo(struct dio_model *m, const char *text, size_t len, int found,
                             struct dumpio_error *err);

/* The memory was seen to be in this order: registers and what follows from the order follow. */
void dio_model_set_order(struct dio_model *m, enum dumpio_order order);

/*
 * Joins enum dio_holds: the target is the input's own format, so that it has a place for
 * everything that its own reader tells (extras, page_offset, dump level, incomplete mark).
 */
#define DIO_HOLDS_OWN (1u << 31)

/*
 * The block of everything that a target with capabilities `holds` has no place for, in at most
 * `room` bytes (SIZE_MAX = any). *block is malloc'ed, NULL with *len 0 when nothing needs
 * carrying. *not_held and *dropped are malloc'ed lists for messages ("panic string, VMCOREINFO")
 * or NULL: what is carried, and what did not fit.
 */
int dio_carried_build(const struct dumpio_info *info, unsigned holds, size_t room,
                      uint8_t **block, size_t *len, char **not_held, char **dropped,
                      struct dumpio_error *err);

/* ---- shared by the model's own files --------------------------------------------------------- */

#define DIO_NT_PRSTATUS 1u
#define DIO_NT_TASKSTRUCT 4u
#define DIO_NT_DISKDUMP 0x70000001u

/* Can a kernel have pages of this many bytes? */
static inline bool dio_page_size_ok(uint64_t n)
{
    return n >= 512 && n <= 16u << 20 && !(n & (n - 1));
}

/* Bytes that grow; `failed` is sticky. */
struct dio_buf {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};
void dio_buf_add(struct dio_buf *b, const void *data, size_t n);
void dio_buf_printf(struct dio_buf *b, const char *fmt, ...) DIO_PRINTF(2, 3);

struct dio_chunk;

/* Where a cpu's registers come from, to deliver them anew when the byte order becomes known. */
struct dio_cpu_note {
    const uint8_t *data; /* NT_PRSTATUS payload, NULL when not from a note */
    uint32_t len;
};

struct dio_model {
    struct dumpio_info info;
    struct dio_chunk *chunks;
    struct dumpio_cpu *cpus;
    struct dio_cpu_note *cpu_notes; /* as many as cpus */
    struct dumpio_note *notes;
    struct dumpio_partial *partials;
    size_t cap_cpus, cap_cpu_notes, cap_notes, cap_partials; /* bytes */
    struct dio_buf extras;       /* info.extras, when lines were added */
    uint32_t n_prstatus;         /* register notes seen: the next one belongs to this cpu */
    const uint8_t *carried;      /* to be applied once more by complete; NULL = none or done */
    size_t carried_len;
};

/* n bytes of the arena, not initialised; NULL when out of memory. */
void *dio_model_alloc(struct dio_model *m, size_t n);

/* Empty the list and start counting register notes anew. */
void dio_model_clear_notes(struct dio_model *m);

/* Take the facts of a stored note. DUMPIO notes have none here. 0 or DUMPIO_E_NOMEM. */
int dio_note_facts(struct dio_model *m, const struct dumpio_note *note, struct dumpio_error *err);

/* Set registers and pid of every cpu that has a register note, in info.arch and info.order. */
int dio_cpus_from_notes(struct dio_model *m, struct dumpio_error *err);

/* The carried block's lines into the model; damaged ones are skipped. 0 or DUMPIO_E_NOMEM. */
int dio_carried_apply(struct dio_model *m, const uint8_t *block, size_t len,
                      const struct dumpio_env *env, struct dumpio_error *err);

bool dio_note_is(const struct dumpio_note *note, const char *name, uint32_t type);
bool dio_info_has_note(const struct dumpio_info *info, const char *name, uint32_t type);

/* The architecture when NT_PRSTATUS can be made from cpus[] and no such note exists, else NULL. */
const struct dio_arch *dio_info_synthesises(const struct dumpio_info *info);

/* Byte order inside info's notes: note_order, or the best guess when that is unknown. */
enum dumpio_order dio_info_note_order(const struct dumpio_info *info);

/* Value of "KEY=" at a line start of text; *value_len excludes the newline. NULL when absent. */
const char *dio_line_value(const char *text, size_t len, const char *key, size_t *value_len);

/* Reverse the bytes of every word of `len` bytes; of a gregset; of an NT_PRSTATUS payload. */
void dio_words_swap(uint8_t *p, size_t len, unsigned word);
void dio_regs_swap(const struct dio_arch *arch, uint8_t *regs);
void dio_prstatus_swap(const struct dio_arch *arch, uint8_t *prstatus);

/* Offset of pr_pid. */
static inline size_t dio_prstatus_pid(const struct dio_arch *arch)
{
    return 16 + 2 * (size_t)arch->word;
}

#endif
