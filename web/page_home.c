/* page_home.c - the page at /: a query box, its answer as a table, links to what the
 * server knows of itself.  No build step, no script from anywhere else. */
#include "web/api_priv.h"

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:75rem;padding:1rem 1.5rem;color:#1c1e21}"
    "h1{font-size:1.3rem;margin:.2rem 0 1rem}nav a{margin-right:1rem}form{display:flex;gap:.5rem;margin:1rem 0}"
    "input{flex:1;font:14px ui-monospace,monospace;padding:.45rem .6rem;border:1px solid #8a8f98;border-radius:4px}"
    "button{padding:.45rem 1.2rem}table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #dcdfe4;padding:.25rem .5rem;font:13px ui-monospace,monospace;vertical-align:top}"
    "td:last-child{text-align:right;white-space:nowrap}.error{color:#a4161a}.note{color:#7a5900}"
    "@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}a{color:#8ab4f8}"
    "input{background:#22252a;color:#e6e6e6}td{border-color:#33373d}.error{color:#ff8a8a}.note{color:#e0c060}}";

/* The answer is put together from text nodes, so that no label can inject markup. */
static const char script[] =
    "const form=document.querySelector('form'),box=document.querySelector('input'),out=document.querySelector('#out');"
    "const el=(tag,text,cls)=>{const e=document.createElement(tag);e.textContent=text;if(cls)e.className=cls;return e};"
    "const name=m=>{const n=m.__name__||'';const l=Object.entries(m).filter(([k])=>k!=='__name__')"
    ".map(([k,v])=>k+'='+JSON.stringify(v)).join(', ');return n+(l||!n?'{'+l+'}':'')};"
    "const point=s=>s.value?s.value[1]:s.histogram?'count '+s.histogram[1].count+', sum '+s.histogram[1].sum:"
    "(s.values||[]).map(p=>p[1]+' @'+p[0]).join('\\n');"
    "async function run(){const q=box.value.trim();if(!q)return;history.replaceState(null,'','?q='+encodeURIComponent(q));"
    "out.replaceChildren(el('p','…'));const t0=performance.now();"
    "try{const r=await fetch('api/v1/query',{method:'POST',body:new URLSearchParams({query:q})});const j=await r.json();"
    "out.replaceChildren();if(j.status!=='success'){out.append(el('p',j.errorType+': '+j.error,'error'));return}"
    "const d=j.data,rows=d.resultType==='scalar'||d.resultType==='string'?[{metric:{},value:d.result}]:d.result;"
    "for(const w of[...(j.warnings||[]),...(j.infos||[])])out.append(el('p',w,'note'));"
    "out.append(el('p',rows.length+' series, '+Math.round(performance.now()-t0)+' ms'));"
    "const t=document.createElement('table');for(const s of rows){const tr=t.insertRow();"
    "tr.append(el('td',name(s.metric)),el('td',point(s)))}out.append(t)}"
    "catch(e){out.replaceChildren(el('p',String(e),'error'))}}"
    "form.addEventListener('submit',e=>{e.preventDefault();run()});"
    "box.value=new URLSearchParams(location.search).get('q')||'up';run();";

static const char body[] =
    "<nav><a href=\"api/v1/targets\">Targets</a><a href=\"api/v1/rules\">Rules</a>"
    "<a href=\"api/v1/alerts\">Alerts</a><a href=\"api/v1/status/tsdb\">TSDB</a>"
    "<a href=\"api/v1/status/config\">Configuration</a><a href=\"api/v1/status/flags\">Flags</a>"
    "<a href=\"api/v1/status/runtimeinfo\">Runtime</a><a href=\"metrics\">Metrics</a></nav>"
    "<form><input name=\"q\" autofocus spellcheck=\"false\" aria-label=\"PromQL expression\" "
    "placeholder=\"PromQL expression\"><button>Execute</button></form><div id=\"out\"></div>";

static void
put_html(struct buf *out, str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<': buf_lit(out, "&lt;"); break;
        case '>': buf_lit(out, "&gt;"); break;
        case '&': buf_lit(out, "&amp;"); break;
        case '"': buf_lit(out, "&#34;"); break;
        default: buf_byte(out, s.p[i]);
        }
    }
}

void
page_home(struct web *w, struct req *req, struct resp *resp)
{
    struct buf *b = &resp->body;
    (void)req;

    resp->content_type = "text/html; charset=utf-8";
    resp_header(resp, "Content-Security-Policy",
                STRL("default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                     "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"));
    resp_header(resp, "X-Content-Type-Options", STRL("nosniff"));
    buf_lit(b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    put_html(b, str_of(w->opts.page_title));
    buf_printf(b, "</title><style>%s</style></head><body><h1>", style);
    put_html(b, str_of(w->opts.page_title));
    buf_printf(b, "</h1>%s<script>%s</script></body></html>", body, script);
}
