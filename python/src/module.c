/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module dumpio._dumpio.
 */
#include "py.h"

PyObject *keys_type, *dump_type, *classes_type, *view_type;

static PyObject *codec_names(const struct dumpio_format_info *f)
{
    size_t n = 0;
    while (f->codecs[n])
        n++;
    PyObject *t = PyTuple_New((Py_ssize_t)n);
    for (size_t i = 0; t && i < n; i++) {
        PyObject *one = PyUnicode_FromString(f->codecs[i]);
        if (!one || PyTuple_SetItem(t, (Py_ssize_t)i, one) < 0)
            Py_CLEAR(t);
    }
    return t;
}

/* formats() -> [(name, title, reads, writes, holds_absent, codecs)] */
static PyObject *formats(PyObject *module, PyObject *none)
{
    struct dumpio_format_info f;
    PyObject *list = PyList_New(0);
    (void)module;
    (void)none;
    for (size_t i = 0; list && !dumpio_format_at(i, &f); i++) {
        PyObject *one = Py_BuildValue("(ssNNNN)", f.name, f.title, PyBool_FromLong(f.reads),
                                      PyBool_FromLong(f.writes), PyBool_FromLong(f.holds_absent),
                                      codec_names(&f));
        if (!one || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    return list;
}

static PyObject *level_set(PyObject *module, PyObject *args)
{
    unsigned level;
    (void)module;
    if (!PyArg_ParseTuple(args, "I", &level))
        return NULL;
    return PyLong_FromUnsignedLong(dumpio_level_set(level));
}

static int add_classes(PyObject *module)
{
    PyObject *names = PyTuple_New(DUMPIO_CLASSES);
    for (unsigned c = 0; names && c < DUMPIO_CLASSES; c++) {
        PyObject *one = PyUnicode_FromString(dumpio_class_name((enum dumpio_class)c));
        if (!one || PyTuple_SetItem(names, (Py_ssize_t)c, one) < 0)
            Py_CLEAR(names);
    }
    int rc = names ? PyModule_AddObjectRef(module, "CLASSES", names) : -1;
    Py_XDECREF(names);
    return rc;
}

static int add_type(PyObject *module, PyType_Spec *spec, const char *name, PyObject **type)
{
    *type = PyType_FromSpec(spec);
    return *type ? PyModule_AddObjectRef(module, name, *type) : -1;
}

static PyMethodDef functions[] = {
    {"formats", formats, METH_NOARGS, "formats() -> list"},
    {"level_set", level_set, METH_VARARGS, "level_set(level) -> set of classes"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "dumpio._dumpio", .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit__dumpio(void);

PyMODINIT_FUNC PyInit__dumpio(void)
{
    PyObject *module = errors_init() ? NULL : PyModule_Create(&definition);
    if (module && (add_type(module, &keys_spec, "Keys", &keys_type) ||
                   add_type(module, &dump_spec, "Dump", &dump_type) ||
                   add_type(module, &classes_spec, "Classes", &classes_type) ||
                   add_type(module, &view_spec, "View", &view_type) ||
                   add_classes(module) ||
                   PyModule_AddStringConstant(module, "VERSION", dumpio_version()) ||
                   PyModule_AddIntConstant(module, "KEY_OPEN", DUMPIO_KEY_OPEN) ||
                   PyModule_AddIntConstant(module, "KEY_SEAL", DUMPIO_KEY_SEAL)))
        Py_CLEAR(module);
    return module;
}
