/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sorted index against a plain sorted array: in memory, spilled, merged in several passes, all
 * three ways of treating duplicates, several threads.
 */
#include "plug/index.h"
#include "unit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static uint64_t seed = 88172645463325252u;

static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static int by_key_then_order(const void *a, const void *b)
{
    const struct dio_entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* What the index should hold; value is the order of adding. Returns the number kept. */
static size_t expect(struct dio_entry *e, size_t n, enum dio_duplicates policy)
{
    qsort(e, n, sizeof *e, by_key_then_order);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool first = !i || e[i].key != e[i - 1].key;
        bool last = i + 1 == n || e[i].key != e[i + 1].key;
        bool keep = policy == DIO_KEEP_ALL || (policy == DIO_KEEP_FIRST ? first : last);
        if (keep)
            e[kept++] = e[i];
    }
    return kept;
}

static bool same(const struct dio_entry *a, const struct dio_entry *b)
{
    return a->key == b->key && a->value == b->value && a->extra == b->extra;
}

static void check_floor(struct dio_index *x, const struct dio_entry *e, size_t n, uint64_t key)
{
    size_t behind = 0, hi = n;
    while (behind < hi) {
        size_t mid = behind + (hi - behind) / 2;
        if (e[mid].key <= key)
            behind = mid + 1;
        else
            hi = mid;
    }
    struct dio_entry found;
    struct dumpio_error err;
    int rc = dio_index_floor(x, key, &found, &err);
    CHECK_EQ(rc, behind ? 0 : DUMPIO_END);
    if (!rc && behind)
        CHECK(same(&found, &e[behind - 1]));
}

static void check_range(struct dio_index *x, const struct dio_entry *e, size_t n, uint64_t key)
{
    struct dio_entry got[300];
    struct dumpio_error err;
    size_t first = 0, hi = n, max = (size_t)(random64() % 300), found = 999;
    while (first < hi) {
        size_t mid = first + (hi - first) / 2;
        if (e[mid].key < key)
            first = mid + 1;
        else
            hi = mid;
    }
    CHECK_EQ(dio_index_range(x, key, got, max, &found, &err), 0);
    CHECK_EQ(found, n - first < max ? n - first : max);
    bool right = true;
    for (size_t i = 0; i < found && first + i < n; i++)
        right &= same(&got[i], &e[first + i]);
    CHECK(right);
}

static void check_contents(struct dio_index *x, const struct dio_entry *e, size_t n)
{
    CHECK_EQ(dio_index_count(x), n);
    for (int i = 0; i < 200; i++) {
        uint64_t near = n ? e[random64() % n].key + random64() % 3 - 1 : random64();
        check_floor(x, e, n, near);
        check_range(x, e, n, near);
    }
    uint64_t ends[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, n ? e[0].key : 7, n ? e[n - 1].key : 7};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        check_floor(x, e, n, ends[i]);
        check_range(x, e, n, ends[i]);
    }
}

enum order { RANDOM, ASCENDING, DESCENDING, BLOCKS, ORDERS };

static uint64_t make_key(enum order order, size_t i, size_t n, uint64_t spread)
{
    switch (order) {
    case ASCENDING: return i * 4096 / spread;
    case DESCENDING: return (n - i) * 4096 / spread;
    case BLOCKS: return (i / 100 % 7) * n + i / spread; /* several interleaved ascending walks */
    default: return random64() % (n * 8 / spread + 1);
    }
}

static void run(uint64_t memory, size_t n, enum order order, uint64_t spread,
                enum dio_duplicates policy)
{
    struct dumpio_error err;
    struct dio_index *x;
    struct dio_entry *e = malloc((n + 1) * sizeof *e);
    CHECK_EQ(dio_index_new(&x, memory, NULL, &err), 0);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = make_key(order, i, n, spread);
        if (i == n / 2)
            key = UINT64_MAX;
        e[i] = (struct dio_entry){key, i, ~key ^ i};
        rc |= dio_index_add(x, &e[i], &err);
    }
    CHECK_EQ(rc, 0);
    size_t kept = expect(e, n, policy);
    uint64_t dropped = 12345;
    CHECK_EQ(dio_index_seal(x, policy, &dropped, &err), 0);
    CHECK_EQ(dropped, n - kept);
    check_contents(x, e, kept);
    struct dio_entry late = {1, 2, 3};
    CHECK_EQ(dio_index_add(x, &late, &err), DUMPIO_E_INTERNAL);
    dio_index_free(x);
    free(e);
}

