/* block_meta.c - meta.json of a block, as Go writes it with tabs. */
#include "base/io.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/block.h"

#define META_BYTES_MAX (16u << 20)
#define META_VERSION 1

static const char *const hint_texts[] = {"from-out-of-order", "from-selected-series",
                                         "from-stale-series"};

static void
put_count(struct buf *b, bool *comma, const char *key, uint64_t v)
{
    if (v == 0)
        return;
    buf_printf(b, "%s\n\t\t\"%s\": %llu", *comma ? "," : "", key, (unsigned long long)v);
    *comma = true;
}

static void
put_stats(struct buf *b, const struct block_meta *m)
{
    bool comma = false;
    buf_lit(b, "\t\"stats\": {");
    put_count(b, &comma, "numSamples", m->samples);
    put_count(b, &comma, "numFloatSamples", m->float_samples);
    put_count(b, &comma, "numHistogramSamples", m->histogram_samples);
    put_count(b, &comma, "numSeries", m->series);
    put_count(b, &comma, "numChunks", m->chunks);
    put_count(b, &comma, "numTombstones", m->tombstones);
    buf_put(b, comma ? STRL("\n\t},\n") : STRL("},\n"));
}

static void
put_hints(struct buf *b, const struct block_meta *m)
{
    const bool set[] = {m->out_of_order, m->selected, m->stale_series};
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        if (!set[i])
            continue;
        buf_printf(b, "%s\n\t\t\t\"%s\"", any ? "," : ",\n\t\t\"hints\": [", hint_texts[i]);
        any = true;
    }
    if (any)
        buf_lit(b, "\n\t\t]");
}

static void
put_compaction(struct buf *b, const struct block_meta *m)
{
    buf_printf(b, "\t\"compaction\": {\n\t\t\"level\": %u", m->level);
    for (size_t i = 0; i < m->sources_n; i++)
        buf_printf(b, "%s\n\t\t\t\"%s\"", i ? "," : ",\n\t\t\"sources\": [", m->sources[i]);
    if (m->sources_n)
        buf_lit(b, "\n\t\t]");
    if (m->deletable)
        buf_lit(b, ",\n\t\t\"deletable\": true");
    for (size_t i = 0; i < m->parents_n; i++)
        buf_printf(b,
                   "%s\n\t\t\t{\n\t\t\t\t\"ulid\": \"%s\",\n\t\t\t\t\"minTime\": %lld,\n"
                   "\t\t\t\t\"maxTime\": %lld\n\t\t\t}",
                   i ? "," : ",\n\t\t\"parents\": [", m->parents[i].ulid,
                   (long long)m->parents[i].mint, (long long)m->parents[i].maxt);
    if (m->parents_n)
        buf_lit(b, "\n\t\t]");
    if (m->failed)
        buf_lit(b, ",\n\t\t\"failed\": true");
    put_hints(b, m);
    buf_lit(b, "\n\t},\n");
}

bool
block_meta_write(const struct block_meta *m, const char *dir, struct err *e)
{
    struct buf b = {0};
    buf_printf(&b, "{\n\t\"ulid\": \"%s\",\n\t\"minTime\": %lld,\n\t\"maxTime\": %lld,\n", m->ulid,
               (long long)m->mint, (long long)m->maxt);
    put_stats(&b, m);
    put_compaction(&b, m);
    buf_printf(&b, "\t\"version\": %d\n}", META_VERSION);
    char *path = io_join(dir, "meta.json");
    bool good = io_replace(path, buf_str(&b), e);
    mem_free(path);
    buf_free(&b);
    return good;
}

static void
get_ulid(const struct json_node *n, char out[ULID_TEXT + 1], bool *bad)
{
    str s = json_text(n);
    *bad |= !ulid_valid(s);
    out[0] = 0;
    if (ulid_valid(s)) {
        memcpy(out, s.p, ULID_TEXT);
        out[ULID_TEXT] = 0;
    }
}

static uint64_t
get_count(const struct json_node *stats, const char *key)
{
    int64_t v = json_int(json_get(stats, key));
    return v > 0 ? (uint64_t)v : 0;
}

