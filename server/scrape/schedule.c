#include "server/scrape/schedule.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/thread.h"
#include "server/scrape/fetch.h"

#define TOLERANCE_NS 2000000
#define IDLE_NS 60000000000
#define MS 1000000

enum command_kind { COMMAND_ADD, COMMAND_REMOVE, COMMAND_UPDATE, COMMAND_RESTART };
struct command {
    enum command_kind kind;
    struct target *t;    /* a reference */
    struct target *heir_of; /* a reference, or NULL */
    struct job *job;     /* a reference, or NULL */
};

/* What is left of a target that has gone. */
struct ending {
    struct cache cache;
    uint32_t report[REPORT_SERIES];
    int64_t due_ns;
    int64_t stale_ms;
    struct ending *next;
};

struct shard {
    unsigned magic;
#define SHARD_MAGIC 0x83f1d2a6
    struct http_loop *loop;
    struct thread *thread;
    _Atomic uint64_t seed;
    /* under mu, beside what target.h says */
    struct mutex mu;
    struct command *commands;
    size_t commands_n, commands_cap;
    bool stop;
    /* owned by the thread */
    struct page_worker *worker;
    struct family_pool families; /* changed under mu */
    struct target **heap;        /* by due_ns; a reference each, until stopped */
    size_t heap_n, heap_cap;
    struct arrival *first, **last; /* pages in line */
    struct ending *endings;
    int64_t ending_ns;           /* when the first of them is due */
    struct buf plain;
};

/* --- the heap of due times --------------------------------------------------------- */

static void
heap_set(struct shard *s, size_t at, struct target *t)
{
    s->heap[at] = t;
    t->heap_at = at;
}

