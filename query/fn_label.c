/* label_replace, label_join. */
#include "query/fn_label.h"

#include "query/fn_priv.h"

static bool
name_valid(str name)
{
    return name.n > 0 && utf8_valid(name);
}

/* Rows change only their labels, so they share their values with the input. */
static void
add_renamed(const struct fn_call *fc, const struct row *in, str dst, str value, struct vec *out)
{
    struct row r = *in;
    struct labels_builder b;

    labels_builder_init(&b, fc->arena, in->labels);
    labels_builder_set(&b, dst, value);
    r.labels = labels_builder_done(&b);
    if (str_eq(dst, LABEL_NAME))
        r.drop_name = false; /* a name given on purpose stays */
    vec_add(fc->arena, out, r);
}

static void
replace_all(const struct fn_call *fc, const struct regex *re, struct vec *out)
{
    const struct vec *in = fc->args[0].vec;
    str dst = fc->args[1].string, template = fc->args[2].string, src = fc->args[3].string;
    size_t groups_n = regex_group_count(re) + 1;
    str *groups = ARENA_ARRAY(fc->arena, str, groups_n);
    struct buf value = {0};

    for (size_t k = 0; k < in->n; k++) {
        size_t n = regex_capture(re, labels_get(in->v[k].labels, src), 0, groups, groups_n);
        if (n == 0) {
            vec_add(fc->arena, out, in->v[k]);
            continue;
        }
        buf_clear(&value);
        regex_expand(re, template, groups, n, &value);
        add_renamed(fc, &in->v[k], dst, arena_str(fc->arena, buf_str(&value)), out);
    }
    buf_free(&value);
}

bool
fn_label_replace(const struct fn_call *fc, struct vec *out, struct err *e)
{
    str dst = fc->args[1].string, pattern = fc->args[4].string;
    struct regex *re;

    if (!regex_compile(pattern, REGEX_ANCHORED, &re, e))
        return err_set(e, ERR_EXEC, "invalid regular expression in label_replace(): %.*s",
                       STR_ARG(pattern));
    if (!name_valid(dst)) {
        regex_free(&re);
        return err_set(e, ERR_EXEC, "invalid destination label name in label_replace(): %.*s",
                       STR_ARG(dst));
    }
    replace_all(fc, re, out);
    regex_free(&re);
    return true;
}

bool
fn_label_join(const struct fn_call *fc, struct vec *out, struct err *e)
{
    const struct vec *in = fc->args[0].vec;
    str dst = fc->args[1].string, separator = fc->args[2].string;
    struct buf value = {0};

    for (size_t i = 3; i < fc->args_n; i++)
        if (!name_valid(fc->args[i].string))
            return err_set(e, ERR_EXEC, "invalid source label name in label_join(): %.*s",
                           STR_ARG(fc->args[i].string));
    if (!name_valid(dst))
        return err_set(e, ERR_EXEC, "invalid destination label name in label_join(): %.*s",
                       STR_ARG(dst));
    for (size_t k = 0; k < in->n; k++) {
        buf_clear(&value);
        for (size_t i = 3; i < fc->args_n; i++) {
            if (i > 3)
                buf_put(&value, separator);
            buf_put(&value, labels_get(in->v[k].labels, fc->args[i].string));
        }
        add_renamed(fc, &in->v[k], dst, arena_str(fc->arena, buf_str(&value)), out);
    }
    buf_free(&value);
    return true;
}
