#include "storage/select.h"

#include "base/mem.h"
#include "base/panic.h"
#include "storage/db.h"
#include "storage/head_read.h"
#include "storage/label_sort.h"
#include "storage/merge.h"

struct view_part { /* of a series, in one block */
    struct block *block;
    struct block_series *series;
};
struct view_series {
    struct head_series *head; /* NULL: not in the head */
    struct view_part *parts;  /* ascending by block */
    size_t parts_n;
};
struct view_selection {
    int64_t mint, maxt;
    struct selection out;
    struct view_series *series; /* by handle */
    struct head_series *head;   /* what the head has, sorted by labels in the end */
    size_t head_n;
};
struct view {
    unsigned magic;
#define VIEW_MAGIC 0x51e1ec70u
    struct tsdb *db;
    struct pin pin;
    struct arena *arena;
    struct head_map *map;
    struct block_list *blocks;
    struct view_selection *v;
    size_t n;
};

/* Snapshots the head's series of one selection; REQUIRES gate and index, shared. */
static void
view_head(struct view *view, struct view_selection *s, const struct selection_spec *spec,
          struct arena *scratch)
{
    struct head *h = &view->db->head;
    struct arena_mark mark = arena_mark(scratch);
    struct ids ids = {0};
    if (spec->maxt >= h->mint && spec->mint <= h->maxt)
        ids = head_select(h, spec->m, spec->n, scratch);
    struct head_want want = {.mint = s->mint, .maxt = s->maxt, .newest = spec->newest};
    s->head = ARENA_ARRAY(view->arena, struct head_series, ids.n);
    for (size_t i = 0; i < ids.n; i++) {
        if (i + 16 < ids.n)
            head_prefetch(h, ids.v[i + 16]);
        if (i + 8 < ids.n)
            head_prefetch_chunk(h, ids.v[i + 8]);
        if (head_snapshot(h, ids.v[i], &want, view->arena, &s->head[s->head_n]))
            s->head_n++;
    }
    arena_reset(scratch, mark);
}

struct head_item {
    const struct head_series *head;
    struct labels labels;
};

/* The head's series of a selection with their labels, in label order. */
static struct head_item *
view_sorted(struct view *view, struct view_selection *s)
{
    const struct series_table *table = &view->db->head.series;
    struct head_item *v = ARENA_ARRAY(view->arena, struct head_item, s->head_n);
    struct label_sort *order = mem_alloc(MAX(s->head_n, (size_t)1) * sizeof(*order));
    for (size_t i = 0; i < s->head_n; i++)
        order[i] = (struct label_sort){
            .pairs = s->head[i].pairs, .n = s->head[i].labels_n, .tag = (uint32_t)i};
    label_sort(&table->symbols, order, s->head_n);
    for (size_t i = 0; i < s->head_n; i++) {
        const struct head_series *head = &s->head[order[i].tag];
        v[i] = (struct head_item){
            .head = head,
            .labels = series_labels(table, head->pairs, head->labels_n, view->arena)};
    }
    mem_free(order);
    return v;
}

/* Inputs of a selection's merge: 0 is the head, 1… the blocks. */
struct view_input {
    struct block *block;
    struct block_series *series; /* ascending labels */
    size_t n, at;
};

static bool
view_block(struct view *view, struct view_selection *s, const struct selection_spec *spec,
           struct view_input *in, struct err *e)
{
    uint32_t *refs;
    size_t n;
    if (!block_postings(in->block, spec->m, spec->n, view->arena, &refs, &n, e))
        return false;
    in->series = ARENA_ARRAY(view->arena, struct block_series, n);
    for (size_t i = 0; i < n; i++) {
        struct block_series *b = &in->series[in->n];
        if (!block_series_get(in->block, refs[i], s->mint, s->maxt, view->arena, b, e))
            return false;
        if (b->chunks_n)
            in->n++;
    }
    return true;
}

static void
view_add(struct view_selection *s, struct labels labels, struct view_series series, uint64_t order)
{
    size_t at = s->out.n++;
    s->series[at] = series;
    ((struct selected *)s->out.v)[at] = (struct selected){
        .labels = labels, .handle = at, .order = order};
}

