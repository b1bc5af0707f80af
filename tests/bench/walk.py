# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count what a reader walks through: files, functions and switches between files on the three main paths.

`walk.py [CHECKOUT]` traces one lint of two files, one host's deploy and one route check of two folders, as their commands run
them. Every process of a path counts its calls of functions below `plugins/`; the host's share of a deploy is shown by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Imported by every Python process of a path: counts until the process ends, then appends a line of JSON.
TRACER = """
import os, sys
out = os.environ.get("FAILSAFE_WALK")
if out:
    import threading
    handle = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    functions, state = set(), {"switches": 0, "last": None}
    def seen(frame, event, _argument):
        if event != "call":
            return
        code = frame.f_code
        if not code.co_flags & 1:  # CO_OPTIMIZED: a function's body, not that of a module or a class
            return
        name = code.co_filename
        at = name.rfind("/plugins/")
        if at < 0 or "site-packages/ansible/" in name:
            return
        file = name[at + 1:]
        if not file.startswith(("plugins/plugin_utils/_", "plugins/module_utils/_", "plugins/action/nginx", "plugins/modules/nginx")):
            return
        functions.add((file, code.co_name, code.co_firstlineno))
        if state["last"] != file:
            state["switches"] += 1
            state["last"] = file
    def tell():
        import json
        if functions:
            line = json.dumps({"functions": sorted(functions), "switches": state["switches"]}) + chr(10)
            functions.clear()
            os.write(handle, line.encode())
    import atexit
    atexit.register(tell)
    leave = os._exit
    def told_exit(code):
        sys.setprofile(None)
        tell()
        leave(code)
    os._exit = told_exit
    def forget():
        functions.clear()
        state.update(switches=0, last=None)
    os.register_at_fork(after_in_child=forget)
    sys.setprofile(seen)
    threading.setprofile(seen)
"""
SITE = """\
upstream app {{ server 127.0.0.1:{upstream}; }}
server {{
    listen 127.0.0.1:{port};
    server_name www.example.com;
    location / {{ proxy_pass http://app; proxy_set_header Host $host; }}
    location /old/ {{ return 301 /new{answer}/; }}
}}
"""
MAIN = """\
worker_processes 1;
pid {root}/run/nginx.pid;
error_log {root}/log/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {root}/log/access.log;
    client_body_temp_path {root}/cache; proxy_temp_path {root}/cache; fastcgi_temp_path {root}/cache;
    uwsgi_temp_path {root}/cache; scgi_temp_path {root}/cache;
    include conf.d/*.conf;
}}
"""
#: A port below the kernel's own range.
PORT = 24321


def main() -> int:
    """Trace the paths of a checkout and print their figures."""
    checkout = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "trace").mkdir()
        (folder / "trace" / "sitecustomize.py").write_text(TRACER)
        for path, trace in ((lint, "lint"), (deploy, "deploy"), (route_check, "route check")):
            walk = folder / f"{path.__name__}.walk"
            walk.touch()
            walk.chmod(0o666)
            path(checkout, folder, walk)
            report(trace, walk)
    return 0


def report(name: str, walk: Path) -> None:
    """Print a path's figures: of all its processes, and of those that ran on the host."""
    lines = [json.loads(line) for line in walk.read_text().splitlines()]
    for part, chosen in ((name, lines), (f"{name}, host", [line for line in lines if on_host(line)])):
        functions = {tuple(each) for line in chosen for each in line["functions"]}
        files = {file for file, _function, _line in functions}
        switches = sum(line["switches"] for line in chosen)
        if chosen:
            print(f"{part:18} {len(files):4} files {len(functions):5} functions {switches:7} switches between files")


def on_host(line: dict[str, list[list[str]]]) -> bool:
    """Say whether a process ran nothing of the controller."""
    return not any(each[0].startswith(("plugins/plugin_utils", "plugins/action")) for each in line["functions"])


def lint(checkout: Path, folder: Path, walk: Path) -> None:
    """Lint a folder of two files."""
    site = tree(folder / "lint", "", folder)
    run([checkout / ".venv/bin/failsafe-lint", site], walk, folder, checkout)


def deploy(checkout: Path, folder: Path, walk: Path) -> None:
    """Deploy a change to one host, with its gate."""
    with instance(folder) as variables:
        source = folder / "src"
        (source / "conf.d").mkdir(parents=True)
        (source / "conf.d/site.conf").write_text(SITE.format(port=PORT, upstream=PORT + 1, answer="2"))
        inventory = folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"web1": variables}}}))
        command = [checkout / ".venv/bin/ansible-playbook", "-i", inventory, "failsafe.nginx.deploy", "-e"]
        run(
            [*command, json.dumps({"nginx_deploy_src": str(source), "nginx_deploy_health_timeout": 2})],
            walk,
            folder,
            checkout,
        )


def route_check(checkout: Path, folder: Path, walk: Path) -> None:
    """Check the routes of two folders."""
    before, after = tree(folder / "before", "", folder), tree(folder / "after", "2", folder)
    command = [checkout / ".venv/bin/ansible", "localhost", "-i", "localhost,", "-c", "local"]
    command += [
        "-e",
        f"ansible_python_interpreter={checkout}/.venv/bin/python",
        "-m",
        "failsafe.nginx.nginx_route_check",
    ]
    run([*command, "-a", f"before={before} after={after}"], walk, folder, checkout)


def tree(place: Path, answer: str, root: Path) -> Path:
    """Write a configuration of two files."""
    (place / "conf.d").mkdir(parents=True)
    (place / "nginx.conf").write_text(MAIN.format(root=root))
    (place / "conf.d/site.conf").write_text(SITE.format(port=PORT, upstream=PORT + 1, answer=answer))
    return place


@contextmanager
def instance(folder: Path) -> Iterator[dict[str, object]]:
    """Run an nginx below a folder; gives its variables for an inventory."""
    root = folder / "web1"
    for name in ("run", "log", "cache"):
        (root / name).mkdir(parents=True)
    conf = tree(root / "conf", "", root)
    nginx = "/usr/sbin/nginx"
    subprocess.run([nginx, "-p", root, "-c", conf / "nginx.conf"], check=True, timeout=60)
    try:
        yield {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "nginx_deploy_config_dir": str(conf),
            "nginx_deploy_prefix": str(root),
            "nginx_deploy_store": str(root / "store"),
            "nginx_deploy_binary": nginx,
            "nginx_deploy_become": False,
            "nginx_deploy_service_manager": "none",
        }
    finally:
        pid = int((root / "run/nginx.pid").read_text())
        os.kill(pid, 15)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)


def run(command: list[object], walk: Path, folder: Path, checkout: Path) -> None:
    """Run a path's command with every Python process of it traced."""
    environment = {
        **os.environ,
        "FAILSAFE_WALK": str(walk),
        "PYTHONPATH": str(folder / "trace"),
        "ANSIBLE_COLLECTIONS_PATH": str(checkout / ".venv/collections"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible-local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "ansible-remote"),
        "ANSIBLE_PIPELINING": "true",
    }
    done = subprocess.run(
        [str(each) for each in command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if not walk.read_text():
        raise SystemExit(f"{command[0]} told nothing:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
