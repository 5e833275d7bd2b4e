/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page codecs: round trips of every level, streams of the libraries themselves, and hostile input
 * between two guard pages, so that a read or write outside faults even in assembly code.
 */
#include "unit.h"

#include "codecs/set.h"
#include "plug/codec.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#define PAGE 4096u
#define GUARD 65536u /* the largest page of any host */
#define KINDS 7u

/* ---- memory with guards ---------------------------------------------------------------------- */

/* size: multiple of GUARD. Both neighbours of the memory returned fault. */
static uint8_t *guarded(size_t size)
{
    int fd = open("/dev/zero", O_RDWR);
    uint8_t *p = mmap(NULL, size + 2 * GUARD, PROT_NONE, MAP_PRIVATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED || mprotect(p + GUARD, size, PROT_READ | PROT_WRITE)) {
        perror("guarded memory");
        exit(1);
    }
    return p + GUARD;
}

/* Ends of inputs and outputs: the last byte lies before a guard. */
static uint8_t *plain_end, *packed_end, *out_end, *out_start;

static void make_memory(void)
{
    plain_end = guarded(DIO_PAGE_MAX) + DIO_PAGE_MAX;
    packed_end = guarded(2 * DIO_PAGE_MAX) + 2 * DIO_PAGE_MAX;
    out_start = guarded(DIO_PAGE_MAX);
    out_end = out_start + DIO_PAGE_MAX;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* 0 zeros, 1 text, 2 records, 3 pointers, 4 noise, 5 a little noise in zeros, 6 long runs */
static void make_page(uint8_t *p, size_t n, unsigned kind)
{
    static const char *const words[] = {"kernel ", "panic: ", "<4>", "0x", "task_struct", "\n"};
    memset(p, 0, n);
    if (kind == 1)
        for (size_t i = 0, w = 0; i < n; i += w) {
            const char *s = words[rnd() % 6];
            w = strlen(s) < n - i ? strlen(s) : n - i;
            memcpy(p + i, s, w);
        }
    for (size_t i = 0; i + 8 <= n && (kind == 2 || kind == 3); i += 8) {
        uint64_t v = 0xffff888000000000u + (rnd() & 0xffff) * 64;
        if (kind == 2)
            v = 0x5000000000030000u + (rnd() & 0xff) + (rnd() & 0x3f) * 0x100000000u;
        memcpy(p + i, &v, 8);
    }
    for (size_t i = 0; i < n && kind == 4; i++)
        p[i] = (uint8_t)(rnd() >> 20);
    for (size_t i = 0; i < n / 64 && kind == 5; i++)
        p[rnd() % n] = (uint8_t)rnd();
    for (size_t i = 0; i < n && kind == 6;) {
        size_t run = 1 + (size_t)(rnd() % 600);
        uint8_t v = (uint8_t)(rnd() % 3);
        for (; run && i < n; run--)
            p[i++] = v;
    }
}

/* ---- packing and expanding ------------------------------------------------------------------- */

static int expand(const struct dio_codec *c, void *state, const uint8_t *in, size_t len, size_t n,
                  struct dumpio_error *err)
{
    memcpy(packed_end - len, in, len);
    return c->expand(state, packed_end - len, len, out_end - n, n, err);
}

static size_t pack(const struct dio_codec *c, void *state, const uint8_t *page, size_t n,
                   uint8_t *to, size_t cap)
{
    memcpy(plain_end - n, page, n);
    size_t len = c->pack(state, plain_end - n, n, out_end - cap, cap);
    memcpy(to, out_end - cap, len);
    return len;
}

/* What malloc gives, from now on: what a state does not set must not matter. */
static void dirty_malloc(int byte)
{
#ifdef __GLIBC__
    mallopt(M_PERTURB, byte);
#else
    (void)byte;
#endif
}

static void round_trip(const struct dio_codec *c, void *state, int level, size_t n, unsigned kind)
{
    static uint8_t page[DIO_PAGE_MAX + 1], packed[DIO_PAGE_MAX], again[DIO_PAGE_MAX];
    struct dumpio_error err = {0};
    make_page(page, n, kind);
    size_t len = pack(c, state, page, n, packed, n - 1);
    CHECK(len < n);
    CHECK(kind == 4 ? !len : kind == 0 || kind == 6 ? len && len < n / 2 : 1);
    if (len) {
        memset(out_end - n, 0xa5, n);
        CHECK_EQ(expand(c, state, packed, len, n, &err), 0);
        CHECK(!memcmp(out_end - n, page, n));
        CHECK_EQ(pack(c, state, page, n, again, len - 1), 0);
    }
    dirty_malloc(0x5a);
    void *fresh = c->new_state(level);
    dirty_malloc(0);
    memmove(page + 1, page, n); /* another place in memory, another state */
    CHECK_EQ(c->pack(fresh, page + 1, n, again, n - 1), len);
    CHECK(!memcmp(packed, again, len));
    c->free_state(fresh);
}

static void round_trips(const struct dio_codec *c)
{
    static const size_t sizes[] = {4096, 8192, 65536, DIO_PAGE_MAX};
    for (int level = c->level_min; level <= c->level_max; level++) {
        void *state = c->new_state(level);
        CHECK(state != NULL);
        for (size_t s = 0; s < (level > 9 ? 1 : 4); s++)
            for (unsigned kind = 0; kind < KINDS; kind++)
                round_trip(c, state, level, sizes[s], kind);
        c->free_state(state);
    }
}

/* ---- the same bytes on every thread ---------------------------------------------------------- */

struct packer {
    const struct dio_codec *c;
    const uint8_t *pages;
    unsigned order; /* the state meets the pages in another order */
    size_t len[KINDS];
    uint8_t out[KINDS][PAGE];
};

static void *pack_pages(void *arg)
{
    struct packer *p = arg;
    void *state = p->c->new_state(p->c->level_default);
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < KINDS; i++) {
            unsigned k = (i * (p->order + 1) + round) % KINDS;
            p->len[k] = p->c->pack(state, p->pages + k * PAGE, PAGE, p->out[k], PAGE - 1);
        }
    p->c->free_state(state);
    return NULL;
}

