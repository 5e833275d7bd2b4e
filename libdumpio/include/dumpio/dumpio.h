/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdumpio: read, write and convert Linux kernel crash dumps of every format, for any dumped
 * architecture on any host. This is the whole public interface.
 *
 * Conventions
 *   status     0 (DUMPIO_OK), DUMPIO_END where a walk ends, or a negative DUMPIO_E_* value
 *   addresses  physical addresses of the dumped machine, in bytes
 *   ownership  `T **out` becomes the caller's; a returned `const T *` is borrowed from its object
 *              and valid until that is closed; arguments are borrowed for the call
 *   errors     every function takes a `struct dumpio_error *`, which may be NULL
 *   threads    an open dump may be read by several threads at once; open and close are exclusive
 */
#ifndef DUMPIO_DUMPIO_H
#define DUMPIO_DUMPIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DUMPIO_API __attribute__((visibility("default")))
#else
#define DUMPIO_API
#endif

/* ---- status and errors ------------------------------------------------------------------- */

enum dumpio_status {
    DUMPIO_OK = 0,
    DUMPIO_END = 1,            /* nothing further in this direction */
    DUMPIO_E_ARG = -1,         /* the caller's arguments are wrong */
    DUMPIO_E_NOMEM = -2,
    DUMPIO_E_IO = -3,          /* sys_errno says which */
    DUMPIO_E_FORMAT = -4,      /* not a dump of any known format */
    DUMPIO_E_CORRUPT = -5,     /* a known format with impossible contents */
    DUMPIO_E_TRUNCATED = -6,   /* the file ends too early */
    DUMPIO_E_UNSUPPORTED = -7, /* known, and not done here (codec not built in, ...) */
    DUMPIO_E_EXISTS = -8,      /* output exists and force was not asked for */
    DUMPIO_E_LIMIT = -9,       /* a bound of the environment was reached */
    DUMPIO_E_ABSENT = -10,     /* this memory is not in the dump: hole or excluded */
    DUMPIO_E_LOST = -11,       /* this memory should be in the dump and cannot be read */
    DUMPIO_E_CANCELLED = -12,  /* the progress callback said so */
    DUMPIO_E_INTERNAL = -13    /* a defect of dumpio */
};

#define DUMPIO_NO_OFFSET UINT64_MAX

/* Owned by the caller, never allocates. `message` is one line, without a newline. */
struct dumpio_error {
    int status;       /* enum dumpio_status */
    int sys_errno;    /* of DUMPIO_E_IO; else 0 */
    uint64_t offset;  /* in the file concerned, or DUMPIO_NO_OFFSET */
    char message[480];
};

enum dumpio_level { DUMPIO_WARNING = 0, DUMPIO_NOTE = 1, DUMPIO_DETAIL = 2 };

struct dumpio_progress {
    uint64_t done;   /* bytes of memory handled */
    uint64_t total;  /* bytes of memory to handle; 0 when unknown */
    uint64_t out;    /* bytes written so far */
};

/* Everything that the caller decides. All zero is a good default. */
struct dumpio_env {
    void *user; /* handed to the callbacks */
    /* Called at most every 50 ms, by one thread at a time; nonzero cancels. */
    int (*progress)(void *user, const struct dumpio_progress *p);
    /* One line of text, without newline, by one thread at a time. */
    void (*note)(void *user, enum dumpio_level level, const char *text);
    unsigned threads;      /* workers; 0 = one per online processor */
    uint64_t memory_limit; /* bytes for rings, caches and tables; 0 = DUMPIO_MEMORY_DEFAULT */
    const char *tmpdir;    /* for spools and spilled indexes; NULL = $TMPDIR or /var/tmp */
    int strict;            /* nonzero: the first lost page is an error */
};

#define DUMPIO_MEMORY_DEFAULT (256u << 20)

DUMPIO_API const char *dumpio_version(void);
DUMPIO_API const char *dumpio_strerror(int status);
/* The folder for temporary files: env's, $TMPDIR, /var/tmp, or /tmp where that is not there. */
DUMPIO_API const char *dumpio_tmpdir(const struct dumpio_env *env);

