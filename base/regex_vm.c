#include "base/regex_priv.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"

/* Thompson's simulation with Pike's captures: the input is read once, all alternatives
 * are followed together as an ordered list of program counters, and the order is that in
 * which a backtracking matcher would try them.  Time is at most program × input. */

enum vm_op {
    VM_RUNE, /* one rune: arg */
    VM_CLASS,
    VM_ANY,
    VM_ANY_NOT_NL,
    VM_ASSERT, /* arg: the regex_op */
    VM_SAVE,   /* slot arg */
    VM_SPLIT,  /* first to x, then to y */
    VM_JUMP,   /* to x */
    VM_MATCH,
};
struct vm_inst {
    enum vm_op op;
    uint32_t arg;
    uint32_t x, y;
    const struct regex_class *class;
};

struct regex_vm {
    unsigned magic;
#define REGEX_VM_MAGIC 0x3d1e5bf2
    struct vm_inst *code;
    size_t n, cap;
    size_t groups; /* with the whole match */
    bool anchored;
    struct arena *arena; /* classes */
};

/* Compiling: code for a node is laid out in place; every piece falls through at its end. */

static void compile(struct regex_vm *vm, const struct regex_node *n);

static uint32_t
emit(struct regex_vm *vm, struct vm_inst in)
{
    mem_grow(&vm->code, &vm->cap, vm->n + 1, sizeof(*vm->code));
    vm->code[vm->n] = in;
    return (uint32_t)vm->n++;
}

static uint32_t
here(const struct regex_vm *vm)
{
    return (uint32_t)vm->n;
}

static void
emit_class(struct regex_vm *vm, const struct regex_class *from)
{
    struct regex_class *c = ARENA_NEW(vm->arena, struct regex_class);
    c->arena = vm->arena;
    c->n = c->cap = from->n;
    c->range = ARENA_ARRAY(vm->arena, struct regex_range, from->n);
    if (from->n > 0)
        memcpy(c->range, from->range, from->n * sizeof(*c->range));
    emit(vm, (struct vm_inst){.op = VM_CLASS, .class = c});
}

static void
emit_literal(struct regex_vm *vm, const struct regex_node *n)
{
    str s = STR(n->text, n->text_n);
    while (s.n > 0) {
        size_t size;
        uint32_t r = utf8_decode(s, &size);
        s = str_from(s, size);
        if (!n->fold || regex_fold_next(r) == r) {
            emit(vm, (struct vm_inst){.op = VM_RUNE, .arg = r});
            continue;
        }
        struct regex_class c = {.arena = vm->arena};
        regex_class_add_folded(&c, r, r);
        regex_class_clean(&c);
        emit_class(vm, &c);
    }
}

static void
split_to(struct regex_vm *vm, uint32_t at, uint32_t inside, uint32_t outside, bool lazy)
{
    vm->code[at].x = lazy ? outside : inside;
    vm->code[at].y = lazy ? inside : outside;
}

/* L1: body; split L1, L2; L2: */
static void
emit_plus(struct regex_vm *vm, const struct regex_node *body, bool lazy)
{
    uint32_t start = here(vm);
    compile(vm, body);
    uint32_t at = emit(vm, (struct vm_inst){.op = VM_SPLIT});
    split_to(vm, at, start, here(vm), lazy);
}

/* A body that can match nothing is repeated as (body+)?, which keeps the order of
 * attempts right; Go does so too. */
static void
emit_star(struct regex_vm *vm, const struct regex_node *body, bool lazy)
{
    uint32_t at = emit(vm, (struct vm_inst){.op = VM_SPLIT});
    if (regex_nullable(body)) {
        emit_plus(vm, body, lazy);
    } else {
        compile(vm, body);
        emit(vm, (struct vm_inst){.op = VM_JUMP, .x = at});
    }
    split_to(vm, at, at + 1, here(vm), lazy);
}

