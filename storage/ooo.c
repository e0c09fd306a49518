#include "storage/ooo.h"

#include "base/mem.h"
#include "base/panic.h"

struct ooo *
ooo_new(void)
{
    struct ooo *o = MEM_NEW(struct ooo);
    o->mint = INT64_MAX;
    o->maxt = INT64_MIN;
    return o;
}

void
ooo_free(struct ooo **op)
{
    struct ooo *o = *op;
    *op = NULL;
    if (o == NULL)
        return;
    arena_free(&o->hists);
    mem_free(o->v);
    mem_free(o);
}

bool
ooo_insert(struct ooo *o, struct ooo_sample s)
{
    CHECK(o->n < OOO_BUFFER);
    uint32_t at = o->n;
    while (at > 0 && o->v[at - 1].t > s.t)
        at--;
    if (at > 0 && o->v[at - 1].t == s.t)
        return false;
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 4;
        o->v = mem_realloc(o->v, o->cap * sizeof(*o->v));
    }
    if (s.h) {
        if (o->hists == NULL)
            o->hists = arena_new();
        s.h = histogram_copy(o->hists, s.h);
    }
    memmove(o->v + at + 1, o->v + at, (o->n - at) * sizeof(*o->v));
    o->v[at] = s;
    o->n++;
    o->mint = MIN(o->mint, s.t);
    o->maxt = MAX(o->maxt, s.t);
    return true;
}

static void
ooo_put(struct ooo *o, struct head_file *f, struct head_chunk c, const void *xor)
{
    c.prev = o->sealed;
    uint64_t ref;
    uint8_t *to = head_file_reserve(f, &c, &ref);
    if (c.encoding == CHUNK_XOR)
        chunk_xor_copy(xor, to);
    else if (c.encoding == CHUNK_XOR2)
        chunk_xor2_copy(xor, to);
    else
        memcpy(to, c.data.p, c.data.n);
    head_file_seal(f, ref);
    o->sealed = ref;
    o->sealed_n++;
}

/* A run of floats; XOR2 if any has a start time.  Returns where it ends. */
static uint32_t
ooo_seal_floats(struct ooo *o, struct head_file *f, uint32_t series, uint32_t from)
{
    uint32_t to = from;
    bool st = false;
    for (; to < o->n && o->v[to].h == NULL; to++)
        st = st || o->v[to].st != 0;
    struct chunk_xor2 c;
    if (st)
        chunk_xor2_init(&c, NULL, 0);
    else
        chunk_xor_init(&c.x, NULL, 0);
    for (uint32_t i = from; i < to; i++) {
        if (st)
            chunk_xor2_put(&c, o->v[i].st, o->v[i].t, o->v[i].v);
        else
            chunk_xor_put(&c.x, o->v[i].t, o->v[i].v);
    }
    struct head_chunk h = {.encoding = st ? CHUNK_XOR2 : CHUNK_XOR,
                           .series = series,
                           .mint = o->v[from].t,
                           .maxt = o->v[to - 1].t,
                           .data = STR(NULL, chunk_xor_size(&c.x))};
    if (st)
        ooo_put(o, f, h, &c);
    else
        ooo_put(o, f, h, &c.x);
    mem_free(c.x.p);
    return to;
}

/* As many histograms from `from` on as one chunk takes. */
static uint32_t
ooo_seal_histograms(struct ooo *o, struct head_file *f, uint32_t series, uint32_t from)
{
    bool integer = o->v[from].h->integer, st = false;
    uint32_t to = from;
    for (; to < o->n && o->v[to].h && o->v[to].h->integer == integer; to++)
        st = st || o->v[to].st != 0;
    enum chunk_encoding encoding = chunk_histogram_kind(integer, st);
    struct chunk_histogram *c = chunk_histogram_new(encoding);
    uint32_t end = to;
    for (to = from; to < end; to++)
        if (!chunk_histogram_append_st(c, NULL, o->v[to].st, o->v[to].t, o->v[to].h))
            break;
    CHECK(to > from);
    ooo_put(o, f, (struct head_chunk){.encoding = encoding,
                                      .series = series,
                                      .mint = o->v[from].t,
                                      .maxt = o->v[to - 1].t,
                                      .data = chunk_histogram_data(c)}, NULL);
    chunk_histogram_free(&c);
    return to;
}

unsigned
ooo_seal(struct ooo *o, struct head_file *f, uint32_t series)
{
    unsigned chunks = 0;
    for (uint32_t at = 0; at < o->n; chunks++)
        at = o->v[at].h ? ooo_seal_histograms(o, f, series, at)
                        : ooo_seal_floats(o, f, series, at);
    o->n = 0;
    if (o->hists)
        arena_clear(o->hists);
    return chunks;
}

void
ooo_read(const struct ooo *o, int64_t mint, int64_t maxt, struct arena *a, struct column *out)
{
    for (uint32_t i = 0; i < o->n; i++) {
        const struct ooo_sample *s = &o->v[i];
        if (s->t < mint || s->t > maxt)
            continue;
        column_reserve(out, a, 1);
        if (s->h && out->h == NULL)
            out->h = ARENA_ZARRAY(a, struct histogram *, out->cap);
        if (s->st && out->st == NULL)
            out->st = ARENA_ZARRAY(a, int64_t, out->cap);
        out->t[out->n] = s->t;
        out->v[out->n] = s->v;
        if (out->h)
            out->h[out->n] = s->h ? histogram_copy(a, s->h) : NULL;
        if (out->st)
            out->st[out->n] = s->st;
        out->n++;
    }
}
