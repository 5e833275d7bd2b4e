/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a conversion would put each run of memory: the target's layout without the pages, for
 * those who show a dump in another format without writing it.
 */
#include "conversion.h"
#include "view.h"

static int locate_runs(struct dio_conversion *c, const struct dio_layout *l, struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    dio_map_rewind(c->windows.map);
    while (!(rc = dio_map_next(c->windows.map, &run, err))) {
        if (run.kind != DUMPIO_PRESENT)
            continue;
        rc = l->located(l->ctx, &run, c->target->locate(c->writer, &run), err);
        if (rc)
            return rc;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

int dio_convert_layout(struct dumpio_dump *dump, const char *format, const struct dio_layout *l,
                       uint64_t *size, const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dumpio_convert_options options = {.format = format, .level = DUMPIO_LEVEL_DEFAULT};
    struct dio_conversion c = {.dump = dump, .env = env, .options = &options, .ticker = {.env = env}};
    c.target = format ? dio_format_by_name(format) : NULL;
    if (!c.target || !c.target->locate) {
        l->out->ops->discard(l->out);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%s is no format that can be shown without writing it",
                        format ? format : "(none)");
    }
    c.out = l->out;
    int rc = dio_stream_refuse(dump, "a view", err);
    if (!rc)
        rc = dio_conversion_plan(&c, err);
    if (!rc)
        rc = c.target->create(&c.writer, c.out, &c.plan, env, err);
    if (!rc)
        rc = locate_runs(&c, l, err);
    if (!rc)
        rc = c.target->finish(c.writer, size, err);
    dio_conversion_release(&c);
    return rc;
}