/* x{2,4} is xx(x(x)?)?; every way out leads to the end. */
static void
emit_counted(struct regex_vm *vm, const struct regex_node *n)
{
    int optional = n->max - n->min;
    for (int i = 0; i < n->min; i++)
        compile(vm, n->sub[0]);
    uint32_t *splits = MEM_ARRAY(uint32_t, (size_t)MAX(optional, 1));
    for (int i = 0; i < optional; i++) {
        splits[i] = emit(vm, (struct vm_inst){.op = VM_SPLIT});
        compile(vm, n->sub[0]);
    }
    for (int i = 0; i < optional; i++)
        split_to(vm, splits[i], splits[i] + 1, here(vm), n->lazy);
    mem_free(splits);
}

static void
emit_repeat(struct regex_vm *vm, const struct regex_node *n)
{
    if (n->max != -1) {
        emit_counted(vm, n);
        return;
    }
    if (n->min == 0) {
        emit_star(vm, n->sub[0], n->lazy);
        return;
    }
    for (int i = 1; i < n->min; i++)
        compile(vm, n->sub[0]);
    emit_plus(vm, n->sub[0], n->lazy);
}

static void
emit_alternate(struct regex_vm *vm, const struct regex_node *n)
{
    uint32_t *jumps = MEM_ARRAY(uint32_t, n->n);
    for (size_t i = 0; i + 1 < n->n; i++) {
        uint32_t at = emit(vm, (struct vm_inst){.op = VM_SPLIT});
        compile(vm, n->sub[i]);
        jumps[i] = emit(vm, (struct vm_inst){.op = VM_JUMP});
        split_to(vm, at, at + 1, here(vm), false);
    }
    compile(vm, n->sub[n->n - 1]);
    for (size_t i = 0; i + 1 < n->n; i++)
        vm->code[jumps[i]].x = here(vm);
    mem_free(jumps);
}

static void
compile(struct regex_vm *vm, const struct regex_node *n)
{
    switch (n->op) {
    case RE_EMPTY:
        return;
    case RE_LITERAL:
        emit_literal(vm, n);
        return;
    case RE_CLASS:
        emit_class(vm, &n->class);
        return;
    case RE_ANY:
        emit(vm, (struct vm_inst){.op = VM_ANY});
        return;
    case RE_ANY_NOT_NL:
        emit(vm, (struct vm_inst){.op = VM_ANY_NOT_NL});
        return;
    case RE_CAPTURE:
        emit(vm, (struct vm_inst){.op = VM_SAVE, .arg = 2 * (uint32_t)n->group});
        compile(vm, n->sub[0]);
        emit(vm, (struct vm_inst){.op = VM_SAVE, .arg = 2 * (uint32_t)n->group + 1});
        return;
    case RE_REPEAT:
        emit_repeat(vm, n);
        return;
    case RE_CONCAT:
        for (size_t i = 0; i < n->n; i++)
            compile(vm, n->sub[i]);
        return;
    case RE_ALTERNATE:
        emit_alternate(vm, n);
        return;
    default:
        emit(vm, (struct vm_inst){.op = VM_ASSERT, .arg = n->op});
    }
}

struct regex_vm *
regex_vm_new(const struct regex_tree *tree, bool anchored)
{
    struct regex_vm *vm = MEM_NEW(struct regex_vm);
    vm->magic = REGEX_VM_MAGIC;
    vm->groups = (size_t)tree->groups + 1;
    vm->anchored = anchored;
    vm->arena = arena_new();
    compile(vm, tree->root);
    if (anchored)
        emit(vm, (struct vm_inst){.op = VM_ASSERT, .arg = RE_END_TEXT});
    emit(vm, (struct vm_inst){.op = VM_MATCH});
    return vm;
}

void
regex_vm_free(struct regex_vm **vm_ptr)
{
    struct regex_vm *vm = *vm_ptr;
    if (vm == NULL)
        return;
    CHECK_MAGIC(vm, REGEX_VM_MAGIC);
    arena_free(&vm->arena);
    mem_free(vm->code);
    vm->magic = 0;
    mem_free(vm);
    *vm_ptr = NULL;
}

/* Running. */

/* Program counters in the order of preference; `where` tells membership (sparse set).
 * Each has its captures beside it. */
struct threads {
    uint32_t *pc;
    uint32_t *where;
    size_t *caps; /* slots per thread, in the order of pc */
    size_t n;
};

/* Entries of the walk over splits: a program counter, or a capture to put back. */
struct walk {
    uint32_t pc;
    bool restore;
    size_t slot, old;
};