static void test_all(void)
{
    static const struct {
        uint64_t memory;
        size_t n;
    } sizes[] = {
        {0, 0}, {0, 1}, {0, 2}, {0, 5000}, /* never spilled */
        {1, 15}, {1, 16}, {1, 17}, {1, 33}, {1, 3000}, /* 16 entries, merged two by two */
        {16 << 10, 340}, {16 << 10, 341}, {16 << 10, 342}, {16 << 10, 60000}, /* samples thinned */
        {256 << 10, 60000}, /* one pass */
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int order = 0; order < ORDERS; order++)
            for (int policy = DIO_KEEP_FIRST; policy <= DIO_KEEP_ALL; policy++) {
                run(sizes[i].memory, sizes[i].n, (enum order)order, 1,
                    (enum dio_duplicates)policy);
                run(sizes[i].memory, sizes[i].n, (enum order)order, 5000,
                    (enum dio_duplicates)policy);
            }
}

/* Equal keys on both sides of every spill, in one ascending run. */
static void test_equal_runs(void)
{
    for (int policy = DIO_KEEP_FIRST; policy <= DIO_KEEP_ALL; policy++) {
        struct dumpio_error err;
        struct dio_index *x;
        uint64_t dropped;
        struct dio_entry found;
        CHECK_EQ(dio_index_new(&x, 1, NULL, &err), 0);
        for (uint64_t i = 0; i < 1000; i++) {
            struct dio_entry e = {7, i, 0};
            CHECK_EQ(dio_index_add(x, &e, &err), 0);
        }
        CHECK_EQ(dio_index_seal(x, (enum dio_duplicates)policy, &dropped, &err), 0);
        CHECK_EQ(dropped, policy == DIO_KEEP_ALL ? 0 : 999);
        CHECK_EQ(dio_index_floor(x, 7, &found, &err), 0);
        CHECK_EQ(found.value, policy == DIO_KEEP_FIRST ? 0 : 999);
        CHECK_EQ(dio_index_floor(x, 6, &found, &err), DUMPIO_END);
        dio_index_free(x);
    }
}

static void test_misuse(void)
{
    struct dumpio_error err;
    struct dio_index *x;
    struct dio_entry e = {1, 1, 1};
    struct dumpio_env env = {.tmpdir = "/nonexistent/folder"};
    size_t n;
    dio_index_free(NULL);
    CHECK_EQ(dio_index_new(&x, 1, &env, &err), 0);
    CHECK_EQ(dio_index_range(x, 0, &e, 1, &n, &err), DUMPIO_E_INTERNAL);
    CHECK_EQ(dio_index_floor(x, UINT64_MAX, &e, &err), DUMPIO_E_INTERNAL);
    int rc = 0;
    for (int i = 0; i < 100 && !rc; i++)
        rc = dio_index_add(x, &e, &err);
    CHECK_EQ(rc, DUMPIO_E_IO);
    CHECK(strstr(err.message, "/nonexistent/folder") != NULL);
    dio_index_free(x);
}

static void *look_up(void *arg)
{
    struct dio_index *x = arg;
    uint64_t wrong = 0, key = 1;
    for (int i = 0; i < 3000; i++) {
        struct dio_entry e[3];
        size_t n;
        key = key * 6364136223846793005u + 1442695040888963407u;
        uint64_t k = (key >> 33) % 20000;
        int rc = dio_index_range(x, k, e, 3, &n, NULL);
        wrong += rc || !n || e[0].key != (k + 1) / 2 * 2 || e[0].value != ~e[0].key;
    }
    return wrong ? arg : NULL;
}

static void test_threads(void)
{
    struct dumpio_error err;
    struct dio_index *x;
    pthread_t t[4];
    CHECK_EQ(dio_index_new(&x, 4096, NULL, &err), 0);
    for (uint64_t i = 0; i <= 10000; i++) {
        uint64_t key = i * 7919 % 10001 * 2; /* every even number up to 20000 once */
        struct dio_entry e = {key, ~key, 0};
        CHECK_EQ(dio_index_add(x, &e, &err), 0);
    }
    CHECK_EQ(dio_index_seal(x, DIO_KEEP_FIRST, NULL, &err), 0);
    CHECK_EQ(dio_index_count(x), 10001);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, look_up, x), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        CHECK_EQ(pthread_join(t[i], &wrong), 0);
        CHECK(!wrong);
    }
    dio_index_free(x);
}

int main(void)
{
    test_all();
    test_equal_runs();
    test_misuse();
    test_threads();
    return unit_result();
}
