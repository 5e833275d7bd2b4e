/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where encrypted and decrypted files go. What is in them is not its business.
 */
#include "crypt_out.h"
#include "plug/keys.h"
#include "sign.h"
#include "stack.h"

/* The manifest beside the file. */
static int start_beside(struct dio_crypt_out *c, struct dumpio_error *err)
{
    const struct dumpio_manifest_options *m = c->o->manifest;
    const struct dio_beside_options b = {
        .force = c->o->force != 0, .no_sync = c->o->no_sync != 0, .env = c->env,
        .keys = dio_keys_inside(c->o->keys), .signer = m ? dio_signer_inside(m->signer) : NULL,
    };
    if (!m)
        return dio_beside_none(c->path, b.force, err);
    int rc = dio_beside_check_path(c->path, err);
    return rc ? rc : dio_beside_start(&c->beside, c->path, &b, err);
}

int dio_crypt_out_start(struct dio_crypt_out *c, const char *path,
                        const struct dumpio_crypt_options *o, bool armor,
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_file_out_options f = {o->force != 0, o->no_sync != 0};
    *c = (struct dio_crypt_out){.o = o, .path = path, .env = env};
    int rc = start_beside(c, err);
    if (!rc)
        rc = dio_file_create(&c->sink, path, &f, err);
    if (!rc && o->manifest)
        rc = dio_hash_out(&c->sink, &c->sum, err);
    if (!rc && armor) {
        struct dio_out *above;
        rc = dio_layer_age_armor.create(&above, c->sink, NULL, env, err);
        if (!rc)
            c->sink = above;
    }
    return rc;
}

int dio_crypt_out_end(struct dio_crypt_out *c, uint64_t size, int rc, struct dumpio_error *err)
{
    if (!rc && !c->o->manifest && c->o->force)
        dio_beside_forget(c->path, c->env);
    if (!rc)
        rc = c->sink->ops->finish(c->sink, size, err);
    else if (c->sink)
        c->sink->ops->discard(c->sink);
    if (!rc && c->o->manifest)
        rc = dio_beside_write_one(&c->beside, &c->contents, c->path, &c->sum, err);
    dio_beside_free(&c->beside);
    dio_manifest_free(&c->contents);
    return rc;
}