struct run {
    const struct regex_vm *vm;
    str s;
    size_t slots; /* captures wanted; 0 for a mere yes or no */
    struct threads now, next;
    struct walk *walk;
    size_t walk_cap;
    size_t *caps; /* of the thread being added */
    size_t *best; /* of the match so far */
    bool matched;
};

static bool
is_word(uint32_t r)
{
    return r < 0x80 &&
           (r == '_' || (r >= '0' && r <= '9') || ((r | 0x20) >= 'a' && (r | 0x20) <= 'z'));
}

static bool
holds(str s, size_t at, enum regex_op what)
{
    /* Words and newlines are ASCII, so looking at bytes is enough. */
    uint32_t before = at > 0 ? (unsigned char)s.p[at - 1] : 0x80;
    uint32_t after = at < s.n ? (unsigned char)s.p[at] : 0x80;
    switch (what) {
    case RE_BEGIN_TEXT:
        return at == 0;
    case RE_END_TEXT:
        return at == s.n;
    case RE_BEGIN_LINE:
        return at == 0 || before == '\n';
    case RE_END_LINE:
        return at == s.n || after == '\n';
    case RE_WORD_BOUNDARY:
        return is_word(before) != is_word(after);
    case RE_NO_WORD_BOUNDARY:
        return is_word(before) == is_word(after);
    default:
        UNREACHABLE();
    }
}

static bool
member(const struct threads *t, uint32_t pc)
{
    return t->where[pc] < t->n && t->pc[t->where[pc]] == pc;
}

static void
push(struct run *r, size_t *depth, struct walk w)
{
    mem_grow(&r->walk, &r->walk_cap, *depth + 1, sizeof(*r->walk));
    r->walk[(*depth)++] = w;
}

/* Handles one instruction that takes no input; what it leads to is pushed. */
static void
follow(struct run *r, size_t *depth, const struct vm_inst *in, uint32_t pc, size_t at)
{
    switch (in->op) {
    case VM_JUMP:
        push(r, depth, (struct walk){.pc = in->x});
        return;
    case VM_SPLIT:
        push(r, depth, (struct walk){.pc = in->y});
        push(r, depth, (struct walk){.pc = in->x});
        return;
    case VM_ASSERT:
        if (holds(r->s, at, (enum regex_op)in->arg))
            push(r, depth, (struct walk){.pc = pc + 1});
        return;
    case VM_SAVE:
        if (in->arg < r->slots) {
            push(r, depth,
                 (struct walk){.restore = true, .slot = in->arg, .old = r->caps[in->arg]});
            r->caps[in->arg] = at;
        }
        push(r, depth, (struct walk){.pc = pc + 1});
        return;
    default:
        return;
    }
}

/* Adds pc and all it leads to without input, first choices first. */
static void
add(struct run *r, struct threads *t, uint32_t start, size_t at)
{
    size_t depth = 0;
    push(r, &depth, (struct walk){.pc = start});
    while (depth > 0) {
        struct walk w = r->walk[--depth];
        if (w.restore) {
            r->caps[w.slot] = w.old;
            continue;
        }
        if (member(t, w.pc))
            continue;
        t->where[w.pc] = (uint32_t)t->n;
        t->pc[t->n] = w.pc;
        if (r->slots > 0)
            memcpy(t->caps + t->n * r->slots, r->caps, r->slots * sizeof(size_t));
        t->n++;
        follow(r, &depth, &r->vm->code[w.pc], w.pc, at);
    }
}

static bool
takes(const struct vm_inst *in, uint32_t rune)
{
    switch (in->op) {
    case VM_RUNE:
        return in->arg == rune;
    case VM_CLASS:
        return regex_class_has(in->class, rune);
    case VM_ANY:
        return true;
    case VM_ANY_NOT_NL:
        return rune != '\n';
    default:
        return false;
    }
}