static void
view_room(struct view *view, struct view_selection *s, size_t n)
{
    s->series = ARENA_ARRAY(view->arena, struct view_series, n);
    s->out.v = ARENA_ARRAY(view->arena, struct selected, n);
}

/* Joins head and blocks by labels. */
static void
view_merge(struct view *view, struct view_selection *s, struct view_input *in, size_t in_n,
           const struct head_item *head)
{
    struct merge_labels m;
    uint32_t *group = ARENA_ARRAY(view->arena, uint32_t, in_n);
    size_t total = 0, k;
    merge_labels_init(&m, view->arena, in_n);
    for (uint32_t i = 0; i < in_n; i++) {
        total += in[i].n;
        if (in[i].n)
            merge_labels_push(&m, i, i == 0 ? head[0].labels : in[i].series[0].labels);
    }
    view_room(view, s, total);
    struct labels labels;
    while ((k = merge_labels_pop(&m, &labels, group)) > 0) {
        struct view_series out = {.parts = ARENA_ARRAY(view->arena, struct view_part, k)};
        for (size_t g = 0; g < k; g++) {
            struct view_input *from = &in[group[g]];
            size_t at = from->at++;
            if (group[g] == 0)
                out.head = (struct head_series *)head[at].head;
            else
                out.parts[out.parts_n++] =
                    (struct view_part){.block = from->block, .series = &from->series[at]};
        }
        view_add(s, labels, out, s->out.n);
        for (size_t g = 0; g < k; g++) {
            struct view_input *from = &in[group[g]];
            if (from->at < from->n)
                merge_labels_push(&m, group[g], group[g] == 0 ? head[from->at].labels
                                                              : from->series[from->at].labels);
        }
    }
}

static bool
view_fill(struct view *view, struct view_selection *s, const struct selection_spec *spec,
          struct err *e)
{
    struct head_item *head = view_sorted(view, s);
    struct view_input *in = ARENA_ZARRAY(view->arena, struct view_input, view->blocks->n + 1);
    size_t in_n = 1;
    in[0].n = s->head_n;
    for (size_t i = 0; i < view->blocks->n; i++) {
        const struct block_meta *meta = block_meta(view->blocks->v[i]);
        if (meta->mint > s->maxt || meta->maxt <= s->mint)
            continue;
        in[in_n].block = view->blocks->v[i];
        if (!view_block(view, s, spec, &in[in_n], e))
            return false;
        if (in[in_n].n)
            in_n++;
        else
            in[in_n] = (struct view_input){0};
    }
    if (in_n > 1) {
        view_merge(view, s, in, in_n, head);
        return true;
    }
    view_room(view, s, s->head_n);
    for (size_t i = 0; i < s->head_n; i++)
        view_add(s, head[i].labels, (struct view_series){.head = (struct head_series *)head[i].head},
                 head[i].head->id);
    return true;
}

bool
view_open(struct view **out, struct tsdb *db, const struct selection_spec *specs, size_t n,
          size_t series_max, struct err *e)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    struct view *view = MEM_NEW(struct view);
    struct head *h = &db->head;
    view->magic = VIEW_MAGIC;
    view->db = db;
    view->arena = arena_new();
    view->v = ARENA_ZARRAY(view->arena, struct view_selection, n);
    view->n = n;
    struct arena *scratch = arena_new();
    pin_enter(&h->pins, &view->pin);
    head_enter_read(h);
    view->blocks = block_list_ref(db->blocks);
    view->map = head_file_map(h->file);
    rwlock_read(&h->index);
    for (size_t i = 0; i < n; i++) {
        view->v[i].mint = specs[i].mint;
        view->v[i].maxt = specs[i].maxt;
        view_head(view, &view->v[i], &specs[i], scratch);
    }
    rwlock_unlock(&h->index);
    rwlock_unlock(&h->gate);
    arena_free(&scratch);
    bool ok = true;
    size_t series = 0;
    for (size_t i = 0; i < n && ok; i++) {
        ok = view_fill(view, &view->v[i], &specs[i], e);
        series += view->v[i].out.n;
        if (ok && series_max && series > series_max)
            ok = err_set(e, ERR_LIMIT, "the query selects more than %zu series", series_max);
    }
    if (!ok) {
        view_close(&view);
        return false;
    }
    *out = view;
    return true;
}

