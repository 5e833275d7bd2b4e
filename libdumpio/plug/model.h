/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the format-neutral model (struct dumpio_info) while a dump is opened. The model owns
 * copies of everything put into it. Formats set plain fields of `info` directly and use the
 * functions for whatever needs memory.
 */
#ifndef DIO_MODEL_H
#define DIO_MODEL_H

#include "error.h"

struct dio_model;

struct dumpio_info *dio_model_info(struct dio_model *m);

/* Copy text of len bytes (NUL added); returns the copy, or NULL when out of memory. */
const char *dio_model_text(struct dio_model *m, const char *text, size_t len);
const void *dio_model_copy(struct dio_model *m, const void *data, size_t len);

/* A NUL-padded field of at most `len` bytes as text; bytes that are not printable become '?'. */
const char *dio_model_field(struct dio_model *m, const void *field, size_t len);

/* The six utsname fields of 65 bytes each at p (390 bytes). 0 or DUMPIO_E_NOMEM. */
int dio_model_uts(struct dio_model *m, const uint8_t *p, struct dumpio_error *err);

int dio_model_add_note(struct dio_model *m, const char *name, uint32_t type, const void *data,
                       uint32_t len, struct dumpio_error *err);

/* Copies cpu->regs. The cpu's regs are an elf_gregset in info.order. */
int dio_model_add_cpu(struct dio_model *m, const struct dumpio_cpu *cpu, struct dumpio_error *err);

int dio_model_add_partial(struct dio_model *m, uint64_t start, uint64_t end,
                          struct dumpio_error *err);

/* Add the line KEY=VALUE to info.extras (format-specific leftovers; KEY = "lkcd.dump_device"). */
int dio_model_add_extra(struct dio_model *m, struct dumpio_error *err, const char *key,
                        const char *fmt, ...) DIO_PRINTF(4, 5);
/* Value of KEY in info->extras: its start and *len; NULL when absent. */
const char *dio_info_extra(const struct dumpio_info *info, const char *key, size_t *len);

/*
 * Read an ELF note stream (namesz, descsz, type, name, desc; 4-byte alignment) into the model:
 * every note verbatim, and of the known ones the facts: NT_PRSTATUS -> cpus, NT_TASKSTRUCT ->
 * panic_task, VMCOREINFO -> vmcoreinfo, ERASEINFO -> eraseinfo, DUMPIO -> the carried model.
 * `order` is that of the note headers. `file_offset` is for messages. A stream that ends in the
 * middle of a note sets info.truncated and is no error. info.arch, order and word must be set
 * before, as far as known.
 */
int dio_notes_parse(struct dio_model *m, const void *data, size_t len, enum dumpio_order order,
                    uint64_t file_offset, const struct dumpio_env *env, struct dumpio_error *err);

/*
 * Bytes of a note stream for a writer, in `order`: NT_PRSTATUS for every cpu (the original notes
 * where the model has them, synthesised from cpus[] where not), the other notes in their order,
 * VMCOREINFO (added when the model has it from elsewhere), ERASEINFO, then the DUMPIO note holding
 * `carried` (NULL = none). With `netdump` set names have no NUL (namesz 4 for "CORE"),
 * NT_TASKSTRUCT is added, and VMCOREINFO stays as it is. *data is malloc'ed and the caller's.
 */
struct dio_notes_request {
    enum dumpio_order order;
    unsigned word;
    int netdump;
    const void *carried;
    size_t carried_len;
};
int dio_notes_build(const struct dumpio_info *info, const struct dio_notes_request *request,
                    uint8_t **data, size_t *len, struct dumpio_error *err);

#define DIO_NOTE_NAME "DUMPIO"
#define DIO_NOTE_CARRIED 1u /* n_type of the DUMPIO note */

/*
 * The carried model: what a target format has no place for, as one self-describing block that
 * starts with the line "dumpio-model-1". A writer receives it ready-made in its plan; a reader that
 * keeps it elsewhere than in a DUMPIO note hands it back with this. Fields that the model already
 * has from the file's own structures are replaced by carried ones, which are more exact.
 */
int dio_model_restore(struct dio_model *m, const void *block, size_t len,
                      const struct dumpio_env *env, struct dumpio_error *err);

#endif
