/* limits.h - every size someone outside can inflate, with unit, reason and flag.
 * Grouped by floor; a limit is defined here and nowhere else. */
#pragma once

/* base */
#define LIMIT_LOG_LINE_BYTES 8192
#define LIMIT_JSON_BYTES (64u << 20)      /* http_sd, API bodies */
#define LIMIT_JSON_DEPTH 100
#define LIMIT_YAML_BYTES (64u << 20)
#define LIMIT_YAML_DEPTH 100
#define LIMIT_YAML_NODES (4u << 20)       /* after alias expansion: stops YAML bombs */
#define LIMIT_REGEX_BYTES (1u << 20)
#define LIMIT_REGEX_REPEAT 1000           /* RE2's */
#define LIMIT_REGEX_DEPTH 1000            /* RE2's nesting limit */
#define COMPRESS_RATIO_MAX 1000           /* output/input past 1 MiB: a bomb */

/* model */
#define LIMIT_LABELS_PER_SERIES 4096      /* hard bound; per-job label_limit is below it */
#define LIMIT_LABEL_BYTES (16u << 20)     /* one name or value; as Prometheus' index allows */

/* storage */
#define LIMIT_WAL_RECORD_BYTES (64u << 20)
#define LIMIT_WAL_SEGMENT_BYTES (128u << 20) /* --storage.tsdb.wal-segment-size */
#define LIMIT_FUTURE_MS (10 * 60 * 1000)  /* samples further ahead are out of bounds */

/* query */
#define LIMIT_QUERY_TEXT_BYTES (1u << 20)
#define LIMIT_QUERY_DEPTH 1000            /* nesting of expressions; guards the C stack */
#define LIMIT_SERIES_LINE_VALUES 10000000 /* `1x…` in load blocks and unit tests of rules */
#define LIMIT_TEST_SCRIPT_BYTES (64u << 20) /* a file given to narthex test promql */
#define LIMIT_POINTS_PER_SERIES 11000     /* range queries, as Prometheus */
#define LIMIT_ANNOTATIONS 10              /* shown per level, the rest counted */
#define LIMIT_ANNOTATIONS_KEPT 10000      /* different texts held for one query */

/* server, web */
#define LIMIT_HTTP_BODY_BYTES (64u << 20) /* request bodies */
#define LIMIT_REMOTE_WRITE_BYTES (32u << 20) /* decoded, as Prometheus 3.12 */
#define LIMIT_SCRAPE_BODY_BYTES (256u << 20) /* uncompressed; body_size_limit is below it */
#define LIMIT_SCRAPE_LINE_BYTES (1u << 20)
#define LIMIT_SD_BODY_BYTES (32u << 20)
#define LIMIT_TARGETS_PER_JOB 200000
#define LIMIT_TEMPLATE_DEPTH 100000       /* text/template's */
#define LIMIT_TEMPLATE_OUTPUT_BYTES (4u << 20)
#define LIMIT_TEMPLATE_TEXT_BYTES (16u << 20)   /* one text or file */
#define LIMIT_TEMPLATE_MEMORY_BYTES (256u << 20) /* of a run */
#define LIMIT_TEMPLATE_STEPS 10000000u          /* of a run: a range may count far */
#define LIMIT_NOTIFY_ALERTS 100000        /* alerts held */
#define LIMIT_NOTIFY_SILENCES 20000       /* kept, expired ones too; each is tried on each alert */
#define LIMIT_SILENCE_KEEP_MS (120LL * 3600 * 1000) /* expired ones; as Alertmanager's data.retention */
