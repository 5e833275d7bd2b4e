/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a dump as a dict: the fields of dumpio.Info, by their names.
 */
#include "py.h"

static PyObject *number_or_none(int known, uint64_t v)
{
    return known ? PyLong_FromUnsignedLongLong(v) : Py_NewRef(Py_None);
}

static PyObject *order_name(enum dumpio_order o)
{
    return o == DUMPIO_ORDER_UNKNOWN ? Py_NewRef(Py_None)
                                     : PyUnicode_FromString(o == DUMPIO_BIG ? "big" : "little");
}

/* Seconds since 1970, or None. */
static PyObject *time_or_none(int64_t sec, int32_t usec)
{
    return sec == DUMPIO_UNKNOWN_TIME ? Py_NewRef(Py_None)
                                      : PyFloat_FromDouble((double)sec + (double)usec / 1e6);
}

static PyObject *bytes_or_none(const uint8_t *p, size_t n)
{
    return p ? PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)n) : Py_NewRef(Py_None);
}

static PyObject *cpu(const struct dumpio_info *i, uint32_t at)
{
    const struct dumpio_cpu *c = &i->cpus[at];
    return Py_BuildValue("(IiNNNNO)", c->number, c->pid, number_or_none(c->task != 0, c->task),
                         number_or_none(c->stack != 0, c->stack),
                         number_or_none(c->stack_ptr != 0, c->stack_ptr),
                         bytes_or_none(c->regs, c->regs_len), c->has_fpregs ? Py_True : Py_False);
}

static PyObject *note(const struct dumpio_info *i, uint32_t at)
{
    const struct dumpio_note *n = &i->notes[at];
    return Py_BuildValue("(NIN)", text_of(n->name, strlen(n->name)), n->type,
                         PyBytes_FromStringAndSize((const char *)n->data, (Py_ssize_t)n->len));
}

static PyObject *partial(const struct dumpio_info *i, uint32_t at)
{
    return Py_BuildValue("(KK)", (unsigned long long)i->partials[at].start,
                         (unsigned long long)i->partials[at].end);
}

static PyObject *uts(const struct dumpio_info *i, uint32_t at)
{
    return text_or_none(i->uts[at]);
}

static PyObject *tuple(const struct dumpio_info *i, uint32_t n,
                       PyObject *(*make)(const struct dumpio_info *i, uint32_t at))
{
    PyObject *t = PyTuple_New((Py_ssize_t)n);
    for (uint32_t k = 0; t && k < n; k++) {
        PyObject *one = make(i, k);
        if (!one || PyTuple_SetItem(t, (Py_ssize_t)k, one) < 0)
            Py_CLEAR(t);
    }
    return t;
}

static int put_file(PyObject *d, const struct dumpio_info *i)
{
    return put(d, "format", text_of(i->format, strlen(i->format))) ||
           put(d, "containers", text_of(i->containers, strlen(i->containers))) ||
           put(d, "variant", text_or_none(i->variant)) ||
           put(d, "version", number_or_none(i->version >= 0, (uint64_t)i->version)) ||
           put_u64(d, "parts", i->parts) || put_u64(d, "file_size", i->file_size) ||
           put(d, "file_order", order_name(i->file_order)) ||
           put(d, "file_word", number_or_none(i->file_word != 0, i->file_word)) ||
           put_u64(d, "unit", i->unit) || put_u64(d, "end_addr", i->end_addr);
}

static int put_machine(PyObject *d, const struct dumpio_info *i)
{
    return put(d, "arch", text_or_none(i->arch)) || put(d, "order", order_name(i->order)) ||
           put(d, "note_order", order_name(i->note_order)) || put_u64(d, "word", i->word) ||
           put_u64(d, "page_size", i->page_size) || put_u64(d, "nr_cpus", i->nr_cpus) ||
           put(d, "uts", tuple(i, DUMPIO_UTS_FIELDS, uts)) ||
           put(d, "build_id", text_or_none(i->build_id)) ||
           put(d, "vmcoreinfo", text_of(i->vmcoreinfo, i->vmcoreinfo_len)) ||
           put_u64(d, "vmcoreinfo_found", (uint64_t)i->vmcoreinfo_found) ||
           put(d, "phys_base", number_or_none(i->has_phys_base, i->phys_base)) ||
           put(d, "page_offset", number_or_none(i->page_offset != 0, i->page_offset));
}

