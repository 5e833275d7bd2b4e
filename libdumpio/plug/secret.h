/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for keys and passphrases. Implemented by crypto/.
 */
#ifndef DIO_SECRET_H
#define DIO_SECRET_H

#include <stddef.h>

void dio_wipe(void *p, size_t n); /* never left out by the compiler; NULL allowed with n 0 */

/* Zeroed memory on pages of its own, kept from swap where the system allows it; NULL: no memory. */
void *dio_secret_alloc(size_t n);
void dio_secret_free(void *p, size_t n); /* wipes; NULL allowed */

#endif
