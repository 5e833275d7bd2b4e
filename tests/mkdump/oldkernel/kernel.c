/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of a kernel of 2004 or 2006 by which a dump is understood, for a vmlinux with their
 * types. Their values are written into the memory image by machine.py.
 * Format reference: mm/page_alloc.c, mm/memory.c, kernel/printk.c, init/version.c, arch head.S.
 * Not handled: code; nothing of this runs.
 *
 * RELEASE and BUILD are those of utsname; PGDAT_LIST, NODE_DATA and MEM_MAP say which
 * variables there are.
 */
#include "kernel.h"

#define USED __attribute__((used))
#define BANNER "Linux version " RELEASE " (bob@builder) (gcc version 3.4.3) " BUILD "\n"
#define LOG_BUF_LEN 16384

/* ---- text and page tables, as head.S lays them out ------------------------------------------- */

#if BITS_PER_LONG == 64
__asm__(".section .text.head, \"ax\"\n"
        ".globl _stext\n_stext:\n"
        "startup_64: .fill 64, 4, 0x90c3f4fa\n"
        ".balign 4096\n"
        ".globl init_level4_pgt\ninit_level4_pgt: .fill 512, 8, 0\n"
        ".globl level3_ident_pgt\nlevel3_ident_pgt: .fill 512, 8, 0\n"
        ".globl level3_kernel_pgt\nlevel3_kernel_pgt: .fill 512, 8, 0\n"
        ".globl level2_ident_pgt\nlevel2_ident_pgt: .fill 512, 8, 0\n"
        ".globl level2_kernel_pgt\nlevel2_kernel_pgt: .fill 512, 8, 0\n"
        ".globl level3_physmem_pgt\nlevel3_physmem_pgt: .fill 512, 8, 0\n"
        ".globl empty_zero_page\nempty_zero_page: .fill 512, 8, 0\n"
        ".previous\n");
#else
__asm__(".section .text.head, \"ax\"\n"
        ".globl _stext\n_stext:\n"
        "startup_32: .fill 64, 4, 0x90c3f4fa\n"
        ".previous\n"
        ".section .bss.page_aligned, \"aw\", @nobits\n"
        ".balign 4096\n"
        ".globl swapper_pg_dir\nswapper_pg_dir: .fill 4096, 1, 0\n"
        ".globl empty_zero_page\nempty_zero_page: .fill 4096, 1, 0\n"
        ".previous\n");
#endif

/* Functions built for size begin at odd addresses too. */
__asm__(".text\n.balign 16\n.byte 0x90\n"
        ".globl free_huge_page\nfree_huge_page: .fill 31, 1, 0xc3\n");

/* ---- memory ---------------------------------------------------------------------------------- */

#ifdef MEM_MAP
struct page *mem_map;
pg_data_t contig_page_data;
#endif
unsigned long max_mapnr, max_low_pfn;
#if OLD
unsigned long node_online_map[1];
int numnodes = 1;
struct zone *zone_table[1 << 8];
#else
nodemask_t node_online_map;
#endif
#ifdef PGDAT_LIST
struct pglist_data *pgdat_list;
#endif
#ifdef NODE_DATA
struct pglist_data *node_data[MAX_NUMNODES];
#endif

#if BITS_PER_LONG == 32
#ifdef PAE
#define LAST_PKMAP 512
#else
#define LAST_PKMAP 1024
#endif
static int pkmap_count[LAST_PKMAP] USED;
static unsigned int last_pkmap_nr USED;
pte_t *pkmap_page_table;
#endif
pgd_t *boot_pgd;

/* ---- names and log --------------------------------------------------------------------------- */

struct new_utsname system_utsname = {
    "Linux", "oldhost", RELEASE, BUILD, MACHINE, "(none)"
};

#if OLD
const char *linux_banner = BANNER;
#else
const char linux_banner[] = BANNER;
#endif

static char __log_buf[LOG_BUF_LEN] USED;
static char *log_buf USED = __log_buf;
static int log_buf_len USED = LOG_BUF_LEN;
static unsigned long log_start USED, con_start USED, log_end USED, logged_chars USED;
