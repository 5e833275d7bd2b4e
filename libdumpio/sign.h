/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public handle of a signer.
 */
#ifndef DIO_PUBLIC_SIGN_H
#define DIO_PUBLIC_SIGN_H

#include "plug/sign.h"

#include <dumpio/manifest.h>

/* What is inside; NULL for NULL. */
const struct dio_signer *dio_signer_inside(const struct dumpio_signer *signer);

#endif
