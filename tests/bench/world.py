# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the private world costs: until it is up, beyond nginx's own start, and per probe.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`, as root.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

importlib.import_module("conftest")  # makes the collection importable

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance  # noqa: E402
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import World  # noqa: E402
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe  # noqa: E402

SERVERS, LARGE = 10, 1000
ROUNDS, BATCHES = 5, 3
PROBES = 2000
#: Milliseconds until the world is up, without nginx's own start; probes per second; MB of the large one.
UP_MS, RATE, MEMORY_MB = 300.0, 2000.0, 200.0
HTTP = ListenSocket("0.0.0.0", 80)
TLS = ListenSocket("0.0.0.0", 443, ssl=True, http2=True)
SERVER = """
server {{
    listen 80; listen [::]:80; listen 443 ssl http2;
    server_name s{n}.example.com;
    ssl_certificate tls/a.pem; ssl_certificate_key tls/a.key;
    root /srv/s{n};
    location / {{ return 200 "s{n}"; }}
    location /old/ {{ rewrite ^/old/(.*)$ /new/$1 permanent; }}
    location /api/ {{ proxy_pass http://api{n}.internal:8080/v1/; proxy_set_header Host $host; }}
    location /php {{ fastcgi_pass unix:/run/php.sock; fastcgi_param REQUEST_URI $request_uri; }}
    location ~ ^/u/(\\d+)$ {{ return 301 /users/$1; }}
    location /files/ {{ try_files $uri =404; expires 1h; }}
    location /closed/ {{ deny all; }}
}}
"""


def write(folder: Path, servers: int) -> None:
    """A configuration with that many servers."""
    text = "".join(SERVER.format(n=number) for number in range(servers))
    head = "user www-data; worker_processes auto; pid /run/nginx.pid; error_log /var/log/nginx/error.log;\n"
    head += "events { worker_connections 1024; }\nhttp { access_log /var/log/nginx/access.log;\n"
    folder.joinpath("nginx.conf").write_text(head + "server_names_hash_max_size 8192;\n" + text + "}\n")


def probe(target: str, listen: ListenSocket, number: int = 1, version: str = "1.1") -> Probe:
    """A probe of one server."""
    name = f"s{number}.example.com"
    sni = name if listen.ssl else None
    return Probe(target, listen, target=target, host=name, sni=sni, version=version)


def report(what: str, value: float, limit: float, unit: str, *, most: bool) -> bool:
    """Print one figure beside its limit."""
    good = value <= limit if most else value >= limit
    word = "at most" if most else "at least"
    print(f"{'ok  ' if good else 'MISS'} {what}: {value:,.0f} {unit} ({word} {limit:,.0f})")
    return good


def up(folder: Path) -> tuple[float, float]:
    """Milliseconds of the world and of nginx in it, in the quickest of some rounds: what else runs here counts little."""
    facts = []
    for _unused in range(ROUNDS):
        with World(Instance("/etc/nginx"), str(folder)) as world:
            facts.append(world.facts)
    best = min(facts, key=lambda fact: fact.boot_ms)
    return best.boot_ms, best.nginx_ms


def rates(folder: Path, servers: int, count: int) -> dict[str, float]:
    """Probes per second, one after the other, by what the request is."""
    kinds = {
        "nginx's own answers": [
            probe("/", HTTP),
            probe("/old/x", HTTP),
            probe("/closed/x", HTTP),
            probe("/files/x", HTTP),
        ],
        "HTTP upstreams": [probe("/api/x", HTTP)],
        "FastCGI upstreams": [probe("/php", HTTP)],
        "TLS": [probe("/", TLS), probe("/u/7", TLS)],
        "every server in turn": [
            probe(p, HTTP, n) for n in range(servers) for p in ("/", "/api/x", "/files/x", "/old/y")
        ],
    }
    found: dict[str, float] = {}
    with World(Instance("/etc/nginx"), str(folder)) as world:
        for kind, probes in kinds.items():
            batch = (probes * (count // len(probes) + 1))[:count]
            for _unused in range(BATCHES):
                began = time.monotonic()
                outcomes = world.probe(batch)
                found[kind] = max(found.get(kind, 0.0), count / (time.monotonic() - began))
                if any(outcome.closed or (outcome.status or 500) >= 500 for outcome in outcomes):
                    sys.exit(f"{kind}: a probe failed, the figure means nothing")
    return found


def main() -> int:
    """Measure, print, compare."""
    if os.geteuid():
        sys.exit("run it as root: other users' worlds are measured by the tests")
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        write(folder, SERVERS)
        boot, nginx = up(folder)
        good &= report(f"world up, {SERVERS} servers, beyond nginx's own {nginx:,.0f} ms", boot, UP_MS, "ms", most=True)
        for kind, rate in rates(folder, SERVERS, PROBES).items():
            good &= report(f"probes one after the other: {kind}", rate, RATE, "a second", most=False)
        write(folder, LARGE)
        boot, nginx = up(folder)
        good &= report(f"world up, {LARGE} servers, beyond nginx's own {nginx:,.0f} ms", boot, UP_MS, "ms", most=True)
        for kind, rate in rates(folder, LARGE, PROBES).items():
            good &= report(f"probes one after the other, {LARGE} servers: {kind}", rate, RATE, "a second", most=False)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    good &= report("memory of the caller", memory, MEMORY_MB, "MB", most=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
