#include "cli/default_config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"

#define NODE_EXPORTER_PORT 9100
#define PROBE_MS 200

static const char rules[] =
    "# Request rate, errors and duration of this server's own HTTP API.\n"
    "groups:\n"
    "  - name: narthex-red\n"
    "    interval: 15s\n"
    "    rules:\n"
    "      - record: job:prometheus_http_requests:rate1m\n"
    "        expr: sum by (job) (rate(prometheus_http_requests_total[1m]))\n"
    "      - record: job:prometheus_http_errors:ratio_rate1m\n"
    "        expr: >-\n"
    "          sum by (job) (rate(prometheus_http_requests_total{code=~\"5..\"}[1m]))\n"
    "          / sum by (job) (rate(prometheus_http_requests_total[1m]))\n"
    "      - record: job:prometheus_http_request_duration_seconds:p99_1m\n"
    "        expr: >-\n"
    "          histogram_quantile(0.99,\n"
    "          sum by (job, le) (rate(prometheus_http_request_duration_seconds_bucket[1m])))\n"
    "      - alert: HighErrorRatio\n"
    "        expr: job:prometheus_http_errors:ratio_rate1m > 0.05\n"
    "        for: 2m\n"
    "        labels: {severity: critical}\n"
    "        annotations:\n"
    "          summary: \"{{ $value | humanizePercentage }} of the requests to {{ $labels.job }} fail\"\n"
    "      - alert: SlowRequests\n"
    "        expr: job:prometheus_http_request_duration_seconds:p99_1m > 2\n"
    "        for: 5m\n"
    "        labels: {severity: warning}\n"
    "        annotations:\n"
    "          summary: \"p99 of {{ $labels.job }} is {{ $value | humanizeDuration }}\"\n"
    "      - alert: TargetDown\n"
    "        expr: up == 0\n"
    "        for: 1m\n"
    "        labels: {severity: warning}\n"
    "        annotations:\n"
    "          summary: \"{{ $labels.job }} {{ $labels.instance }} cannot be scraped\"\n";

static bool
node_exporter_answers(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(NODE_EXPORTER_PORT),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0)
        return false;
    (void)connect(fd, (struct sockaddr *)&to, sizeof to);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int failed = 1;
    socklen_t n = sizeof failed;
    bool up = poll(&p, 1, PROBE_MS) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) == 0 && failed == 0;
    close(fd);
    return up;
}

static bool
write_file(const char *dir, const char *name, str text, struct err *e)
{
    char *path = io_join(dir, name);
    bool ok = io_replace(path, text, e);
    mem_free(path);
    return ok;
}

bool
default_config_write(const char *data_dir, const char *listen, char **path, struct err *e)
{
    struct buf config = {0};
    const char *port = strrchr(listen, ':');
    char *dir = io_join(data_dir, "default");

    buf_printf(&config,
               "# What narthex runs with when it is given no configuration. Copy it to start your own:\n"
               "#     narthex --config.file=prometheus.yml\n"
               "global:\n  scrape_interval: 5s\n  evaluation_interval: 15s\n"
               "rule_files: [red-rules.yml]\n"
               "scrape_configs:\n  - job_name: narthex\n    static_configs:\n"
               "      - targets: ['localhost%s']\n",
               port ? port : ":9090");
    if (node_exporter_answers())
        buf_printf(&config, "  - job_name: node\n    static_configs:\n      - targets: ['localhost:%d']\n",
                   NODE_EXPORTER_PORT);
    bool ok = io_mkdir_all(dir, e) && write_file(dir, "red-rules.yml", str_of(rules), e) &&
              write_file(dir, "prometheus.yml", buf_str(&config), e);
    if (ok)
        *path = io_join(dir, "prometheus.yml");
    buf_free(&config);
    mem_free(dir);
    return ok;
}
