/* email.c - mail with a text and an HTML part.
 *
 * All notifications of a group may be threaded together: they refer to a message that does
 * not exist, which mail readers take for the thread's root. */
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/unicode.h"
#include "base/zone.h"
#include "server/net/smtp.h"
#include "server/notify/mime.h"
#include "server/notify/sender.h"

#define PORT_IMPLICIT_TLS STRL("465")
#define DEFAULT_SUBJECT STRL("{{ template \"email.default.subject\" . }}")
#define HASH_SHOWN 16

/* --- addresses -------------------------------------------------------------------------------------- */

static str
trim(str s)
{
    while (s.n && strchr(" \t\r\n", s.p[0]))
        s = str_from(s, 1);
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The address itself of 'Name <a@b>', '"N, A" <a@b>' or 'a@b'; empty if it is none. */
static str
bare_address(str s)
{
    ptrdiff_t open = -1;
    bool quoted = false;

    s = trim(s);
    for (size_t i = 0; i < s.n; i++) {
        quoted ^= s.p[i] == '"' && (i == 0 || s.p[i - 1] != '\\');
        if (s.p[i] == '<' && !quoted)
            open = (ptrdiff_t)i;
    }
    if (open >= 0) {
        if (s.p[s.n - 1] != '>')
            return STR_EMPTY;
        s = trim(STR(s.p + open + 1, s.n - (size_t)open - 2));
    }
    ptrdiff_t at = str_find_char(s, '@', 0);
    if (at < 1 || (size_t)at + 1 == s.n)
        return STR_EMPTY;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || strchr("<>,;\"", s.p[i]))
            return STR_EMPTY;
    return s;
}

/* A list, split at commas outside of quotes and angle brackets. */
static bool
parse_addresses(struct attempt *t, str s, const char *what, str **out, size_t *n)
{
    bool quoted = false, angled = false;
    size_t start = 0;

    *out = ARENA_ARRAY(t->arena, str, s.n + 1);
    *n = 0;
    for (size_t i = 0; i <= s.n; i++) {
        char c = i < s.n ? s.p[i] : ',';
        quoted ^= c == '"' && (i == 0 || s.p[i - 1] != '\\');
        angled = (angled || c == '<') && c != '>';
        if (i < s.n && (c != ',' || quoted || angled))
            continue;
        str address = bare_address(STR(s.p + start, i - start));
        if (address.n == 0)
            return err_set(t->e, ERR_BAD_DATA, "parse '%s' addresses: mail: no address in \"%.*s\"", what,
                           (int)(i - start), s.p + start);
        (*out)[(*n)++] = address;
        start = i + 1;
    }
    return true;
}

/* --- headers -------------------------------------------------------------------------------------------- */

static bool
has_header(const struct config_receiver_email *c, str name)
{
    for (size_t i = 0; i < c->headers.n; i++)
        if (str_eq(c->headers.v[i].key, name))
            return true;
    return false;
}

static bool
put_header(struct attempt *t, struct buf *out, str name, str template)
{
    str value = attempt_text(t, template);

    buf_printf(out, "%.*s: ", STR_ARG(name));
    mime_put_word(out, value);
    buf_lit(out, "\r\n");
    return !t->failed || err_prefix(t->e, "execute \"%.*s\" header template: ", STR_ARG(name));
}

