/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's file descriptors: sources, sinks, temporary files. Only libdumpio/io touches them.
 */
#ifndef DIO_IO_H
#define DIO_IO_H

#include "../plug/bytes.h"
#include "../plug/out.h"
#include "../progress.h"

#include <stdbool.h>

/* ---- sources ------------------------------------------------------------------------------- */

struct dio_file_in {
    struct dio_bytes *bytes; /* when seekable; else NULL */
    int fd;                  /* when a stream; else -1 */
};

/* Open path ("-" = standard input) for reading: seekable files and devices, or a stream. */
int dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err);

/*
 * Read from a stream until len bytes or its end. t: hears of signals while the stream stalls, and
 * whether to stop; NULL = goes on.
 */
int dio_stream_read(int fd, void *buf, size_t len, size_t *got, struct dio_ticker *t,
                    struct dumpio_error *err);

/* All of a small file or stream, malloc'ed; NULL and 0 on error. DUMPIO_E_LIMIT beyond `max` bytes. */
int dio_small_file(const char *path, size_t max, char **text, size_t *len,
                   struct dumpio_error *err);

/*
 * Put a stream into an unlinked temporary file and give that as a source; `head` are bytes already
 * read from it. With `unwrap`, it is a flattened stream, and undone on the way. Takes fd in every
 * case.
 */
int dio_spool(struct dio_bytes **out, int fd, const uint8_t *head, size_t head_len, bool unwrap,
              const struct dumpio_env *env, struct dumpio_error *err);

/*
 * The stream as a forward source (plug/window.h) that keeps up to head_max bytes of its start. Takes
 * fd in every case. env (borrowed as long as it lives) is asked whether to stop.
 */
int dio_stream_source(struct dio_bytes **out, int fd, uint64_t head_max,
                      const struct dumpio_env *env, struct dumpio_error *err);
/* Spool such a source after all, while all that was read of it stays; *b is replaced on success. */
int dio_stream_spool(struct dio_bytes **b, const struct dumpio_env *env, struct dumpio_error *err);

/* The n sources one behind the other, named as the first. Takes them on success only. */
int dio_concat(struct dio_bytes **out, struct dio_bytes *const *parts, size_t n,
               struct dumpio_error *err);

/* ---- sinks ---------------------------------------------------------------------------------- */

struct dio_file_out_options {
    bool force;   /* replace what exists */
    bool no_sync; /* do not wait for the disk */
};

/*
 * A sink that appears as `path` on finish. "-" and pipes, sockets, character devices are FORWARD
 * and written at once; regular files are RANDOM, written under a temporary name beside the target.
 */
int dio_file_create(struct dio_out **out, const char *path, const struct dio_file_out_options *o,
                    struct dumpio_error *err);

/*
 * Put a bound under *out's place: what reaches beyond `max` bytes is DUMPIO_E_LIMIT. *out is replaced
 * on success only.
 */
int dio_limit_out(struct dio_out **out, uint64_t max, struct dumpio_error *err);

/*
 * Put SHA-256 under *out, which dio_file_create made: of what is written in order, as it passes; the
 * rest is read again before the file gets its name. finish leaves size and digest in *sum.
 */
struct dio_file_sum {
    uint64_t size;
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
};
int dio_hash_out(struct dio_out **out, struct dio_file_sum *sum, struct dumpio_error *err);

/* Read from a regular file that is being written; what is not written yet is missing in *got. */
int dio_file_read_back(struct dio_out *o, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err);

/* Bytes free for what `o` writes; false when it is no new file on a file system. */
bool dio_file_room(const struct dio_out *o, uint64_t *bytes);

/* ---- temporary files ------------------------------------------------------------------------- */

/* An unlinked temporary file in env->tmpdir, $TMPDIR or /var/tmp; *dir (NULL allowed) = where. */
int dio_temp_fd(int *fd, const char **dir, const struct dumpio_env *env,
                struct dumpio_error *err);

#endif
