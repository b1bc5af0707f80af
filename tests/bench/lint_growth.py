# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How linting grows with what one block holds: eight times the lines may cost at most three times eight as much.

Prints every figure with its limit and exits with 1 when one is missed. `lint.py` runs it as well.
"""

from __future__ import annotations

import gc
import sys
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import failsafe_lint

failsafe_lint.register()
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files  # noqa: E402
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint  # noqa: E402

SMALL, LARGE, LIMIT = 200, 1600, 3.0
#: Regular expressions are asked one after the other, by nginx as well: twice the lines, four times the questions.
REGEX_LIMIT = 8.0
ROUNDS = 3
#: What a clock of 10 ms cannot tell from nothing.
LEAST = 0.01
#: One line of a server that has hundreds like it.
SHAPES: t.Final = {
    "variables in returns": "location /l{n} {{ set $t /a{n}; if ($arg_a{n}) {{ return 403; }} return 302 https://a$t; }}",
    "named groups": "location ~ ^/l{n}/(?<t>[a-z]+)$ {{ return 301 https://a/$t; }}",
    "a map of redirects": "location /l{n} {{ return 301 $mapped; }}",
    "headers": "location /l{n} {{ add_header X-A b; proxy_set_header X-A b; root /srv/l{n}; }}",
    "patterns": "location ~ ^/(?:l{n}|m{n})/.*[.]x$ {{ return 204; }}",
    "prefixes inside prefixes": "location /l{n}/ {{ location /l{n}/a/ {{ alias /srv/{n}/; }} }}",
    "names": "}} server {{ listen 80; server_name l{n}.test *.l{n}.test ~^l{n}-.*$; return 204;",
    "upstreams": "}} upstream u{n} {{ server 10.0.0.1; }} server {{ listen 80; server_name u{n}; "
    "location / {{ proxy_pass http://u{n}; }}",
}


def cost(line: str, size: int) -> float:
    """CPU seconds of all rules over so many lines, the best of a few runs."""
    entries = "".join(f"/m{n} /t{n};\n" for n in range(size))
    lines = "\n".join(line.format(n=n) for n in range(size))
    text = f"events {{}}\nhttp {{\nmap $uri $mapped {{\n{entries}}}\nserver {{ listen 80;\n{lines}\n}}\n}}\n"
    config = load_files({"nginx.conf": text.encode()}, config_dir="/etc/nginx")
    runs = []
    for _round in range(ROUNDS):
        start = time.process_time()
        lint(config)
        runs.append(time.process_time() - start)
    return min(runs)


def main() -> int:
    """Measure, tell, judge."""
    gc.disable()
    missed = False
    for name, line in SHAPES.items():
        small, large = cost(line, SMALL), cost(line, LARGE)
        ratio = large / max(small, LEAST) / (LARGE / SMALL)
        limit = REGEX_LIMIT if "location ~" in line else LIMIT
        missed = missed or ratio > limit
        verdict = "MISSED" if ratio > limit else "ok    "
        print(f"{verdict} {name}: {large:.2f} s for {LARGE} lines, {ratio:.1f}x a line of {SMALL} (limit {limit:g}x)")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
