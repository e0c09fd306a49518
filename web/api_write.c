/* api_write.c - POST /api/v1/write: remote write, both versions. */
#include "base/compress.h"
#include "base/limits.h"
#include "server/remote/write.h"
#include "web/api_priv.h"
#include "web/route.h"

#define PROTO_TYPE "application/x-protobuf"
#define V1_MESSAGE "prometheus.WriteRequest"
#define V2_MESSAGE "io.prometheus.write.v2.Request"

enum write_version { WRITE_V1, WRITE_V2 };

static str
trim(str s)
{
    while (s.n && s.p[0] == ' ')
        s = str_from(s, 1);
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* The message named by the Content-Type; its proto= parameter defaults to v1. */
static bool
message_of(str type, enum write_version *out, struct err *e)
{
    str rest = trim(type);
    ptrdiff_t semi = str_find_char(rest, ';', 0);
    str media = semi < 0 ? rest : STR(rest.p, (size_t)semi);

    *out = WRITE_V1;
    if (type.n == 0)
        return true;
    if (!str_eq(media, STRL(PROTO_TYPE)))
        return err_set(e, ERR_BAD_DATA, "expected " PROTO_TYPE " as the first (media) part, got %.*s content-type",
                       STR_ARG(type));
    while (semi >= 0) {
        rest = str_from(rest, (size_t)semi + 1);
        semi = str_find_char(rest, ';', 0);
        str p = semi < 0 ? rest : STR(rest.p, (size_t)semi);
        if (str_eq(p, STRL("proto=" V2_MESSAGE))) {
            *out = WRITE_V2;
            return true;
        }
        if (str_eq(p, STRL("proto=" V1_MESSAGE)))
            return true;
        if (str_starts(p, STRL("proto=")))
            return err_set(e, ERR_BAD_DATA, "got %.*s content type; unknown type for remote write protobuf message %.*s, supported: "
                           V1_MESSAGE ", " V2_MESSAGE, STR_ARG(type), STR_ARG(str_from(p, 6)));
    }
    return true;
}

static bool
is_accepted(const struct web *w, enum write_version v)
{
    return v == WRITE_V1 ? w->opts.write_accepts_v1 : w->opts.write_accepts_v2;
}

static void
put_counts(struct req *req, struct resp *resp, const struct remote_written *n)
{
    resp_header(resp, "X-Prometheus-Remote-Write-Samples-Written", arena_printf(req->arena, "%zu", n->samples));
    resp_header(resp, "X-Prometheus-Remote-Write-Histograms-Written", arena_printf(req->arena, "%zu", n->histograms));
    resp_header(resp, "X-Prometheus-Remote-Write-Exemplars-Written", arena_printf(req->arena, "%zu", n->exemplars));
}

static void
fail(struct req *req, struct resp *resp, int status, const struct err *e)
{
    if (status >= 500)
        resp_header(resp, "Retry-After", STRL("5"));
    resp_text(resp, status, arena_printf(req->arena, "%s\n", e->text));
}

static void
store(struct web *w, struct req *req, struct resp *resp, enum write_version version)
{
    struct buf plain = {0};
    struct err e = ERR_INIT;
    struct remote_written n = {0};

    if (!snappy_decode(req->body, LIMIT_REMOTE_WRITE_BYTES, &plain, &e)) {
        fail(req, resp, 400, &e);
        buf_free(&plain);
        return;
    }
    bool ok = version == WRITE_V1 ? remote_write_v1(w->receiver, buf_str(&plain), req->arena, &n, &e)
                                  : remote_write_v2(w->receiver, buf_str(&plain), req->arena, &n, &e);
    buf_free(&plain);
    if (version == WRITE_V2)
        put_counts(req, resp, &n);
    if (ok)
        resp->status = 204;
    else if (e.kind == ERR_BAD_DATA || e.kind == ERR_OUT_OF_ORDER)
        fail(req, resp, 400, &e);
    else /* disk full, series limit, shutting down: the sender keeps the data and retries */
        fail(req, resp, e.kind == ERR_INTERNAL ? 500 : 503, &e);
}

void
page_remote_write(struct web *w, struct req *req, struct resp *resp)
{
    enum write_version version;
    struct err e = ERR_INIT;

    if (!w->opts.enable_remote_write) {
        resp_text(resp, 404,
                  STRL("remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n"));
        return;
    }
    str encoding = req_header(req, "Content-Encoding");
    if (encoding.n && !str_eq(encoding, STRL("snappy"))) {
        err_set(&e, ERR_BAD_DATA, "%.*s encoding (compression) is not accepted by this server; only snappy is acceptable",
                STR_ARG(encoding));
        fail(req, resp, 415, &e);
        return;
    }
    if (!message_of(req_header(req, "Content-Type"), &version, &e)) {
        fail(req, resp, 415, &e);
        return;
    }
    if (!is_accepted(w, version)) {
        err_set(&e, ERR_BAD_DATA, "%s protobuf message is not accepted by this server; only accepts %s",
                version == WRITE_V1 ? V1_MESSAGE : V2_MESSAGE, version == WRITE_V1 ? V2_MESSAGE : V1_MESSAGE);
        fail(req, resp, 415, &e);
        return;
    }
    store(w, req, resp, version);
}

/* Ways in and out that this version does not have say so. */
void
page_otlp(struct web *w, struct req *req, struct resp *resp)
{
    (void)req;
    if (!w->opts.enable_otlp)
        resp_text(resp, 404, STRL("otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n"));
    else
        resp_text(resp, 501, STRL("narthex does not receive OTLP yet; use remote write\n"));
}

void
page_remote_read(struct web *w, struct req *req, struct resp *resp)
{
    (void)w, (void)req;
    resp_text(resp, 501, STRL("narthex does not serve remote read yet; use the query API\n"));
}
