/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open dump: its model, map and memory.
 */
#include "py.h"

#include <stdlib.h>

/* ---- life ---------------------------------------------------------------------------------------- */

bool dump_enter(struct dump *d)
{
    if (d->closed) {
        PyErr_SetString(PyExc_ValueError, "the dump is closed");
        return false;
    }
    d->users++;
    return true;
}

static void close_now(struct dump *d)
{
    struct dumpio_dump *dump = d->dump;
    d->dump = NULL;
    if (!dump)
        return;
    Py_BEGIN_ALLOW_THREADS
    dumpio_close(dump);
    Py_END_ALLOW_THREADS
}

void dump_leave(struct dump *d)
{
    if (!--d->users && d->closed)
        close_now(d);
}

/* The paths (a tuple of bytes) as C strings; the array is the caller's. NULL with an exception. */
static const char **path_list(PyObject *paths, size_t *n)
{
    *n = (size_t)PyTuple_Size(paths);
    const char **list = calloc(*n ? *n : 1, sizeof *list);
    if (!list)
        return (const char **)(uintptr_t)PyErr_NoMemory();
    for (size_t i = 0; i < *n; i++) {
        list[i] = PyBytes_AsString(PyTuple_GetItem(paths, (Py_ssize_t)i));
        if (!list[i]) {
            free(list);
            return NULL;
        }
    }
    return list;
}

static bool read_options(PyObject *dict, struct dumpio_open_options *o, struct dumpio_env *env)
{
    uint64_t page_size = 0, threads = 0;
    if (!get_text(dict, "format", &o->from) || !get_text(dict, "arch", &o->arch) ||
        !get_text(dict, "vmlinux", &o->vmlinux) || !get_text(dict, "vmcoreinfo", &o->vmcoreinfo) ||
        !get_text(dict, "tmpdir", &env->tmpdir) ||
        !get_u64(dict, "page_size", UINT32_MAX, &page_size) ||
        !get_u64(dict, "threads", UINT32_MAX, &threads) ||
        !get_u64(dict, "memory_limit", UINT64_MAX, &env->memory_limit))
        return false;
    o->page_size = (uint32_t)page_size;
    env->threads = (unsigned)threads;
    return true;
}

static int open_and_explore(struct dump *d, const char *const *paths, size_t n,
                            const struct dumpio_open_options *o, const struct dumpio_env *env,
                            struct dumpio_error *err)
{
    int rc;
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_open(&d->dump, paths, n, o, env, err);
    if (!rc)
        dumpio_explore(d->dump, NULL); /* now, for no other thread may use the dump meanwhile */
    Py_END_ALLOW_THREADS
    return rc;
}

/* Dump(paths, options, keys, note) */
static PyObject *dump_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *paths, *dict, *keys, *note;
    struct dumpio_open_options o = {0};
    struct dumpio_env env = {0};
    struct dumpio_error err = {0};
    size_t n;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!O!OO:Dump", &PyTuple_Type, &paths, &PyDict_Type, &dict, &keys,
                          &note) ||
        !keys_check(keys) || !read_options(dict, &o, &env))
        return NULL;
    const char **list = path_list(paths, &n);
    if (!list)
        return NULL;
    struct dump *d = (struct dump *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!d) {
        free(list);
        return NULL;
    }
    struct keys *k = keys == Py_None ? NULL : (struct keys *)keys;
    d->keys = Py_NewRef(keys);
    d->options = Py_NewRef(dict);
    d->hooks.note = Py_NewRef(note);
    hooks_env(&d->hooks, &env);
    o.keys = k ? k->keys : NULL;
    int rc = open_and_explore(d, list, n, &o, &env, &err);
    free(list);
    if (!rc && !d->hooks.type)
        return (PyObject *)d;
    raise_error(&err, k && k->hooks.type ? &k->hooks : &d->hooks);
    PyObject *kind, *value, *tb;
    PyErr_Fetch(&kind, &value, &tb);
    Py_DECREF((PyObject *)d);
    PyErr_Restore(kind, value, tb);
    return NULL;
}

