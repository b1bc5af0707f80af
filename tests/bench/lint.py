# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What linting costs: a hundred thousand directives beside crossplane's own parse of the same files.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`.
Each figure is the CPU time of a process of its own, the best of three: what else runs on the machine counts little.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITES = 2330
ROUNDS = 3
#: Loading and all rules beside crossplane's parse; ten times the size beside the smaller one; memory.
RATIO, GROWTH, MEMORY_MB = 2.5, 12.0, 400.0

MAIN = """\
user www-data;
worker_processes auto;
events { worker_connections 1024; }
http {
    server_tokens off;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    include sites-enabled/*;
}
"""
SITE = """\
upstream app{n} {{
    server 10.{a}.{b}.1:8080;
    server 10.{a}.{b}.2:8080 backup;
    keepalive 16;
}}
server {{
    listen 80;
    server_name s{n}.example.com www.s{n}.example.com;
    return 301 https://s{n}.example.com$request_uri;
}}
server {{
    listen 443 ssl;
    server_name s{n}.example.com;
    ssl_certificate /etc/ssl/s{n}.pem;
    ssl_certificate_key /etc/ssl/s{n}.key;
    root /srv/s{n};
    index index.html;
    error_page 502 503 504 /50x.html;
    location / {{
        try_files $uri $uri/ @app;
    }}
    location @app {{
        proxy_pass http://app{n};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection "";
    }}
    location /api/ {{
        proxy_pass http://app{n};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection "";
        proxy_read_timeout 30s;
    }}
    location = /50x.html {{
        internal;
    }}
    location ~* \\.(css|js|png)$ {{
        expires 30d;
        access_log off;
    }}
    location ^~ /.well-known/ {{
        root /srv/acme;
    }}
    location = /healthz {{
        return 204;
    }}
    location /old/ {{
        rewrite ^/old/(.*)$ /new/$1 permanent;
    }}
    location /private/ {{
        allow 10.0.0.0/8;
        deny all;
    }}
}}
"""


def write_tree(folder: Path, sites: int) -> None:
    """A configuration folder with so many sites, a file each."""
    (folder / "sites-enabled").mkdir(parents=True)
    (folder / "nginx.conf").write_text(MAIN)
    for n in range(sites):
        site = SITE.format(n=n, a=n // 250, b=n % 250)
        (folder / "sites-enabled" / f"s{n:05}.conf").write_text(site)


def measure(what: str, folder: Path) -> dict[str, float]:
    """One run in a process of its own: CPU seconds, peak memory in MB, and what it counted."""
    command = [sys.executable, __file__, what, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return t.cast("dict[str, float]", json.loads(done.stdout))


def best(what: str, folder: Path) -> dict[str, float]:
    """The run with the least CPU time."""
    return min((measure(what, folder) for _round in range(ROUNDS)), key=lambda run: run["cpu"])


def run_crossplane(folder: Path) -> dict[str, float]:
    """Parse with crossplane alone."""
    import crossplane  # noqa: PLC0415 - what is not measured must not be loaded

    start = time.process_time()
    payload = crossplane.parse(str(folder / "nginx.conf"))
    return {"cpu": time.process_time() - start, "files": len(payload["config"])}


def run_lint(folder: Path) -> dict[str, float]:
    """Load and judge with every rule, as failsafe-lint does."""
    sys.path.insert(0, str(ROOT / "tools"))
    import failsafe_lint  # noqa: PLC0415 - as above

    gc.disable()
    failsafe_lint.register()
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_path  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint, registry  # noqa: PLC0415

    # Rules are loaded when they are first needed. Loading Python is no part of the figure, as it is none of crossplane's.
    registry.load_all()
    start = time.process_time()
    config = load_path(folder, config_dir="/etc/nginx")
    loaded = time.process_time()
    findings = lint(config)
    done = time.process_time()
    bad = sorted({finding.rule for finding in findings if finding.severity != "advice"})
    if bad:
        sys.exit(f"bench: the generated tree is not clean: {', '.join(bad)}")
    directives = sum(1 for _directive in config.walk())
    return {"cpu": done - start, "load": loaded - start, "rules": done - loaded, "directives": directives}


def main() -> int:
    """Measure, tell, judge."""
    with tempfile.TemporaryDirectory() as work:
        small, large = Path(work) / "small", Path(work) / "large"
        write_tree(small, SITES // 10)
        write_tree(large, SITES)
        parser, few, many = best("crossplane", large), best("lint", small), best("lint", large)
    print(f"{few['directives']:.0f} directives: {few['cpu']:.2f} s of CPU")
    print(f"{many['directives']:.0f} directives: {many['cpu']:.2f} s of CPU, {many['load']:.2f} s of it loading")
    print(f"crossplane's parse of the same files: {parser['cpu']:.2f} s of CPU, {parser['memory']:.0f} MB")
    figures = [
        ("CPU beside crossplane's parse", many["cpu"] / parser["cpu"], RATIO, "x"),
        ("CPU beside that of a tenth of the size", many["cpu"] / few["cpu"], GROWTH, "x"),
        ("memory", many["memory"], MEMORY_MB, " MB"),
    ]
    for name, value, limit, unit in figures:
        print(f"{'ok    ' if value <= limit else 'MISSED'} {name}: {value:.1f}{unit} (limit {limit}{unit})")
    return int(any(value > limit for _name, value, limit, _unit in figures))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        import lint_growth

        sys.exit(main() | lint_growth.main())
    result = {"crossplane": run_crossplane, "lint": run_lint}[sys.argv[1]](Path(sys.argv[2]))
    result["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))