/* ---- what a dump says of itself ---------------------------------------------------------- */

enum dumpio_order { DUMPIO_ORDER_UNKNOWN = 0, DUMPIO_LITTLE = 1, DUMPIO_BIG = 2 };

/* One processor, in the order of the dump's register notes (online processors). */
struct dumpio_cpu {
    uint32_t number;      /* processor number when known, else its place in the list */
    int32_t pid;          /* from the register note; 0 when unknown */
    uint64_t task;        /* task_struct address; 0 when unknown */
    uint64_t stack;       /* kernel stack copy (LKCD); 0 when unknown */
    uint64_t stack_ptr;   /* stack or thread_info that the copy replaces (LKCD) */
    const uint8_t *regs;  /* elf_gregset of the architecture in `info.order`; NULL when unknown */
    uint32_t regs_len;    /* bytes at regs */
    uint32_t has_fpregs;  /* pr_fpvalid */
};

/* An ELF note as stored. Payloads of type 1 "CORE" (NT_PRSTATUS) are in `cpus` too. */
struct dumpio_note {
    const char *name;    /* NUL-terminated */
    uint32_t type;
    uint32_t len;        /* bytes at data */
    const uint8_t *data; /* in `info.note_order` */
};

enum dumpio_level_kind {
    DUMPIO_LEVEL_NONE = 0,      /* the format does not say */
    DUMPIO_LEVEL_MAKEDUMPFILE,  /* 1 zero, 2 cache, 4 cache with private, 8 user, 16 free */
    DUMPIO_LEVEL_DISKDUMP,      /* 1 cache, 2 zero, 4 free, 8 anonymous */
    DUMPIO_LEVEL_LKCD           /* 0 none, 1 header, 2 kernel, 4 used, 8 all */
};

/* A byte range inside one page that is all the dump holds of it. */
struct dumpio_partial {
    uint64_t start, end; /* physical, [start, end), inside one page */
};

/* Parts of the model that the memory told and not the file. */
enum dumpio_from_memory { DUMPIO_FROM_MEMORY_UTS = 1, DUMPIO_FROM_MEMORY_PANIC = 2 };

enum {
    DUMPIO_SYSNAME, DUMPIO_NODENAME, DUMPIO_RELEASE, DUMPIO_KVERSION, DUMPIO_MACHINE,
    DUMPIO_DOMAINNAME, DUMPIO_UTS_FIELDS
};

#define DUMPIO_UNKNOWN_TIME INT64_MIN

/* The format-neutral model of a dump without its memory. Strings are never NULL, may be empty. */
struct dumpio_info {
    /* the file */
    const char *format;         /* "elf", "kdump", ... */
    const char *containers;     /* layers around it, outermost first: "flattened"; "" when none */
    const char *variant;        /* of the format: "kdump", "netdump", "qemu", ...; "" none */
    int32_t version;            /* header version, -1 when the format has none */
    uint32_t parts;             /* files of a split set; 1 otherwise */
    int forward;                /* a stream that is read once, in order; see dumpio_open_options */
    uint64_t file_size;         /* bytes of all parts; 0 of such a stream */
    enum dumpio_order file_order; /* byte order of the container's structures */
    uint32_t file_word;         /* 4 or 8: word size of the container's structures, 0 when n/a */
    uint32_t unit;              /* bytes of memory stored as one item; power of two */
    uint64_t end_addr;          /* no memory at or above this address */

    /* the machine */
    const char *arch;           /* "x86_64", "i386", "aarch64", "ppc64", "s390x", ...; "" unknown */
    enum dumpio_order order;    /* byte order of its memory */
    enum dumpio_order note_order; /* byte order inside notes */
    uint32_t word;              /* 4 or 8 */
    uint32_t page_size;         /* of the kernel; power of two */
    uint32_t nr_cpus;           /* as the header says, or the number of register notes */

