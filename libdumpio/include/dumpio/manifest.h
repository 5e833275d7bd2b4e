/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests: what an output consists of and how it is proved (docs/manifest.md). They stand beside
 * it as OUT.manifest.json, with OUT.sha256 for sha256sum; conventions are those of dumpio.h.
 */
#ifndef DUMPIO_MANIFEST_H
#define DUMPIO_MANIFEST_H

#include <dumpio/dumpio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- writing --------------------------------------------------------------------------------- */

/* An SSH private key to sign with: ssh-ed25519 or ssh-rsa. */
struct dumpio_signer;
struct dumpio_ask; /* dumpio/crypt.h */

/* ask (NULL = nobody): for the passphrase of a PEM key. OpenSSH's form must have none. */
DUMPIO_API int dumpio_signer_open(struct dumpio_signer **out, const char *path,
                                  const struct dumpio_ask *ask, struct dumpio_error *err);
DUMPIO_API void dumpio_signer_free(struct dumpio_signer *signer); /* NULL allowed */

/*
 * For dumpio_convert_options.manifest and dumpio_crypt_options.manifest: write OUT.manifest.json and
 * OUT.sha256; parts (dumpio/parts.h) have them always, and are signed when it says so. When OUT is
 * encrypted, what tells of the contents is in OUT.manifest.json.age, for the same recipients;
 * OUT.manifest.json has the file's name, size and digest.
 */
struct dumpio_manifest_options {
    const struct dumpio_signer *signer; /* NULL = none; else OUT.manifest.json.sig, and so on */
    const char *provenance;             /* further lines of KEY=VALUE; NULL = none */
};

/* ---- checking -------------------------------------------------------------------------------- */

/* A manifest that was found and read. */
struct dumpio_manifest;

/*
 * The manifest beside a dump or one of its parts, or a manifest itself by its name; OUT need not
 * exist. Where there is none, the checksums OUT.sha256. With identities in `keys` (NULL = none) the
 * encrypted manifest counts, where there is one.
 * DUMPIO_END: there is none. DUMPIO_E_CORRUPT: it was changed.
 */
DUMPIO_API int dumpio_manifest_open(struct dumpio_manifest **out, const char *path,
                                    const struct dumpio_keys *keys, const struct dumpio_env *env,
                                    struct dumpio_error *err);
DUMPIO_API void dumpio_manifest_close(struct dumpio_manifest *m); /* NULL allowed */

struct dumpio_manifest_info {
    const char *path;          /* of the manifest */
    const char *sealed_path;   /* of the encrypted one; NULL = none */
    int opened;                /* the encrypted one was opened, or there is none */
    size_t parts;
    int split;                 /* 0 one file, 1 by bytes, 2 by memory */
    const char *format, *codec, *containers, *provenance; /* "" = it does not say */
    int has_image;
    unsigned char image[DUMPIO_DIGEST_SIZE]; /* the image digest */
    uint64_t leaves;           /* of 4 MiB, to compare with */
    int sums_only;             /* checksums alone: the sizes of the parts are UINT64_MAX, not known */
    const char *sums_path;     /* the checksums beside the manifest; NULL = none */
    const char *sums_why;      /* how they contradict it; "" = they do not */
};
DUMPIO_API const struct dumpio_manifest_info *dumpio_manifest_get_info(
    const struct dumpio_manifest *m);

struct dumpio_manifest_part {
    const char *name, *path;   /* as it says; where the file is to be */
    uint64_t size;
    uint64_t start, end;       /* split by memory: physical, [start, end); else 0, 0 */
    unsigned char sha256[DUMPIO_DIGEST_SIZE]; /* of the file, as it says */
};
DUMPIO_API struct dumpio_manifest_part dumpio_manifest_part(const struct dumpio_manifest *m,
                                                            size_t i);

enum dumpio_part_state {
    DUMPIO_PART_WHOLE = 0,
    DUMPIO_PART_MISSING,
    DUMPIO_PART_SIZE,     /* too short or too long */
    DUMPIO_PART_DAMAGED,  /* other contents */
    DUMPIO_PART_UNREADABLE
};

/* Hash every part; `part` is called for each in order. *bad: how many are not whole. */
DUMPIO_API int dumpio_manifest_check_parts(struct dumpio_manifest *m,
                                           void (*part)(void *user, size_t i,
                                                        enum dumpio_part_state state,
                                                        const char *why),
                                           void *user, size_t *bad, const struct dumpio_env *env,
                                           struct dumpio_error *err);

enum dumpio_signature_state {
    DUMPIO_UNSIGNED = 0,
    DUMPIO_SIGNED,        /* by the key that `fingerprint` names; whose that is, was not asked */
    DUMPIO_SIGNED_BY,     /* by one of the allowed signers: `who` */
    DUMPIO_SIGNED_BY_OTHER, /* the signature fits, its key is not allowed: `who` says why */
    DUMPIO_SIGNATURE_BAD  /* `who` says why */
};

struct dumpio_signature {
    enum dumpio_signature_state state;
    char fingerprint[64]; /* "SHA256:..." */
    char who[256];
};

/* Of both manifests, where there are two: the worse counts. allowed: a file as ssh-keygen(1) has it. */
DUMPIO_API int dumpio_manifest_check_signature(const struct dumpio_manifest *m,
                                               const char *allowed,
                                               struct dumpio_signature *result,
                                               struct dumpio_error *err);

/* Called by one thread at a time, addresses ascending; members may be NULL. */
struct dumpio_memory_report {
    void *user;
    /* As of dumpio_verify. */
    void (*lost)(void *user, const struct dumpio_run *run, const char *why);
    /* Extents of 4 MiB whose memory is not as the manifest says; joined where they touch. */
    void (*changed)(void *user, uint64_t start, uint64_t end);
};

/*
 * Decode every page as dumpio_verify does, and compare with the leaves. *changed = extents that
 * differ. Without leaves only result->digest can be compared: see dumpio_manifest_get_info.
 */
DUMPIO_API int dumpio_manifest_check_memory(struct dumpio_manifest *m, struct dumpio_dump *dump,
                                            const struct dumpio_memory_report *report,
                                            struct dumpio_verify_result *result,
                                            uint64_t *changed, const struct dumpio_env *env,
                                            struct dumpio_error *err);

#ifdef __cplusplus
}
#endif
#endif
