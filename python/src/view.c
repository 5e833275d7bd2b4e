/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump seen as a file of another format.
 */
#include "py.h"

/* view(format) -> View */
PyObject *dump_view(PyObject *self, PyObject *args)
{
    struct dump *d = (struct dump *)self;
    struct dumpio_error err = {0};
    struct dumpio_env env = {0};
    const char *format;
    int rc;
    if (!PyArg_ParseTuple(args, "s", &format))
        return NULL;
    PyTypeObject *type = (PyTypeObject *)view_type;
    struct view *v = (struct view *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!v)
        return NULL;
    v->dump = (struct dump *)Py_NewRef(self);
    if (!dump_enter(d)) {
        Py_DECREF((PyObject *)v);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_view_open(&v->view, d->dump, format, &env, &err);
    Py_END_ALLOW_THREADS
    dump_leave(d);
    if (!rc)
        return (PyObject *)v;
    Py_DECREF((PyObject *)v);
    return raise_error(&err, &d->hooks);
}

static void view_dealloc(PyObject *self)
{
    struct view *v = (struct view *)self;
    PyTypeObject *type = Py_TYPE(self);
    dumpio_view_close(v->view);
    Py_XDECREF((PyObject *)v->dump);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *view_size(PyObject *self, PyObject *none)
{
    (void)none;
    return PyLong_FromUnsignedLongLong(dumpio_view_size(((struct view *)self)->view));
}

/* read(offset, length) -> bytes */
static PyObject *view_read(PyObject *self, PyObject *args)
{
    struct view *v = (struct view *)self;
    struct dumpio_error err = {0};
    uint64_t off, size = dumpio_view_size(v->view);
    Py_ssize_t len;
    size_t got = 0;
    int rc;
    if (!PyArg_ParseTuple(args, "O&n", get_address, &off, &len))
        return NULL;
    if (len < 0) {
        PyErr_SetString(PyExc_ValueError, "a length is not negative");
        return NULL;
    }
    uint64_t left = off < size ? size - off : 0;
    if (left < (uint64_t)len)
        len = (Py_ssize_t)left;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, len);
    if (!bytes || !dump_enter(v->dump)) {
        Py_XDECREF(bytes);
        return NULL;
    }
    void *buf = PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_view_read(v->view, off, buf, (size_t)len, &got, &err);
    Py_END_ALLOW_THREADS
    dump_leave(v->dump);
    if (!rc)
        return bytes;
    Py_DECREF(bytes);
    return raise_error(&err, &v->dump->hooks);
}

/* next_data(offset) -> (start, end), or None */
static PyObject *view_next_data(PyObject *self, PyObject *args)
{
    struct view *v = (struct view *)self;
    struct dumpio_error err = {0};
    struct dumpio_range piece;
    uint64_t off;
    int rc;
    if (!PyArg_ParseTuple(args, "O&", get_address, &off) || !dump_enter(v->dump))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = dumpio_view_next_data(v->view, off, &piece, &err);
    Py_END_ALLOW_THREADS
    dump_leave(v->dump);
    if (rc < 0)
        return raise_error(&err, &v->dump->hooks);
    if (rc == DUMPIO_END)
        return Py_NewRef(Py_None);
    return Py_BuildValue("(KK)", (unsigned long long)piece.start, (unsigned long long)piece.end);
}

static PyMethodDef methods[] = {
    {"size", view_size, METH_NOARGS, "size() -> bytes of the file"},
    {"read", view_read, METH_VARARGS, "read(offset, length) -> bytes"},
    {"next_data", view_next_data, METH_VARARGS, "next_data(offset) -> (start, end) or None"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)"A dump as a file of another format; made by Dump.view."},
    {Py_tp_dealloc, (void *)(uintptr_t)view_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec view_spec = {"dumpio._dumpio.View", sizeof(struct view), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
