/* template_html.h - contextual escaping: what html/template does to e-mail.
 *
 * The output itself is followed through HTML's states while it is written: text, tags,
 * attributes and their kinds (URL, style, script), the bodies of script, style, title and
 * textarea, comments.  A value is escaped for the place it lands in.  html/template works
 * this out before it runs; where it accepts a template the outcome is the same.
 *
 *   text             & < > " ' + as entities; safeHtml's text as it is
 *   quoted value     the same, tags stripped from safeHtml's text
 *   unquoted value   blanks, = and ` too
 *   URL              javascript: and other schemes become #ZgotmplZ; octets as %xx, all of
 *                    the reserved ones too after ? or #; safeUrl's text keeps its scheme
 *   style            only harmless values, else ZgotmplZ
 *   script           a JSON value, or the inside of a string literal
 *
 * HTML comments of the template are left out.
 */
#pragma once
#include "server/template/template_priv.h"

struct html_place {
    enum {
        HTML_TEXT, HTML_TAG, HTML_ATTR_NAME, HTML_AFTER_NAME, HTML_BEFORE_VALUE, HTML_VALUE, HTML_COMMENT,
        HTML_BODY, /* of title, textarea, script, style */
    } state;
    enum { ELEMENT_NONE, ELEMENT_SCRIPT, ELEMENT_STYLE, ELEMENT_TEXTAREA, ELEMENT_TITLE, ELEMENT_META } element;
    enum { ATTR_PLAIN, ATTR_URL, ATTR_STYLE, ATTR_SCRIPT } attr;
    char delim;        /* HTML_VALUE: '"', '\'' or ' ' for an unquoted one */
    char quote;        /* in a string literal of script or style */
    bool url_begun, url_query;
};
/* Text of the template. */
void template_html_text(struct html_place *at, struct buf *out, str text);
/* A final `html` or `urlquery` of a pipeline takes the place of the escaper that does the
 * same here; where there is none it is an ordinary function. */
enum html_escaper { ESCAPER_NONE, ESCAPER_HTML, ESCAPER_URLQUERY };
bool template_html_replaces(const struct html_place *at, enum html_escaper last);
/* A value; false if there is no way to write it here. */
bool template_html_value(struct html_place *at, struct buf *out, struct tvalue v, enum html_escaper last, struct err *e);
