/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a dump against the leaves of its manifest, and the manifest against its signature.
 */
#include "extent.h"
#include "io/io.h"
#include "plug/sign.h"
#include "prove.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- memory ---------------------------------------------------------------------------------- */

struct comparison {
    const struct dio_manifest *m;
    const struct dumpio_memory_report *report;
    size_t next;         /* the first leaf that was not met yet */
    uint64_t changed;
    uint64_t start, end; /* extents that differ, at hand; equal = none */
};

static void lost(void *user, const struct dumpio_run *run, const char *why)
{
    struct comparison *c = user;
    if (c->report->lost)
        c->report->lost(c->report->user, run, why);
}

static void tell(struct comparison *c)
{
    if (c->start != c->end && c->report->changed)
        c->report->changed(c->report->user, c->start, c->end);
    c->start = c->end = 0;
}

static void differs(struct comparison *c, uint64_t base)
{
    c->changed++;
    if (c->start == c->end || c->end != base) {
        tell(c);
        c->start = base;
    }
    c->end = base + DIO_EXTENT_SIZE;
}

/* Leaves below `base` of the manifest that the dump does not have. */
static void missing_below(struct comparison *c, uint64_t base)
{
    while (c->next < c->m->n_leaves && c->m->leaves[c->next].base < base)
        differs(c, c->m->leaves[c->next++].base);
}

static void leaf(void *user, uint64_t base, const unsigned char sha256[DUMPIO_DIGEST_SIZE])
{
    struct comparison *c = user;
    missing_below(c, base);
    const struct dio_manifest_leaf *l = &c->m->leaves[c->next];
    bool known = c->next < c->m->n_leaves && l->base == base;
    c->next += known;
    if (!known || memcmp(l->sha256, sha256, sizeof l->sha256) != 0)
        differs(c, base);
}

int dumpio_manifest_check_memory(struct dumpio_manifest *m, struct dumpio_dump *dump,
                                 const struct dumpio_memory_report *report,
                                 struct dumpio_verify_result *result, uint64_t *changed,
                                 const struct dumpio_env *env, struct dumpio_error *err)
{
    struct comparison c = {.m = &m->m, .report = report};
    const struct dio_verify_hear hear = {&c, lost, m->m.n_leaves ? leaf : NULL};
    int rc = dio_verify(dump, 1, &hear, result, env, err);
    if (!rc && m->m.n_leaves) {
        while (c.next < m->m.n_leaves)
            differs(&c, m->m.leaves[c.next++].base);
        tell(&c);
    }
    *changed = c.changed;
    return rc;
}

/* ---- signatures ------------------------------------------------------------------------------ */

#define ALLOWED_MAX (16u << 20) /* bytes of a file of allowed signers */

static int signature_text(const char *signed_path, char **text, size_t *len,
                          struct dumpio_error *err)
{
    size_t room = strlen(signed_path) + sizeof DIO_MANIFEST_SIGNATURE;
    char *path = malloc(room);
    if (!path)
        return dio_nomem(err, "a file name");
    snprintf(path, room, "%s%s", signed_path, DIO_MANIFEST_SIGNATURE);
    FILE *f = fopen(path, "rb"); /* is there one at all? */
    if (f)
        fclose(f);
    int rc = f ? dio_small_file(path, DIO_SIGNATURE_MAX, text, len, err) : DUMPIO_END;
    free(path);
    return rc;
}

static void name_signer(struct dumpio_signature *s, const struct dio_signed_by *by,
                        const char *allowed, size_t len)
{
    memcpy(s->fingerprint, by->fingerprint, sizeof s->fingerprint);
    s->state = DUMPIO_SIGNED;
    if (allowed)
        s->state = dio_signer_name(allowed, len, by, (int64_t)time(NULL), s->who, sizeof s->who)
                       ? DUMPIO_SIGNED_BY_OTHER
                       : DUMPIO_SIGNED_BY;
}

static int check_one(const char *path, const char *allowed, size_t allowed_len,
                     struct dumpio_signature *s, struct dumpio_error *err)
{
    char *sig = NULL, *text = NULL;
    size_t sig_len, len;
    struct dio_signed_by by;
    struct dumpio_error why = {0};
    *s = (struct dumpio_signature){.state = DUMPIO_UNSIGNED};
    int rc = signature_text(path, &sig, &sig_len, err);
    if (rc)
        return rc == DUMPIO_END ? 0 : rc;
    rc = dio_small_file(path, 2 * DIO_MANIFEST_MAX, &text, &len, err);
    int bad = rc ? 0 : dio_sign_check(sig, sig_len, text, len, &by, &why);
    if (bad == DUMPIO_E_NOMEM || bad == DUMPIO_E_INTERNAL || bad == DUMPIO_E_UNSUPPORTED) {
        rc = bad;
        if (err)
            *err = why;
    } else if (bad) {
        s->state = DUMPIO_SIGNATURE_BAD;
        snprintf(s->who, sizeof s->who, "%.255s", why.message);
    } else if (!rc) {
        name_signer(s, &by, allowed, allowed_len);
    }
    free(sig);
    free(text);
    return rc;
}

/* How far a state is from what is wanted. */
static int badness(enum dumpio_signature_state s)
{
    static const int order[] = {[DUMPIO_SIGNED_BY] = 0, [DUMPIO_SIGNED] = 1, [DUMPIO_UNSIGNED] = 2,
                                [DUMPIO_SIGNED_BY_OTHER] = 3, [DUMPIO_SIGNATURE_BAD] = 4};
    return order[s];
}

int dio_check_signatures(const char *manifest, const char *sealed, const char *allowed,
                         struct dumpio_signature *result, struct dumpio_error *err)
{
    struct dumpio_signature other;
    char *text = NULL;
    size_t len = 0;
    int rc = allowed ? dio_small_file(allowed, ALLOWED_MAX, &text, &len, err) : 0;
    if (!rc)
        rc = check_one(manifest, text, len, result, err);
    if (!rc && sealed) {
        rc = check_one(sealed, text, len, &other, err);
        if (!rc && badness(other.state) > badness(result->state))
            *result = other;
    }
    free(text);
    return rc;
}

int dumpio_manifest_check_signature(const struct dumpio_manifest *m, const char *allowed,
                                    struct dumpio_signature *result, struct dumpio_error *err)
{
    return dio_check_signatures(m->path, m->sealed_path, allowed, result, err);
}
