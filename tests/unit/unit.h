/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest useful unit test: checks that count, print and go on.
 */
#ifndef UNIT_H
#define UNIT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static unsigned unit_checks, unit_failures;

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        unit_checks++;                                                                             \
        if (!(cond)) {                                                                             \
            unit_failures++;                                                                       \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #cond);                              \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long unit_a = (long long)(a), unit_b = (long long)(b);                                \
        unit_checks++;                                                                             \
        if (unit_a != unit_b) {                                                                    \
            unit_failures++;                                                                       \
            printf("%s:%d: %s is %lld (0x%llx), expected %lld (0x%llx)\n", __FILE__, __LINE__, #a, \
                   unit_a, (unsigned long long)unit_a, unit_b, (unsigned long long)unit_b);        \
        }                                                                                          \
    } while (0)

#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *unit_a = (a), *unit_b = (b);                                                   \
        unit_checks++;                                                                             \
        if (!unit_a || !unit_b || strcmp(unit_a, unit_b)) {                                        \
            unit_failures++;                                                                       \
            printf("%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #a,               \
                   unit_a ? unit_a : "(null)", unit_b ? unit_b : "(null)");                        \
        }                                                                                          \
    } while (0)

static inline int unit_result(void)
{
    printf("%u checks, %u failures\n", unit_checks, unit_failures);
    return unit_failures ? 1 : unit_checks ? 0 : 1;
}

#endif
