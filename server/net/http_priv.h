/* http_priv.h - what the files of server/net share: one transfer.
 *
 * A transfer is one request on one curl handle.  With OAuth2 and no fresh token it runs
 * twice: the token request first, then the request itself with the token.
 */
#pragma once
#include <curl/curl.h>

#include "base/sync.h"
#include "server/config/config_http.h"
#include "server/net/http_client.h"

struct http_client {
    unsigned magic;
#define HTTP_CLIENT_MAGIC 0x7a90c3e1
    _Atomic int refs;            /* holders: whoever called new or ref */
    const struct config_http *c; /* borrowed */
    struct mutex mu;             /* LOCK_POOL */
    CURL *idle[8];               /* under mu: handles of http_do, connections kept alive */
    size_t idle_n;
    struct buf token;            /* under mu: OAuth2 access token */
    int64_t token_until_ms;      /* under mu: monotonic time it is good for */
};

enum transfer_stage { TRANSFER_TOKEN, TRANSFER_REQUEST };

struct transfer {
    unsigned magic;
#define TRANSFER_MAGIC 0x19d4b06f
    struct http_client *client;
    enum transfer_stage stage;
    CURL *curl;                  /* owned while the transfer lives */
    struct curl_slist *headers;  /* of the running stage */
    struct buf secrets;          /* key material handed to curl as blobs */
    char error[CURL_ERROR_SIZE];
    struct http_response response;
    bool body_over;              /* larger than it may be */
    bool body_cut;               /* of an answer whose status is what counts */
    bool in_body;                /* the headers are complete */
    int64_t start_ms;
    /* copies of the request */
    char *method, *url, *unix_socket;
    struct buf header_text;      /* "Name: value\0" one after another */
    size_t headers_n;
    str body;                    /* borrowed */
    int64_t timeout_ms;
    size_t body_max, gzip_max, body_hint;
    struct buf token_form;       /* body of the token request */
    /* loop only */
    http_done *done;
    void *arg;
    struct transfer *next, **prev;
};

/* Copies the request; curl is taken. */
struct transfer *transfer_new(struct http_client *c, CURL *curl, const struct http_request *r);
/* Releases all but the curl handle, which is given back. */
CURL *transfer_free(struct transfer *t);
/* Sets the handle up for the stage that is due.  False: a credential file is missing. */
bool transfer_prepare(struct transfer *t, struct err *e) MUST_USE;
/* Judges curl's result.  Returns false with e on failure; if *again is set the next
 * stage has to be prepared and run. */
bool transfer_finish(struct transfer *t, CURLcode rc, bool *again, struct err *e);

#define REDIRECTS_MAX 10 /* Go's */
/* curl's result in Go's words (http_error.c); returns false. */
bool transfer_error(struct transfer *t, CURLcode rc, struct err *e);
/* Puts 'Get "URL": ' before a sentence. */
void transfer_prefix_error(const struct transfer *t, struct err *e);

/* OAuth2 (http_oauth2.c): is a token needed, the form that asks for one, its answer. */
bool oauth2_wants_token(struct http_client *c);
bool oauth2_form(const struct config_oauth2 *o, struct buf *out, struct err *e) MUST_USE;
bool oauth2_take_answer(struct http_client *c, const struct http_response *r, struct err *e) MUST_USE;
/* Inline text, or the trimmed contents of the file. */
bool secret_read(str inline_text, str file, struct buf *out, struct err *e) MUST_USE;
/* TLS and proxy of a block onto a handle; PEM texts are copied by curl. */
bool transport_apply(CURL *curl, const struct config_tls *tls, const struct config_proxy *proxy,
                     struct err *e) MUST_USE;
