/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks of the library into Python, and errors of the library as exceptions.
 */
#include "py.h"

static PyObject *make_error; /* dumpio._errors.make_error(status, message, offset, errno) */

int errors_init(void)
{
    if (make_error)
        return 0;
    PyObject *module = PyImport_ImportModule("dumpio._errors");
    if (!module)
        return -1;
    make_error = PyObject_GetAttrString(module, "make_error");
    Py_DECREF(module);
    return make_error ? 0 : -1;
}

void hooks_keep_error(struct hooks *h)
{
    if (h->type)
        PyErr_Clear();
    else
        PyErr_Fetch(&h->type, &h->value, &h->tb);
}

void hooks_clear(struct hooks *h)
{
    Py_CLEAR(h->type);
    Py_CLEAR(h->value);
    Py_CLEAR(h->tb);
}

static int on_progress(void *user, const struct dumpio_progress *p)
{
    struct hooks *h = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    int stop = PyErr_CheckSignals();
    if (!stop && h->progress && h->progress != Py_None) {
        PyObject *r = PyObject_CallFunction(h->progress, "KKK", (unsigned long long)p->done,
                                            (unsigned long long)p->total,
                                            (unsigned long long)p->out);
        stop = r ? PyObject_IsTrue(r) : -1;
        Py_XDECREF(r);
    }
    if (stop < 0)
        hooks_keep_error(h);
    PyGILState_Release(gil);
    return stop;
}

/* What a note's callback raises ends the call at its next progress, or is raised behind it. */
static void on_note(void *user, enum dumpio_level level, const char *text)
{
    struct hooks *h = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *r = PyObject_CallFunction(h->note, "iN", (int)level, text_of(text, strlen(text)));
    if (!r)
        hooks_keep_error(h);
    Py_XDECREF(r);
    PyGILState_Release(gil);
}

void hooks_env(struct hooks *h, struct dumpio_env *env)
{
    env->user = h;
    env->progress = on_progress;
    env->note = h->note && h->note != Py_None ? on_note : NULL;
}

PyObject *raise_error(const struct dumpio_error *err, struct hooks *h)
{
    if (h && h->type) {
        PyErr_Restore(h->type, h->value, h->tb);
        h->type = h->value = h->tb = NULL;
        return NULL;
    }
    const char *message = *err->message ? err->message : dumpio_strerror(err->status);
    PyObject *offset = err->offset == DUMPIO_NO_OFFSET ? Py_NewRef(Py_None)
                                                       : PyLong_FromUnsignedLongLong(err->offset);
    PyObject *e = PyObject_CallFunction(make_error, "iNNi", err->status,
                                        text_of(message, strlen(message)), offset, err->sys_errno);
    if (e) {
        PyErr_SetObject((PyObject *)Py_TYPE(e), e);
        Py_DECREF(e);
    }
    return NULL;
}
