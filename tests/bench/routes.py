# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a route check costs, from two folders to the report: planning, worlds, comparison.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`, as root or where the kernel
lets an ordinary user make namespaces. With `--quick` only the small size.
"""

from __future__ import annotations

import base64
import importlib
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

importlib.import_module("conftest")  # makes the collection importable

SERVER = """\
server {{
    listen 80;
    server_name s{n}.example.com www.s{n}.example.com;
    root /srv/s{n};
    add_header X-Frame-Options DENY always;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location = /health {{ return 200 fine; }}
    location /api/ {{ proxy_pass http://app{n}.internal:8080/v1/; proxy_set_header Host $host; }}
    location ~ \\.php$ {{ fastcgi_pass 10.1.2.3:9000; }}
    location ^~ /static/ {{ expires 1d; }}
    location /old/ {{ return 301 http://www.s{n}.example.com/new/; }}
    location /admin/ {{ allow 10.0.0.0/8; deny all; proxy_pass http://app{n}.internal:8080; }}
    location ~ ^/p/(\\d+)$ {{ rewrite ^/p/(\\d+)$ /index.php?p=$1 last; }}
}}
"""
MAIN = "events {{ worker_connections 4096; }}\nhttp {{\n    server_names_hash_max_size 65536;\n    access_log off;\n    {}\n}}\n"
#: Servers -> seconds, megabytes.
LIMITS = {10: (1.0, 500.0), 1000: (60.0, 500.0)}


def _tree(count: int, changed: int) -> dict[str, bytes]:
    files = {"nginx.conf": MAIN.format("include sites/*.conf;").encode()}
    for number in range(count):
        text = SERVER.format(n=number)
        if number == changed:
            text = text.replace("location /api/ {", "location /api/ { rewrite ^/api/a /api/ab last;")
        files[f"sites/{number}.conf"] = text.encode()
    return files


def _host() -> int:
    """What the module does on the host, in a process of its own: the job from standard input, the answer to standard output."""
    from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run  # noqa: PLC0415

    options = host.HostOptions("/etc/nginx", store="/nowhere")
    sys.stdout.write(host.pack_answer(run(options, host.unpack_job(RouteCheckJob, sys.stdin.read()))))
    return 0


def _check(count: int) -> tuple[float, int]:
    """Seconds for the whole of it, and requests."""
    from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files  # noqa: PLC0415
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import (  # noqa: PLC0415
        RouteCheck,
        read_answer,
    )
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource  # noqa: PLC0415

    began = time.monotonic()
    sides = []
    for changed in (-1, count // 2):
        files = _tree(count, changed)
        entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
        spec = FolderSpec("files", entries=entries)
        sides.append(ConfigSource("x", spec, load_files(files, config_dir="/etc/nginx"), files))
    check = RouteCheck(*sides)
    done = subprocess.run(
        [sys.executable, __file__, "--host"],
        input=pack(encode(check.job())),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report = check.judge(read_answer(unpack(done.stdout)))
    seconds = time.monotonic() - began
    if [change.name for change in report.changes] != ["error-introduced"]:
        print(f"the wrong result: {[change.name for change in report.changes]}")
        sys.exit(1)
    return seconds, report.requests


def main() -> int:
    """Measure, print, judge."""
    missed = False
    for count, (limit, memory) in LIMITS.items():
        if "--quick" in sys.argv and count > min(LIMITS):
            continue
        # The best of some: what else this machine does counts little. The large one takes too long for that.
        runs = [_check(count) for _unused in range(3 if count == min(LIMITS) else 1)]
        seconds, requests = min(runs)
        used = {who: resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)}
        processor = sum(use.ru_utime + use.ru_stime for use in used.values())
        for what, value, most in (
            (f"{count} servers, {requests} requests, seconds", seconds, limit),
            (f"{count} servers, megabytes of the controller's process", used[resource.RUSAGE_SELF].ru_maxrss / 1024, memory),
            (f"{count} servers, megabytes of the host's largest process", used[resource.RUSAGE_CHILDREN].ru_maxrss / 1024, memory),
        ):  # fmt: skip
            print(f"{'ok  ' if value <= most else 'MISS'} {what}: {value:.2f} (at most {most:g})", flush=True)
            missed = missed or value > most
        print(f"     {count} servers, seconds of processor so far, without nginx's: {processor:.2f}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(_host() if "--host" in sys.argv else main())