static void
heap_up(struct shard *s, size_t at, struct target *t)
{
    while (at > 0 && s->heap[(at - 1) / 2]->due_ns > t->due_ns) {
        heap_set(s, at, s->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(s, at, t);
}

static void
heap_down(struct shard *s, size_t at, struct target *t)
{
    for (;;) {
        size_t child = at * 2 + 1;
        if (child + 1 < s->heap_n && s->heap[child + 1]->due_ns < s->heap[child]->due_ns)
            child++;
        if (child >= s->heap_n || s->heap[child]->due_ns >= t->due_ns)
            break;
        heap_set(s, at, s->heap[child]);
        at = child;
    }
    heap_set(s, at, t);
}

static void
heap_push(struct shard *s, struct target *t)
{
    mem_grow(&s->heap, &s->heap_cap, s->heap_n + 1, sizeof s->heap[0]);
    heap_up(s, s->heap_n++, t);
}

static void
heap_remove(struct shard *s, struct target *t)
{
    size_t at = t->heap_at;

    if (at == SIZE_MAX)
        return;
    t->heap_at = SIZE_MAX;
    struct target *last = s->heap[--s->heap_n];
    if (last == t)
        return;
    if (at > 0 && s->heap[(at - 1) / 2]->due_ns > last->due_ns)
        heap_up(s, at, last);
    else
        heap_down(s, at, last);
}

/* --- ticks ------------------------------------------------------------------------- */

/* Sets the first tick, or one after the clock was put elsewhere. */
static void
align(struct shard *s, struct target *t)
{
    int64_t wall = clock_now_ns(), offset = target_offset_ns(t, wall, atomic_load(&s->seed));

    t->aligned_ns = wall + offset;
    t->due_ns = clock_mono_ns() + offset;
}

static void
next_tick(struct shard *s, struct target *t)
{
    int64_t interval = t->interval_ms * MS, now = clock_mono_ns();
    int64_t late = now - (t->due_ns + interval);
    int64_t ticks = 1 + (late > 0 ? late / interval : 0);

    t->due_ns += ticks * interval;
    t->aligned_ns += ticks * interval;
    /* Both clocks run alike until somebody sets one of them. */
    int64_t skew = clock_now_ns() - t->aligned_ns - (clock_mono_ns() - t->due_ns);
    if (skew > TOLERANCE_NS || skew < -TOLERANCE_NS)
        align(s, t);
    heap_push(s, t);
}

/* The stamp of a scrape that starts now. */
static int64_t
stamp_ms(const struct target *t, int64_t wall_ns)
{
    int64_t late = wall_ns - t->aligned_ns;
    int64_t tolerance = MIN(TOLERANCE_NS, t->interval_ms * MS / 100);

    return (late <= tolerance && late >= -tolerance ? t->aligned_ns : wall_ns) / MS;
}

/* --- endings ----------------------------------------------------------------------- */

/* Takes what t has scraped so far; to be marked stale unless it goes on elsewhere. */
static void
end_series(struct shard *s, struct target *t)
{
    struct ending *x;
    int64_t interval = t->interval_ms * MS;

    if (t->last_start_ns == 0)
        return; /* nothing to mark, and no cache */
    x = MEM_NEW(struct ending);
    mutex_lock(&s->mu);
    x->cache = t->cache;
    t->cache = (struct cache){0};
    mutex_unlock(&s->mu);
    memcpy(x->report, t->report, sizeof x->report);
    memset(t->report, 0, sizeof t->report);
    x->stale_ms = t->aligned_ns / MS;
    x->due_ns = t->due_ns + interval + interval / 10;
    x->next = s->endings;
    s->ending_ns = s->endings ? MIN(s->ending_ns, x->due_ns) : x->due_ns;
    s->endings = x;
}

static void
ending_free(struct shard *s, struct ending *x)
{
    mutex_lock(&s->mu);
    cache_fini(&x->cache, &s->families);
    mutex_unlock(&s->mu);
    mem_free(x);
}

static void
run_endings(struct shard *s)
{
    int64_t next = INT64_MAX, now = clock_mono_ns();

    if (!s->endings || s->ending_ns > now)
        return;
    for (struct ending **at = &s->endings; *at;) {
        struct ending *x = *at;
        if (x->due_ns > now) {
            next = MIN(next, x->due_ns);
            at = &x->next;
            continue;
        }
        *at = x->next;
        page_end_of_run(s->worker, &x->cache, x->report, x->stale_ms);
        ending_free(s, x);
    }
    s->ending_ns = next;
}

/* --- scrapes ----------------------------------------------------------------------- */

static void
on_arrival(struct arrival *a)
{
    struct shard *s = a->shard;

    a->next = NULL;
    *s->last = a;
    s->last = &a->next;
}

static void
observe_interval(const struct target *t, int64_t now_ns)
{
    struct buf text = {0};

    if (t->last_start_ns == 0)
        return;
    num_put_go_duration(&text, t->interval_ms * MS);
    const str label = buf_str(&text);
    metric_observe(metric_child(METRIC_TARGET_INTERVAL_LENGTH_SECONDS, &label, 1),
                   (double)(now_ns - t->last_start_ns) * 1e-9);
    buf_free(&text);
}

/* The error that a target is to fail with; false if it is to be scraped. */
static bool
forced_error(struct shard *s, const struct target *t, struct err *e)
{
    mutex_lock(&s->mu);
    bool forced = t->forced_error != NULL;
    if (forced)
        err_set(e, ERR_LIMIT, "%s", t->forced_error);
    mutex_unlock(&s->mu);
    return forced;
}

static void
start_scrape(struct shard *s, struct target *t)
{
    struct arrival *a = MEM_NEW(struct arrival);

    a->t = target_ref(t);
    a->job = job_ref(t->job);
    a->done = on_arrival;
    a->shard = s;
    a->start_ns = clock_mono_ns();
    a->start_wall_ns = clock_now_ns();
    a->time_ms = stamp_ms(t, a->start_wall_ns);
    observe_interval(t, a->start_ns);
    t->running = true;
    t->last_start_ns = a->start_ns;
    a->forced = forced_error(s, t, &a->e);
    if (a->forced)
        on_arrival(a);
    else
        fetch_start(s->loop, a);
}

static void
start_due(struct shard *s)
{
    while (s->heap_n && s->heap[0]->due_ns <= clock_mono_ns()) {
        struct target *t = s->heap[0];
        heap_remove(s, t);
        start_scrape(s, t);
    }
}

static void
report(struct shard *s, struct target *t, const struct arrival *a, const struct page_result *r)
{
    char *text = r->ok ? NULL : mem_cstr(err_str(&r->e));

    mutex_lock(&s->mu);
    char *old = t->last_error;
    t->last_error = text;
    t->health = r->ok ? TARGET_UP : TARGET_DOWN;
    t->last_scrape_ns = a->time_ms * MS;
    t->last_seconds = r->seconds;
    mutex_unlock(&s->mu);
    mem_free(old);
}

static void
stop_target(struct shard *s, struct target *t)
{
    end_series(s, t);
    target_unref(&t);
}

static void
work_on_page(struct shard *s, struct arrival *a)
{
    struct target *t = a->t;
    struct page_result r;
    struct page p;

    buf_clear(&s->plain);
    fetch_judge(a, &s->plain, &p);
    if (p.body.n)
        t->last_body = a->r.body.n;
    page_scrape(s->worker, t, &p, &r);
    report(s, t, a, &r);
    if (p.failed && !a->forced)
        failure_log_write(a->job->failures, a->job->s->job_name, t->url, p.failed);
    t->running = false;
    if (t->stopped)
        stop_target(s, t);
    else
        next_tick(s, t);
    arrival_free(&a);
}

/* One page at most. */
static void
work(struct shard *s)
{
    struct arrival *a = s->first;

    if (!a)
        return;
    s->first = a->next;
    if (!s->first)
        s->last = &s->first;
    work_on_page(s, a);
}

/* --- commands ---------------------------------------------------------------------- */

static void
send(struct shard *s, struct command c)
{
    CHECK_MAGIC(s, SHARD_MAGIC);
    mutex_lock(&s->mu);
    mem_grow(&s->commands, &s->commands_cap, s->commands_n + 1, sizeof c);
    s->commands[s->commands_n++] = c;
    bool first = s->commands_n == 1;
    mutex_unlock(&s->mu);
    if (first)
        http_loop_wake(s->loop);
}

static void
remove_target(struct shard *s, struct target *t)
{
    if (t->stopped)
        return;
    t->stopped = true;
    heap_remove(s, t);
    if (!t->running)
        stop_target(s, t);
}

/* t takes over from the target it has replaced under the same labels. */
static void
inherit(struct shard *s, struct target *t, struct target *old)
{
    mutex_lock(&s->mu);
    t->cache = old->cache;
    old->cache = (struct cache){0};
    t->health = old->health;
    t->last_error = old->last_error;
    old->last_error = NULL;
    t->last_scrape_ns = old->last_scrape_ns;
    t->last_seconds = old->last_seconds;
    mutex_unlock(&s->mu);
    memcpy(t->report, old->report, sizeof t->report);
    t->last_start_ns = old->last_start_ns;
    t->last_body = old->last_body;
    old->last_start_ns = 0; /* no ending */
}

static void
do_command(struct shard *s, struct command *c)
{
    switch (c->kind) {
    case COMMAND_ADD:
        /* A scrape that still runs would write into the cache it has given away. */
        if (c->heir_of && !c->heir_of->running && !c->heir_of->stopped)
            inherit(s, c->t, c->heir_of);
        if (c->heir_of)
            remove_target(s, c->heir_of);
        align(s, c->t);
        heap_push(s, target_ref(c->t));
        break;
    case COMMAND_REMOVE:
        remove_target(s, c->t);
        break;
    case COMMAND_RESTART:
        if (!c->t->stopped)
            end_series(s, c->t);
        /* fall through */
    case COMMAND_UPDATE:
        job_unref(&c->t->job);
        c->t->job = job_ref(c->job);
        break;
    }
    target_unref(&c->t);
    target_unref(&c->heir_of);
    job_unref(&c->job);
}

/* Whether to go on. */
static bool
take_commands(struct shard *s)
{
    mutex_lock(&s->mu);
    struct command *v = s->commands;
    size_t n = s->commands_n;
    bool stop = s->stop;
    s->commands = NULL;
    s->commands_n = s->commands_cap = 0;
    mutex_unlock(&s->mu);
    for (size_t i = 0; i < n; i++)
        do_command(s, &v[i]);
    mem_free(v);
    return !stop;
}

void
shard_add(struct shard *s, struct target *t, struct target *heir_of)
{
    send(s, (struct command){.kind = COMMAND_ADD, .t = target_ref(t),
                             .heir_of = heir_of ? target_ref(heir_of) : NULL});
}

void
shard_remove(struct shard *s, struct target *t)
{
    send(s, (struct command){.kind = COMMAND_REMOVE, .t = target_ref(t)});
}

void
shard_update(struct shard *s, struct target *t, struct job *j, bool keep_cache)
{
    send(s, (struct command){.kind = keep_cache ? COMMAND_UPDATE : COMMAND_RESTART,
                             .t = target_ref(t), .job = job_ref(j)});
}

void
shard_force_error(struct shard *s, struct target *t, str text)
{
    char *copy = text.n ? mem_cstr(text) : NULL;

    CHECK_MAGIC(s, SHARD_MAGIC);
    mutex_lock(&s->mu);
    char *old = t->forced_error;
    t->forced_error = copy;
    mutex_unlock(&s->mu);
    mem_free(old);
}

void
shard_lock(struct shard *s)
{
    CHECK_MAGIC(s, SHARD_MAGIC);
    mutex_lock(&s->mu);
}

void
shard_unlock(struct shard *s)
{
    mutex_unlock(&s->mu);
}

void
shard_set_seed(struct shard *s, uint64_t seed)
{
    atomic_store(&s->seed, seed);
}

/* --- the thread -------------------------------------------------------------------- */

/* How long there is nothing to do. */
static int64_t
idle_ns(const struct shard *s)
{
    int64_t next = s->heap_n ? s->heap[0]->due_ns : INT64_MAX;

    if (s->first)
        return 0;
    if (s->endings)
        next = MIN(next, s->ending_ns);
    return MAX(MIN(next - clock_mono_ns(), IDLE_NS), 0);
}

static void
shard_run(void *arg)
{
    struct shard *s = arg;

    while (take_commands(s)) {
        start_due(s);
        run_endings(s);
        work(s);
        int64_t idle = idle_ns(s);
        /* The loop waits whole milliseconds, but a tick is to be met to less than that. */
        if (idle < MS)
            clock_sleep_ns(idle);
        http_loop_run(s->loop, idle / MS);
    }
}

bool
shard_new(struct shard **out, const struct shard_opts *o, struct err *e)
{
    struct shard *s = MEM_NEW(struct shard);
    struct buf name = {0};

    s->magic = SHARD_MAGIC;
    s->last = &s->first;
    mutex_init(&s->mu, LOCK_SCRAPE_SHARD);
    s->families.mu = &s->mu;
    s->worker = page_worker_new(
        &(struct page_worker_opts){.db = o->db, .families = &s->families, .exemplars = o->exemplars});
    buf_printf(&name, "scrape-%u", o->number);
    bool ok = http_loop_new(&s->loop, e) && thread_start(&s->thread, buf_cstr(&name), shard_run, s, e);
    buf_free(&name);
    *out = s;
    if (!ok)
        shard_free(out);
    return ok;
}

/* Gives back the reference that the shard has to each of its targets. */
static void
drop_target(struct shard *s, struct target *t)
{
    mutex_lock(&s->mu);
    cache_fini(&t->cache, &s->families);
    mutex_unlock(&s->mu);
    target_unref(&t);
}

static void
free_thread_state(struct shard *s)
{
    take_commands(s);
    http_loop_free(&s->loop); /* what still runs arrives as cancelled */
    while (s->heap_n) {
        struct target *t = s->heap[0];
        heap_remove(s, t);
        drop_target(s, t);
    }
    while (s->first) {
        struct arrival *a = s->first;
        s->first = a->next;
        drop_target(s, a->t);
        arrival_free(&a);
    }
    while (s->endings) {
        struct ending *x = s->endings;
        s->endings = x->next;
        ending_free(s, x);
    }
    mem_free(s->heap);
    mem_free(s->commands);
    buf_free(&s->plain);
    family_pool_fini(&s->families);
}

void
shard_free(struct shard **out)
{
    struct shard *s = *out;

    *out = NULL;
    if (!s)
        return;
    CHECK_MAGIC(s, SHARD_MAGIC);
    if (s->thread) {
        mutex_lock(&s->mu);
        s->stop = true;
        mutex_unlock(&s->mu);
        http_loop_wake(s->loop);
        thread_join(&s->thread);
    }
    free_thread_state(s);
    page_worker_free(&s->worker);
    mutex_fini(&s->mu);
    s->magic = 0;
    mem_free(s);
}
