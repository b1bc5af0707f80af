# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comparing costs: two configurations of a hundred thousand directives beside the time to load one of them.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`.
Each figure is the CPU time of a process of its own, the best of three: what else runs on the machine counts little.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lint import ROOT, write_tree

SITES = 2330
ROUNDS = 3
#: Comparing beside loading one of the two; ten times the size beside the smaller one; memory.
RATIO, GROWTH, MEMORY_MB = 2.0, 20.0, 300.0

#: What becomes of every site's text. Each is a figure of its own.
EDITS: dict[str, t.Callable[[str], str]] = {
    "nothing changed": lambda text: text,
    "every server changed": lambda text: text.replace("30s", "60s").replace("10.0.0.0/8", "10.0.0.0/9"),
    "every server renamed": lambda text: text.replace(".example.com", ".example.org"),
    "everything removed": lambda _text: "",
}


#: What is in `http`, by a size and the side: blocks that get long while everything in them changes.
BLOCKS: dict[str, t.Callable[[int, int], str]] = {
    "locations": lambda size, side: _server(f"location /{n} {{ return {200 + side}; }}" for n in range(size)),
    "rewrites": lambda size, side: _server(f"rewrite ^/{n} /x{side};" for n in range(size)),
    "conditions": lambda size, side: _server(f"if ($a = {n}) {{ return {200 + side}; }}" for n in range(size)),
    "regular expressions reversed": lambda size, side: _server(
        f"location ~ x{n} {{ return 200; }}" for n in list(range(size))[:: 1 - 2 * side]
    ),
    "headers": lambda size, side: _server(
        ["add_header A 1;", *(f"location /{n} {{ {'add_header B 1;' * side} root /x; }}" for n in range(size))]
    ),
    "entries of a map": lambda size, side: f"map $uri $x {{ {' '.join(f'/{n} {side};' for n in range(size))} }}",
    "peers": lambda size, side: f"upstream x {{ {' '.join(f'server 10.{side}.0.1:{n};' for n in range(1, size))} }}",
    "servers of one name": lambda size, side: "".join(
        f"server {{ listen {1000 + n}; server_name a; return {200 + side}; }}" for n in range(size)
    ),
}
BLOCK = 6000


def _server(lines: t.Iterable[str]) -> str:
    return "server { listen 80;\n" + "\n".join(lines) + "\nserver_name a; }"


def write_pair(folder: Path, sites: int, edit: str) -> None:
    """A configuration, and the same after the edit of every site."""
    for side in ("before", "after"):
        write_tree(folder / side, sites)
    for site in (folder / "after" / "sites-enabled").iterdir():
        site.write_text(EDITS[edit](site.read_text()))


def measure(folder: Path) -> dict[str, float]:
    """One run in a process of its own: CPU seconds, peak memory in MB, and what it counted."""
    done = subprocess.run([sys.executable, __file__, str(folder)], check=True, stdout=subprocess.PIPE, text=True)
    return t.cast("dict[str, float]", json.loads(done.stdout))


def best(folder: Path) -> dict[str, float]:
    """The run with the least time for the comparison."""
    return min((measure(folder) for _round in range(ROUNDS)), key=lambda run: run["diff"])


def run(folder: Path) -> dict[str, float]:
    """Load both, compare, and write the report."""
    sys.path.insert(0, str(ROOT / "tools"))
    import failsafe_lint  # noqa: PLC0415 - what is not measured must not be loaded

    failsafe_lint.register()
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_path  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff  # noqa: PLC0415

    start = time.process_time()
    before = load_path(folder / "before", config_dir="/etc/nginx")
    loaded = time.process_time()
    after = load_path(folder / "after", config_dir="/etc/nginx")
    both = time.process_time()
    found = diff(before, after)
    found.text()
    done = time.process_time()
    return {
        "load": loaded - start,
        "diff": done - both,
        "changes": len(found.changes),
        "directives": sum(1 for _directive in before.walk()),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def block_figures() -> t.Iterator[tuple[str, float, float, str]]:
    """How the time grows with the length of one block."""
    for what, make in BLOCKS.items():
        runs = []
        for size in (BLOCK // 10, BLOCK):
            with tempfile.TemporaryDirectory() as work:
                for number, side in enumerate(("before", "after")):
                    (Path(work) / side).mkdir()
                    text = f"events {{}}\nhttp {{\n{make(size, number)}\n}}\n"
                    (Path(work) / side / "nginx.conf").write_text(text)
                runs.append(best(Path(work)))
        yield f"{BLOCK} {what}: CPU beside that of a tenth", runs[1]["diff"] / runs[0]["diff"], GROWTH, "x"


def main() -> int:
    """Measure, tell, judge."""
    figures: list[tuple[str, float, float, str]] = list(block_figures())
    for edit in EDITS:
        with tempfile.TemporaryDirectory() as work:
            small, large = Path(work) / "small", Path(work) / "large"
            write_pair(small, SITES // 10, edit)
            write_pair(large, SITES, edit)
            few, many = best(small), best(large)
        print(
            f"{edit}: {many['directives']:.0f} directives compared in {many['diff']:.2f} s of CPU, "
            f"{many['changes']:.0f} changes; loading them once takes {many['load']:.2f} s"
        )
        figures += [
            (f"{edit}: CPU beside loading", many["diff"] / many["load"], RATIO, "x"),
            (f"{edit}: CPU beside that of a tenth of the size", many["diff"] / few["diff"], GROWTH, "x"),
            (f"{edit}: memory", many["memory"], MEMORY_MB, " MB"),
        ]
    for name, value, limit, unit in figures:
        print(f"{'ok    ' if value <= limit else 'MISSED'} {name}: {value:.1f}{unit} (limit {limit}{unit})")
    return int(any(value > limit for _name, value, limit, _unit in figures))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    print(json.dumps(run(Path(sys.argv[1]))))
