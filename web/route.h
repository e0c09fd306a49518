/* route.h - from a request to its handler (table: web/route.def). */
#pragma once
#include "web/http.h"

/* The handler given to http_server_start; arg is the struct web. */
void route_request(void *arg, struct req *req, struct resp *resp);
/* A plain-text answer. */
void resp_text(struct resp *r, int status, str text);