static void
get_compaction(const struct json_node *c, struct block_meta *m, bool *bad)
{
    int64_t level = json_int(json_get(c, "level"));
    m->level = level > 0 && level < 1 << 20 ? (unsigned)level : 0;
    m->deletable = json_type(json_get(c, "deletable")) == JSON_TRUE;
    m->failed = json_type(json_get(c, "failed")) == JSON_TRUE;
    const struct json_node *list = json_get(c, "sources");
    m->sources = mem_array(MAX(json_size(list), 1), sizeof *m->sources);
    for (; m->sources_n < json_size(list); m->sources_n++)
        get_ulid(json_at(list, m->sources_n), m->sources[m->sources_n], bad);
    list = json_get(c, "parents");
    m->parents = MEM_ARRAY(struct block_desc, MAX(json_size(list), 1));
    for (; m->parents_n < json_size(list); m->parents_n++) {
        const struct json_node *p = json_at(list, m->parents_n);
        struct block_desc *d = &m->parents[m->parents_n];
        get_ulid(json_get(p, "ulid"), d->ulid, bad);
        d->mint = json_int(json_get(p, "minTime"));
        d->maxt = json_int(json_get(p, "maxTime"));
    }
    list = json_get(c, "hints");
    for (size_t i = 0; i < json_size(list); i++) {
        str hint = json_text(json_at(list, i));
        m->out_of_order |= str_eq(hint, str_of(hint_texts[0]));
        m->selected |= str_eq(hint, str_of(hint_texts[1]));
        m->stale_series |= str_eq(hint, str_of(hint_texts[2]));
    }
}

static bool
parse(str text, struct block_meta *m, struct err *e)
{
    struct json_doc *doc;
    if (!json_parse(text, &doc, e)) {
        e->kind = ERR_CORRUPT;
        return err_prefix(e, "meta.json: ");
    }
    const struct json_node *root = json_root(doc);
    const struct json_node *stats = json_get(root, "stats");
    bool bad = false;
    get_ulid(json_get(root, "ulid"), m->ulid, &bad);
    m->mint = json_int(json_get(root, "minTime"));
    m->maxt = json_int(json_get(root, "maxTime"));
    m->samples = get_count(stats, "numSamples");
    m->float_samples = get_count(stats, "numFloatSamples");
    m->histogram_samples = get_count(stats, "numHistogramSamples");
    m->series = get_count(stats, "numSeries");
    m->chunks = get_count(stats, "numChunks");
    m->tombstones = get_count(stats, "numTombstones");
    get_compaction(json_get(root, "compaction"), m, &bad);
    int64_t version = json_int(json_get(root, "version"));
    json_doc_free(&doc);
    if (version != META_VERSION)
        return err_set(e, ERR_CORRUPT, "unexpected meta file version %lld", (long long)version);
    if (bad)
        return err_set(e, ERR_CORRUPT, "meta.json: a ULID is not one");
    return true;
}

bool
block_meta_read(const char *dir, struct block_meta *out, struct err *e)
{
    *out = (struct block_meta){.level = 0};
    struct buf b = {0};
    char *path = io_join(dir, "meta.json");
    bool good = io_read_file(path, META_BYTES_MAX, &b, e) && parse(buf_str(&b), out, e);
    mem_free(path);
    buf_free(&b);
    if (!good)
        block_meta_fini(out);
    return good;
}

void
block_meta_copy(struct block_meta *to, const struct block_meta *from)
{
    *to = *from;
    to->sources = mem_array(MAX(from->sources_n, 1), sizeof *to->sources);
    to->parents = MEM_ARRAY(struct block_desc, MAX(from->parents_n, 1));
    memcpy(to->sources, from->sources, from->sources_n * sizeof *to->sources);
    memcpy(to->parents, from->parents, from->parents_n * sizeof *to->parents);
}

void
block_meta_fini(struct block_meta *m)
{
    mem_free(m->sources);
    mem_free(m->parents);
    *m = (struct block_meta){.level = 0};
}