    /* the kernel */
    const char *uts[DUMPIO_UTS_FIELDS];
    const char *build_id;       /* hex digits */
    const char *vmcoreinfo;     /* the text */
    uint32_t vmcoreinfo_len;
    int vmcoreinfo_found;       /* 0 none, 1 in the file, 2 found in memory */
    uint64_t phys_base;         /* see has_phys_base; the kernel's value, may wrap below 0 */
    int has_phys_base;
    uint64_t page_offset;       /* base of the direct map; 0 when unknown */

    /* the crash */
    const char *panic;          /* panic string: the file's, else what the kernel log says */
    const char *taint;          /* letters of the last "Tainted:" in the log; "" none or unknown */
    const char *hardware;       /* "Hardware name:" in the log */
    uint64_t panic_task;        /* 0 when unknown */
    int32_t panic_cpu;          /* index into cpus, -1 unknown */
    int64_t dump_sec;           /* when dumped; DUMPIO_UNKNOWN_TIME */
    int32_t dump_usec;
    int64_t crash_sec;          /* when crashed, CRASHTIME */

    int carried;                /* a carried block of dumpio's was found in the file */
    unsigned from_memory;       /* enum dumpio_from_memory: found by dumpio_explore */

    /* the contents */
    uint32_t dump_level;
    enum dumpio_level_kind dump_level_kind;
    int incomplete;             /* the writer marked it so */
    int truncated;              /* the file ends before its structures do */
    const char *eraseinfo;      /* text of removed symbols */
    uint32_t eraseinfo_len;
    const char *extras;         /* format-specific leftovers, lines of KEY=VALUE */
    const char *provenance;     /* what dumpio tools did to it, text of their notes */

    const struct dumpio_cpu *cpus;
    uint32_t n_cpus;
    const struct dumpio_note *notes;
    uint32_t n_notes;
    const struct dumpio_partial *partials; /* ascending */
    uint32_t n_partials;
};

/* ---- open, look, read --------------------------------------------------------------------- */

struct dumpio_dump;

struct dumpio_keys;

/* Containers that must be unpacked whole: how many times the size of their file they may give. */
#define DUMPIO_EXPANSION_DEFAULT 1000u
#define DUMPIO_EXPANSION_ANY UINT32_MAX

struct dumpio_open_options {
    const char *from;   /* format name; NULL = detect. Needed for "raw" only */
    const char *arch;   /* for formats that do not say: architecture; NULL = unknown */
    uint32_t page_size; /* likewise; 0 = 4096 */
    const char *vmlinux;    /* the kernel's image with DWARF and symbols: facts that VMCOREINFO
                               lacks; NULL = none */
    const char *vmcoreinfo; /* file with a VMCOREINFO text, instead of the dump's; NULL = none */
    const struct dumpio_keys *keys; /* to open encrypted files with (dumpio/crypt.h); NULL = none */
    uint32_t max_expansion; /* 0 = DUMPIO_EXPANSION_DEFAULT. 64 MiB are always allowed, and of
                               zeros, which take no room, sixteen times as much */
    int salvage; /* open what is damaged, and give what can be read; see dumpio/salvage.h */
    const char *forward; /* what a stream is for. NULL = anything: it is spooled to a temporary file.
                            Else its memory is read once, by one dumpio_convert to the format named
                            here, by one dumpio_verify ("verify"), or not at all ("info"): in order
                            and without a spool, where that is possible and the result is the same */
    int no_spool;        /* DUMPIO_E_UNSUPPORTED in place of a spool. With `forward`, what only a
                            look into the memory would tell may be missing in the result */
};

/*
 * Open one dump, held in `n` files (a split set in any order). "-" is standard input.
 * Errors: DUMPIO_E_IO, _FORMAT, _CORRUPT, _TRUNCATED, _UNSUPPORTED, _NOMEM, _ARG.
 */
DUMPIO_API int dumpio_open(struct dumpio_dump **out, const char *const *paths, size_t n,
                           const struct dumpio_open_options *options,
                           const struct dumpio_env *env, struct dumpio_error *err);
