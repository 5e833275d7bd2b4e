/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of a build without libcrypto: none is made, and none can be checked.
 */
#include "prim_pk.h"

#include "../libdumpio/plug/sign.h"

int dio_signer_new(struct dio_signer **out, const char *text, size_t len, const char *name,
                   const struct dio_keys_ask *ask, struct dumpio_error *err)
{
    (void)text, (void)len, (void)ask;
    *out = NULL;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "%s: %s", name,
                    dio_prim_missing());
}

void dio_signer_free(struct dio_signer *s)
{
    (void)s;
}

int dio_sign(const struct dio_signer *s, const void *msg, size_t len, char **text,
             size_t *text_len, struct dumpio_error *err)
{
    (void)s, (void)msg, (void)len;
    *text = NULL;
    *text_len = 0;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "a signature: %s",
                    dio_prim_missing());
}

int dio_sign_check(const char *text, size_t text_len, const void *msg, size_t len,
                   struct dio_signed_by *by, struct dumpio_error *err)
{
    (void)text, (void)text_len, (void)msg, (void)len;
    *by = (struct dio_signed_by){.fingerprint = ""};
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "a signature: %s",
                    dio_prim_missing());
}
