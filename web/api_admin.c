/* api_admin.c - administration of the TSDB, behind --web.enable-admin-api. */
#include "web/api_json.h"
#include "web/api_priv.h"

static bool
enabled(struct api *a, struct err *e)
{
    return a->w->opts.enable_admin || err_set(e, ERR_UNAVAILABLE, "admin APIs disabled");
}

static bool
delete_sets(struct api *a, struct matcher_set *sets, size_t n, struct err *e)
{
    struct instant start, end;

    if (!api_time(a, "start", INSTANT_MIN, &start, e) || !api_time(a, "end", INSTANT_MAX, &end, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!tsdb_delete(a->w->layers.db, sets[i].m, sets[i].n, instant_ms(start), instant_ms(end), e)) {
            e->kind = ERR_INTERNAL;
            return false;
        }
    }
    return true;
}

bool
api_delete_series(struct api *a, struct err *e)
{
    struct matcher_set *sets;
    size_t n;

    if (!enabled(a, e))
        return false;
    if (!api_match(a, &sets, &n, e))
        return api_invalid_param(e, "match[]");
    bool ok = n > 0 || err_set(e, ERR_BAD_DATA, "no match[] parameter provided");
    ok = ok && delete_sets(a, sets, n, e);
    api_match_free(sets, n);
    return ok;
}

bool
api_clean_tombstones(struct api *a, struct err *e)
{
    if (!enabled(a, e))
        return false;
    if (tsdb_clean_tombstones(a->w->layers.db, e))
        return true;
    e->kind = ERR_INTERNAL;
    return false;
}

bool
api_snapshot(struct api *a, struct err *e)
{
    struct buf name = {0};
    str skip = api_form(a, "skip_head");
    bool skip_head = false;

    if (!enabled(a, e))
        return false;
    if (skip.n && !api_parse_bool(skip, &skip_head)) {
        err_set(e, ERR_BAD_DATA, "unable to parse boolean: strconv.ParseBool: parsing \"%.*s\": invalid syntax",
                STR_ARG(skip));
        return api_invalid_param(e, "skip_head");
    }
    if (!tsdb_snapshot(a->w->layers.db, skip_head, &name, e)) {
        err_prefix(e, "create snapshot: ");
        e->kind = ERR_INTERNAL;
        buf_free(&name);
        return false;
    }
    json_open_object(&a->json);
    put_key_str(&a->json, "name", buf_str(&name));
    json_close_object(&a->json);
    buf_free(&name);
    return true;
}