static void dump_dealloc(PyObject *self)
{
    struct dump *d = (struct dump *)self;
    PyTypeObject *type = Py_TYPE(self);
    close_now(d);
    hooks_clear(&d->hooks);
    Py_CLEAR(d->hooks.note);
    Py_CLEAR(d->keys);
    Py_CLEAR(d->options);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *dump_close(PyObject *self, PyObject *none)
{
    struct dump *d = (struct dump *)self;
    (void)none;
    if (!d->closed) {
        d->closed = true;
        if (!d->users)
            close_now(d);
    }
    return Py_NewRef(Py_None);
}

/* ---- model and map --------------------------------------------------------------------------------- */

static PyObject *dump_info(PyObject *self, PyObject *none)
{
    struct dump *d = (struct dump *)self;
    (void)none;
    if (!dump_enter(d))
        return NULL;
    PyObject *r = info_dict(dumpio_get_info(d->dump));
    dump_leave(d);
    return r;
}

/* next_run(address) -> (start, end, kind), or None behind the last */
static PyObject *dump_next_run(PyObject *self, PyObject *args)
{
    struct dump *d = (struct dump *)self;
    struct dumpio_error err = {0};
    struct dumpio_run run;
    uint64_t addr;
    int rc;
    if (!PyArg_ParseTuple(args, "O&", get_address, &addr) || !dump_enter(d))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_next_run(d->dump, addr, &run, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    if (rc < 0)
        return raise_error(&err, &d->hooks);
    if (rc == DUMPIO_END)
        return Py_NewRef(Py_None);
    return Py_BuildValue("(KKi)", (unsigned long long)run.start, (unsigned long long)run.end,
                         (int)run.kind);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static PyObject *read_with(PyObject *self, PyObject *args,
                           int (*read)(struct dumpio_dump *dump, uint64_t addr, void *buf,
                                       size_t len, struct dumpio_error *err))
{
    struct dump *d = (struct dump *)self;
    struct dumpio_error err = {0};
    uint64_t addr;
    Py_ssize_t len;
    int rc;
    if (!PyArg_ParseTuple(args, "O&n", get_address, &addr, &len))
        return NULL;
    if (len < 0) {
        PyErr_SetString(PyExc_ValueError, "a length is not negative");
        return NULL;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, len);
    if (!bytes || !dump_enter(d)) {
        Py_XDECREF(bytes);
        return NULL;
    }
    void *buf = PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS
    rc = read(d->dump, addr, buf, (size_t)len, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    if (!rc)
        return bytes;
    Py_DECREF(bytes);
    return raise_error(&err, &d->hooks);
}

static PyObject *dump_read(PyObject *self, PyObject *args)
{
    return read_with(self, args, dumpio_read);
}

static PyObject *dump_read_virtual(PyObject *self, PyObject *args)
{
    return read_with(self, args, dumpio_read_virtual);
}

#define ZERO_PAGE 0 /* beside enum dumpio_kind, in what read_pages gives */

static char kind_of(const char *page, size_t n)
{
    return !page[0] && !memcmp(page, page + 1, n - 1) ? ZERO_PAGE : DUMPIO_PRESENT;
}

/* Pages of [addr, addr + len), all of them in one PRESENT run; one that turns out lost is zeroed. */
static int read_pages(struct dumpio_dump *dump, uint64_t addr, char *buf, size_t len, size_t page,
                      char *kinds, struct dumpio_error *err)
{
    bool whole = !dumpio_read(dump, addr, buf, len, err);
    for (size_t at = 0; at < len; at += page) {
        size_t n = len - at < page ? len - at : page;
        int rc = whole ? 0 : dumpio_read(dump, addr + at, buf + at, n, err);
        if (rc && rc != DUMPIO_E_LOST)
            return rc;
        if (rc)
            memset(buf + at, 0, n);
        *kinds++ = rc ? DUMPIO_LOST : kind_of(buf + at, n);
    }
    return 0;
}

/* read_pages(address, length, page) -> (bytes, kinds): one byte of kinds for each page */
static PyObject *dump_read_pages(PyObject *self, PyObject *args)
{
    struct dump *d = (struct dump *)self;
    struct dumpio_error err = {0};
    uint64_t addr;
    Py_ssize_t len, page;
    int rc;
    if (!PyArg_ParseTuple(args, "O&nn", get_address, &addr, &len, &page))
        return NULL;
    if (len <= 0 || page <= 0) {
        PyErr_SetString(PyExc_ValueError, "length and page size are more than 0");
        return NULL;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, len);
    PyObject *kinds = PyBytes_FromStringAndSize(NULL, (len - 1) / page + 1);
    if (!bytes || !kinds || !dump_enter(d)) {
        Py_XDECREF(bytes);
        Py_XDECREF(kinds);
        return NULL;
    }
    char *buf = PyBytes_AsString(bytes), *k = PyBytes_AsString(kinds);
    Py_BEGIN_ALLOW_THREADS
    rc = read_pages(d->dump, addr, buf, (size_t)len, (size_t)page, k, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    if (!rc)
        return Py_BuildValue("(NN)", bytes, kinds);
    Py_DECREF(bytes);
    Py_DECREF(kinds);
    return raise_error(&err, &d->hooks);
}

/* ---- the log ------------------------------------------------------------------------------------------- */

struct text {
    char *v;
    size_t len, room;
    bool failed; /* out of memory */
};

static int add_text(void *user, const char *piece, size_t len)
{
    struct text *t = user;
    if (len > t->room - t->len) {
        size_t room = t->room * 2 + len;
        char *v = realloc(t->v, room);
        if (!v) {
            t->failed = true;
            return 1;
        }
        t->v = v;
        t->room = room;
    }
    memcpy(t->v + t->len, piece, len);
    t->len += len;
    return 0;
}

static PyObject *dump_dmesg(PyObject *self, PyObject *none)
{
    struct dump *d = (struct dump *)self;
    struct dumpio_error err = {0};
    struct text t = {0};
    int rc;
    (void)none;
    if (!dump_enter(d))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_dmesg(d->dump, add_text, &t, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    PyObject *r = t.failed ? PyErr_NoMemory()
                  : rc     ? raise_error(&err, &d->hooks)
                           : PyBytes_FromStringAndSize(t.v ? t.v : "", (Py_ssize_t)t.len);
    free(t.v);
    return r;
}

static PyMethodDef methods[] = {
    {"close", dump_close, METH_NOARGS, "close()"},
    {"info", dump_info, METH_NOARGS, "info() -> dict"},
    {"next_run", dump_next_run, METH_VARARGS, "next_run(address) -> (start, end, kind) or None"},
    {"read", dump_read, METH_VARARGS, "read(address, length) -> bytes"},
    {"read_virtual", dump_read_virtual, METH_VARARGS, "read_virtual(address, length) -> bytes"},
    {"read_pages", dump_read_pages, METH_VARARGS,
     "read_pages(address, length, page) -> (bytes, kinds)"},
    {"dmesg", dump_dmesg, METH_NOARGS, "dmesg() -> bytes"},
    {"classify", dump_classify, METH_VARARGS, "classify(options, progress, note) -> Classes"},
    {"convert", dump_convert, METH_VARARGS,
     "convert(path, options, filter, classes, keys, progress, note) -> dict"},
    {"view", dump_view, METH_VARARGS, "view(format) -> View"},
    {"verify", dump_verify, METH_VARARGS, "verify(with_digest, threads, progress) -> dict"},
    {"compare", dump_compare, METH_VARARGS, "compare(other, threads, progress) -> tuple"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)"Dump(paths, options, keys, note): an open dump."},
    {Py_tp_new, (void *)(uintptr_t)dump_new},
    {Py_tp_dealloc, (void *)(uintptr_t)dump_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec dump_spec = {"dumpio._dumpio.Dump", sizeof(struct dump), 0, Py_TPFLAGS_DEFAULT, slots};
