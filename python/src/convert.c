/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs over a whole dump: convert, verify, compare.
 */
#include "py.h"

#include <stdlib.h>

/* ---- convert --------------------------------------------------------------------------------------- */

struct request {
    const char *path;
    struct dumpio_convert_options options;
    struct dumpio_filter filter;
    struct dumpio_range *only, *drop;
    struct classes *classes;
    struct dumpio_env env;
    struct hooks hooks;
};

/* A list of (start, end); *v is the caller's. */
static bool get_ranges(PyObject *dict, const char *key, struct dumpio_range **v, size_t *n)
{
    PyObject *list = PyDict_GetItemString(dict, key);
    if (!list || list == Py_None)
        return true;
    Py_ssize_t len = PyList_Size(list);
    if (len < 0)
        return false;
    *v = calloc((size_t)len + 1, sizeof **v);
    if (!*v) {
        PyErr_NoMemory();
        return false;
    }
    *n = (size_t)len;
    for (Py_ssize_t i = 0; i < len; i++) {
        struct dumpio_range *r = &(*v)[i];
        if (!PyArg_ParseTuple(PyList_GetItem(list, i), "O&O&", get_address, &r->start,
                              get_address, &r->end))
            return false;
    }
    return true;
}

static bool get_level(PyObject *dict, int *level)
{
    PyObject *v = PyDict_GetItemString(dict, "level");
    *level = DUMPIO_LEVEL_DEFAULT;
    if (!v || v == Py_None)
        return true;
    long n = PyLong_AsLong(v);
    if (PyErr_Occurred())
        return false;
    if (n < -1000 || n > 1000) {
        PyErr_SetString(PyExc_ValueError, "no codec has such a level");
        return false;
    }
    *level = (int)n;
    return true;
}

static bool get_env(PyObject *dict, struct dumpio_env *env)
{
    uint64_t threads = 0;
    bool good = get_u64(dict, "threads", UINT32_MAX, &threads) &&
                get_u64(dict, "memory_limit", UINT64_MAX, &env->memory_limit) &&
                get_text(dict, "tmpdir", &env->tmpdir) && get_flag(dict, "strict", &env->strict);
    env->threads = (unsigned)threads;
    return good;
}

static bool get_options(PyObject *dict, struct dumpio_convert_options *o)
{
    uint64_t wrap_level = 0;
    bool good = get_text(dict, "format", &o->format) && get_text(dict, "codec", &o->codec) &&
                get_level(dict, &o->level) && get_flag(dict, "force", &o->force) &&
                get_flag(dict, "ram_only", &o->ram_only) &&
                get_flag(dict, "flatten", &o->flatten) && get_flag(dict, "no_sync", &o->no_sync) &&
                get_flag(dict, "no_share", &o->no_share) && get_text(dict, "wrap", &o->wrap) &&
                get_u64(dict, "wrap_level", 100, &wrap_level);
    o->wrap_level = (int)wrap_level;
    return good;
}

static bool get_filter(PyObject *dict, struct request *r)
{
    struct dumpio_filter *f = &r->filter;
    uint64_t exclude = 0;
    if (!get_u64(dict, "exclude", UINT32_MAX, &exclude) ||
        !get_ranges(dict, "only", &r->only, &f->n_only) ||
        !get_ranges(dict, "drop", &r->drop, &f->n_drop) ||
        !get_flag(dict, "redact", &f->redact) ||
        !get_u64(dict, "max_bytes", UINT64_MAX, &f->max_bytes) ||
        !get_text(dict, "provenance", &f->provenance))
        return false;
    f->exclude = (unsigned)exclude;
    f->only = r->only;
    f->drop = r->drop;
    f->classes = r->classes ? r->classes->classes : NULL;
    r->options.filter = f;
    return true;
}

static bool get_request(struct request *r, PyObject *args)
{
    PyObject *options, *filter, *classes, *keys;
    if (!PyArg_ParseTuple(args, "yO!OOOOO", &r->path, &PyDict_Type, &options, &filter, &classes,
                          &keys, &r->hooks.progress, &r->hooks.note) ||
        !keys_check(keys) || !get_options(options, &r->options) || !get_env(options, &r->env))
        return false;
    if (keys != Py_None)
        r->options.keys = ((struct keys *)keys)->keys;
    if (classes != Py_None && !PyObject_TypeCheck(classes, (PyTypeObject *)classes_type)) {
        PyErr_SetString(PyExc_TypeError, "classes are Classes or None");
        return false;
    }
    r->classes = classes == Py_None ? NULL : (struct classes *)classes;
    return filter == Py_None || get_filter(filter, r);
}

