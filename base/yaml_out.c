#include "base/yaml.h"

#include <yaml.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"

struct yaml_out {
    unsigned magic;
#define YAML_OUT_MAGIC 0x9a4210b7
    yaml_emitter_t lib;
    struct buf *to; /* borrowed */
    bool flow; /* the next collection's style */
    int depth;
    bool is_map[LIMIT_YAML_DEPTH];
};

static int
on_bytes(void *data, unsigned char *bytes, size_t n)
{
    buf_put(((struct yaml_out *)data)->to, STR(bytes, n));
    return 1;
}

static void
emit(struct yaml_out *o, yaml_event_t *event, int made)
{
    CHECK(made);
    CHECK(yaml_emitter_emit(&o->lib, event));
}

static struct yaml_out *
out_new(struct buf *to, int width)
{
    struct yaml_out *o = MEM_NEW(struct yaml_out);
    yaml_event_t event;
    o->magic = YAML_OUT_MAGIC;
    o->to = to;
    CHECK(yaml_emitter_initialize(&o->lib));
    yaml_emitter_set_output(&o->lib, on_bytes, o);
    yaml_emitter_set_unicode(&o->lib, 1);
    yaml_emitter_set_width(&o->lib, width);
    emit(o, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(o, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    return o;
}

struct yaml_out *
yaml_out_new(struct buf *to)
{
    return out_new(to, 80);
}

static void
push(struct yaml_out *o, bool is_map)
{
    CHECK_MAGIC(o, YAML_OUT_MAGIC);
    CHECK(o->depth < LIMIT_YAML_DEPTH);
    o->is_map[o->depth++] = is_map;
}

void
yaml_out_map(struct yaml_out *o)
{
    yaml_event_t event;
    push(o, true);
    emit(o, &event,
         yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                             o->flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE));
    o->flow = false;
}

static void
begin_list(struct yaml_out *o, yaml_sequence_style_t style)
{
    yaml_event_t event;
    push(o, false);
    o->flow = false;
    emit(o, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style));
}

void
yaml_out_list(struct yaml_out *o)
{
    begin_list(o, o->flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
}

void
yaml_out_flow_next(struct yaml_out *o)
{
    CHECK_MAGIC(o, YAML_OUT_MAGIC);
    o->flow = true;
}

void
yaml_out_flow_list(struct yaml_out *o)
{
    begin_list(o, YAML_FLOW_SEQUENCE_STYLE);
}

void
yaml_out_end(struct yaml_out *o)
{
    yaml_event_t event;
    CHECK_MAGIC(o, YAML_OUT_MAGIC);
    CHECK(o->depth > 0);
    if (o->is_map[--o->depth])
        emit(o, &event, yaml_mapping_end_event_initialize(&event));
    else
        emit(o, &event, yaml_sequence_end_event_initialize(&event));
}

static void
put(struct yaml_out *o, str s, yaml_scalar_style_t style)
{
    yaml_event_t event;
    const yaml_char_t *p = (const yaml_char_t *)(s.n ? s.p : "");
    CHECK_MAGIC(o, YAML_OUT_MAGIC);
    emit(o, &event, yaml_scalar_event_initialize(&event, NULL, NULL, p, (int)s.n, 1, 1, style));
}

/* 1:30 was a number of base 60 in YAML 1.1; old readers would take it so. */
static bool
is_base60(str s)
{
    size_t at = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    size_t groups = 0;
    if (at == s.n || s.p[at] < '0' || s.p[at] > '9')
        return false;
    while (at < s.n && ((s.p[at] >= '0' && s.p[at] <= '9') || s.p[at] == '_'))
        at++;
    while (at < s.n && s.p[at] == ':') {
        size_t n = 0;
        at++;
        while (at + n < s.n && n < 2 && s.p[at + n] >= '0' && s.p[at + n] <= '9')
            n++;
        if (n == 0 || (n == 2 && s.p[at] > '5'))
            return false;
        at += n;
        groups++;
    }
    if (at < s.n && s.p[at] == '.') {
        at++;
        while (at < s.n && ((s.p[at] >= '0' && s.p[at] <= '9') || s.p[at] == '_'))
            at++;
    }
    return groups > 0 && at == s.n;
}

static bool
can_be_plain(str s)
{
    struct yaml_node n = {.type = YAML_SCALAR, .text = s, .v2 = true};
    str tag = yaml_resolved_tag(&n);
    return (str_eq(tag, STRL("!!str")) || str_eq(tag, STRL("!!merge"))) && !is_base60(s);
}

static yaml_scalar_style_t
style_of(str s, bool one_line)
{
    if (str_find_char(s, '\n', 0) >= 0)
        return one_line ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_LITERAL_SCALAR_STYLE;
    return can_be_plain(s) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

void
yaml_out_str(struct yaml_out *o, str s)
{
    struct buf valid = {0};
    if (!utf8_valid(s)) {
        while (s.n > 0) {
            size_t size;
            utf8_put(&valid, utf8_decode(s, &size));
            s = str_from(s, size);
        }
        s = buf_str(&valid);
    }
    put(o, s, style_of(s, false));
    buf_free(&valid);
}

void
yaml_out_plain(struct yaml_out *o, str s)
{
    put(o, s, YAML_PLAIN_SCALAR_STYLE);
}

void
yaml_out_key(struct yaml_out *o, const char *key)
{
    CHECK(o->depth > 0 && o->is_map[o->depth - 1]);
    yaml_out_str(o, str_of(key));
    o->flow = false;
}

void
yaml_out_free(struct yaml_out **o_ptr)
{
    struct yaml_out *o = *o_ptr;
    yaml_event_t event;
    if (o == NULL)
        return;
    CHECK_MAGIC(o, YAML_OUT_MAGIC);
    CHECK(o->depth == 0);
    emit(o, &event, yaml_document_end_event_initialize(&event, 1));
    CHECK(yaml_emitter_flush(&o->lib));
    /* After some scalars libyaml ends the stream with "...", which Go does not. */
    size_t end = o->to->n;
    emit(o, &event, yaml_stream_end_event_initialize(&event));
    CHECK(yaml_emitter_flush(&o->lib));
    o->to->n = end;
    yaml_emitter_delete(&o->lib);
    o->magic = 0;
    mem_free(o);
    *o_ptr = NULL;
}

void
yaml_put_scalar(struct buf *out, str s)
{
    struct buf text = {0};
    struct yaml_out *o = out_new(&text, -1);
    put(o, s, style_of(s, true));
    yaml_out_free(&o);
    str line = buf_str(&text);
    while (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    if (str_ends(line, STRL("\n...")))
        line.n -= 4;
    buf_put(out, line);
    buf_free(&text);
}