DUMPIO_API void dumpio_close(struct dumpio_dump *dump); /* NULL allowed */

DUMPIO_API const struct dumpio_info *dumpio_get_info(const struct dumpio_dump *dump);

enum dumpio_kind {
    DUMPIO_PRESENT = 1,  /* stored (zeros count) */
    DUMPIO_EXCLUDED = 2, /* memory of the machine, left out on purpose */
    DUMPIO_LOST = 3      /* should be there; truncated or damaged */
};

struct dumpio_run {
    uint64_t start, end;   /* [start, end) */
    enum dumpio_kind kind; /* holes are the gaps between runs */
};

/*
 * The lowest run with end > addr, cut at addr. Runs ascend and do not overlap; neighbours may have
 * the same kind. A PRESENT run may still hold single pages that turn out lost when read.
 * Returns 0, DUMPIO_END, or an error.
 */
DUMPIO_API int dumpio_next_run(struct dumpio_dump *dump, uint64_t addr, struct dumpio_run *run,
                               struct dumpio_error *err);

/*
 * Read `len` bytes of memory at addr. All or nothing: DUMPIO_E_ABSENT or DUMPIO_E_LOST when a byte
 * is not there, err->offset is then 0 and the message names the address.
 */
DUMPIO_API int dumpio_read(struct dumpio_dump *dump, uint64_t addr, void *buf, size_t len,
                           struct dumpio_error *err);

/*
 * Look into the memory for what the file itself does not tell: VMCOREINFO, the true byte order of
 * the memory, the kernel's address layout; the model is completed with it. Not while other threads
 * use the dump. Returns 0 also when nothing was found; `why` (NULL allowed) then says why the
 * kernel's page tables could not be used. Conversions do this by themselves.
 */
DUMPIO_API int dumpio_explore(struct dumpio_dump *dump, struct dumpio_error *why);

/*
 * Read `len` bytes at a virtual address of the dumped kernel, by its page tables: all or nothing.
 * Explores the dump where that was not done yet. Errors: what dumpio_explore found missing;
 * DUMPIO_E_ABSENT, _LOST as of dumpio_read, or where nothing is mapped.
 */
DUMPIO_API int dumpio_read_virtual(struct dumpio_dump *dump, uint64_t addr, void *buf, size_t len,
                                   struct dumpio_error *err);

/* The kernel log, oldest record first. `sink` gets text in pieces; nonzero from it stops. */
DUMPIO_API int dumpio_dmesg(struct dumpio_dump *dump, int (*sink)(void *user, const char *text,
                            size_t len), void *user, struct dumpio_error *err);

/* Value of "KEY=" in VMCOREINFO: pointer to it and its length in *len; NULL when absent. */
DUMPIO_API const char *dumpio_vmcoreinfo(const struct dumpio_dump *dump, const char *key,
                                         size_t *len);

/* ---- what the dumped kernel says of its pages ------------------------------------------------ */

enum dumpio_class {
    DUMPIO_CLASS_KERNEL = 0, /* the kernel's, or of no owner that can be proved */
    DUMPIO_CLASS_CACHE,      /* page cache without private data */
    DUMPIO_CLASS_PRIVATE,    /* page cache with private data of its file system */
    DUMPIO_CLASS_USER,       /* of processes: anonymous, hugetlb */
    DUMPIO_CLASS_FREE,       /* of the buddy allocator, or not accepted yet */
    DUMPIO_CLASS_FREED,      /* freed, and parked on a processor's own list */
    DUMPIO_CLASS_HWPOISON,   /* marked as broken memory */
    DUMPIO_CLASS_OFFLINE,    /* given back to the hypervisor */
    DUMPIO_CLASS_NO_RECORD,  /* no struct page: the kernel does not manage it (ROM, for example) */
    DUMPIO_CLASS_UNKNOWN,    /* its struct page cannot be read */
    DUMPIO_CLASSES
};

