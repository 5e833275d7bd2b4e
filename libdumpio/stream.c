/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams without a spool: whether the dump on it can be read in order with the same result, and
 * the reading of it. Not handled: several streams, parts of a set.
 */
#include "dump.h"
#include "io/io.h"
#include "model_core.h"
#include "plug/window.h"
#include "stream_uts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_SHARE 3u               /* of the memory limit, for what is kept of a stream's start */
#define LOOK_AHEAD (8u << 20)       /* for the pages that are looked at before they are converted */

struct kept_note {
    struct kept_note *next;
    enum dumpio_level level;
    char text[];
};

struct dio_stream {
    struct dio_bytes *below; /* under the containers */
    struct dumpio_env env;   /* the caller's */
    struct dumpio_env work;  /* of who reads: the same, with progress under the lock */
    const struct dumpio_env *reader; /* behind `work`: as it was given */
    pthread_mutex_t lock;    /* the source asks whether to stop, while workers tell how far they are */
    struct dumpio_progress told;
    struct kept_note *notes, **last;
    struct dio_uts_watch *uts; /* NULL: they are known, or nobody wants them */
    bool forward, started;
};

/* ---- notes that wait ------------------------------------------------------------------------- */

static void keep_note(void *user, enum dumpio_level level, const char *text)
{
    struct dio_stream *s = ((struct dumpio_dump *)user)->stream;
    size_t n = strlen(text) + 1;
    struct kept_note *k = malloc(sizeof *k + n);
    if (!k)
        return;
    k->next = NULL;
    k->level = level;
    memcpy(k->text, text, n);
    *s->last = k;
    s->last = &k->next;
}

static int pass_progress(void *user, const struct dumpio_progress *p)
{
    const struct dumpio_env *env = &((struct dumpio_dump *)user)->stream->env;
    return env->progress ? env->progress(env->user, p) : 0;
}

/* The caller's environment again; the notes are told or forgotten. */
static void release_notes(struct dumpio_dump *d, bool tell)
{
    struct dio_stream *s = d->stream;
    d->env = s->env;
    while (s->notes) {
        struct kept_note *k = s->notes;
        s->notes = k->next;
        if (tell)
            dio_note(&d->env, k->level, "%s", k->text);
        free(k);
    }
    s->last = &s->notes;
}

/* ---- opening --------------------------------------------------------------------------------- */

bool dio_stream_wanted(const struct dumpio_dump *d)
{
    return d->options.forward != NULL;
}

int dio_stream_begin(struct dumpio_dump *d, int fd, struct dumpio_error *err)
{
    uint64_t memory = dio_memory_limit(&d->env);
    struct dio_bytes *b;
    int rc = dio_stream_source(&b, fd, memory / HEAD_SHARE, &d->env, err);
    if (rc)
        return rc;
    d->stream = calloc(1, sizeof *d->stream);
    if (!d->stream) {
        dio_bytes_close(b);
        return dio_nomem(err, "a stream");
    }
    pthread_mutex_init(&d->stream->lock, NULL);
    d->stream->below = d->parts[0] = b;
    d->stream->last = &d->stream->notes;
    d->stream->env = d->env;
    d->env.user = d;
    d->env.note = d->env.note ? keep_note : NULL;
    d->env.progress = pass_progress;
    return 0;
}

/* Why the result would not be the same as from a file; NULL: it would be. */
static const char *missing_memory(struct dumpio_dump *d)
{
    const struct dumpio_info *i = d->info;
    const struct dio_format *to = dio_format_by_name(d->options.forward);
    unsigned holds = to ? to->holds : 0;
    if (holds & DIO_HOLDS_VIRTUAL)
        return "virtual addresses for the output are in the kernel's page tables";
    if (holds && !i->vmcoreinfo_len)
        return "VMCOREINFO, which the file does not have, is in the memory";
    bool named = *i->uts[DUMPIO_SYSNAME] || *i->uts[DUMPIO_KVERSION];
    if ((holds & DIO_HOLDS_UTS) && !named && !d->stream->uts)
        d->stream->uts = dio_uts_watch_new(i);
    if ((holds & DIO_HOLDS_UTS) && !named && !d->stream->uts)
        return "the system's names, which the file does not have, are in the memory";
    return NULL;
}

/* Can it be read in order? Why not, in err. */
static int serves(struct dumpio_dump *d, struct dumpio_error *err)
{
    const char *why = d->options.no_spool ? NULL : missing_memory(d);
    if (d->options.vmlinux || d->options.vmcoreinfo)
        why = "what is told of the kernel is for a look into the memory";
    if (!why && d->parts[0]->size != DIO_SIZE_UNKNOWN)
        why = "it is short"; /* its size was not known when it would have told that it is cut */
    return why ? dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "%s", why) : 0;
}

/* Take down everything that stands on the stream. */
static void undo(struct dumpio_dump *d)
{
    struct dio_stream *s = d->stream;
    dio_page_cache_free(d->cache);
    d->cache = NULL;
    if (d->self)
        d->format->close(d->self);
    d->self = NULL;
    if (d->model)
        dio_model_free(d->model);
    d->model = NULL;
    d->info = NULL;
    dio_window_keep(s->below, true);
    dio_bytes_close(d->parts[0]);
    dio_window_keep(s->below, false);
    d->parts[0] = s->below;
}