static PyObject *result_dict(const struct dumpio_convert_result *c)
{
    PyObject *d = PyDict_New(), *out = PyDict_New();
    for (unsigned i = 0; out && i < DUMPIO_CLASSES; i++)
        if (put_u64(out, dumpio_class_name((enum dumpio_class)i), c->excluded_pages[i]))
            Py_CLEAR(out);
    if (d && (put(d, "excluded_pages", out) || put_u64(d, "pages", c->pages) ||
              put_u64(d, "zero_pages", c->zero_pages) ||
              put_u64(d, "passed_pages", c->passed_pages) ||
              put_u64(d, "shared_pages", c->shared_pages) ||
              put_u64(d, "lost_pages", c->lost_pages) ||
              put_u64(d, "dropped_pages", c->dropped_pages) ||
              put_u64(d, "range_pages", c->range_pages) ||
              put_u64(d, "unknown_pages", c->unknown_pages) ||
              put_u64(d, "out_bytes", c->out_bytes)))
        Py_CLEAR(d);
    return d;
}

static PyObject *run_convert(struct dump *d, struct request *r)
{
    struct dumpio_convert_result result = {0};
    struct dumpio_error err = {0};
    int rc;
    if (r->classes && r->classes->dump != d) {
        PyErr_SetString(PyExc_ValueError, "the classes are of another dump");
        return NULL;
    }
    if (r->classes ? !classes_enter(r->classes) : !dump_enter(d))
        return NULL;
    hooks_env(&r->hooks, &r->env);
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_convert(d->dump, r->path, &r->options, &result, &r->env, &err);
    Py_END_ALLOW_THREADS
    if (r->classes)
        classes_leave(r->classes);
    else
        dump_leave(d);
    return rc || r->hooks.type ? raise_error(&err, &r->hooks) : result_dict(&result);
}

PyObject *dump_convert(PyObject *self, PyObject *args)
{
    struct request r = {0};
    PyObject *result = get_request(&r, args) ? run_convert((struct dump *)self, &r) : NULL;
    free(r.only);
    free(r.drop);
    return result;
}

/* ---- verify ----------------------------------------------------------------------------------------- */

struct losses {
    struct hooks hooks;
    PyObject *list; /* of (start, end, why) */
};

static void add_loss(void *user, const struct dumpio_run *run, const char *why)
{
    struct losses *l = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *one = Py_BuildValue("(KKN)", (unsigned long long)run->start,
                                  (unsigned long long)run->end, text_of(why, strlen(why)));
    if (!one || PyList_Append(l->list, one) < 0)
        hooks_keep_error(&l->hooks);
    Py_XDECREF(one);
    PyGILState_Release(gil);
}

static PyObject *verify_dict(const struct dumpio_verify_result *v, int with_digest, PyObject *lost)
{
    PyObject *d = PyDict_New();
    PyObject *digest = !with_digest ? Py_NewRef(Py_None)
                                    : PyBytes_FromStringAndSize((const char *)v->digest,
                                                                DUMPIO_DIGEST_SIZE);
    if (d && (put(d, "digest", digest) || put(d, "lost", Py_NewRef(lost)) ||
              put_u64(d, "present_pages", v->present_pages) ||
              put_u64(d, "zero_pages", v->zero_pages) ||
              put_u64(d, "excluded_pages", v->excluded_pages) ||
              put_u64(d, "lost_pages", v->lost_pages) ||
              put_u64(d, "partial_pages", v->partial_pages) ||
              put_u64(d, "stored_bytes", v->stored_bytes)))
        Py_CLEAR(d);
    return d;
}

/* verify(with_digest, threads, progress) -> dict */
PyObject *dump_verify(PyObject *self, PyObject *args)
{
    struct dump *d = (struct dump *)self;
    struct dumpio_verify_result v = {0};
    struct dumpio_error err = {0};
    struct dumpio_env env = {0};
    struct losses l = {0};
    int with_digest, rc;
    if (!PyArg_ParseTuple(args, "pIO", &with_digest, &env.threads, &l.hooks.progress))
        return NULL;
    hooks_env(&l.hooks, &env);
    l.list = PyList_New(0);
    if (!l.list || !dump_enter(d)) {
        Py_XDECREF(l.list);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_verify(d->dump, with_digest, add_loss, &l, &v, &env, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    PyObject *r = rc || l.hooks.type ? raise_error(&err, &l.hooks)
                                     : verify_dict(&v, with_digest, l.list);
    Py_DECREF(l.list);
    return r;
}

/* compare(other, threads, progress) -> (difference, address, frames) */
PyObject *dump_compare(PyObject *self, PyObject *args)
{
    struct dump *a = (struct dump *)self, *b;
    struct dumpio_compare_result result = {0};
    struct dumpio_error err = {0};
    struct dumpio_env env = {0};
    struct hooks h = {0};
    PyObject *other;
    int rc;
    if (!PyArg_ParseTuple(args, "O!IO", (PyTypeObject *)dump_type, &other, &env.threads,
                          &h.progress) || !dump_enter(a))
        return NULL;
    b = (struct dump *)other;
    if (!dump_enter(b)) {
        dump_leave(a);
        return NULL;
    }
    hooks_env(&h, &env);
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_compare(a->dump, b->dump, &result, &env, &err);
    Py_END_ALLOW_THREADS
    dump_leave(a);
    dump_leave(b);
    if (rc || h.type)
        return raise_error(&err, &h);
    return Py_BuildValue("(iKK)", (int)result.difference, (unsigned long long)result.addr,
                         (unsigned long long)result.frames);
}
