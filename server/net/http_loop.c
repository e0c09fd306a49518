/* http_loop.c - thousands of transfers on one thread. */
#include <poll.h>

#include "base/mem.h"
#include "base/panic.h"
#include "server/net/http_priv.h"

#define IDLE_HANDLES_MAX 256
#define OWN_DESCRIPTORS_MAX 64
#define IDLE_CONNECTIONS_MAX 20000L /* one a target stays open between scrapes */

struct http_loop {
    unsigned magic;
#define HTTP_LOOP_MAGIC 0x52c7e9b8
    CURLM *multi;
    struct transfer *running;
    CURL *idle[IDLE_HANDLES_MAX];
    size_t idle_n;
};

bool
http_loop_new(struct http_loop **out, struct err *e)
{
    struct http_loop *l = MEM_NEW(struct http_loop);

    l->magic = HTTP_LOOP_MAGIC;
    l->multi = curl_multi_init();
    if (!l->multi) {
        mem_free(l);
        return err_set(e, ERR_NET, "cannot start an HTTP client loop");
    }
    curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX);
    *out = l;
    return true;
}

static void
unlink_transfer(struct http_loop *l, struct transfer *t)
{
    curl_multi_remove_handle(l->multi, t->curl);
    *t->prev = t->next;
    if (t->next)
        t->next->prev = t->prev;
}

static void
release(struct http_loop *l, struct transfer *t)
{
    CURL *curl = transfer_free(t);

    if (l->idle_n < IDLE_HANDLES_MAX)
        l->idle[l->idle_n++] = curl;
    else
        curl_easy_cleanup(curl);
}

void
http_loop_free(struct http_loop **out)
{
    struct http_loop *l = *out;

    if (!l)
        return;
    CHECK_MAGIC(l, HTTP_LOOP_MAGIC);
    while (l->running) {
        struct transfer *t = l->running;
        struct err e;
        unlink_transfer(l, t);
        err_set(&e, ERR_CANCELED, "context canceled");
        t->done(t->arg, false, &t->response, &e);
        release(l, t);
    }
    for (size_t i = 0; i < l->idle_n; i++)
        curl_easy_cleanup(l->idle[i]);
    curl_multi_cleanup(l->multi);
    l->magic = 0;
    mem_free(l);
    *out = NULL;
}

static bool
begin_stage(struct http_loop *l, struct transfer *t, struct err *e)
{
    if (!transfer_prepare(t, e))
        return false;
    t->next = l->running;
    t->prev = &l->running;
    if (t->next)
        t->next->prev = &t->next;
    l->running = t;
    curl_multi_add_handle(l->multi, t->curl);
    return true;
}

bool
http_loop_start(struct http_loop *l, struct http_client *c, const struct http_request *r,
                http_done *done, void *arg, struct err *e)
{
    CHECK_MAGIC(l, HTTP_LOOP_MAGIC);
    CURL *curl = l->idle_n ? l->idle[--l->idle_n] : curl_easy_init();
    struct transfer *t = transfer_new(c, curl, r);

    t->done = done;
    t->arg = arg;
    if (begin_stage(l, t, e))
        return true;
    release(l, t);
    return false;
}

static void
on_finished(struct http_loop *l, struct transfer *t, CURLcode rc)
{
    struct err e = ERR_INIT;
    bool again;

    unlink_transfer(l, t);
    bool ok = transfer_finish(t, rc, &again, &e);
    if (ok && again && begin_stage(l, t, &e))
        return;
    ok = ok && !again;
    t->done(t->arg, ok, &t->response, &e);
    release(l, t);
}

/* poll's events as curl has them; the three it knows. */
static short
curl_events(short events)
{
    return (short)((events & POLLIN ? CURL_WAIT_POLLIN : 0) | (events & POLLPRI ? CURL_WAIT_POLLPRI : 0) |
                   (events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
}

static short
poll_events(short events)
{
    return (short)((events & CURL_WAIT_POLLIN ? POLLIN : 0) | (events & CURL_WAIT_POLLPRI ? POLLPRI : 0) |
                   (events & CURL_WAIT_POLLOUT ? POLLOUT : 0));
}

static void
wait_for_progress(struct http_loop *l, int64_t timeout_ms, struct pollfd *own, size_t n)
{
    struct curl_waitfd fds[OWN_DESCRIPTORS_MAX];

    CHECK(n <= ARRAY_LEN(fds));
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct curl_waitfd){.fd = own[i].fd, .events = curl_events(own[i].events)};
    curl_multi_poll(l->multi, fds, (unsigned)n, (int)MAX(MIN(timeout_ms, 60000), 0), NULL);
    for (size_t i = 0; i < n; i++)
        own[i].revents = poll_events(fds[i].revents);
}

void
http_loop_run(struct http_loop *l, int64_t timeout_ms)
{
    http_loop_run_with(l, timeout_ms, NULL, 0);
}

/* Whether any transfer was over. */
static bool
take_finished(struct http_loop *l)
{
    int left;
    bool any = false;
    CURLMsg *m;

    while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        CHECK_MAGIC(t, TRANSFER_MAGIC);
        on_finished(l, t, rc);
        any = true;
    }
    return any;
}

void
http_loop_run_with(struct http_loop *l, int64_t timeout_ms, struct pollfd *own, size_t n)
{
    int running;

    CHECK_MAGIC(l, HTTP_LOOP_MAGIC);
    curl_multi_perform(l->multi, &running);
    /* An answer that was there already leaves nothing to wait for: no descriptor will stir. */
    if (take_finished(l))
        timeout_ms = 0;
    wait_for_progress(l, timeout_ms, own, n);
    curl_multi_perform(l->multi, &running);
    take_finished(l);
}

void
http_loop_wake(struct http_loop *l)
{
    curl_multi_wakeup(l->multi);
}
