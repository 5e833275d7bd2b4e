/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPython extension dumpio._dumpio: objects over the public C API, for the package beside it,
 * which gives them names and types. Limited API of CPython 3.10: one build serves every later one.
 *
 * Every call into the library gives the GIL up; callbacks of the library take it.
 */
#ifndef DUMPIO_PY_H
#define DUMPIO_PY_H

#define Py_LIMITED_API 0x030a0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dumpio/crypt.h>
#include <stdbool.h>

/* What the library calls back during one call, or for as long as a dump is open. */
struct hooks {
    PyObject *progress;         /* (done, total, out) -> true to stop; NULL or None: none */
    PyObject *note;             /* (level, text); NULL or None: none */
    PyObject *type, *value, *tb; /* raised by one of them */
};

/* env->progress, ->note, ->user; the rest of env stays. `h` borrows its callables. */
void hooks_env(struct hooks *h, struct dumpio_env *env);
/* An exception in a callback, when the GIL is held: kept, the first one wins. */
void hooks_keep_error(struct hooks *h);
void hooks_clear(struct hooks *h);

/* Raise what a callback raised (h may be NULL), else the package's exception for err. NULL. */
PyObject *raise_error(const struct dumpio_error *err, struct hooks *h);
int errors_init(void); /* 0, or -1 with an exception set */

/* ---- values ------------------------------------------------------------------------------------ */

PyObject *text_or_none(const char *text);   /* NULL and "": None; undecodable bytes escaped */
PyObject *text_of(const char *text, size_t len);
/* Put value (a new reference, may be NULL after an error) into dict; -1 with an exception. */
int put(PyObject *dict, const char *key, PyObject *value);
int put_u64(PyObject *dict, const char *key, uint64_t v);
int put_bool(PyObject *dict, const char *key, int v);

/*
 * Options out of a dict: left alone when the key is missing or None. False with an exception. Texts
 * are borrowed from the dict.
 */
bool get_text(PyObject *dict, const char *key, const char **value);
bool get_u64(PyObject *dict, const char *key, uint64_t max, uint64_t *value);
bool get_flag(PyObject *dict, const char *key, int *value);

int get_address(PyObject *number, void *address); /* O& into a uint64_t, which must hold it */

PyObject *info_dict(const struct dumpio_info *info);
PyObject *classes_dict(const struct dumpio_classes_info *info);

/* ---- objects ------------------------------------------------------------------------------------- */

struct keys {
    PyObject_HEAD
    struct dumpio_keys *keys;
    PyObject *ask; /* (what) -> str, or NULL */
    struct hooks hooks;
};
extern PyType_Spec keys_spec;
bool keys_check(PyObject *keys); /* Keys or None; false with an exception */

/* An open dump. Closed when the last call that uses it has returned. */
struct dump {
    PyObject_HEAD
    struct dumpio_dump *dump;
    unsigned users;
    bool closed;
    struct hooks hooks;
    PyObject *keys, *options; /* hold what the library borrows; or NULL */
};
extern PyType_Spec dump_spec;

struct view {
    PyObject_HEAD
    struct dumpio_view *view;
    struct dump *dump;
};
extern PyType_Spec view_spec;

bool dump_enter(struct dump *d); /* false with an exception: it is closed */
void dump_leave(struct dump *d);

struct classes {
    PyObject_HEAD
    struct dumpio_classes *classes;
    struct dump *dump;
    bool busy;
};
extern PyType_Spec classes_spec;

bool classes_enter(struct classes *c); /* false with an exception: another thread is in it */
void classes_leave(struct classes *c);

PyObject *dump_view(PyObject *self, PyObject *args);
PyObject *dump_classify(PyObject *self, PyObject *args);
PyObject *dump_convert(PyObject *self, PyObject *args);
PyObject *dump_verify(PyObject *self, PyObject *args);
PyObject *dump_compare(PyObject *self, PyObject *args);

extern PyObject *keys_type, *dump_type, *classes_type, *view_type; /* made when the module is loaded */

#endif
