/* labels_keep.c - label sets that outlive arenas. */
#include "base/mem.h"
#include "model/labels.h"

struct labels
labels_keep(struct labels ls)
{
    size_t bytes = ls.n * sizeof(struct label);

    for (size_t i = 0; i < ls.n; i++)
        bytes += ls.v[i].name.n + ls.v[i].value.n;
    struct label *v = mem_alloc(MAX(bytes, (size_t)1));
    char *text = (char *)(v + ls.n);
    for (size_t i = 0; i < ls.n; i++) {
        str *parts[] = {&v[i].name, &v[i].value};
        str from[] = {ls.v[i].name, ls.v[i].value};
        for (int k = 0; k < 2; k++) {
            if (from[k].n)
                memcpy(text, from[k].p, from[k].n);
            *parts[k] = STR(text, from[k].n);
            text += from[k].n;
        }
    }
    return (struct labels){v, ls.n};
}

void
labels_release(struct labels *ls)
{
    mem_free((void *)(uintptr_t)ls->v);
    *ls = LABELS_EMPTY;
}
