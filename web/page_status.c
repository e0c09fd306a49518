/* page_status.c - health, readiness, lifecycle, /metrics, /version. */
#include "base/metric.h"
#include "web/api_priv.h"
#include "web/route.h"

#define METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
#define METRICS_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"

void
page_healthy(struct web *w, struct req *req, struct resp *resp)
{
    (void)w, (void)req;
    resp_text(resp, 200, STRL("Prometheus Server is Healthy.\n"));
}

void
page_ready(struct web *w, struct req *req, struct resp *resp)
{
    (void)w, (void)req; /* the route's READY flag has answered when it is not */
    resp_text(resp, 200, STRL("Prometheus Server is Ready.\n"));
}

void
page_reload(struct web *w, struct req *req, struct resp *resp)
{
    struct err e = ERR_INIT;

    if (w->opts.reload(w->opts.arg, &e))
        return;
    resp_text(resp, 500, arena_printf(req->arena, "failed to reload config: %s\n", e.text));
}

void
page_quit(struct web *w, struct req *req, struct resp *resp)
{
    (void)req;
    resp_text(resp, 200, STRL("Requesting termination... Goodbye!"));
    w->opts.quit(w->opts.arg);
}

void
page_metrics(struct web *w, struct req *req, struct resp *resp)
{
    str accept = req_header(req, "Accept");
    (void)w;

    if (memmem(accept.p ? accept.p : "", accept.n, "application/openmetrics-text", 28)) {
        resp->content_type = METRICS_OPENMETRICS;
        metric_expose_openmetrics(&resp->body);
        return;
    }
    resp->content_type = METRICS_TEXT;
    metric_expose_text(&resp->body);
}

void
page_version(struct web *w, struct req *req, struct resp *resp)
{
    struct json j = json_to(&resp->body);
    (void)w, (void)req;

    resp->content_type = "application/json";
    web_put_buildinfo(&j);
}
