/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpverify's use of a manifest: signature, files, and memory by 4 MiB.
 */
#include "dumpverify.h"

#include <stdlib.h>
#include <string.h>

/* ---- the signature --------------------------------------------------------------------------- */

static void print_signature(const struct dumpio_signature *s, struct report *r)
{
    static const char *const words[] = {"no", "yes", "allowed", "not allowed", "bad"};
    if (r->json) {
        json_text(r->json, "signature", words[s->state]);
        json_text(r->json, "key", s->fingerprint);
        json_text(r->json, s->state == DUMPIO_SIGNED_BY ? "signer" : "signature_why", s->who);
        return;
    }
    switch (s->state) {
    case DUMPIO_UNSIGNED: printf("signature none\n"); break;
    case DUMPIO_SIGNED:
        printf("signature fits, by the key %s (whose it is: --signer=FILE)\n", s->fingerprint);
        break;
    case DUMPIO_SIGNED_BY: printf("signature by %s, %s\n", s->who, s->fingerprint); break;
    case DUMPIO_SIGNED_BY_OTHER:
        printf("signature NOT ALLOWED: by the key %s: %s\n", s->fingerprint, s->who);
        break;
    default: printf("signature BAD: %s\n", s->who); break;
    }
}

/* ---- the files ------------------------------------------------------------------------------- */

struct parts {
    const struct dumpio_manifest *m;
    struct report *r;
};

static void part(void *user, size_t i, enum dumpio_part_state state, const char *why)
{
    static const char *const words[] = {"whole", "missing", "damaged", "damaged", "unreadable"};
    const struct parts *p = user;
    struct dumpio_manifest_part about = dumpio_manifest_part(p->m, i);
    ui_end_progress(p->r->ui);
    if (p->r->json) {
        json_open(p->r->json, NULL, '{');
        json_text(p->r->json, "name", about.name);
        json_text(p->r->json, "state", words[state]);
        json_text(p->r->json, "why", why);
        json_close(p->r->json, '}');
    } else if (state != DUMPIO_PART_WHOLE) {
        printf("file      %s is %s: %s\n", about.path, words[state], why);
    }
}

