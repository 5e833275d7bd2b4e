/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of containers around a file: compression, encryption, flattened streams.
 */
#include "stack.h"
#include "layers/layers.h"
#include "plug/format.h"
#include "plug/keys.h"
#include "plug/salvage.h"

#include <stdio.h>
#include <string.h>

#define DEEPEST 8u

/* ---- undoing ---------------------------------------------------------------------------------- */

/* The layer that recognises the first n bytes best; NULL when none does. */
static const struct dio_layer *recognise(const uint8_t *head, size_t n)
{
    const struct dio_layer *found = NULL;
    int best = 0;
    for (size_t i = 0; dio_layers[i]; i++) {
        int score = dio_layers[i]->probe ? dio_layers[i]->probe(head, n) : 0;
        if (score > best) {
            best = score;
            found = dio_layers[i];
        }
    }
    return found;
}

bool dio_stack_knows(const uint8_t *head, size_t n)
{
    return recognise(head, n) != NULL;
}

int dio_stack_open(struct dio_bytes **b, uint8_t *head, const struct dio_layer_options *o,
                   const struct dumpio_env *env, char names[DIO_STACK_NAMES],
                   struct dumpio_error *err)
{
    *names = '\0';
    for (unsigned depth = 0;; depth++) {
        size_t n, len = strlen(names);
        struct dio_bytes *inside;
        int rc = o->salvage ? dio_read_around(*b, 0, head, DIO_PROBE_SIZE, &n, 0, NULL, err)
                            : dio_read_some(*b, 0, head, DIO_PROBE_SIZE, &n, err);
        if (rc)
            return rc;
        const struct dio_layer *l = recognise(head, n);
        if (!l)
            return 0;
        if (depth == DEEPEST)
            return dio_fail(err, DUMPIO_E_LIMIT, 0, "%s: more than %u containers around each other",
                            (*b)->name, DEEPEST);
        if ((*b)->forward && !l->open_forward)
            rc = dio_fail(err, DUMPIO_E_UNSUPPORTED, 0, "%s: not undone in order", l->name);
        else if ((*b)->forward)
            rc = l->open_forward(&inside, *b, o, env, err);
        else
            rc = l->open(&inside, *b, o, env, err);
        if (rc)
            return rc;
        *b = inside;
        snprintf(names + len, DIO_STACK_NAMES - len, "%s%s", len ? " " : "", l->name);
    }
}

/* ---- making ----------------------------------------------------------------------------------- */

static int put(struct dio_out **out, const struct dio_layer *l, const struct dio_layer_options *o,
               const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_out *outer;
    if (!l->create)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s cannot be written as a container",
                        l->name);
    int rc = l->create(&outer, *out, o, env, err);
    if (!rc)
        *out = outer;
    return rc;
}

/* The layer of a word of `wrap`: its name, or its suffix without the dot. */
static const struct dio_layer *by_word(const char *word, size_t n)
{
    for (size_t i = 0; dio_layers[i]; i++) {
        const struct dio_layer *l = dio_layers[i];
        const char *suffix = *l->suffix ? l->suffix + 1 : "";
        if ((strlen(l->name) == n && !memcmp(l->name, word, n)) ||
            (n && strlen(suffix) == n && !memcmp(suffix, word, n)))
            return l;
    }
    return NULL;
}

/* What is asked for, the outermost first. *n of at most DEEPEST. */
static int choose(const char *path, const char *wrap, const struct dio_layer *chosen[DEEPEST],
                  unsigned *n, struct dumpio_error *err)
{
    const struct dio_layer *l;
    *n = 0;
    if (wrap && !strcmp(wrap, "none"))
        return 0;
    for (size_t len = strlen(path); !wrap && *n < DEEPEST && (l = dio_layer_by_suffix(path, len));
         len -= strlen(l->suffix))
        chosen[(*n)++] = l;
    for (const char *end = wrap ? wrap + strlen(wrap) : NULL; end && end > wrap;) {
        const char *word = end;
        while (word > wrap && word[-1] != ',')
            word--;
        l = by_word(word, (size_t)(end - word));
        if (!l || *n == DEEPEST)
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%.*s is no container",
                            (int)(end - word), word);
        chosen[(*n)++] = l;
        end = word > wrap ? word - 1 : wrap;
    }
    return 0;
}

/* Does encryption come on top of those, since there is somebody to encrypt for? */
static bool adds_age(const struct dio_layer *const chosen[DEEPEST], unsigned n,
                     const struct dio_keys *keys)
{
    bool sealed = false;
    for (unsigned i = 0; i < n; i++)
        sealed |= chosen[i] == &dio_layer_age;
    return !sealed && keys && dio_keys_count(keys, DIO_KEY_SEAL);
}

int dio_stack_create(struct dio_out **out, const char *path, const char *wrap,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    const struct dio_layer *chosen[DEEPEST];
    unsigned n;
    int rc = choose(path, wrap, chosen, &n, err);
    if (!rc && adds_age(chosen, n, o->keys))
        rc = put(out, &dio_layer_age, o, env, err);
    for (unsigned i = 0; i < n && !rc; i++)
        rc = put(out, chosen[i], o, env, err);
    return rc;
}

void dio_stack_names(const char *path, const char *wrap, const struct dio_keys *keys,
                     char names[DIO_STACK_NAMES])
{
    const struct dio_layer *chosen[DEEPEST];
    unsigned n;
    *names = '\0';
    if (choose(path, wrap, chosen, &n, NULL))
        return; /* told when they are made */
    if (adds_age(chosen, n, keys))
        snprintf(names, DIO_STACK_NAMES, "%s", dio_layer_age.name);
    for (unsigned i = 0; i < n; i++) {
        size_t len = strlen(names);
        snprintf(names + len, DIO_STACK_NAMES - len, "%s%s", len ? " " : "", chosen[i]->name);
    }
}

bool dio_stack_packs(const char *path, const char *wrap)
{
    const struct dio_layer *chosen[DEEPEST];
    unsigned n;
    bool packs = false;
    if (choose(path, wrap, chosen, &n, NULL))
        return false; /* told when they are made */
    for (unsigned i = 0; i < n; i++)
        packs |= chosen[i]->packs;
    return packs;
}
