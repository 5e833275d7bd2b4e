/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: identities to open dumps with, recipients to encrypt for.
 */
#include "py.h"

bool keys_check(PyObject *keys)
{
    if (keys == Py_None || PyObject_TypeCheck(keys, (PyTypeObject *)keys_type))
        return true;
    PyErr_SetString(PyExc_TypeError, "keys are Keys or None");
    return false;
}

static int ask(void *user, const char *what, char *buf, size_t size)
{
    struct keys *k = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *r = k->ask ? PyObject_CallFunction(k->ask, "N", text_of(what, strlen(what))) : NULL;
    Py_ssize_t len = 0;
    const char *text = r && r != Py_None ? PyUnicode_AsUTF8AndSize(r, &len) : NULL;
    bool fits = text && (size_t)len < size;
    if (fits)
        memcpy(buf, text, (size_t)len + 1);
    else if (text)
        PyErr_Format(PyExc_ValueError, "a passphrase has at most %zu bytes", size - 1);
    Py_XDECREF(r);
    if (PyErr_Occurred())
        hooks_keep_error(&k->hooks);
    PyGILState_Release(gil);
    return fits ? 0 : 1;
}

static PyObject *keys_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *asked = NULL;
    struct dumpio_error err = {0};
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "|O:Keys", &asked))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct keys *k = (struct keys *)alloc(type, 0);
    if (!k)
        return NULL;
    if (dumpio_keys_new(&k->keys, &err)) {
        Py_DECREF((PyObject *)k);
        return raise_error(&err, NULL);
    }
    if (asked && asked != Py_None) {
        const struct dumpio_ask a = {ask, k};
        k->ask = Py_NewRef(asked);
        dumpio_keys_set_ask(k->keys, &a);
    }
    return (PyObject *)k;
}

static void keys_dealloc(PyObject *self)
{
    struct keys *k = (struct keys *)self;
    PyTypeObject *type = Py_TYPE(self);
    dumpio_keys_free(k->keys);
    Py_XDECREF(k->ask);
    hooks_clear(&k->hooks);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *done(struct keys *k, int rc, const struct dumpio_error *err)
{
    if (rc || k->hooks.type)
        return raise_error(err, &k->hooks);
    return Py_NewRef(Py_None);
}

static PyObject *add_text(PyObject *self, PyObject *args,
                          int (*add)(struct dumpio_keys *keys, const char *text,
                                     struct dumpio_error *err))
{
    struct keys *k = (struct keys *)self;
    struct dumpio_error err = {0};
    const char *text;
    if (!PyArg_ParseTuple(args, "s", &text))
        return NULL;
    return done(k, add(k->keys, text, &err), &err);
}

static PyObject *add_file(PyObject *self, PyObject *args,
                          int (*add)(struct dumpio_keys *keys, const char *path,
                                     const struct dumpio_env *env, struct dumpio_error *err))
{
    struct keys *k = (struct keys *)self;
    struct dumpio_error err = {0};
    struct dumpio_env env = {0};
    const char *path;
    int rc;
    if (!PyArg_ParseTuple(args, "y", &path))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = add(k->keys, path, &env, &err);
    Py_END_ALLOW_THREADS
    return done(k, rc, &err);
}

static PyObject *add_identity(PyObject *self, PyObject *args)
{
    return add_text(self, args, dumpio_keys_add_identity);
}

static PyObject *add_recipient(PyObject *self, PyObject *args)
{
    return add_text(self, args, dumpio_keys_add_recipient);
}

static PyObject *add_identity_file(PyObject *self, PyObject *args)
{
    return add_file(self, args, dumpio_keys_add_identity_file);
}

static PyObject *add_recipients_file(PyObject *self, PyObject *args)
{
    return add_file(self, args, dumpio_keys_add_recipients_file);
}

static PyObject *add_passphrase(PyObject *self, PyObject *args)
{
    struct keys *k = (struct keys *)self;
    struct dumpio_error err = {0};
    const char *text;
    unsigned use;
    if (!PyArg_ParseTuple(args, "sI", &text, &use))
        return NULL;
    return done(k, dumpio_keys_add_passphrase(k->keys, text, use, &err), &err);
}

static PyMethodDef methods[] = {
    {"add_identity", add_identity, METH_VARARGS, "add_identity(text)"},
    {"add_identity_file", add_identity_file, METH_VARARGS, "add_identity_file(path)"},
    {"add_recipient", add_recipient, METH_VARARGS, "add_recipient(text)"},
    {"add_recipients_file", add_recipients_file, METH_VARARGS, "add_recipients_file(path)"},
    {"add_passphrase", add_passphrase, METH_VARARGS, "add_passphrase(text, use)"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)"Keys(ask=None): identities and recipients."},
    {Py_tp_new, (void *)(uintptr_t)keys_new},
    {Py_tp_dealloc, (void *)(uintptr_t)keys_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec keys_spec = {"dumpio._dumpio.Keys", sizeof(struct keys), 0, Py_TPFLAGS_DEFAULT, slots};