static int put_crash(PyObject *d, const struct dumpio_info *i)
{
    return put(d, "panic", text_or_none(i->panic)) || put(d, "taint", text_or_none(i->taint)) ||
           put(d, "hardware", text_or_none(i->hardware)) ||
           put(d, "panic_task", number_or_none(i->panic_task != 0, i->panic_task)) ||
           put(d, "panic_cpu", number_or_none(i->panic_cpu >= 0, (uint64_t)i->panic_cpu)) ||
           put(d, "dump_time", time_or_none(i->dump_sec, i->dump_usec)) ||
           put(d, "crash_time", time_or_none(i->crash_sec, 0));
}

static PyObject *level_kind(enum dumpio_level_kind kind)
{
    static const char *const names[] = {NULL, "makedumpfile", "diskdump", "lkcd"};
    return text_or_none(names[kind]);
}

static int put_contents(PyObject *d, const struct dumpio_info *i)
{
    bool leveled = i->dump_level_kind != DUMPIO_LEVEL_NONE;
    return put_bool(d, "carried", i->carried) ||
           put(d, "dump_level", number_or_none(leveled, i->dump_level)) ||
           put(d, "dump_level_kind", level_kind(i->dump_level_kind)) ||
           put_bool(d, "incomplete", i->incomplete) || put_bool(d, "truncated", i->truncated) ||
           put(d, "eraseinfo", text_of(i->eraseinfo, i->eraseinfo_len)) ||
           put(d, "extras", text_of(i->extras, strlen(i->extras))) ||
           put(d, "provenance", text_of(i->provenance, strlen(i->provenance))) ||
           put(d, "cpus", tuple(i, i->n_cpus, cpu)) ||
           put(d, "notes", tuple(i, i->n_notes, note)) ||
           put(d, "partials", tuple(i, i->n_partials, partial));
}

PyObject *info_dict(const struct dumpio_info *i)
{
    PyObject *d = PyDict_New();
    if (d && (put_file(d, i) || put_machine(d, i) || put_crash(d, i) || put_contents(d, i)))
        Py_CLEAR(d);
    return d;
}

static PyObject *class_counts(const uint64_t pages[DUMPIO_CLASSES])
{
    PyObject *d = PyDict_New();
    for (unsigned c = 0; d && c < DUMPIO_CLASSES; c++)
        if (put_u64(d, dumpio_class_name((enum dumpio_class)c), pages[c]))
            Py_CLEAR(d);
    return d;
}

static PyObject *nodes(const struct dumpio_classes_info *i)
{
    PyObject *t = PyTuple_New((Py_ssize_t)i->n_nodes);
    for (size_t k = 0; t && k < i->n_nodes; k++) {
        PyObject *one = Py_BuildValue("(IKK)", i->nodes[k].id,
                                      (unsigned long long)i->nodes[k].start,
                                      (unsigned long long)i->nodes[k].end);
        if (!one || PyTuple_SetItem(t, (Py_ssize_t)k, one) < 0)
            Py_CLEAR(t);
    }
    return t;
}

PyObject *classes_dict(const struct dumpio_classes_info *i)
{
    PyObject *d = PyDict_New();
    if (d && (put_u64(d, "page_size", i->page_size) ||
              put(d, "memory_model", text_of(i->memory_model, strlen(i->memory_model))) ||
              put_u64(d, "records", i->records) || put(d, "pages", class_counts(i->pages)) ||
              put(d, "held", class_counts(i->held)) || put(d, "nodes", nodes(i)) ||
              put(d, "unknown_why", text_or_none(i->unknown_why))))
        Py_CLEAR(d);
    return d;
}