/* Lets each thread take the rune at `at`; those after a match have lost to it. */
static void
advance(struct run *r, size_t at)
{
    size_t size = 0;
    uint32_t rune = 0;
    bool end = at == r->s.n;
    if (!end)
        rune = utf8_decode(str_from(r->s, at), &size);
    r->next.n = 0;
    for (size_t i = 0; i < r->now.n; i++) {
        const struct vm_inst *in = &r->vm->code[r->now.pc[i]];
        const size_t *caps = r->now.caps + i * r->slots;
        if (in->op == VM_MATCH) {
            r->matched = true;
            if (r->slots > 0) {
                memcpy(r->best, caps, r->slots * sizeof(size_t));
                r->best[1] = at;
            }
            break;
        }
        if (end || !takes(in, rune))
            continue;
        if (r->slots > 0)
            memcpy(r->caps, caps, r->slots * sizeof(size_t));
        add(r, &r->next, r->now.pc[i] + 1, at + size);
    }
    struct threads t = r->now;
    r->now = r->next;
    r->next = t;
}

static void
start_thread(struct run *r, size_t at)
{
    for (size_t i = 0; i < r->slots; i++)
        r->caps[i] = SIZE_MAX;
    if (r->slots > 0)
        r->caps[0] = at;
    add(r, &r->now, 0, at);
}

static void
scan(struct run *r, size_t from)
{
    for (size_t at = from;;) {
        /* A new start is the last choice, and none once something has matched. */
        if (!r->matched && (!r->vm->anchored || at == 0))
            start_thread(r, at);
        if (r->now.n == 0 && (r->matched || r->vm->anchored))
            return;
        size_t size = 1;
        if (at < r->s.n)
            (void)utf8_decode(str_from(r->s, at), &size);
        advance(r, at);
        if (at >= r->s.n || (r->matched && r->slots == 0))
            return;
        at += size;
    }
}

/* Kept from run to run, one set a thread: a large program must not cost clearing its
 * lists for every short input.  Sparse sets do not mind what is left in them. */
struct scratch {
    uint32_t *numbers;
    size_t numbers_cap;
    size_t *offsets;
    size_t offsets_cap;
    struct walk *walk;
    size_t walk_cap;
};
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void
scratch_free(void *p)
{
    struct scratch *sc = (struct scratch *)p;
    mem_free(sc->numbers);
    mem_free(sc->offsets);
    mem_free(sc->walk);
    mem_free(sc);
}

static void
scratch_key_init(void)
{
    CHECK(pthread_key_create(&scratch_key, scratch_free) == 0);
}

static struct scratch *
scratch_get(size_t numbers, size_t offsets)
{
    CHECK(pthread_once(&scratch_once, scratch_key_init) == 0);
    struct scratch *sc = (struct scratch *)pthread_getspecific(scratch_key);
    if (sc == NULL) {
        sc = MEM_NEW(struct scratch);
        CHECK(pthread_setspecific(scratch_key, sc) == 0);
    }
    if (sc->numbers_cap < numbers) {
        mem_free(sc->numbers);
        sc->numbers = MEM_ARRAY(uint32_t, numbers);
        sc->numbers_cap = numbers;
    }
    if (sc->offsets_cap < offsets) {
        mem_free(sc->offsets);
        sc->offsets = MEM_ARRAY(size_t, offsets);
        sc->offsets_cap = offsets;
    }
    return sc;
}

bool
regex_vm_run(const struct regex_vm *vm, str s, size_t from, size_t *at, size_t groups)
{
    CHECK_MAGIC(vm, REGEX_VM_MAGIC);
    CHECK(from <= s.n);
    size_t slots = at == NULL ? 0 : 2 * MIN(groups, vm->groups);
    size_t n = vm->n;
    struct scratch *sc = scratch_get(4 * n, 2 * (n + 1) * slots + 1);
    struct run r = {.vm = vm, .s = s, .slots = slots, .walk = sc->walk, .walk_cap = sc->walk_cap};
    r.now = (struct threads){sc->numbers, sc->numbers + n, sc->offsets, 0};
    r.next = (struct threads){sc->numbers + 2 * n, sc->numbers + 3 * n, sc->offsets + n * slots, 0};
    r.caps = sc->offsets + 2 * n * slots;
    r.best = r.caps + slots;
    scan(&r, from);
    sc->walk = r.walk;
    sc->walk_cap = r.walk_cap;
    for (size_t i = 0; at != NULL && r.matched && i < 2 * groups; i++)
        at[i] = i < slots ? r.best[i] : SIZE_MAX;
    return r.matched;
}
