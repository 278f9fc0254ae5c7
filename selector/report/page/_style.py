"""How a page looks: one column on a telephone, contents beside it on a wide screen, black on white on paper."""

__all__ = ["STYLE"]

STYLE = """\
:root{color-scheme:light dark;--line:1.5}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--selector-paper);color:var(--selector-ink);line-height:var(--line);
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:1rem;overflow-wrap:anywhere}
.skip{position:absolute;left:-100vw;padding:.5rem 1rem;background:var(--selector-paper);z-index:1}
.skip:focus{left:.5rem;top:.5rem}
a{color:inherit;text-underline-offset:.2em}
:focus-visible{outline:3px solid var(--selector-hue-0-0);outline-offset:2px;border-radius:2px}
main:focus{outline:none}
header,nav,main,footer{max-width:56rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.25rem;line-height:1.25;margin:0 0 .6rem}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p,li,dd{max-width:44rem}
p{margin:.5rem 0}
section{border-top:1px solid var(--selector-edge);padding:1.4rem 0;margin:0}
.quiet,.tiles .more{color:var(--selector-muted)}
nav ol{list-style:none;margin:.8rem 0 1.2rem;padding:0;display:flex;flex-wrap:wrap;gap:.15rem 1rem;font-size:.9rem}
nav a{display:inline-block;padding:.2rem 0}
.tiles{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:.8rem;margin:1rem 0 0}
.tiles div{border:1px solid var(--selector-edge);border-radius:.5rem;padding:.7rem .9rem}
.tiles dt{font-size:.85rem;color:var(--selector-muted)}
.tiles dd{margin:0}
.tiles .big{font-size:1.45rem;font-weight:600;line-height:1.3}
.tiles .more{font-size:.85rem}
.next{padding-left:1.6rem}
.next li{margin:.5rem 0}
code{font-family:ui-monospace,"DejaVu Sans Mono",Consolas,monospace;font-size:.9em;background:var(--selector-grid);
border-radius:.2rem;padding:.05em .3em}
figure{margin:.5rem 0}
figure svg{display:block;width:calc(100% + 2rem);margin:0 -1rem;height:auto}
svg.narrow{display:none}
@media (max-width:639px){.tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:.6rem}.tiles .big{font-size:1.25rem}
svg.narrow{display:block}svg.wide{display:none}
table{font-size:.8125rem}th,td{padding-right:.6rem}tbody th{max-width:8.5rem}}
details{margin:.4rem 0 1rem}
summary{cursor:pointer;padding:.3rem 0;font-size:.95rem;text-decoration:underline;text-underline-offset:.2em;
width:fit-content}
.scroll{overflow-x:auto;margin:.6rem 0 1rem;position:relative;
--veil:color-mix(in srgb,var(--selector-ink) 22%,transparent);
background:linear-gradient(to left,var(--selector-paper) 30%,transparent) right/2.2rem 100% no-repeat local,
linear-gradient(to left,var(--veil),transparent) right/.9rem 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.875rem;line-height:1.35;font-variant-numeric:tabular-nums}
caption span{display:inline-block;position:sticky;left:0;max-width:calc(100vw - 2rem)}
.s{white-space:nowrap}
.name{display:inline-block;max-width:100%}
caption{text-align:left;font-weight:600;padding:.2rem 0 .4rem}
th,td{text-align:left;vertical-align:top;padding:.32rem .8rem .32rem 0;border-bottom:1px solid var(--selector-grid);
overflow-wrap:normal}
thead th{border-bottom:1px solid var(--selector-edge);color:var(--selector-muted);font-weight:600;
vertical-align:bottom}
tbody th{font-weight:400;min-width:6rem;max-width:16rem;overflow-wrap:break-word}
tbody th:first-child,thead th:first-child{position:sticky;left:0;background:var(--selector-paper)}
.n .ends{display:block;font-size:.92em}
.n .unsure .ends,.n .unsure{color:var(--selector-muted)}
.sure{font-weight:600}
.n{text-align:right;white-space:nowrap}
thead .n{white-space:normal}
dl.why dt{font-weight:600;margin-top:.6rem}
dl.why dd{display:list-item;margin:0 0 0 1.2rem}
footer{border-top:1px solid var(--selector-edge);padding-top:1rem;padding-bottom:2.5rem;font-size:.9rem;
color:var(--selector-muted)}
@media screen and (min-width:1200px){
body{display:grid;grid-template-columns:minmax(1rem,1fr) 15rem 60rem minmax(1rem,1fr);column-gap:2rem}
header,main,footer{grid-column:3;max-width:none;width:100%;margin:0}
nav{grid-column:2;grid-row:1/span 3;margin:0;padding:1.9rem 0 1rem;position:sticky;top:0;align-self:start;
max-height:100vh;overflow:auto}
nav ol{display:block;margin:0}
nav a{padding:.22rem 0}
}
@media print{
@page{size:A4;margin:15mm}
:root{color-scheme:light}
body{font-size:10pt}
nav,.skip{display:none}
header,main,footer{max-width:none;padding-left:0;padding-right:0}
svg.narrow{display:none}svg.wide{display:block}
.scroll{overflow:visible;background:none}
table{font-size:8.5pt}
.many .n,.many .s{white-space:normal}
tbody th:first-child,thead th:first-child{position:static}
h2,h3,caption,summary,p:has(+figure),p:has(+h3),p:has(+.scroll){break-after:avoid}
p,tr,.tiles div,.next li{break-inside:avoid}
figure{break-inside:avoid}
figure svg{width:100%;margin:0;max-height:205mm}
details:not([open]){display:none}
a{text-decoration:none}
}
"""
"""CSS of the page; its colours are the variables of the pictures."""
