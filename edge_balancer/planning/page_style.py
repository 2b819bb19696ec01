"""How the page looks, on a desk, on a telephone and on a sheet of A4. CSS alone."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; color: #25313a; background: #fbfcfc; max-width: 68rem;
  margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; font-weight: 600; margin: 0; }
h2 { font-size: 1.05rem; font-weight: 600; margin: 1.6rem 0 .4rem; }
h3 { font-size: .8rem; font-weight: 600; color: #5c6b75; margin: 0; }
p { margin: .3rem 0; }
.basis, .key, small { color: #5c6b75; }
.key, .safety { font-size: .87rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.tiles div { flex: 1 1 12rem; background: #fff; border: 1px solid #e3e8ea; border-radius: 6px; padding: .6rem .8rem; }
.tiles b { display: block; font-size: 1.45rem; font-weight: 600; }
.tiles small { font-size: .8rem; }
.warning { background: #fff4e0; border-left: 4px solid #d98a1e; padding: .5rem .8rem; border-radius: 3px; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 1.5rem; align-items: start; }
svg { display: block; width: 100%; background: #fff; border: 1px solid #e3e8ea; border-radius: 6px; margin: .4rem 0; }
.grid { stroke: #e9eef0; } .tick { font-size: 15px; fill: #5c6b75; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; min-width: 100%; }
th { text-align: left; font-weight: 600; color: #5c6b75; border-bottom: 1px solid #cfd8dc; padding: .25rem .5rem;
  vertical-align: bottom; }
td { border-bottom: 1px solid #edf1f2; padding: .2rem .5rem; vertical-align: top; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
td.t { white-space: normal; min-width: 9rem; }
.details td.t { min-width: 16rem; }
.details { border-top: 1px solid #cfd8dc; margin-top: 2rem; font-size: .93rem; }
.box { font-size: 1.1rem; line-height: 1; }
@media (max-width: 44rem) {
  body { margin: .8rem auto; padding: 0 .7rem; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .tiles div { flex: 1 1 9rem; }
}
@page { size: A4; margin: 11mm; }
@media print {
  body { font-size: 10px; line-height: 1.3; margin: 0; padding: 0; max-width: none; background: #fff; }
  .details { display: none; }
  .key, .safety, .tiles small, h3 { font-size: 9px; }
  h1 { font-size: 17px; } h2 { font-size: 12px; margin: 2.2mm 0 1mm; break-after: avoid; }
  .tiles { gap: 2mm; margin: 2mm 0; } .tiles div { padding: 1mm 2mm; flex: 1 1 0; } .tiles b { font-size: 15px; }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 4mm; }
  table { font-size: 9px; } th, td { padding: .35mm 1.2mm; } tr, svg { break-inside: avoid; }
  svg { max-height: 42mm; margin: 1mm 0; } .box { font-size: 11px; }
  .warning { background: none; border: 1px solid #d98a1e; border-left-width: 4px; padding: 1mm 2mm; }
}
"""
