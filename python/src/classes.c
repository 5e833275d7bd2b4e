/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of pages: what the dumped kernel says of them.
 */
#include "py.h"

bool classes_enter(struct classes *c)
{
    if (c->busy) {
        PyErr_SetString(PyExc_RuntimeError, "these classes are in use by another thread");
        return false;
    }
    if (!dump_enter(c->dump))
        return false;
    c->busy = true;
    return true;
}

void classes_leave(struct classes *c)
{
    c->busy = false;
    dump_leave(c->dump);
}

/* classify(options, progress, note) -> Classes */
PyObject *dump_classify(PyObject *self, PyObject *args)
{
    struct dump *d = (struct dump *)self;
    struct dumpio_classify_options o = {0};
    struct dumpio_error err = {0};
    struct dumpio_env env = {0};
    struct hooks h = {0};
    uint64_t threads = 0;
    PyObject *dict;
    int rc;
    if (!PyArg_ParseTuple(args, "O!OO", &PyDict_Type, &dict, &h.progress, &h.note) ||
        !get_flag(dict, "keep_unknown", &o.keep_unknown) || !get_flag(dict, "freed", &o.freed) ||
        !get_u64(dict, "threads", UINT32_MAX, &threads) ||
        !get_u64(dict, "memory_limit", UINT64_MAX, &env.memory_limit) ||
        !get_text(dict, "tmpdir", &env.tmpdir))
        return NULL;
    PyTypeObject *type = (PyTypeObject *)classes_type;
    struct classes *c = (struct classes *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!c)
        return NULL;
    c->dump = (struct dump *)Py_NewRef(self);
    env.threads = (unsigned)threads;
    hooks_env(&h, &env);
    if (!dump_enter(d)) {
        Py_DECREF((PyObject *)c);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_classify(d->dump, &o, &c->classes, &env, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    if (!rc && !h.type)
        return (PyObject *)c;
    Py_DECREF((PyObject *)c);
    return raise_error(&err, &h);
}

static void classes_dealloc(PyObject *self)
{
    struct classes *c = (struct classes *)self;
    PyTypeObject *type = Py_TYPE(self);
    dumpio_classes_free(c->classes);
    Py_XDECREF((PyObject *)c->dump);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *classes_info(PyObject *self, PyObject *none)
{
    (void)none;
    return classes_dict(dumpio_classes_get_info(((struct classes *)self)->classes));
}

/* next(address) -> (start, end, class), or None */
static PyObject *classes_next(PyObject *self, PyObject *args)
{
    struct classes *c = (struct classes *)self;
    struct dumpio_error err = {0};
    struct dumpio_class_run run;
    uint64_t addr;
    int rc;
    if (!PyArg_ParseTuple(args, "O&", get_address, &addr) || !classes_enter(c))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_classes_next(c->classes, addr, &run, &err);
    Py_END_ALLOW_THREADS
    classes_leave(c);
    if (rc < 0)
        return raise_error(&err, NULL);
    if (rc == DUMPIO_END)
        return Py_NewRef(Py_None);
    return Py_BuildValue("(KKs)", (unsigned long long)run.start, (unsigned long long)run.end,
                         dumpio_class_name(run.class_));
}

static PyMethodDef methods[] = {
    {"info", classes_info, METH_NOARGS, "info() -> dict"},
    {"next", classes_next, METH_VARARGS, "next(address) -> (start, end, class) or None"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)"Classes of pages; made by Dump.classify."},
    {Py_tp_dealloc, (void *)(uintptr_t)classes_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec classes_spec = {"dumpio._dumpio.Classes", sizeof(struct classes), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
