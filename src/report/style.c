/* style.c: the looks of report.html. Colours are variables; the charts' eight are chosen to keep
 * apart on light, on dark and, with dashes, on grey paper. */
#include "page.h"
#include "svg.h"

#define LIGHT                                                                                      \
    "--paper:#fbfcfd;--card:#fff;--ink:#17212b;--muted:#5b6875;--line:#dde4ea;--soft:#eef3f7;"     \
    "--accent:#1f5f99;--good:#18794e;--bad:#b3261e;--on:#fff;"                                     \
    "--c0:#1f6fb5;--c1:#cf5c12;--c2:#12836c;--c3:#a8327f;--c4:#8a6a00;--c5:#5d4fc0;--c6:#6b7785;"  \
    "--c7:#b3261e;"

#define DARK                                                                                       \
    "--paper:#10161d;--card:#161e27;--ink:#e4ebf1;--muted:#97a5b3;--line:#2a3642;--soft:#1c2631;"  \
    "--accent:#8cc4f5;--good:#5bd09a;--bad:#f58e86;--on:#0d1319;"                                  \
    "--c0:#6cb4f4;--c1:#f5a261;--c2:#4fd1b3;--c3:#ea8cc6;--c4:#d9bf4e;--c5:#ab9ff7;--c6:#97a5b3;"  \
    "--c7:#f58e86;"

#define SERIES(i)                                                                                  \
    ".s" #i "{stroke:var(--c" #i ")}.f" #i "{fill:var(--c" #i ")}.t" #i "{fill:var(--c" #i ")}\n"

const char *fl_svg_style(void) {
    return ":root{color-scheme:light dark;" LIGHT "}\n"
           "@media screen and (prefers-color-scheme:dark){:root{" DARK "}}\n"
           "svg.chart{display:block;max-width:100%;height:auto;font:12px system-ui,sans-serif}\n"
           ".chart text{fill:var(--ink)}\n"
           ".chart .tick{fill:var(--muted);font-variant-numeric:tabular-nums}\n"
           ".chart .name{fill:var(--muted);font-weight:600}\n"
           ".chart .note{fill:var(--muted);font-size:11px}\n"
           ".chart .label{font-weight:600}\n"
           ".chart .middle{text-anchor:middle}.chart .end{text-anchor:end}\n"
           ".chart .count{font-size:11px;font-variant-numeric:tabular-nums}\n"
           ".chart .count.on{fill:var(--on);font-weight:600}\n"
           ".grid{stroke:var(--line);fill:none}.axis{stroke:var(--muted);fill:none}\n"
           ".mark{stroke:var(--muted);stroke-dasharray:2 3;fill:none}\n"
           ".box{fill:none;stroke:var(--line)}\n"
           ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
           ".faint{stroke-width:1.2;opacity:.45}.dashed{stroke-dasharray:6 4}"
           ".hollow{fill:var(--paper);stroke-width:1.5}\n" SERIES(0) SERIES(1) SERIES(2) SERIES(3)
               SERIES(4) SERIES(5) SERIES(6) SERIES(7)
        /* after the series, so that a label keeps its line's colour */
        ".chart .t0{fill:var(--c0)}.chart .t1{fill:var(--c1)}.chart .t2{fill:var(--c2)}"
        ".chart .t3{fill:var(--c3)}.chart .t4{fill:var(--c4)}.chart .t5{fill:var(--c5)}"
        ".chart .t6{fill:var(--c6)}.chart .t7{fill:var(--c7)}\n";
}

const char *const fl_page_style =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
    "header,main,footer{max-width:1120px;margin:0 auto;padding:0 1.5rem}\n"
    "header{padding-top:2.5rem}\n"
    "h1{font-size:2rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0;"
    "overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;font-weight:650;margin:0 0 .9rem}\n"
    "h3{font-size:.95rem;font-weight:600;margin:1.2rem 0 .5rem}\n"
    "section{margin:2.6rem 0 0}\n"
    "p{margin:.4rem 0 .8rem;max-width:70ch}\n"
    ".kicker{margin:0 0 .3rem;font-size:.8rem;font-weight:650;letter-spacing:.12em;"
    "text-transform:uppercase;color:var(--accent)}\n"
    ".meta{color:var(--muted);margin:.5rem 0 0}\n"
    ".pill{display:inline-block;padding:.05rem .65rem;border-radius:1rem;font-size:.85rem;"
    "font-weight:600;border:1px solid currentColor;margin-right:.5rem}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}.quiet{color:var(--muted)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,225px),1fr));gap:."
    "8rem;"
    "margin:0}\n"
    ".cards div{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:.8rem 1rem}\n"
    ".cards dt{font-size:.82rem;color:var(--muted)}\n"
    ".cards dd{margin:0}\n"
    ".cards .value{font-size:1.55rem;font-weight:650;letter-spacing:-.01em;line-height:1.3;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".cards .detail{font-size:.82rem;color:var(--muted);line-height:1.4}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));"
    "gap:.8rem}\n"
    "figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:.9rem 1rem;break-inside:avoid}\n"
    "figcaption{font-weight:600;font-size:.95rem;margin-bottom:.4rem}\n"
    "figcaption small{display:block;font-weight:400;font-size:.82rem;color:var(--muted)}\n"
    ".pair{display:flex;flex-wrap:wrap;gap:.8rem;align-items:flex-start}\n"
    ".pair figure{flex:0 1 auto}.pair .aside{flex:1 1 300px}\n"
    ".scroll{overflow:auto;max-height:34rem;border:1px solid var(--line);border-radius:10px;"
    "background:var(--card)}\n"
    "figure+.scroll,.scroll+.scroll{margin-top:.8rem}\n"
    "table{border-collapse:collapse;width:100%;font-size:.84rem;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.42rem .6rem;text-align:right;white-space:nowrap}\n"
    "th:first-child,td:first-child,.text{text-align:left}\n"
    "thead th{position:sticky;top:0;background:var(--soft);font-weight:600;color:var(--muted);"
    "font-size:.78rem}\n"
    "tbody tr+tr>*{border-top:1px solid var(--line)}\n"
    "tbody th{font-weight:500}\n"
    "[rowspan]{vertical-align:top}\n"
    "[aria-label=\"Bytes by epoch\"] th:nth-child(3),[aria-label=\"Bytes by bucket\"] "
    "th:nth-child(2){text-align:left}\n"
    "tr.best>*{background:var(--soft);font-weight:600}\n"
    "pre{margin:0;padding:1rem;font:12.5px/1.45 ui-monospace,\"DejaVu Sans Mono\",\"Cascadia "
    "Mono\","
    "Menlo,Consolas,monospace;tab-size:4}\n"
    "code{font:.9em ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,monospace;"
    "overflow-wrap:anywhere}\n"
    "pre code{font:inherit}\n"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.4rem;margin:0;"
    "font-size:.92rem}\n"
    ".facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}\n"
    "footer{margin-top:3rem;padding-bottom:2.5rem;color:var(--muted);font-size:.85rem}\n"
    "@media (max-width:560px){h1{font-size:1.5rem}.facts{grid-template-columns:1fr;gap:0}"
    ".facts dd{margin-bottom:.4rem}}\n"
    "@media print{body{font-size:10.5pt;background:#fff}header,main,footer{max-width:none;"
    "padding-left:0;padding-right:0}.scroll{max-height:none;overflow:visible}"
    "thead th{position:static}thead{display:table-header-group}tr{break-inside:avoid}"
    "h2,h3{break-after:avoid}pre{white-space:pre-wrap;font-size:8pt}"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";