static void
put_date(struct buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil_time c;

    if (!zone_civil(STRL("Local"), clock_now_ms(), &c))
        zone_civil_at(clock_now_ms() / 1000, 0, &c);
    int offset = c.offset_s / 60, minutes = offset < 0 ? -offset : offset;
    buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d %c%02d%02d\r\n", days[c.weekday], c.day, months[c.month - 1],
               c.year, c.hour, c.minute, c.second, offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static void
put_message_id(struct buf *out)
{
    char host[256] = "";

    if (gethostname(host, sizeof host - 1) != 0 || !host[0])
        memcpy(host, "localhost.localdomain", sizeof "localhost.localdomain");
    buf_printf(out, "Message-Id: <%lld.%llu@%s>\r\n", (long long)clock_now_ns(), (unsigned long long)rng_next(), host);
}

static void
put_thread(struct attempt *t, struct buf *out, const struct config_receiver_email *c)
{
    str hash = attempt_key_hash(t), day = STR_EMPTY;
    struct civil_time now;

    if (!str_eq(c->threading.thread_by_date, STRL("none")) && zone_civil(STRL("Local"), clock_now_ms(), &now))
        day = arena_printf(t->arena, "%04d-%02d-%02d", now.year, now.month, now.day);
    hash.n = HASH_SHOWN;
    str root = arena_printf(t->arena, "<alert-%.*s-%.*s@alertmanager>", STR_ARG(hash), STR_ARG(day));
    buf_printf(out, "References: %.*s\r\nIn-Reply-To: %.*s\r\n", STR_ARG(root), STR_ARG(root));
}

static bool
put_headers(struct attempt *t, struct buf *out, const struct config_receiver_email *c)
{
    const struct config_pair usual[] = {{STRL("From"), c->from}, {STRL("To"), c->to}, {STRL("Subject"), DEFAULT_SUBJECT}};

    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (!has_header(c, usual[i].key) && !put_header(t, out, usual[i].key, usual[i].value))
            return false;
    for (size_t i = 0; i < c->headers.n; i++)
        if (!put_header(t, out, c->headers.v[i].key, c->headers.v[i].value))
            return false;
    if (!has_header(c, STRL("Message-Id")))
        put_message_id(out);
    if (c->threading.enabled)
        put_thread(t, out, c);
    put_date(out);
    return true;
}

/* --- the message ---------------------------------------------------------------------------------------------- */

static void
put_part(struct buf *out, const char *boundary, const char *type, str body)
{
    buf_printf(out, "--%s\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: %s; charset=UTF-8\r\n\r\n",
               boundary, type);
    mime_put_quoted_printable(out, body);
    buf_lit(out, "\r\n");
}

static bool
put_message(struct attempt *t, struct buf *out, const struct config_receiver_email *c)
{
    uint8_t random[15];
    char boundary[2 * sizeof random + 1];

    if (!put_headers(t, out, c))
        return false;
    rng_secret(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        boundary[2 * i] = "0123456789abcdef"[random[i] >> 4];
        boundary[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
    }
    boundary[2 * sizeof random] = '\0';
    buf_printf(out, "Content-Type: multipart/alternative;  boundary=%s\r\nMIME-Version: 1.0\r\n\r\n", boundary);
    if (c->text.n)
        put_part(out, boundary, "text/plain", attempt_text(t, c->text));
    if (t->failed)
        return err_prefix(t->e, "execute text template: ");
    if (c->html.n) /* the preferred form comes last */
        put_part(out, boundary, "text/html", attempt_html(t, c->html));
    if (t->failed)
        return err_prefix(t->e, "execute html template: ");
    buf_printf(out, "--%s--\r\n", boundary);
    return true;
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static bool
address(struct attempt *t, const struct config_receiver_email *c, struct smtp_mail *m)
{
    str *from, *to, text = attempt_text(t, c->from);
    size_t n;

    if (t->failed)
        return err_prefix(t->e, "execute 'from' template: ");
    if (!parse_addresses(t, text, "from", &from, &n))
        return false;
    if (n != 1)
        return err_set(t->e, ERR_BAD_DATA, "must be exactly one 'from' address (got: %zu)", n);
    m->from = from[0];
    text = attempt_text(t, c->to);
    if (t->failed)
        return err_prefix(t->e, "execute 'to' template: ");
    bool ok = parse_addresses(t, text, "to", &to, &m->to_n);
    m->to = to;
    return ok;
}

/* Refusals of the server's own are for good only if they say so (5xx): a mailbox that does
 * not exist.  Everything else may pass. */
static bool
send_mail(struct attempt *t, struct smtp_mail *m)
{
    int status;

    m->timeout_ms = MAX(t->d->deadline_ms - clock_mono_ms(), 1);
    if (smtp_send(m, &status, t->e))
        return true;
    t->retry = status / 100 != 5;
    return false;
}

static bool
send_email(struct attempt *t)
{
    const struct config_receiver_email *c = t->d->target->conf->conf;
    struct buf message = {0};
    struct smtp_mail m = {
        .host = c->smarthost.host,
        .port = c->smarthost.port,
        .hello = c->hello,
        .tls = c->tls,
        .username = c->auth_username,
        .identity = c->auth_identity,
    };

    m.implicit_tls = c->force_implicit_tls == CONFIG_UNSET ? str_eq(c->smarthost.port, PORT_IMPLICIT_TLS)
                                                           : c->force_implicit_tls == CONFIG_TRUE;
    m.require_tls = !m.implicit_tls && c->require_tls != CONFIG_FALSE;
    bool ok = attempt_secret(t, c->auth_password_file.n ? STR_EMPTY : c->auth_password, c->auth_password_file, &m.password) &&
              attempt_secret(t, c->auth_secret_file.n ? STR_EMPTY : c->auth_secret, c->auth_secret_file, &m.secret) &&
              address(t, c, &m) && put_message(t, &message, c);
    m.message = buf_str(&message);
    ok = ok && send_mail(t, &m);
    buf_free(&message);
    return ok;
}

const struct sender sender_email = {send_email};
