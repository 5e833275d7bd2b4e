/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures as `ssh-keygen -Y` makes and checks them (OpenSSH's PROTOCOL.sshsig), in the namespace
 * "file", with ssh-ed25519 and ssh-rsa keys. Implemented by crypto/.
 */
#ifndef DIO_SIGN_H
#define DIO_SIGN_H

#include "keys.h"

#define DIO_SIGN_NAMESPACE "file"
#define DIO_SIGNATURE_MAX 8192u /* bytes of a signature's text */

struct dio_signer;

/* A private SSH key's text, `name` for messages. ask: for a passphrase, where one can be used. */
int dio_signer_new(struct dio_signer **out, const char *text, size_t len, const char *name,
                   const struct dio_keys_ask *ask, struct dumpio_error *err);
void dio_signer_free(struct dio_signer *s); /* NULL allowed */

/* The signature as text, malloc'ed. */
int dio_sign(const struct dio_signer *s, const void *msg, size_t len, char **text,
             size_t *text_len, struct dumpio_error *err);

/* Who signed, as far as the signature tells. */
struct dio_signed_by {
    char fingerprint[64]; /* of the key: "SHA256:..." as ssh-keygen -l prints it */
    uint8_t hash[32];     /* the same in binary */
};

/* DUMPIO_E_CORRUPT: no signature, or not of this message. */
int dio_sign_check(const char *text, size_t text_len, const void *msg, size_t len,
                   struct dio_signed_by *by, struct dumpio_error *err);

/*
 * The names that a file of allowed signers (ssh-keygen(1)) has for the key at `now`, seconds since
 * 1970. DUMPIO_END, and why in `who`: the key is not allowed to sign.
 */
int dio_signer_name(const char *allowed, size_t len, const struct dio_signed_by *by, int64_t now,
                    char *who, size_t size);

#endif
