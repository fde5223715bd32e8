"""The look of the page: light or dark as the reader's screen, a list at the side where there is room for one."""

from __future__ import annotations

from .markup import ramps

__all__ = ["STYLE"]

_COLORS = """
:root{color-scheme:light dark;--back:#fcfcfb;--card:#fff;--ink:#1a1c20;--soft:#535a66;--line:#d9dce1;--faint:#f0f1f3;
--link:#1452b0;--act:#2f6fbb;--grad:#a8501a;--weight:#2c7a4b;--warn-ink:#6e3b00;--warn-back:#fff3df;--warn-line:#e0a040;
--good:#2c7a4b;--norm:#e9e3f7}
@media (prefers-color-scheme:dark){:root{--back:#131519;--card:#1b1e24;--ink:#e9ebef;--soft:#adb4c0;--line:#353a44;
--faint:#242831;--link:#8fbcff;--act:#6fa8ee;--grad:#f0a070;--weight:#7fcf9f;--warn-ink:#ffd9a0;--warn-back:#35270f;
--warn-line:#946515;--good:#7fcf9f;--norm:#2f2a45}}
"""

_TEXT = """
*{box-sizing:border-box}
html{scroll-padding-top:4.2rem}
body{margin:0;overflow-wrap:anywhere;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
a{color:var(--link)}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);
outline-offset:2px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
h3{font-size:1.05rem;margin:0;display:inline;overflow-wrap:anywhere}
p{margin:.5rem 0;max-width:46rem}
code,.formula{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.86em;overflow-wrap:anywhere}
.soft,figcaption,.ends,dt{color:var(--soft)}
figcaption{font-size:.86rem;max-width:36rem}
figure{margin:.6rem 0}
img{max-width:100%;height:auto;display:block;image-rendering:pixelated}
"""

_FRAME = """
.page{max-width:82rem;margin:0 auto;padding:1.2rem 1rem 4rem}
.side{display:none}
.menu{border:1px solid var(--line);border-radius:8px;background:var(--card);padding:.5rem .8rem;margin:1rem 0}
.menu summary{font-weight:600;min-height:2rem}
.menu ol{max-height:60vh}
nav ol{list-style:none;margin:0;padding:0;overflow:auto;font-size:.88rem}
nav li a{display:flex;gap:.5rem;padding:.28rem .4rem;text-decoration:none;color:var(--ink);border-radius:5px}
nav li a:hover{background:var(--faint)}
nav li span{color:var(--soft);margin-left:auto;white-space:nowrap}
nav li b{font-weight:500;overflow-wrap:anywhere}
nav li .mark{color:var(--warn-ink);margin-left:0;font-weight:700}
.top{position:fixed;right:.8rem;bottom:.8rem;background:var(--link);color:var(--back);padding:.55rem .9rem;
border-radius:99px;text-decoration:none;font-weight:600;box-shadow:0 1px 6px #0005}
@media (min-width:62rem){
.page{display:grid;grid-template-columns:16rem minmax(0,1fr);gap:0 2rem}
.side{display:block;position:sticky;top:1rem;align-self:start;max-height:calc(100vh - 2rem);overflow:auto}
.menu,.top{display:none}
}
@media print{.side,.menu,.top{display:none}}
"""

