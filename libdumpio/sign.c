/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signers of <dumpio/manifest.h> on top of plug/sign.h.
 */
#include "sign.h"
#include "io/io.h"
#include "plug/secret.h"

#include <dumpio/crypt.h>

#include <stdlib.h>

struct dumpio_signer {
    struct dio_signer *s;
};

const struct dio_signer *dio_signer_inside(const struct dumpio_signer *signer)
{
    return signer ? signer->s : NULL;
}

int dumpio_signer_open(struct dumpio_signer **out, const char *path, const struct dumpio_ask *ask,
                       struct dumpio_error *err)
{
    char *text = NULL;
    size_t len = 0;
    struct dio_keys_ask a = {ask ? ask->passphrase : NULL, ask ? ask->user : NULL};
    struct dumpio_signer *s = malloc(sizeof *s);
    int rc = s ? dio_small_file(path, DIO_KEY_FILE_MAX, &text, &len, err)
               : dio_nomem(err, "a key");
    if (!rc)
        rc = dio_signer_new(&s->s, text, len, path, ask ? &a : NULL, err);
    dio_wipe(text, len);
    free(text);
    if (rc)
        free(s);
    else
        *out = s;
    return rc;
}

void dumpio_signer_free(struct dumpio_signer *signer)
{
    if (signer)
        dio_signer_free(signer->s);
    free(signer);
}
