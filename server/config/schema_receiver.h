/* schema_receiver.h - the tables of the receivers' kinds.  Their checks are what a kind
 * can say of itself; what it needs from `global:` is schema_notify_check.c's. */
#pragma once
#include "server/config/config_receiver.h"
#include "server/config/schema_types.h"

#define X(upper, lower, type) extern const struct schema schema_receiver_##lower;
CONFIG_RECEIVER_KINDS(X)
#undef X
extern const struct schema schema_receiver;

/* "host:port"; struct config_hostport. */
extern const struct schema_type schema_hostport;
