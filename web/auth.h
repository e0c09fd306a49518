/* auth.h - who may talk to us: --web.config.file (TLS and basic_auth_users).
 *
 * Passwords are bcrypt hashes ($2a/$2b/$2y).  A user that does not exist costs as much
 * time as a wrong password.  Right answers are remembered by a keyed hash (1,000 of them,
 * five minutes), so that a dashboard does not pay for bcrypt on each request.
 */
#pragma once
#include "base/err.h"
#include "web/http.h"

struct auth;

/* Reads and checks the file; a NULL path gives NULL (open).  Errors name the key. */
bool auth_load(struct auth **out, const char *path, struct err *e) MUST_USE;
void auth_free(struct auth **a);
/* Answers 401 itself when it returns false.  a may be NULL (everyone may). */
bool auth_allows(struct auth *a, struct req *req, struct resp *resp);
/* PEM texts of tls_server_config, or NULL; borrowed. */
const char *auth_tls_cert(const struct auth *a);
const char *auth_tls_key(const struct auth *a);
const char *auth_tls_client_ca(const struct auth *a);