/* Bits of a set of classes. ZERO is no class of the kernel's: pages that hold zeros only. */
#define DUMPIO_BIT(class_) (1u << (class_))
#define DUMPIO_EXCLUDE_ZERO (1u << 31)

/* "kernel", "cache", "private", "user", "free", "freed", "hwpoison", "offline", "no-record",
 * "unknown". */
DUMPIO_API const char *dumpio_class_name(enum dumpio_class c);

/*
 * The set that one of makedumpfile's levels 0 to 31 leaves out. Broken (HWPOISON) and OFFLINE pages
 * are in it with any of 2, 4, 8 and 16. makedumpfile leaves them out at 0 and 1 too; these levels
 * ask nothing of the kernel here, so that they work for every dump.
 */
DUMPIO_API unsigned dumpio_level_set(unsigned level);

struct dumpio_classes;

struct dumpio_classify_options {
    int keep_unknown; /* where the kernel cannot be understood, classify as UNKNOWN; no error. So
                         are frames, and no more, whose struct pages the dump has lost */
    int freed;        /* look for FREED pages (else they are KERNEL) */
};

/*
 * Classify every frame below the dump's end that the kernel has a struct page for. Fails
 * (DUMPIO_E_ABSENT, _UNSUPPORTED, _CORRUPT) when a fact is missing or the result contradicts itself;
 * the message says which fact, and how to supply it. The result is independent of the dump, but for
 * its memory.
 */
DUMPIO_API int dumpio_classify(struct dumpio_dump *dump,
                               const struct dumpio_classify_options *options,
                               struct dumpio_classes **out, const struct dumpio_env *env,
                               struct dumpio_error *err);
DUMPIO_API void dumpio_classes_free(struct dumpio_classes *c); /* NULL allowed */

struct dumpio_class_run {
    uint64_t start, end; /* physical, [start, end), multiples of the kernel's page size */
    enum dumpio_class class_;
};

/*
 * The lowest run with end > addr, cut at addr: runs ascend and touch, from 0 to UINT64_MAX.
 * Frames without a struct page are NO_RECORD. 0, DUMPIO_END or an error. One thread at a time.
 */
DUMPIO_API int dumpio_classes_next(struct dumpio_classes *c, uint64_t addr,
                                   struct dumpio_class_run *run, struct dumpio_error *err);

struct dumpio_node {
    unsigned id;
    uint64_t start, end; /* physical span; nodes may interleave */
};

struct dumpio_classes_info {
    uint32_t page_size;
    const char *memory_model;         /* "flatmem", "discontigmem", "sparsemem" */
    uint64_t records;                 /* frames with a struct page, below the dump's end */
    uint64_t pages[DUMPIO_CLASSES];   /* of them; NO_RECORD: 0 */
    uint64_t held[DUMPIO_CLASSES];    /* pages that the dump holds */
    const struct dumpio_node *nodes;  /* ascending id; none when the kernel does not tell */
    size_t n_nodes;
    const char *unknown_why;          /* with keep_unknown: what could not be established; or "".
                                         records 0: nothing; else there are UNKNOWN frames */
};
DUMPIO_API const struct dumpio_classes_info *dumpio_classes_get_info(
    const struct dumpio_classes *c);

/*
 * Remove the temporary files of all outputs that are being written. Async-signal-safe: for handlers
 * of signals that end the process.
 */
DUMPIO_API void dumpio_remove_unfinished(void);

/* ---- convert ------------------------------------------------------------------------------- */

struct dumpio_range {
    uint64_t start, end; /* physical, [start, end) */
};

/* What to leave out. */
struct dumpio_filter {
    unsigned exclude;               /* set of classes, and DUMPIO_EXCLUDE_ZERO */
    struct dumpio_classes *classes; /* of the same dump; needed for any class */
    const struct dumpio_range *only; /* ascending, disjoint; n_only 0 = everything */
    size_t n_only;
    const struct dumpio_range *drop; /* ascending, disjoint: left out whatever is there */
    size_t n_drop;                  /* a page that a range cuts is kept whole, and a note tells */
    int redact;                     /* write zero pages in place of what is left out */
    uint64_t max_bytes;             /* of output; more is DUMPIO_E_LIMIT. 0 = any */
    const char *provenance;         /* lines for the output's provenance; NULL = none */
};

