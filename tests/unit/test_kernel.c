/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log of its three eras, over machines made by hand: wraps, gaps, exact fits, damage.
 * Reference: the kernel's printk_ringbuffer.h, printk.c of 3.5 and 2.6.32.
 */
#include "world.h"

#define BASE 0xc000000000000000ull
#define PRB 0x500000u
#define RING 0x501000u
#define DESCS 0x510000u
#define INFOS 0x520000u
#define TEXT 0x530000u

/* ppc64 needs no page tables: the log is in the direct map. */
static struct world *machine(const char *release, enum dumpio_order order)
{
    struct world *w = world_new("ppc64", order);
    world_uts(w, 0x300000, release, order == DUMPIO_BIG ? "ppc64" : "ppc64le");
    world_at(w, 0x400000);
    world_say(w, "OSRELEASE=%s", release);
    world_say(w, "PAGESIZE=65536");
    world_say(w, "SYMBOL(init_uts_ns)=c000000000300000");
    world_say(w, "SYMBOL(swapper_pg_dir)=c000000000400000");
    return w;
}

/* ---- 5.10 and later ------------------------------------------------------------------------ */

/* Keys and structures of the ring; word 8 or 4, base = virtual minus physical. */
static void ring(struct world *w, unsigned word, uint64_t base, unsigned count_bits,
                 unsigned size_bits)
{
    static const char *const keys[] = {
        "SIZE(printk_ringbuffer)=80", "OFFSET(printk_ringbuffer.desc_ring)=0",
        "OFFSET(printk_ringbuffer.text_data_ring)=40", "OFFSET(prb_desc_ring.count_bits)=0",
        "OFFSET(prb_desc_ring.descs)=8", "OFFSET(prb_desc_ring.infos)=16",
        "OFFSET(prb_desc_ring.head_id)=24", "OFFSET(prb_desc_ring.tail_id)=32",
        "OFFSET(prb_desc.state_var)=0", "OFFSET(prb_desc.text_blk_lpos)=8",
        "OFFSET(prb_data_blk_lpos.begin)=0", "OFFSET(prb_data_blk_lpos.next)=8",
        "OFFSET(printk_info.ts_nsec)=8", "OFFSET(printk_info.text_len)=16",
        "OFFSET(prb_data_ring.size_bits)=0", "OFFSET(prb_data_ring.data)=8",
        "OFFSET(atomic_long_t.counter)=0", "SIZE(prb_desc)=24", "SIZE(printk_info)=88"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        world_say(w, "%s", keys[i]);
    world_say(w, "SYMBOL(prb)=%" PRIx64, base + PRB);
    world_put(w, PRB, word, base + RING);
    world_put(w, RING, 4, count_bits);
    world_put(w, RING + 8, word, base + DESCS);
    world_put(w, RING + 16, word, base + INFOS);
    world_put(w, RING + 40, 4, size_bits);
    world_put(w, RING + 48, word, base + TEXT);
    for (uint64_t i = 0; i < ((uint64_t)1 << size_bits); i += 4096)
        world_at(w, TEXT + i);
}

static void head_tail(struct world *w, unsigned word, uint64_t head, uint64_t tail)
{
    world_put(w, RING + 24, word, head);
    world_put(w, RING + 32, word, tail);
}

/* A record in slot id & 7; text NULL leaves the block alone. */
static void record(struct world *w, unsigned word, uint64_t id, unsigned state, uint64_t begin,
                   uint64_t next, uint64_t at, uint64_t ts, const char *text)
{
    uint64_t d = DESCS + (id & 7) * 24, i = INFOS + (id & 7) * 88;
    world_put(w, d, word, (uint64_t)state << (8 * word - 2) | id);
    world_put(w, d + 8, word, begin);
    world_put(w, d + 16, word, next);
    world_put(w, i + 8, 8, ts);
    if (!text)
        return;
    world_put(w, i + 16, 2, strlen(text));
    world_put(w, TEXT + at, word, id);
    world_bytes(w, TEXT + at + word, text, strlen(text));
}

static void ring_log(enum dumpio_order order)
{
    struct world *w = machine("6.1-ring", order);
    uint64_t id = 0x3fffffffffffffffull; /* ids end in 62 bits and go on at 0 */
    ring(w, 8, BASE, 3, 9);
    head_tail(w, 8, 5, id - 1);
    record(w, 8, id - 1, 3, 0, 0, 0, 0, NULL); /* reusable: silent */
    record(w, 8, id, 2, 0x200, 0x220, 0, 1234567, "first");
    record(w, 8, 0, 2, 0x220, 0x250, 0x20, 1000000000, "two\nlines\n");
    record(w, 8, 1, 1, 0x250, 0x280, 0x50, 99999123456789, "ctl \x01\x1b tab\t \\ \xc3\xa9");
    record(w, 8, 2, 0, 0x280, 0x2a0, 0x80, 1, "reserved");
    record(w, 8, 3, 2, 3, 3, 0x1c0, 2000000000, NULL); /* a record without text */
    record(w, 8, 4, 2, 1, 1, 0x1c0, 2000000000, NULL); /* a record whose text was dropped */
    record(w, 8, 5, 2, 0x3c0, 0x400, 0x1c0, 3000000000, "ends exactly with the array");
    CHECK_STR(world_log(w), "[    0.001234] first\n"
                            "[    1.000000] two\n"
                            "[    1.000000] lines\n"
                            "[99999.123456] ctl \\x01\\x1b tab\t \\ \\xc3\\xa9\n"
                            "[    2.000000] \n"
                            "[    3.000000] ends exactly with the array\n");
    /* a block that did not fit at the end was moved to the front */
    record(w, 8, 5, 2, 0x3f0, 0x420, 0, 3000000000, "moved to the front");
    CHECK(strstr(world_log(w), "[    3.000000] moved to the front\n"));
    world_free(w);
}

static void ring_gaps(void)
{
    struct world *w = machine("6.1-gaps", DUMPIO_LITTLE);
    char text[41] = "0123456789012345678901234567890123456789";
    ring(w, 8, BASE, 3, 14);
    head_tail(w, 8, 4, 1);
    record(w, 8, 1, 2, 0x0ff0, 0x1020, 0x0ff0, 1, "begin--is missing");
    record(w, 8, 2, 2, 0x1020, 0x1050, 0x1020, 2, "lost too");
    record(w, 8, 3, 2, 0x2020, 0x2050, 0x2020, 3000, text);
    record(w, 8, 4, 2, 0x2050, 0x2080, 0x2050, 4000, "overwritten");
    world_put(w, TEXT + 0x2050, 8, 77); /* not this record's block any more */
    world_drop(w, TEXT + 0x1000);
    CHECK_STR(world_log(w), "[    0.000000] begin--i\n"
                            "-- 17 bytes of the log are not in the dump --\n"
                            "[    0.000003] 0123456789012345678901234567890123456789\n"
                            "-- 11 bytes of the log are not in the dump --\n");
    world_drop(w, INFOS);
    CHECK_STR(world_log(w), "-- 160 bytes of the log are not in the dump --\n");
    world_drop(w, DESCS);
    CHECK_STR(world_log(w), "-- 96 bytes of the log are not in the dump --\n");
    world_drop(w, RING);
    CHECK(strstr(world_log(w), "printk ring buffer"));
    world_free(w);
}

/* Numbers that no kernel has must end in an error or in nothing, soon. */
static void ring_hostile(void)
{
    struct world *w = machine("6.1-hostile", DUMPIO_LITTLE);
    ring(w, 8, BASE, 3, 9);
    head_tail(w, 8, 1, 2); /* the head is behind the tail: at most one turn */
    record(w, 8, 1, 2, 0x10, 0x30, 0x10, 0, "only");
    CHECK_STR(world_log(w), "");
    head_tail(w, 8, 1, 1);
    CHECK_STR(world_log(w), "[    0.000000] only\n");
    record(w, 8, 1, 2, 0x10, 0x14, 0x10, 0, NULL); /* no room for the id */
    CHECK_STR(world_log(w), "");
    world_put(w, RING, 4, 0xffffffff);
    CHECK(strstr(world_log(w), "impossible"));
    world_put(w, RING, 4, 3);
    world_put(w, RING + 40, 4, 64);
    CHECK(strstr(world_log(w), "impossible"));
    world_put(w, RING + 40, 4, 9);
    world_put(w, RING + 8, 8, UINT64_MAX - 8);
    CHECK(strstr(world_log(w), "address space"));
    world_put(w, RING + 8, 8, 0); /* not mapped */
    CHECK_STR(world_log(w), "-- 24 bytes of the log are not in the dump --\n");
    world_free(w);
}

static int stop_soon(void *user, const char *text, size_t len)
{
    (void)text;
    (void)len;
    return ++*(int *)user == 2;
}

/* 32-bit: ids of 30 bits, one 4 MiB page of two-level tables maps all. */
static void ring_32(void)
{
    struct world *w = world_new("i386", DUMPIO_LITTLE);
    struct dio_kernel *k = NULL;
    char text[600];
    int calls = 0;
    world_uts(w, 0x300000, "6.1-32", "i686");
    for (unsigned i = 0; i < 4; i++)
        world_put(w, 0x400000 + (0x300 + i) * 4, 4, i << 22 | 0xe3);
    world_say(w, "OSRELEASE=6.1-32");
    world_say(w, "PAGESIZE=4096");
    world_say(w, "SYMBOL(init_uts_ns)=c0300000");
    world_say(w, "SYMBOL(swapper_pg_dir)=c0400000");
    ring(w, 4, 0xc0000000u, 3, 12);
    head_tail(w, 4, 0, 0x3fffffff);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    record(w, 4, 0x3fffffff, 1, 0x100, 0x400, 0x100, 5000000, text);
    record(w, 4, 0, 1, 0x400, 0x800, 0x400, 6000000, text);
    world_log(w);
    CHECK_EQ(w->log_len, 2 * (15 + 599 + 1));
    CHECK(!strncmp(w->log, "[    0.005000] aaa", 18));
    CHECK(!dio_kernel_open(&k, &w->mem, NULL, &w->err));
    CHECK(!dio_kernel_dmesg(k, stop_soon, &calls, &w->err));
    CHECK_EQ(calls, 2);
    dio_kernel_close(k);
    world_free(w);
}

/* ---- 3.5 to 5.9 ---------------------------------------------------------------------------- */

static void chain(struct world *w, const char *tag, unsigned size, uint32_t first, uint32_t next)
{
    world_say(w, "SYMBOL(log_buf)=c000000000500000");
    world_say(w, "SYMBOL(log_buf_len)=c000000000500008");
    world_say(w, "SYMBOL(log_first_idx)=c00000000050000c");
    world_say(w, "SYMBOL(log_next_idx)=c000000000500010");
    world_say(w, "SIZE(%s)=16\nOFFSET(%s.ts_nsec)=0\nOFFSET(%s.len)=8\nOFFSET(%s.text_len)=10",
              tag, tag, tag, tag);
    world_put(w, 0x500000, 8, BASE + TEXT);
    world_put(w, 0x500008, 4, size);
    world_put(w, 0x50000c, 4, first);
    world_put(w, 0x500010, 4, next);
    for (unsigned i = 0; i < size; i += 4096)
        world_at(w, TEXT + i);
}

/* flags: 2 ends its line, 4 has a prefix, 8 is a piece. Returns where the next record goes. */
static uint32_t link_record(struct world *w, uint32_t at, uint64_t ts, unsigned flags,
                            const char *text)
{
    unsigned len = (16 + (unsigned)strlen(text) + 7) & ~7u;
    world_put(w, TEXT + at, 8, ts);
    world_put(w, TEXT + at + 8, 2, len);
    world_put(w, TEXT + at + 10, 2, strlen(text));
    world_put(w, TEXT + at + 15, 1, w->info.order == DUMPIO_BIG ? flags << 3 | 6 : flags | 6 << 5);
    world_bytes(w, TEXT + at + 16, text, strlen(text));
    return at + len;
}

static void record_log(enum dumpio_order order)
{
    struct world *w = machine("4.4-chain", order);
    uint32_t at = link_record(w, 0x200, 1000, 2, "oldest");
    at = link_record(w, at, 2000, 8, "a line ");
    at = link_record(w, at, 3000, 8, "in ");
    at = link_record(w, at, 4000, 10, "pieces");
    at = link_record(w, at, 5000, 2, "two\nlines");
    world_put(w, TEXT + at + 8, 2, 0); /* the wrap */
    at = link_record(w, 0, 6000, 2, "newest");
    chain(w, "printk_log", 0x400, 0x200, at);
    CHECK_STR(world_log(w), "[    0.000001] oldest\n"
                            "[    0.000002] a line in pieces\n"
                            "[    0.000005] two\n"
                            "[    0.000005] lines\n"
                            "[    0.000006] newest\n");
    world_free(w);
    /* 4.10 and later print every record on a line of its own */
    w = machine("4.10-chain", order);
    at = link_record(w, 0, 2000, 8, "a line");
    at = link_record(w, at, 3000, 10, "in pieces");
    chain(w, "log", 0x400, 0, at);
    CHECK_STR(world_log(w), "[    0.000002] a line\n[    0.000003] in pieces\n");
    world_free(w);
}

static void record_damage(void)
{
    struct world *w = machine("4.4-damage", DUMPIO_LITTLE);
    uint32_t end = link_record(w, 0, 9000, 2, "at the front");
    uint32_t at = link_record(w, 0xfd0, 1000, 2, "before the hole"), start = 0xfd0;
    at = link_record(w, at, 2000, 2, "into the hole");
    link_record(w, at, 3000, 2, "lost");
    chain(w, "printk_log", 0x3000, start, end);
    world_drop(w, TEXT + 0x1000);
    CHECK_STR(world_log(w), "[    0.000001] before the hole\n"
                            "-- 8189 bytes of the log are not in the dump --\n" /* 13 + 8176 */
                            "[    0.000009] at the front\n");
    /* a length that leads nowhere ends the chain likewise */
    world_put(w, TEXT + start + 8, 2, 3);
    CHECK(strstr(world_log(w), "-- 8240 bytes of the log are not in the dump --\n[    0.000009]"));
    world_put(w, 0x500010, 4, 0x3001);
    CHECK(strstr(world_log(w), "impossible"));
    world_free(w);
    /* a mark of the wrap at the front itself must not turn for ever */
    w = machine("4.4-cycle", DUMPIO_LITTLE);
    chain(w, "printk_log", 0x400, 0x200, 0x100);
    CHECK_STR(world_log(w), "-- 256 bytes of the log are not in the dump --\n");
    world_free(w);
}

/* ---- before 3.5 ---------------------------------------------------------------------------- */

static void char_log(void)
{
    struct world *w = machine("2.6.32-chars", DUMPIO_BIG);
    static const char text[] = "<6>[    0.000000] one\n<4>two <5> \x07\n<c>odd\n<>no\n<";
    world_say(w, "SYMBOL(log_buf)=c000000000500000");
    world_say(w, "SYMBOL(log_buf_len)=c000000000500008");
    world_say(w, "SYMBOL(log_end)=c00000000050000c");
    world_put(w, 0x500000, 8, BASE + TEXT);
    world_put(w, 0x500008, 4, 0x2000);
    world_put(w, 0x50000c, 4, sizeof(text) - 1);
    for (unsigned i = 0; i < 0x2000; i += 4096)
        memset(world_at(w, TEXT + i), '.', 4096);
    world_bytes(w, TEXT, text, sizeof(text) - 1);
    CHECK_STR(world_log(w), "[    0.000000] one\ntwo <5> \\x07\n<c>odd\n<>no\n<\n");
    /* wrapped: the oldest character is the one at the end */
    world_put(w, 0x50000c, 4, 0x20000 + sizeof(text) - 1);
    world_log(w);
    CHECK_EQ(w->log_len, 0x2000 - 3 + 3 + 1); /* one level left out, one escape, a newline */
    CHECK_EQ(w->log[0], '.');
    world_drop(w, TEXT + 0x1000);
    CHECK(strstr(world_log(w), "-- 4096 bytes of the log are not in the dump --\n[    0.000000]"));
    world_put(w, 0x500008, 4, 0x2001);
    CHECK(strstr(world_log(w), "impossible"));
    world_free(w);
}

int main(void)
{
    struct world *w = machine("6.1-none", DUMPIO_LITTLE);
    CHECK(strstr(world_log(w), "neither SYMBOL(prb) nor SYMBOL(log_buf)"));
    world_free(w);
    ring_log(DUMPIO_LITTLE);
    ring_log(DUMPIO_BIG);
    ring_gaps();
    ring_hostile();
    ring_32();
    record_log(DUMPIO_LITTLE);
    record_log(DUMPIO_BIG);
    record_damage();
    char_log();
    return unit_result();
}