static int check_parts(struct proof *p, struct report *r, struct dumpio_error *err)
{
    struct parts parts = {p->m, r};
    const struct dumpio_manifest_info *i = dumpio_manifest_get_info(p->m);
    if (r->json)
        json_open(r->json, "parts", '[');
    int rc = dumpio_manifest_check_parts(p->m, part, &parts, &p->bad_parts, &r->ui->env, err);
    ui_end_progress(r->ui);
    if (r->json)
        json_close(r->json, ']');
    else if (!rc && !p->bad_parts)
        printf("files     %zu, as %s written\n", i->parts, i->parts == 1 ? "it was" : "they were");
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int check(struct proof *p, struct report *r, const char *allowed)
{
    struct dumpio_error err = {0};
    const struct dumpio_manifest_info *i = dumpio_manifest_get_info(p->m);
    p->sealed = !i->opened;
    if (r->json) {
        json_open(r->json, "manifest", '{');
        json_text(r->json, "path", i->path);
        json_bool(r->json, "describes_contents", i->opened && !i->sums_only);
        json_text(r->json, "checksums", !i->sums_path ? "" : *i->sums_why ? i->sums_why : "agree");
    } else {
        printf("%-10s%s%s\n", i->sums_only ? "checksums" : "manifest", i->path,
               i->opened && i->sealed_path ? " and its encrypted half" : "");
    }
    if (!r->json && *i->sums_why)
        printf("checksums %s does not agree: %s\n", i->sums_path, i->sums_why);
    int rc = i->sums_only ? 0 : dumpio_manifest_check_signature(p->m, allowed, &p->signature, &err);
    if (!rc && !i->sums_only)
        print_signature(&p->signature, r);
    if (!rc)
        rc = check_parts(p, r, &err);
    if (r->json)
        json_close(r->json, '}');
    return rc ? ui_error(r->ui, &err) : EXIT_WHOLE;
}

int proof_start(struct proof *p, struct report *r, const char *path, const char *allowed)
{
    struct dumpio_error err = {0};
    *p = (struct proof){0};
    int rc = dumpio_manifest_open(&p->m, path, r->ui->open.keys, &r->ui->env, &err);
    if (!rc)
        return check(p, r, allowed);
    if (rc == DUMPIO_E_CORRUPT || rc == DUMPIO_E_LIMIT || rc == DUMPIO_E_TRUNCATED) {
        p->damaged = true;
        ui_message(r->ui, "the manifest is of no use: %s", err.message);
    } else if (rc != DUMPIO_END) {
        return ui_error(r->ui, &err);
    }
    if (r->json)
        json_null(r->json, "manifest");
    return EXIT_WHOLE;
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct hearing {
    struct proof *p;
    struct report *r;
    void (*lost)(void *user, const struct dumpio_run *run, const char *why);
};

static void changed(void *user, uint64_t start, uint64_t end)
{
    struct proof *p = ((struct hearing *)user)->p;
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 64;
        struct verify_range *v = realloc(p->changed, cap * sizeof *v);
        p->failed |= !v;
        if (!v)
            return;
        p->changed = v;
        p->cap = cap;
    }
    p->changed[p->n++] = (struct verify_range){start, end};
}

static void lost(void *user, const struct dumpio_run *run, const char *why)
{
    struct hearing *h = user;
    h->lost(h->r, run, why);
}

int proof_memory(struct proof *p, struct dumpio_dump *d, struct report *r,
                 void (*on_lost)(void *user, const struct dumpio_run *run, const char *why),
                 struct dumpio_verify_result *v, struct dumpio_error *err)
{
    struct hearing h = {p, r, on_lost};
    const struct dumpio_memory_report m = {&h, lost, changed};
    if (!p->m)
        return dumpio_verify(d, 1, on_lost, r, v, &r->ui->env, err);
    return dumpio_manifest_check_memory(p->m, d, &m, v, &p->extents, &r->ui->env, err);
}

/* The part of a split by memory that an address is in; NULL = it is not split so. */
static const char *part_of(const struct dumpio_manifest *m, uint64_t addr)
{
    for (size_t i = 0; i < dumpio_manifest_get_info(m)->parts; i++) {
        struct dumpio_manifest_part about = dumpio_manifest_part(m, i);
        if (addr >= about.start && addr < about.end)
            return about.name;
    }
    return NULL;
}

void proof_print_changed(const struct proof *p, struct report *r)
{
    if (r->json)
        json_open(r->json, "changed", '[');
    for (size_t i = 0; i < p->n; i++) {
        const char *name = part_of(p->m, p->changed[i].start);
        if (r->json) {
            json_open(r->json, NULL, '{');
            json_hex(r->json, "start", p->changed[i].start);
            json_hex(r->json, "end", p->changed[i].end);
            if (name)
                json_text(r->json, "part", name);
            json_close(r->json, '}');
        } else {
            printf("changed   0x%llx-0x%llx%s%s: not the memory that was written\n",
                   (unsigned long long)p->changed[i].start, (unsigned long long)p->changed[i].end,
                   name ? " in " : "", name ? name : "");
        }
    }
    if (r->json)
        json_close(r->json, ']');
    else if (p->bad_parts && !p->extents && dumpio_manifest_get_info(p->m)->leaves)
        puts("changed   no page: the damage is in headers, notes or room that nothing uses");
}

bool proof_holds(const struct proof *p, const struct dumpio_verify_result *v, const char *allowed)
{
    if (!p->m)
        return !p->damaged && !allowed;
    const struct dumpio_manifest_info *i = dumpio_manifest_get_info(p->m);
    bool memory = !v || !i->has_image || !memcmp(i->image, v->digest, sizeof i->image);
    bool signed_well = allowed ? p->signature.state == DUMPIO_SIGNED_BY
                               : p->signature.state != DUMPIO_SIGNATURE_BAD;
    return memory && signed_well && !p->bad_parts && !p->extents && !*i->sums_why;
}

void proof_free(struct proof *p)
{
    dumpio_manifest_close(p->m);
    free(p->changed);
}