struct dumpio_manifest_options;

struct dumpio_convert_options {
    const char *format; /* target */
    const char *codec;  /* NULL: the input's where the target has it, else the target's default */
    int level;          /* of the codec; DUMPIO_LEVEL_DEFAULT */
    int force;          /* replace an existing target */
    int ram_only;       /* drop frames that the kernel's memory map does not know */
    int flatten;        /* write a flattened stream even to a file */
    int no_sync;        /* do not wait for the disk */
    int keep_partial;   /* when stopped by the progress callback, finish what was reached: the rest
                           is lost in it, and it is marked incomplete where the target can be */
    int no_share;       /* store identical pages anew, where the target could store them once */
    const struct dumpio_filter *filter; /* NULL = everything */
    const char *wrap;   /* containers around the output: "zst", "zst,age", "none"; NULL: as the
                           suffixes of its name say */
    int wrap_level;     /* of the compressing container; 0 = its default */
    const struct dumpio_keys *keys; /* encrypt for their recipients; NULL = do not encrypt */
    const struct dumpio_manifest_options *manifest; /* dumpio/manifest.h; NULL = write none */
    /* NULL, or told of each range that is lost, ascending, by one thread; with env->user. */
    void (*lost)(void *user, const struct dumpio_run *run, const char *why);
};

#define DUMPIO_LEVEL_DEFAULT INT32_MIN

struct dumpio_convert_result {
    uint64_t pages;        /* pages written */
    uint64_t zero_pages;   /* of them, all zero */
    uint64_t passed_pages; /* of them, taken over without recompression */
    uint64_t shared_pages; /* of them, stored as one with an identical page (not all zero) */
    uint64_t lost_pages;   /* pages that should be there and are not */
    uint64_t unreached_pages; /* with keep_partial: not written, because it was stopped */
    uint64_t dropped_pages;/* by ram_only */
    uint64_t excluded_pages[DUMPIO_CLASSES]; /* that the dump held and the filter left out */
    uint64_t range_pages;  /* likewise, by only and drop */
    uint64_t unknown_pages;/* written, for they could not be classified */
    uint64_t unproved_pages;/* written, of a dump that is salvaged: stored plain, so that nothing in
                              the dump shows whether they were damaged */
    uint64_t out_bytes;    /* bytes written */
};

/*
 * Write `dump` to `path` ("-" = standard output). The target appears under its name only when
 * whole. Lost pages are marked where the target can mark them, counted, and no error unless
 * env->strict. `result` may be NULL. Stopped by env->progress: DUMPIO_E_CANCELLED, and nothing is
 * left, unless options->keep_partial: then 0, and result->unreached_pages is not 0.
 */
DUMPIO_API int dumpio_convert(struct dumpio_dump *dump, const char *path,
                              const struct dumpio_convert_options *options,
                              struct dumpio_convert_result *result,
                              const struct dumpio_env *env, struct dumpio_error *err);

/* ---- see it as another format, without writing it ---------------------------------------------- */

struct dumpio_view;

/*
 * The file that dumpio_convert would write to a stream, at random access: for formats of plain
 * pages in a fixed layout ("elf", "raw"; DUMPIO_E_ARG for others). Nothing is decoded before it is
 * read. The dump must stay open longer than the view; `env` is for this call.
 */
DUMPIO_API int dumpio_view_open(struct dumpio_view **out, struct dumpio_dump *dump,
                                const char *format, const struct dumpio_env *env,
                                struct dumpio_error *err);
DUMPIO_API void dumpio_view_close(struct dumpio_view *view); /* NULL allowed */

DUMPIO_API uint64_t dumpio_view_size(const struct dumpio_view *view); /* bytes */