void
view_close(struct view **vp)
{
    struct view *view = *vp;
    *vp = NULL;
    if (view == NULL)
        return;
    CHECK_MAGIC(view, VIEW_MAGIC);
    pin_leave(&view->db->head.pins, &view->pin);
    head_map_unref(&view->map);
    block_list_unref(&view->blocks);
    arena_free(&view->arena);
    view->magic = 0;
    mem_free(view);
}

struct selection
view_selection(const struct view *v, size_t i)
{
    CHECK(i < v->n);
    return v->v[i].out;
}

static const struct view_series *
view_series_of(const struct view *v, size_t i, const struct selected *s)
{
    CHECK_MAGIC(v, VIEW_MAGIC);
    CHECK(i < v->n && s->handle < v->v[i].out.n);
    return &v->v[i].series[s->handle];
}

/* One source of a series' samples: a block or (a part of) the head. */
struct view_source {
    const struct view_part *part; /* NULL: head */
    struct head_series head;
    int64_t from, to;             /* where its samples lie */
};

/* Of equal times the sample in order wins over a late one, and of late ones the first that
 * came, wherever they lie: in-order blocks, the head's in-order samples, blocks of late
 * samples, the head's late ones.  So neither restart nor compaction changes an answer. */
static size_t
view_sources(const struct view_series *s, struct view_source *out)
{
    size_t n = 0;
    for (int late = 0; late < 2; late++) {
        for (size_t i = 0; i < s->parts_n; i++) {
            const struct block_meta *m = block_meta(s->parts[i].block);
            if (m->out_of_order == (bool)late)
                out[n++] = (struct view_source){
                    .part = &s->parts[i], .from = m->mint, .to = m->maxt - 1};
        }
        const struct head_series *h = s->head;
        if (h == NULL)
            continue;
        struct view_source *o = &out[n];
        *o = (struct view_source){.head = *h, .from = late ? INT64_MIN : h->mint, .to = INT64_MAX};
        if (late) {
            o->head.encoding = 0;
            o->head.sealed = 0;
        } else {
            o->head.late = NULL;
            o->head.late_sealed = 0;
        }
        n += late ? h->late || h->late_sealed : h->encoding || h->sealed;
    }
    return n;
}

static bool
view_source_read(const struct view *v, const struct view_source *s, int64_t mint, int64_t maxt,
                 struct arena *a, struct column *out, struct err *e)
{
    if (s->part == NULL)
        return head_series_read(&s->head, v->map, mint, maxt, a, out, e);
    return block_read(s->part->block, s->part->series, mint, maxt, a, out, e);
}

bool
view_read(const struct view *v, size_t i, const struct selected *sel, int64_t mint, int64_t maxt,
          struct arena *a, struct column *out, struct err *e)
{
    const struct view_series *s = view_series_of(v, i, sel);
    *out = (struct column){0};
    if (s->parts_n == 0)
        return head_series_read(s->head, v->map, mint, maxt, a, out, e);
    struct view_source *sources = ARENA_ARRAY(a, struct view_source, s->parts_n + 2);
    size_t n = view_sources(s, sources);
    bool apart = true;
    for (size_t k = 1; k < n; k++)
        apart = apart && sources[k].from > sources[k - 1].to;
    struct column *c = ARENA_ZARRAY(a, struct column, apart ? 0 : n);
    const struct column **in = ARENA_ARRAY(a, const struct column *, n);
    for (size_t k = 0; k < n; k++) {
        in[k] = &c[k];
        if (!view_source_read(v, &sources[k], mint, maxt, a, apart ? out : &c[k], e))
            return false;
    }
    if (!apart)
        column_merge(a, in, n, out);
    return true;
}

uint64_t
view_estimate(const struct view *v, size_t i, const struct selected *sel, int64_t mint, int64_t maxt)
{
    const struct view_series *s = view_series_of(v, i, sel);
    uint64_t n = s->head ? head_series_estimate(s->head, v->map, mint, maxt) : 0;
    for (size_t k = 0; k < s->parts_n; k++)
        n += block_estimate(s->parts[k].block, s->parts[k].series, mint, maxt);
    return n;
}