_PARTS = """
dl.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem 1.2rem;margin:1rem 0}
dl.facts dt{font-size:.8rem}dl.facts dd{margin:0;font-weight:600;overflow-wrap:anywhere}
.note,.finding{background:var(--warn-back);color:var(--warn-ink);border-left:4px solid var(--warn-line);
padding:.5rem .8rem;border-radius:0 6px 6px 0;margin:.6rem 0;max-width:52rem}
.finding a,.note a{color:inherit;font-weight:600}
ul.findings{list-style:none;padding:0;margin:0}
.fine{color:var(--good);font-weight:600}
.tag{display:inline-block;background:var(--warn-back);color:var(--warn-ink);border:1px solid var(--warn-line);
border-radius:99px;padding:0 .55rem;font-size:.78rem;white-space:nowrap}
.scroll{overflow-x:auto;max-width:100%}
table{overflow-wrap:normal;border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}
th:first-child,td:first-child,.left{text-align:left}
.layers td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:9rem}
td.off{color:var(--warn-ink);background:var(--warn-back);font-weight:600}
.tall{max-height:26rem;overflow:auto;display:inline-block}.tall th{position:sticky;top:0;background:var(--card)}
.layer{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:.9rem 0}
.layer>summary{padding:.75rem 1rem;cursor:pointer;display:flex;flex-wrap:wrap;gap:.2rem .7rem;align-items:baseline}
.layer>summary::before{content:"▸";color:var(--soft)}.layer[open]>summary::before{content:"▾"}
.layer>summary::-webkit-details-marker{display:none}
.layer>summary{list-style:none}
.inside{padding:0 1rem 1rem;scroll-margin-top:4rem}
.kind{font-weight:600;color:var(--soft)}.size{color:var(--soft);font-size:.88rem}
.part{border-top:1px solid var(--line);margin-top:.7rem;padding-top:.4rem}
.part>summary{cursor:pointer;font-weight:600;padding:.25rem 0}
.hists{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));gap:1rem 1.6rem}
.hists h4{margin:.3rem 0 .2rem;font-size:.9rem}
.hist{width:100%;height:6rem;display:block}
.hist .base{stroke:var(--soft);fill:none}.hist .zero{stroke:var(--soft);stroke-dasharray:5 5;fill:none}
.hist path{vector-effect:non-scaling-stroke}
.hist .bars{fill:var(--act)}.hist.grad .bars{fill:var(--grad)}.hist.weight .bars{fill:var(--weight)}
.ends{display:flex;justify-content:space-between;font-size:.8rem;font-variant-numeric:tabular-nums}
.told{font-size:.84rem;color:var(--soft)}
.pair{display:flex;flex-wrap:wrap;gap:1rem}.pair figure{width:min(15rem,calc(50% - .5rem))}
.scatter{width:100%;height:auto;background:var(--faint);border-radius:6px}
.scatter .frame{fill:none;stroke:var(--line)}.scatter .same{stroke:var(--soft);stroke-dasharray:4 4;fill:none}
.scatter .dots{stroke:var(--act);stroke-width:6;stroke-linecap:round;fill:none;stroke-opacity:.75}
.depth{min-width:36rem;width:100%;max-width:60rem;height:auto;display:block}
.depth .grid{stroke:var(--line);fill:none}.depth text{fill:var(--soft);font-size:12px;text-anchor:end}
.depth .norms{stroke:var(--norm);fill:none}.depth .curve{fill:none;stroke-width:2}
.depth .curve.act{stroke:var(--act)}.depth .curve.grad{stroke:var(--grad)}
.depth circle.act{fill:var(--act)}.depth circle.grad{fill:var(--grad)}
.key{display:inline-block;width:.9rem;height:.9rem;border-radius:3px;vertical-align:-2px;margin-right:.3rem}
.key.act{background:var(--act)}.key.grad{background:var(--grad)}.key.norms{background:var(--norm)}
.legend span{margin-right:1.2rem;white-space:nowrap}
.scale{display:flex;gap:.5rem;align-items:center;font-variant-numeric:tabular-nums;margin-top:.2rem}
.ramp{width:8rem;height:.7rem;border-radius:3px;border:1px solid var(--line)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr));gap:.8rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem;display:flex;gap:.8rem}
.card .thumb{flex:0 0 6rem}.card .thumb img{width:6rem}.card .what{flex:1;min-width:0;font-size:.86rem}
.card ol{list-style:none;margin:.2rem 0 0;padding:0}
.card li{display:grid;grid-template-columns:1fr 3.6rem;gap:0 .5rem}
.card li span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.card li span+span{text-align:right}
.card meter{grid-column:1/3;width:100%;height:.45rem;appearance:none;background:var(--faint);border-radius:3px;border:0}
.card meter::-webkit-meter-bar{background:var(--faint);border:0;border-radius:3px;height:.45rem}
.card meter::-webkit-meter-optimum-value{background:var(--act);border-radius:3px}
.card meter::-moz-meter-bar{background:var(--act)}
.card .true{font-weight:700}
.strip{display:flex;flex-wrap:wrap;gap:.6rem}.strip img{width:6rem}
@media (max-width:40rem){.wide{display:none}body{font-size:15px}.inside,.layer>summary{padding-left:.8rem;
padding-right:.8rem}.card .thumb{flex-basis:4.5rem}.card .thumb img{width:4.5rem}}
"""

STYLE = "".join((_COLORS, _TEXT, _FRAME, _PARTS, ramps())).replace("\n", "")
"""One style sheet, without line breaks."""