static void threads(const struct dio_codec *c)
{
    static uint8_t pages[KINDS * PAGE];
    static struct packer p[4];
    pthread_t t[4];
    for (unsigned k = 0; k < KINDS; k++)
        make_page(pages + k * PAGE, PAGE, k);
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (struct packer){.c = c, .pages = pages, .order = i};
        CHECK_EQ(pthread_create(&t[i], NULL, pack_pages, &p[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (unsigned i = 1; i < 4; i++)
        for (unsigned k = 0; k < KINDS; k++) {
            CHECK_EQ(p[i].len[k], p[0].len[k]);
            CHECK(!memcmp(p[i].out[k], p[0].out[k], p[0].len[k]));
        }
}

/* ---- hostile input --------------------------------------------------------------------------- */

/* A whole stream of n bytes with nothing behind it, as zlib itself sees it. */
static int plain_zlib(const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    uLongf made = (uLongf)n;
    uLong used = (uLong)len;
    return uncompress2(out, &made, in, &used) != Z_OK || made != n || used != len;
}

/*
 * What zlib takes is taken, with the same bytes. Other libraries take some Huffman tables that zlib
 * refuses: then the checksum must be that of the bytes made.
 */
static void compare_zlib(const uint8_t *in, size_t len, int rc)
{
    static uint8_t by_zlib[PAGE];
    if (!plain_zlib(in, len, by_zlib, PAGE)) {
        CHECK_EQ(rc, 0);
        CHECK(!memcmp(by_zlib, out_end - PAGE, PAGE));
    } else if (!rc) {
        uLong sum = 0;
        for (size_t i = len - 4; i < len; i++)
            sum = sum << 8 | in[i];
        CHECK_EQ(adler32(1, out_end - PAGE, PAGE), sum);
    }
}

static void try_payload(const struct dio_codec *c, void *state, const uint8_t *in, size_t len)
{
    struct dumpio_error err = {0};
    int rc = expand(c, state, in, len, PAGE, &err);
    CHECK(rc == 0 || (rc == DUMPIO_E_CORRUPT && err.status == rc && err.message[0]));
    if (!strcmp(c->name, "zlib"))
        compare_zlib(in, len, rc);
}

static void hostile(const struct dio_codec *c)
{
    static uint8_t page[PAGE], good[PAGE], bad[2 * PAGE];
    int checked = !strcmp(c->name, "zlib") || !strcmp(c->name, "zstd");
    void *state = c->new_state(c->level_default);
    for (unsigned round = 0; round < 60; round++) {
        make_page(page, PAGE, round % 3 + 1 + round % 2 * 2);
        size_t len = pack(c, state, page, PAGE, good, PAGE - 1);
        if (!len)
            continue;
        for (unsigned i = 0; i < 150; i++) {
            memcpy(bad, good, len);
            unsigned flips = i < 75 ? 1 : 1 + (unsigned)(rnd() % 20);
            size_t range = i % 2 ? len : len < 80 ? len : 80; /* headers are worth more tries */
            for (; flips; flips--)
                bad[rnd() % range] ^= (uint8_t)(1u << rnd() % 8);
            try_payload(c, state, bad, len);
            if (i < 75 && checked && !c->expand(state, bad, len, out_start, PAGE, NULL))
                CHECK(!memcmp(out_start, page, PAGE)); /* a bit that means nothing */
        }
        for (size_t cut = 0; cut < len; cut += cut < 40 || cut + 40 > len ? 1 : 37) {
            try_payload(c, state, good, cut);
            CHECK(c->expand(state, good, cut, out_start, PAGE, NULL));
        }
        if (!strcmp(c->name, "rle")) /* by its second rule, it may come to another length */
            continue;
        CHECK(c->expand(state, good, len, out_start, PAGE - 8, NULL));
        CHECK(c->expand(state, good, len, out_start, PAGE + 8, NULL));
    }
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = (size_t)(rnd() % (i % 10 ? 64 : 2 * PAGE));
        for (size_t k = 0; k < len; k++)
            bad[k] = (uint8_t)(rnd() >> 11);
        if (len > 2 && i % 2)
            memcpy(bad, i % 4 == 1 ? "\x78\x01" : "\x80\x20", 2); /* past zlib's, snappy's head */
        if (len > 4 && i % 8 == 0)
            memcpy(bad, "\x28\xb5\x2f\xfd", 4); /* zstd's */
        try_payload(c, state, bad, len);
    }
    c->free_state(state);
}

/* ---- zlib ------------------------------------------------------------------------------------ */

static size_t reference(const uint8_t *page, size_t n, int level, int strategy, uint8_t *out)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    if (deflateInit2(&z, level, Z_DEFLATED, 15, 8, strategy) != Z_OK)
        return 0;
    z.next_in = (Bytef *)(uintptr_t)page;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = 2 * DIO_PAGE_MAX;
    int rc = deflate(&z, Z_FINISH);
    size_t len = z.total_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? len : 0;
}

static void zlib_streams(void)
{
    static uint8_t page[PAGE + 1], s[2 * DIO_PAGE_MAX], out[PAGE];
    const struct dio_codec *c = dio_codec_by_name("zlib");
    void *state = c->new_state(c->level_default);
    struct dumpio_error err = {0};
    for (unsigned i = 0; i < 10 * 5 * KINDS; i++) {
        make_page(page, PAGE, i % KINDS);
        size_t len = reference(page, PAGE, (int)(i / KINDS % 10), (int)(i / KINDS / 10), s);
        CHECK(len > 0);
        CHECK_EQ(expand(c, state, s, len, PAGE, &err), 0);
        CHECK(!memcmp(out_end - PAGE, page, PAGE));
        memset(s + len, (int)i, 9);
        CHECK_EQ(expand(c, state, s, len + 9, PAGE, &err), 0); /* bytes behind it are ignored */
        CHECK(!memcmp(out_end - PAGE, page, PAGE));
        s[len - 1 - i % 4] ^= 1;
        CHECK_EQ(expand(c, state, s, len, PAGE, &err), DUMPIO_E_CORRUPT);
        CHECK(strstr(err.message, "check") != NULL);
    }
    make_page(page, PAGE, 1);
    CHECK_EQ(expand(c, state, s, reference(page, PAGE - 1, 6, 0, s), PAGE, &err), DUMPIO_E_CORRUPT);
    CHECK_STR(err.message, "zlib stream ends after 4095 of 4096 bytes");
    size_t len = reference(page, PAGE + 1, 6, 0, s);
    CHECK_EQ(expand(c, state, s, len, PAGE, &err), DUMPIO_E_CORRUPT);
    CHECK(strstr(err.message, "expands beyond 4096") != NULL);
    len = reference(page, PAGE, 6, 0, s);
    CHECK_EQ(expand(c, state, s, len - 2, PAGE, &err), DUMPIO_E_CORRUPT);
    CHECK(strstr(err.message, "incomplete") != NULL);
    const uint8_t *dictionary = (const uint8_t *)"\x78\x20\0\0\0\1";
    CHECK_EQ(expand(c, state, dictionary, 6, PAGE, &err), DUMPIO_E_CORRUPT);
    c->free_state(state);

    for (int level = c->level_min; level <= c->level_max; level++) { /* other tools read them */
        make_page(page, PAGE, (unsigned)level % 4);
        state = c->new_state(level);
        len = pack(c, state, page, PAGE, s, PAGE - 1);
        CHECK(len && !plain_zlib(s, len, out, PAGE) && !memcmp(out, page, PAGE));
        c->free_state(state);
    }

    /* The fast levels pack records as well as zlib does. */
    make_page(page, PAGE, 2);
    state = c->new_state(c->level_default);
    CHECK(c->pack(state, page, PAGE, out, PAGE - 1) <= reference(page, PAGE, 1, 0, s) * 103 / 100);
    c->free_state(state);
}

/* ---- noise ----------------------------------------------------------------------------------- */

static void noise_is_told(void)
{
    static uint8_t page[65536];
    static const char text64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned told = 0;
    for (size_t n = 1024; n <= sizeof page; n *= 2)
        for (unsigned kind = 0; kind < 7; kind++) {
            make_page(page, n, kind);
            bool noise = dio_is_noise_page(page, n);
            CHECK(!noise || kind == 4);
            told += noise;
        }
    CHECK(told > 4); /* of 7: one block in 7000 has more zeros than usual */
    told = 0;
    for (unsigned i = 0; i < 1000; i++) {
        make_page(page, PAGE, 4);
        told += dio_is_noise_page(page, PAGE);
    }
    CHECK(told > 980);
    for (size_t i = 0; i < PAGE; i++)
        page[i] = (uint8_t)text64[rnd() % 64];
    CHECK(!dio_is_noise_page(page, PAGE));
    for (size_t at = 0; at < sizeof page; at += PAGE) { /* one block is none */
        make_page(page, sizeof page, 4);
        make_page(page + at, PAGE, 1);
        CHECK(!dio_is_noise_page(page, sizeof page));
    }
    for (unsigned i = 0; i < 100; i++) { /* seven bits of eight: shrinks by an eighth */
        make_page(page, PAGE, 4);
        for (size_t k = 0; k < PAGE; k++)
            page[k] &= 0xef;
        CHECK(!dio_is_noise_page(page, PAGE));
    }
}

/* ---- deflate's corners ----------------------------------------------------------------------- */

/* Packs page[0, n) by zlib's default level; zlib itself must give it back. Returns the size. */
static size_t deflated(void *state, const uint8_t *page, size_t n)
{
    static uint8_t packed[DIO_PAGE_MAX], out[DIO_PAGE_MAX];
    size_t len = pack(dio_codec_by_name("zlib"), state, page, n, packed, n); /* noise, too */
    if (len) {
        CHECK(!plain_zlib(packed, len, out, n));
        CHECK(!memcmp(out, page, n));
    }
    return len;
}

/* Bytes as frequent as Fibonacci's numbers, shuffled: their best code is `kinds` - 1 bits deep. */
static size_t deep_page(uint8_t *p, unsigned kinds)
{
    size_t n = 0, a = 1, b = 1;
    for (unsigned k = 0; k < kinds; k++) {
        memset(p + n, (int)(k * 37 & 255), a);
        n += a;
        size_t next = a + b;
        a = b;
        b = next;
    }
    for (size_t i = n - 1; i; i--) {
        size_t k = (size_t)(rnd() % (i + 1));
        uint8_t v = p[i];
        p[i] = p[k];
        p[k] = v;
    }
    return n;
}

static void deflate_corners(void)
{
    static uint8_t page[DIO_PAGE_MAX];
    const struct dio_codec *c = dio_codec_by_name("zlib");
    void *state = c->new_state(c->level_default);
    for (unsigned kinds = 2; kinds < 20; kinds++) /* 19: of 10945 bytes, in one block */
        CHECK(deflated(state, page, deep_page(page, kinds)) > 0 || kinds < 8);
    for (size_t run = 1; run < 800; run++) { /* runs around the longest match, 258 */
        make_page(page, PAGE, 4);
        memset(page + 1000, 7, run);
        memset(page + 2000, 0, 1000);
        CHECK(deflated(state, page, PAGE) > 0);
    }
    for (size_t n = 2; n < 600; n++) { /* the end of the input, before a guard */
        make_page(page, n, 1 + (unsigned)n % 6);
        deflated(state, page, n);
    }
    for (size_t at = 16384 - 300; at < 16384 + 20; at++) { /* where a block ends */
        make_page(page, 40000, 4);
        memset(page + at, 1, 300);
        memcpy(page + 20000, page + 100, 12000); /* and how far a match may reach back */
        memcpy(page + 32768 + 90, page + 80 + at % 20, 300);
        CHECK(deflated(state, page, 40000) > 0);
    }
    make_page(page, PAGE / 2, 4); /* noise, but the same twice */
    memcpy(page + PAGE / 2, page, PAGE / 2);
    size_t len = deflated(state, page, PAGE);
    CHECK(len && len < PAGE * 6 / 10);
    c->free_state(state);
}

/* What a state has seen before does not matter, however much it was: positions start over. */
static void deflate_forgets(void)
{
    static uint8_t page[PAGE], large[DIO_PAGE_MAX], first[PAGE], later[PAGE];
    const struct dio_codec *c = dio_codec_by_name("zlib");
    void *state = c->new_state(c->level_default);
    make_page(page, PAGE, 1);
    memcpy(large, page, PAGE);
    size_t len = c->pack(state, page, PAGE, first, PAGE - 1);
    CHECK(len > 0);
    for (unsigned i = 0; i < 8200; i++) { /* more than 2 GiB */
        CHECK(c->pack(state, large, DIO_PAGE_MAX, packed_end - PAGE, PAGE) > 0);
        if (i % 100 && i < 8150)
            continue;
        CHECK_EQ(c->pack(state, page, PAGE, later, PAGE - 1), len);
        CHECK(!memcmp(first, later, len));
    }
    c->free_state(state);
}

/* ---- zstd: every frame carries its checksum -------------------------------------------------- */

static void zstd_checksum(void)
{
    static uint8_t page[PAGE], packed[PAGE];
    const struct dio_codec *c = dio_codec_by_name("zstd");
    for (int level = -1; level <= 3; level++) {
        void *state = c->new_state(level);
        struct dumpio_error err;
        make_page(page, PAGE, 1);
        size_t len = pack(c, state, page, PAGE, packed, PAGE - 1);
        CHECK(len > 12 && packed[4] & 4); /* the descriptor's flag, RFC 8878, 3.1.1.1.1 */
        for (unsigned bit = 0; bit < 32; bit++) {
            packed[len - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK_EQ(expand(c, state, packed, len, PAGE, &err), DUMPIO_E_CORRUPT);
            CHECK(strstr(err.message, "checksum") != NULL);
            packed[len - 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t cap = 0; cap < len; cap++)
            CHECK_EQ(c->pack(state, page, PAGE, out_end - cap, cap), 0);
        c->free_state(state);
    }
}

/* How the first block's literals stand, RFC 8878, 3.1.1.3.1.1: 0 as they are, 2 in Huffman codes. */
static unsigned zstd_literals(const uint8_t *frame)
{
    unsigned flag = frame[4] >> 6, single = frame[4] >> 5 & 1;
    size_t head = (single ? 5u : 6u) + (flag ? 1u << flag : single);
    return frame[head + 3] & 3;
}

/* Few words are not zero: what is left of them is stored. From one more on, it is coded. */
static void zstd_sparse_pages(void)
{
#ifdef DUMPIO_HAVE_ZSTD_ADVANCED
    static uint8_t page[PAGE], packed[PAGE];
    const struct dio_codec *c = dio_codec_by_name("zstd");
    void *state = c->new_state(c->level_default);
    for (unsigned set = PAGE / 8 - 1; set <= PAGE / 8 + 1; set++) {
        memset(page, 0, PAGE);
        for (unsigned i = 0; i < set * 4; i++) {
            page[i] = (uint8_t)(1 + rnd() % 16); /* worth coding */
        }
        size_t len = pack(c, state, page, PAGE, packed, PAGE - 1);
        CHECK(len > 0);
        CHECK_EQ(zstd_literals(packed), set <= PAGE / 8 ? 0 : 2);
        CHECK_EQ(expand(c, state, packed, len, PAGE, NULL), 0);
        CHECK(!memcmp(out_end - PAGE, page, PAGE));
    }
    c->free_state(state);
#endif
}

/* ---- RLE: every sentence of its rule --------------------------------------------------------- */

static void rle_is(const char *plain, size_t n, const char *packed, size_t len)
{
    const struct dio_codec *c = dio_codec_by_name("rle");
    void *state = c->new_state(0);
    uint8_t out[1024];
    CHECK_EQ(c->pack(state, (const uint8_t *)plain, n, out, sizeof out), len);
    CHECK(!memcmp(out, packed, len));
    CHECK_EQ(expand(c, state, (const uint8_t *)packed, len, n, NULL), 0);
    CHECK(!memcmp(out_end - n, plain, n));
    c->free_state(state);
}

static void rle_vectors(void)
{
    const struct dio_codec *c = dio_codec_by_name("rle");
    void *state = c->new_state(0);
    struct dumpio_error err;
    char runs[600] = {0};
    rle_is("abc", 3, "abc", 3);
    rle_is("a\0b", 3, "a\0\0b", 4);
    rle_is("aabb", 4, "aabb", 4);
    rle_is("aaa", 3, "\0\2a", 3);
    rle_is("x\0\0y", 4, "x\0\1\0y", 5);
    rle_is("\0\0\0", 3, "\0\2\0", 3);
    rle_is(runs, 256, "\0\377\0", 3);
    rle_is(runs, 257, "\0\377\0\0\0", 5);
    memset(runs, 'z', sizeof runs);
    rle_is(runs, 514, "\0\377z\0\377zzz", 8);
    /* Writers that repeat c times, not c + 1 times */
    CHECK_EQ(expand(c, state, (const uint8_t *)"\0\7ab", 4, 8, &err), 0);
    CHECK(!memcmp(out_end - 8, "aaaaaaab", 8));
    CHECK_EQ(expand(c, state, (const uint8_t *)"\0\7ab", 4, 9, &err), 0);
    CHECK(!memcmp(out_end - 9, "aaaaaaaab", 9));
    CHECK_EQ(expand(c, state, (const uint8_t *)"\0\7ab", 4, 10, &err), DUMPIO_E_CORRUPT);
    CHECK_STR(err.message, "RLE data gives 9 bytes, not 10");
    CHECK_EQ(expand(c, state, (const uint8_t *)"abcd\0\7", 6, 12, &err), DUMPIO_E_CORRUPT);
    CHECK_EQ(expand(c, state, (const uint8_t *)"abcd\0", 5, 12, &err), DUMPIO_E_CORRUPT);
    CHECK_EQ(expand(c, state, (const uint8_t *)"\0\377a\0\377a", 6, 300, &err), DUMPIO_E_CORRUPT);
    c->free_state(state);
}

/* ---- the table, zero pages ------------------------------------------------------------------- */

static void table(void)
{
    static const char *const names[] = {"zlib", "lzo", "snappy", "zstd", "rle"};
    for (unsigned i = 0; i < 5; i++) {
        const struct dio_codec *c = dio_codec_by_name(names[i]);
        CHECK(c != NULL);
        CHECK_STR(c->name, names[i]);
        CHECK(dio_codec_at(dio_codec_index(c)) == c);
        CHECK(c->missing ? c->missing[0] && !c->new_state : c->new_state && c->pack && c->expand);
        CHECK(c->level_min <= c->level_default && c->level_default <= c->level_max);
    }
    CHECK(dio_codec_by_name("gzip") == dio_codec_by_name("zlib"));
    CHECK(!dio_codec_by_name("lzma") && !dio_codec_by_name(""));
    CHECK(!dio_codec_at(5) && !dio_codec_at(DIO_CODECS_MAX));
}

static void zeros(void)
{
    static const size_t sizes[] = {8, 248, 256, 264, 4096};
    for (size_t s = 0; s < 5; s++) {
        uint8_t *p = out_end - sizes[s];
        memset(p, 0, sizes[s]);
        CHECK(dio_is_zero(p, sizes[s]));
        for (size_t i = 0; i < sizes[s]; i++) {
            p[i] = (uint8_t)(1u << i % 8);
            if (dio_is_zero(p, sizes[s]))
                CHECK_EQ(i, -1);
            p[i] = 0;
        }
    }
}

int main(void)
{
    make_memory();
    table();
    zeros();
    rle_vectors();
    zlib_streams();
    noise_is_told();
    deflate_corners();
    deflate_forgets();
    zstd_checksum();
    zstd_sparse_pages();
    for (unsigned i = 0; dio_codec_at(i); i++) {
        const struct dio_codec *c = dio_codec_at(i);
        if (c->missing) {
            printf("not tested: %s\n", c->missing);
            continue;
        }
        round_trips(c);
        threads(c);
        hostile(c);
    }
    return unit_result();
}