static int go_on(struct dumpio_dump *d, int rc)
{
    struct dio_stream *s = d->stream;
    s->forward = !rc;
    release_notes(d, true);
    if (rc)
        return rc;
    dio_window_grow(d->parts[0], LOOK_AHEAD);
    if (d->parts[0] != s->below)
        dio_window_grow(s->below, LOOK_AHEAD);
    dio_model_info(d->model)->forward = 1;
    dio_note(&d->env, DUMPIO_DETAIL, "the input is a stream: it is read in order, not spooled, and "
             "not looked into for what only its memory tells");
    const char *missing = missing_memory(d);
    if (missing)
        dio_note(&d->env, DUMPIO_NOTE, "not spooled as asked, so the output does not have all that "
                 "it could: %s", missing);
    return 0;
}

/* Could the dump be opened at random after it could not in order? */
static bool worth_a_spool(int rc)
{
    return rc == DUMPIO_E_UNSUPPORTED || rc == DUMPIO_E_LIMIT || rc == DUMPIO_E_CORRUPT ||
           rc == DUMPIO_E_TRUNCATED || rc == DUMPIO_E_LOST;
}

int dio_stream_settle(struct dumpio_dump *d, int rc, struct dumpio_error *err)
{
    struct dio_stream *s = d->stream;
    struct dumpio_error why = {0};
    size_t len;
    bool ended;
    if (rc && !worth_a_spool(rc))
        return go_on(d, rc);
    if (rc)
        why = err ? *err : why;
    else if (!(rc = serves(d, &why)))
        return go_on(d, 0);
    dio_window_head(s->below, &len, &ended);
    if (d->options.no_spool && !ended) {
        release_notes(d, true);
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "the input is a stream that cannot be read in order%s%s; without --no-spool "
                        "it is spooled to a temporary file", *why.message ? ": " : "", why.message);
    }
    release_notes(d, false);
    undo(d);
    if (*why.message)
        dio_note(&d->env, DUMPIO_DETAIL, "the input is a stream that is not read in order: %s",
                 why.message);
    rc = 0;
    if (ended)
        dio_window_settle(s->below);
    else
        rc = dio_stream_spool(&d->parts[0], &d->env, err);
    s->below = d->parts[0];
    return rc ? rc : DUMPIO_END;
}

void dio_stream_free(struct dumpio_dump *d)
{
    if (d->stream) {
        release_notes(d, false);
        dio_uts_watch_free(d->stream->uts);
        pthread_mutex_destroy(&d->stream->lock);
    }
    free(d->stream);
    d->stream = NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

bool dio_stream_forward(const struct dumpio_dump *d)
{
    return d->stream && d->stream->forward;
}

static int locked_progress(void *user, const struct dumpio_progress *p)
{
    struct dio_stream *s = ((struct dumpio_dump *)user)->stream;
    pthread_mutex_lock(&s->lock);
    if (p)
        s->told = *p;
    int stop = s->reader->progress(s->reader->user, &s->told);
    pthread_mutex_unlock(&s->lock);
    return stop;
}

/* The source's: it has come no further than was told, but the caller may want to stop. */
static int stalled(void *user, const struct dumpio_progress *p)
{
    (void)p;
    return locked_progress(user, NULL);
}

static void pass_note(void *user, enum dumpio_level level, const char *text)
{
    const struct dumpio_env *env = &((struct dumpio_dump *)user)->stream->env;
    env->note(env->user, level, text);
}

const struct dumpio_env *dio_stream_env(struct dumpio_dump *d, const struct dumpio_env *env)
{
    struct dio_stream *s = d->stream;
    if (!dio_stream_forward(d) || !env || !env->progress)
        return env;
    s->reader = env;
    s->work = *env;
    s->work.user = d;
    s->work.note = NULL;
    s->work.progress = locked_progress;
    d->env.user = d;
    d->env.note = s->env.note ? pass_note : NULL;
    d->env.progress = stalled;
    return &s->work;
}

int dio_stream_start(struct dumpio_dump *d, struct dumpio_error *err)
{
    if (!dio_stream_forward(d))
        return 0;
    if (d->stream->started)
        return dio_stream_refuse(d, "reading it a second time", err);
    d->stream->started = true;
    return dio_window_let_go(d->parts[0], true, err);
}

int dio_stream_check(const struct dumpio_dump *d, struct dumpio_error *err)
{
    return dio_stream_forward(d) ? dio_window_failed(d->parts[0], err) : 0;
}

int dio_stream_see(struct dumpio_dump *d, struct dio_batch *batch, struct dumpio_error *err)
{
    struct dio_uts_watch *uts = dio_stream_forward(d) ? d->stream->uts : NULL;
    return uts ? dio_uts_watch_see(uts, batch, d->info->unit, err) : 0;
}

int dio_stream_end(struct dumpio_dump *d, struct dumpio_error *err)
{
    if (!dio_stream_forward(d))
        return 0;
    int rc = d->format->behind ? d->format->behind(d->self, err) : 0;
    if (!rc)
        rc = dio_window_drain(d->parts[0], err);
    if (!rc && d->parts[0] != d->stream->below)
        rc = dio_window_drain(d->stream->below, err);
    if (!rc && d->parts[0]->truncated)
        dio_model_info(d->model)->truncated = 1;
    return rc || !d->stream->uts ? rc : dio_uts_watch_end(d->stream->uts, d, err);
}

int dio_stream_refuse(const struct dumpio_dump *d, const char *what, struct dumpio_error *err)
{
    if (!dio_stream_forward(d))
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    "the input is a stream that was opened to be read once, in order: %s needs a "
                    "spool (--spool)", what);
}
