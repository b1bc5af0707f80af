# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The HTML report's template."""

from __future__ import annotations

import typing as t

PAGE: t.Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>nginx behaviour: {{ changed }} of {{ requests }} requests changed</title>
<style>
:root { color-scheme: light dark; --line: #8886; --bad: #b3261e; --warn: #8a5a00; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffc35c; --good: #7fd99a; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
summary:focus-visible { outline: 3px solid Highlight; outline-offset: 3px; }
ol.hops { list-style: none; margin: .2rem 0; padding-left: 0; }
ol.hops li { padding-left: 1.6rem; }
ol.hops li:first-child { padding-left: 0; }
.before::before { content: "before"; } .after::before { content: "after"; }
.before::before, .after::before { display: block; font: 600 12px system-ui, sans-serif; opacity: .75; }
.before { border-left: 4px solid var(--line); padding-left: .6rem; margin: .4rem 0; }
.after { border-left: 4px solid var(--warn); padding-left: .6rem; margin: .4rem 0; }
.critical .after { border-color: var(--bad); }
.risk { font-weight: 700; text-transform: uppercase; font-size: .8rem; letter-spacing: .04em; }
.risk-critical { color: var(--bad); } .risk-high { color: var(--warn); } .risk-info { color: inherit; }
.fine { color: var(--good); }
@media print {
  body { max-width: none; margin: 0; font-size: 11pt; }
  details { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
}
</style>
</head>
<body>
<main>
<h1>nginx behaviour</h1>
<p>{{ headline }}</p>
{% if changes %}
<h2 id="changes">Changes</h2>
<table>
<thead><tr><th scope="col">risk</th><th scope="col">class</th><th scope="col">server</th><th scope="col">where</th>
<th scope="col" class="number">requests</th></tr></thead>
<tbody>
{% for change in changes %}
<tr><td><span class="risk risk-{{ change.risk }}">{{ change.risk }}</span></td>
<td><a href="#change-{{ loop.index }}">{{ change.name }}</a></td>
<td>{{ change.server }}</td><td><code>{{ change.where }}</code></td><td class="number">{{ change.requests }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if left_out %}<p>{{ left_out }} more groups of changes are in the JSON report.</p>{% endif %}
{% for change in changes %}
<details id="change-{{ loop.index }}" class="{{ change.risk }}"{% if change.risk != "info" %} open{% endif %}>
<summary><span class="risk risk-{{ change.risk }}">{{ change.risk }}</span> <strong>{{ change.name }}</strong>:
{{ change.server }}, <code>{{ change.where }}</code>, {{ change.requests }} request{{ "" if change.requests == 1 else "s" }}
</summary>
<p>{{ meaning[change.name] }}{% if change.scenario %}; only under made-up circumstances{% endif %}.
{% if change.also %}With {% for name, number in change.also | dictsort %}{{ number }} {{ name }}{{ ", " if not loop.last }}
{%- endfor %}.{% endif %}</p>
<p><code>{{ change.example.request }}</code>{% if change.example.why %}<br>{{ change.example.why }}{% endif %}</p>
{% for side in ("before", "after") %}
<div class="{{ side }}"><ol class="hops">
{% for line in change.example[side] %}
<li><code>{{ line }}</code></li>
{% endfor %}
</ol></div>
{% endfor %}
{% for note in change.notes %}
<p>{{ note }}</p>
{% endfor %}
{% if change.causes %}
<p>Cause:</p>
<ul>
{% for each in change.causes[:most_causes] %}
<li><code>{{ cause(each) }}</code></li>
{% endfor %}
{% if change.causes | length > most_causes %}<li>and {{ change.causes | length - most_causes }} more</li>{% endif %}
</ul>
{% endif %}
<p>Listeners: {{ change.listeners | join(", ") }}</p>
</details>
{% endfor %}
{% else %}
<p class="fine">No request gets anything else than before.</p>
{% endif %}
{% if config %}<p>{{ config }}</p>{% endif %}
<h2 id="coverage">Coverage</h2>
{% if traced %}
<table>
<thead><tr><th scope="col">blocks</th><th scope="col" class="number">reached</th><th scope="col" class="number">of</th></tr></thead>
<tbody>
{% for name, numbers in coverage.items() if numbers %}
<tr><th scope="row">{{ name }}</th><td class="number">{{ numbers.covered }}</td><td class="number">{{ numbers.total }}</td></tr>
{% endfor %}
</tbody>
</table>
{% else %}
<p>Unknown: the blocks behind the answers were not traced.</p>
{% endif %}
{% for title, entries in lists.items() %}
<h2>{{ title }}</h2>
<details{% if loop.index <= 2 %} open{% endif %}>
<summary>{{ entries | length }} {{ "entry" if entries | length == 1 else "entries" }}</summary>
<ul>
{% for entry in entries %}
<li><code>{{ entry }}</code></li>
{% endfor %}
</ul>
</details>
{% endfor %}
</main>
</body>
</html>
"""
