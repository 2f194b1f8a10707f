#include "style.hpp"

namespace example {

const std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #f7f4ee; --sheet: #fffdf9; --ink: #24231f; --soft: #66625a; --rule: #e2dccf;
  --accent: #2d6a4f; --accent-strong: #1f5140; --on-accent: #fff; --wash: #e3efe7;
  --danger: #a3352b; --danger-wash: #f8e6e2; --shadow: 0 1px 2px #3a2f1a14, 0 8px 24px #3a2f1a0f;
  --china: #fffefb; --china-edge: #d9d2c4; --saucer: #f3ede1;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", Georgia, serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #141614; --sheet: #1d201d; --ink: #ebe7de; --soft: #a5a196; --rule: #333731;
    --accent: #8ccfa9; --accent-strong: #a8dfbf; --on-accent: #10261b; --wash: #1f3329;
    --danger: #f0a195; --danger-wash: #3a221e; --shadow: 0 1px 2px #0006, 0 8px 24px #0004;
    --china: #e9e4d8; --china-edge: #b9b2a3; --saucer: #cfc8b9;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1, h2, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1, h2, .brand { font-family: var(--serif); font-weight: 600; line-height: 1.15; }
h1 { font-size: 1.75rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; }
a { color: var(--accent); text-underline-offset: .2em; }
a:hover { color: var(--accent-strong); }
small { font-size: .85em; color: var(--soft); }
code { font: .95em ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.width { width: 100%; max-width: 68rem; margin-inline: auto; padding-inline: clamp(1rem, 4vw, 2rem); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -4rem; z-index: 2; padding: .5rem 1rem; background: var(--sheet); }
.skip:focus { top: .5rem; }

header { border-bottom: 1px solid var(--rule); background: var(--sheet); }
header .width { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.5rem; padding-block: .65rem; }
.brand { display: inline-flex; align-items: center; gap: .55rem; font-size: 1.3rem; color: var(--ink); text-decoration: none; }
nav { flex: 1; display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.25rem; }
nav a, .account > a:not(.button) { padding-block: .4rem; color: var(--ink); text-decoration: none; white-space: nowrap; }
nav a:hover, .account > a:not(.button):hover { color: var(--accent); text-decoration: underline; }
.account { display: inline-flex; align-items: center; gap: 1rem; margin-left: auto; }
.account > a:not(.button) { font-weight: 600; max-width: 12rem; overflow: hidden; text-overflow: ellipsis; }
.count {
  display: inline-block; min-width: 1.5em; padding: 0 .4em; border-radius: 1em; text-align: center;
  background: var(--accent); color: var(--on-accent); font-size: .8em; font-weight: 600; line-height: 1.5;
}

main { flex: 1; padding-block: clamp(1.25rem, 4vw, 2.5rem); }
footer { border-top: 1px solid var(--rule); color: var(--soft); font-size: .9rem; }
footer .width { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 2rem; padding-block: 1rem; }

.flash {
  position: sticky; top: .75rem; z-index: 1; margin-bottom: 1.25rem; padding: .7rem 1rem;
  border: 1px solid var(--accent); border-radius: 10px; background: var(--wash); box-shadow: var(--shadow);
}
.objection { margin-top: .9rem; padding: .7rem 1rem; border-radius: 10px; background: var(--danger-wash); color: var(--danger); }
.hint { color: var(--soft); font-size: .92rem; }
.panel { padding: clamp(1.1rem, 4vw, 2rem); border: 1px solid var(--rule); border-radius: 16px; background: var(--sheet); box-shadow: var(--shadow); }
.panel > * + * { margin-top: 1rem; }
.narrow { max-width: 27rem; margin-inline: auto; }

button, .button {
  display: inline-block; padding: .65rem 1.3rem; border: 1px solid var(--accent); border-radius: 10px;
  background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; text-decoration: none;
  cursor: pointer; white-space: nowrap;
}
button:hover, .button:hover { background: var(--accent-strong); border-color: var(--accent-strong); color: var(--on-accent); }
.small { padding: .35rem .9rem; border-radius: 8px; font-size: .95rem; }
.quiet { border-color: var(--rule); background: transparent; color: var(--ink); }
.quiet:hover { border-color: var(--accent); background: var(--wash); color: var(--ink); }
.danger { color: var(--danger); }
.danger:hover { border-color: var(--danger); background: var(--danger-wash); color: var(--danger); }
input:not([type=checkbox]) {
  width: 100%; padding: .6rem .75rem; border: 1px solid var(--soft); border-radius: 10px;
  background: var(--paper); color: var(--ink); font: inherit;
}
.stack { display: grid; gap: .35rem; }
.stack label { font-weight: 600; }
.stack > label:not(:first-of-type) { margin-top: .6rem; }
.stack .check { display: flex; align-items: center; gap: .6rem; font-weight: 400; }
.stack .check input { width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); }
.stack button { margin-top: 1rem; }
.row { display: flex; align-items: center; justify-content: space-between; gap: .75rem; }

.hero { padding-bottom: clamp(1.25rem, 4vw, 2.25rem); }
.hero h1 { font-size: clamp(1.9rem, 5.5vw, 3rem); letter-spacing: -.02em; text-wrap: balance; }
.hero p { max-width: 36rem; margin-top: .8rem; color: var(--soft); font-size: 1.08rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(16.5rem, 1fr)); gap: 1.25rem; }
.card {
  display: flex; flex-direction: column; padding: 1.1rem; scroll-margin-top: 5rem;
  border: 1px solid var(--rule); border-radius: 16px; background: var(--sheet); box-shadow: var(--shadow);
}
.card .row { margin-top: auto; padding-top: .9rem; }
.art { display: grid; place-items: center; border-radius: 10px; background: var(--tint); }
.card .art { margin: -.35rem -.35rem .9rem; padding: 1rem 0; }
.card .cup { width: 11rem; }
.origin { color: var(--soft); font-size: .92rem; }
.taste { margin-top: .35rem; }
.price { font-weight: 600; font-variant-numeric: tabular-nums; }
.cup { display: block; height: auto; transform: translateX(2.5%); }
.saucer { fill: var(--saucer); } .well { fill: none; stroke: var(--china-edge); stroke-opacity: .5; }
.china { fill: var(--china); stroke: var(--china-edge); }
.liquor { fill: var(--tea); } .depth { fill: #000; opacity: .09; }
.shine { fill: none; stroke: #fff; stroke-width: 3; stroke-linecap: round; opacity: .55; }
.sencha { --tea: #b9bf4a; --tint: #e6ebcf; } .oolong { --tea: #d9a441; --tint: #f5e8cb; }
.darjeeling { --tea: #d0812f; --tint: #f6e0c8; } .assam { --tea: #8c3f1d; --tint: #edd7c9; }
.rooibos { --tea: #b4402a; --tint: #f4d8cf; } .hibiscus { --tea: #a31942; --tint: #f3d3dc; }
@media (prefers-color-scheme: dark) {
  .sencha { --tint: #30351f; } .oolong { --tint: #3a301c; } .darjeeling { --tint: #3b2a1a; }
  .assam { --tint: #35241c; } .rooibos { --tint: #3b231d; } .hibiscus { --tint: #391d27; }
}

.line {
  display: grid; grid-template-columns: 5.5rem 1fr auto auto 5.5rem; align-items: center; gap: .75rem 1rem;
  padding-block: .9rem; border-bottom: 1px solid var(--rule);
}
.thumb { padding: .4rem; } .thumb .cup { width: 100%; }
.amount input[type=number] { width: 4.75rem; padding: .3rem .5rem; border-radius: 8px; }
.amount { gap: .5rem; }
.sum { text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; }
.total { display: flex; flex-wrap: wrap; align-items: center; justify-content: flex-end; gap: 1rem 1.5rem; }
.total strong { margin-left: .4rem; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
@media (max-width: 44rem) {
  .line { grid-template-columns: 4.5rem minmax(0, 1fr) auto; }
  .line .sum { grid-area: 1 / 3; }
  .line .amount { grid-column: 1 / 3; justify-content: flex-start; }
  .line .amount input[type=number] { width: 3.75rem; }
  .line button { padding-inline: .65rem; }
}

.columns { display: grid; grid-template-columns: 3fr 2fr; align-items: start; gap: 1.25rem; }
.facts > div { display: grid; grid-template-columns: 8.5rem 1fr; gap: .1rem 1rem; padding-block: .5rem; border-bottom: 1px solid var(--rule); }
dt { color: var(--soft); } dd { overflow-wrap: anywhere; }
.history li { position: relative; padding: 0 0 1rem 1.25rem; border-left: 2px solid var(--rule); }
.history li::before {
  content: ""; position: absolute; left: -6px; top: .4rem; width: 10px; height: 10px;
  border-radius: 50%; background: var(--accent);
}
.history li:last-child { padding-bottom: 0; border-color: transparent; }
.history time { display: block; color: var(--soft); font-size: .85rem; }
.history span { overflow-wrap: anywhere; }
@media (max-width: 56rem) { .columns { grid-template-columns: 1fr; } }
@media (max-width: 40rem) {
  nav { order: 1; flex-basis: 100%; }
  header .width { column-gap: .5rem; }
  .brand { font-size: 1.1rem; }
  .account { gap: .75rem; }
  .account > a:not(.button) { max-width: 4.5rem; }
  .account .small { padding-inline: .7rem; }
  .hero br { display: none; }
  .facts > div { grid-template-columns: 6.5rem 1fr; }
  .narrow .stack button { width: 100%; }
}
)css";

const std::string_view kIcon =
    R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<circle cx="16" cy="16" r="16" fill="#2d6a4f"/>
<rect x="20" y="13.5" width="9" height="5" rx="2.5" fill="#f3ede1"/>
<circle cx="14.5" cy="16" r="9.5" fill="#fffefb"/><circle cx="14.5" cy="16" r="7.5" fill="#d0812f"/>
<path d="M9.4 14.2a5.5 5.5 0 0 1 4.6-3.8" fill="none" stroke="#fff" stroke-width="1.5"
  stroke-linecap="round" opacity=".7"/>
</svg>
)";

}  // namespace example
