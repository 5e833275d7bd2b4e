/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between C values and Python's: options out of dicts, results into dicts.
 */
#include "py.h"

PyObject *text_of(const char *text, size_t len)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "surrogateescape");
}

PyObject *text_or_none(const char *text)
{
    return text && *text ? text_of(text, strlen(text)) : Py_NewRef(Py_None);
}

int put(PyObject *dict, const char *key, PyObject *value)
{
    int rc = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return rc;
}

int put_u64(PyObject *dict, const char *key, uint64_t v)
{
    return put(dict, key, PyLong_FromUnsignedLongLong(v));
}

int put_bool(PyObject *dict, const char *key, int v)
{
    return put(dict, key, PyBool_FromLong(v != 0));
}

/* Borrowed; NULL when it is missing or None. */
static PyObject *option(PyObject *dict, const char *key)
{
    PyObject *v = PyDict_GetItemString(dict, key);
    return v == Py_None ? NULL : v;
}

bool get_text(PyObject *dict, const char *key, const char **value)
{
    PyObject *v = option(dict, key);
    if (!v)
        return true;
    if (PyBytes_Check(v)) { /* names of files */
        *value = PyBytes_AsString(v);
        return true;
    }
    *value = PyUnicode_AsUTF8AndSize(v, NULL);
    return *value != NULL;
}

bool get_u64(PyObject *dict, const char *key, uint64_t max, uint64_t *value)
{
    PyObject *v = option(dict, key);
    if (!v)
        return true;
    *value = PyLong_AsUnsignedLongLong(v);
    if (PyErr_Occurred())
        return false;
    if (*value > max)
        PyErr_Format(PyExc_ValueError, "%s is at most %llu", key, (unsigned long long)max);
    return *value <= max;
}

bool get_flag(PyObject *dict, const char *key, int *value)
{
    PyObject *v = option(dict, key);
    if (v)
        *value = PyObject_IsTrue(v);
    return *value >= 0;
}

int get_address(PyObject *number, void *address)
{
    uint64_t *to = address;
    *to = PyLong_AsUnsignedLongLong(number);
    return !PyErr_Occurred();
}