/*
 * Read at most `len` bytes at `off`; *got is less only where the file ends. DUMPIO_E_LOST for pages
 * that the conversion would find lost. By several threads at once.
 */
DUMPIO_API int dumpio_view_read(struct dumpio_view *view, uint64_t off, void *buf, size_t len,
                                size_t *got, struct dumpio_error *err);

/*
 * The first piece of the file with end > off that is not a hole, cut at off: all else is zero.
 * Pieces may touch. 0, DUMPIO_END or an error.
 */
DUMPIO_API int dumpio_view_next_data(struct dumpio_view *view, uint64_t off,
                                     struct dumpio_range *piece, struct dumpio_error *err);

struct dumpio_estimate {
    const char *codec; /* of the format; NULL when it has none */
    uint64_t bytes;    /* of output, about */
};

/*
 * How large would the output be, for every codec of options->format? Pages are packed in samples of
 * at most 32 MiB in all. `list` has room for `cap` results; *n were made. *kept and *excluded: pages
 * of the input that would be written, and that the filter leaves out. Needs no output.
 */
DUMPIO_API int dumpio_estimate(struct dumpio_dump *dump,
                               const struct dumpio_convert_options *options,
                               const struct dumpio_filter *filter, struct dumpio_estimate *list,
                               size_t cap, size_t *n, uint64_t *kept, uint64_t *excluded,
                               const struct dumpio_env *env, struct dumpio_error *err);

/* ---- prove --------------------------------------------------------------------------------- */

#define DUMPIO_DIGEST_SIZE 32

struct dumpio_verify_result {
    uint64_t present_pages; /* of info.unit bytes, and so below */
    uint64_t zero_pages;
    uint64_t excluded_pages;
    uint64_t lost_pages;
    uint64_t partial_pages;
    uint64_t stored_bytes;  /* payload bytes of the present pages */
    struct { const char *codec; uint64_t pages, bytes; } codecs[8]; /* codec NULL ends */
    unsigned char digest[DUMPIO_DIGEST_SIZE]; /* the image digest, docs/image-digest.md */
};

/*
 * Decode every page. `lost` (may be NULL) is called for each unreadable range, ascending, with its
 * first page's reason. Lost pages are no error of this call. `with_digest` 0 leaves the digest out.
 */
DUMPIO_API int dumpio_verify(struct dumpio_dump *dump, int with_digest,
                             void (*lost)(void *user, const struct dumpio_run *run,
                                          const char *why),
                             void *user, struct dumpio_verify_result *result,
                             const struct dumpio_env *env, struct dumpio_error *err);

enum dumpio_difference {
    DUMPIO_SAME = 0,
    DUMPIO_DIFF_CONTENT,  /* bytes differ */
    DUMPIO_DIFF_PRESENCE, /* present in one only */
    DUMPIO_DIFF_LOST      /* lost in one, so it cannot be told */
};

struct dumpio_compare_result {
    enum dumpio_difference difference;
    uint64_t addr;   /* the first difference: address of the byte */
    uint64_t frames; /* 4 KiB frames compared */
};

/* Is it the same memory? Stops at the first difference. */
DUMPIO_API int dumpio_compare(struct dumpio_dump *a, struct dumpio_dump *b,
                              struct dumpio_compare_result *result,
                              const struct dumpio_env *env, struct dumpio_error *err);

/* ---- what this library can do --------------------------------------------------------------- */

struct dumpio_format_info {
    const char *name;
    const char *title;       /* one line */
    int reads, writes;
    int holds_absent;        /* tells memory that is not there from zeros (raw does not) */
    const char *codecs[16];  /* names valid after "FORMAT:", the default first; NULL ends */
    unsigned missing_codecs; /* bit i: codecs[i] is not built in, pages in it are errors */
};

/* Describe the i-th format, in the order of the registry. 0, or DUMPIO_END behind the last. */
DUMPIO_API int dumpio_format_at(size_t i, struct dumpio_format_info *info);

#ifdef __cplusplus
}
#endif
#endif
