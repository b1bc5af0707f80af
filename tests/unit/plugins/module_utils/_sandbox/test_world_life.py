# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How worlds begin and end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from world_site import HTTP, ROOT, Site, outcomes_of, probe, run_job

from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.namespaces import SandboxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.prober import missing_files
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import World, available
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.worlds import WorldFailure

pytestmark = [pytest.mark.root, pytest.mark.nginx]


def test_a_refused_tree_is_an_error_in_nginx_words(site: Site) -> None:
    site.write("server { listen 80; nonsense on; }")
    error = site.result(probe()).error
    assert error == WorldFailure("refused", f'unknown directive "nonsense" in {site.config}/nginx.conf:8')
    site.write("server { listen 80; ssl_certificate nginx.conf; ssl_certificate_key nginx.conf; listen 443 ssl; }")
    error = site.result(probe()).error
    assert error is not None
    assert error.kind == "refused"
    assert error.message.startswith("cannot load certificate")


def test_workers_that_die_at_their_start_are_a_refusal(site: Site) -> None:
    site.write("server { listen 80; }", top="worker_rlimit_core 1; working_directory /nonexistent;")
    error = site.result(probe()).error
    assert error is not None
    assert error.kind == "refused"
    assert 'chdir("/nonexistent") failed (2: No such file or directory)' in error.message


def test_daemon_off_and_a_single_process(site: Site) -> None:
    site.write("server { listen 80; return 204; }", top="daemon off;")
    assert site.run(probe())[0].status == 204
    site.write("server { listen 80; return 204; }", top="daemon off; master_process off;")
    assert site.run(probe())[0].status == 204
    site.write("server { listen 80; return 204; }", top="worker_processes 4;")
    assert [outcome.status for outcome in site.run(*[probe()] * 20)] == [204] * 20


def test_files_of_the_second_world(site: Site) -> None:
    site.write(f"server {{ listen 80; root {site.folder}/www; location /x {{ expires 1h; }} }}")
    first = site.run(probe("/x/page.html"), world={"second": True})
    assert first[0].status == 404
    assert missing_files(first) == [f"{site.folder}/www/x/page.html"]
    assert (site.second[0].status, dict(site.second[0].headers)["Cache-Control"]) == (200, "max-age=3600")
    assert not (site.folder / "www").exists()


def test_files_that_are_replaced_in_the_world_only(site: Site) -> None:
    outside = site.folder / "outside.conf"
    outside.write_text("return 200 host;")
    site.write(f"server {{ listen 80; include {outside}; }}")
    assert site.run(probe(), world={"replaced": {str(outside): "return 201 world;"}})[0].status == 201
    assert (site.run(probe())[0].status, outside.read_text()) == (200, "return 200 host;")


def test_traces_are_kept_alone_and_redirects_are_not_followed_for_them(site: Site) -> None:
    site.write(f"server {{ listen 80; root {site.folder}/www; location /r {{ return 301 /s; }} }}")
    asked = [probe("/r", follow=True), probe("/x")]
    world = run_job(site.job(asked, world={"traced": True, "second": True}))["x"]
    found = [unpack(part) for part in [*(world.outcomes or []), *(world.second or [])]]
    assert found == [[{"id": "/r", "trace": []}, {"id": "/x", "trace": []}], [{"id": "/x", "trace": []}]]
    assert world.asked_again == [1]


def test_an_empty_file_system(site: Site) -> None:
    (site.folder / "www").mkdir()
    (site.folder / "www/x").write_text("x")
    site.write(
        "proxy_cache_path /var/cache/of-mine/pages keys_zone=pages:1m;"
        f"server {{ listen 80; root {site.folder}/www; access_log /var/log/of-mine/access.log; }}",
        top="error_log /var/log/of-mine/error.log; pid /run/of-mine/nginx.pid;".replace("pid", "lock_file", 1),
    )
    assert site.run(probe("/x"), fs="empty")[0].status == 404


def test_errors_of_all_levels_and_places(site: Site) -> None:
    site.write(
        f"server {{ listen 80; error_log {site.folder}/own.log; root /nonexistent; }}"
        "server { listen 81; root /nonexistent; }",
        top="error_log /dev/null crit;".replace("error_log", "error_log", 1),
    )
    for outcome in site.run(probe("/x"), probe("/x", listen={**HTTP, "port": 81})):
        assert outcome.errors == ['open() "/nonexistent/x" failed (2: No such file or directory)']


def test_the_trace_of_an_instrumented_tree(site: Site) -> None:
    site.write(
        "log_format failsafe_trace 'failsafe $remote_addr $remote_port $connection $connection_requests $failsafe_trace l1';"
        "log_format failsafe_two 'failsafe $remote_addr $remote_port $connection $connection_requests $failsafe_trace l2';"
        'server { listen 80; set $failsafe_trace "${failsafe_trace}s1,";'
        ' location / { set $failsafe_trace "${failsafe_trace}l1,"; access_log /run/failsafe-trace.log failsafe_trace;'
        " try_files /none @two; }"
        ' location @two { set $failsafe_trace "${failsafe_trace}l2,"; access_log /run/failsafe-trace.log failsafe_two;'
        ' return 200 ""; } }'
    )
    for outcome in site.run(probe("/a"), probe("/b"), world={"traced": True}):
        assert outcome.trace in (["s1", "l1", "s1", "l2"], ["s1", "l1", "l2"])


def test_many_worlds_at_once_and_the_same_every_time(site: Site) -> None:
    site.write(
        "upstream app { server a.internal:1; server b.internal:2; server c.internal:3; }"
        "server { listen 80; location / { proxy_pass http://app; } location /f { root /nonexistent; } }"
    )
    job = site.job([probe("/"), probe("/f")] * 20)
    job["worlds"] = [{"name": str(number), "tree": str(site.config)} for number in range(4)]
    results = [run_job(job) for _unused in range(2)]
    outcomes = [outcomes_of(result.outcomes or []) for worlds in results for result in worlds.values()]
    for outcome in outcomes:
        for each in outcome:
            each.headers = [pair for pair in each.headers if pair[0] != "Date"]
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_no_folder_and_no_time(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no folder") as caught:
        World(Instance("/etc/nginx"), str(tmp_path / "none"))
    assert caught.value.kind == "failed"
    (tmp_path / "nginx.conf").write_text("events {} http { server { listen 80; return 204; } }")
    tmp_path.chmod(0o755)
    with World(Instance("/etc/nginx"), str(tmp_path), deadline=0.5) as world:
        with pytest.raises(SandboxError) as caught:
            world.probe([probe()] * 20000)
        assert caught.value.kind == "failed"


def test_where_no_world_can_be_built() -> None:
    assert available() is None
    assert available(user=True) is None
    script = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'tests/unit')!r}]; import conftest, os\n"
        "from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import *\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(available(user=False))\n"
        "try: World(Instance('/etc/nginx'), user=False)\n"
        "except SandboxError as error: print(error.kind, error)\n"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script], capture_output=True, text=True, check=False, cwd="/", timeout=120
    )
    reason = "unshare of the mount namespace: Operation not permitted (EPERM)"
    assert done.stdout.splitlines() == [reason, f"unavailable {reason}"], done


def test_no_descriptors_or_children_are_left() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with World(Instance("/etc/nginx")):
        pass
    with pytest.raises(SandboxError):
        World(Instance("/etc"))
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_candidate_in_a_folder_that_only_its_owner_may_enter(site: Site) -> None:
    site.write("server { listen 80; root tree; location / { auth_basic x; auth_basic_user_file users; } }")
    (site.config / "users").write_text("me:{PLAIN}x\n")
    private = Path(tempfile.mkdtemp())
    shutil.copytree(site.config, private / "tree", dirs_exist_ok=True)
    if site.how == "nobody":
        for path in [private, *private.rglob("*")]:
            os.chown(path, 65534, 65534)
    (private / "tree").chmod(0o700)
    (outcome,) = site.run(probe(headers=[["Authorization", "Basic bWU6eA=="]]), world={"tree": str(private / "tree")})
    shutil.rmtree(private)
    assert (outcome.status, outcome.errors) == (
        404,
        [f'"{_prefix()}/tree/index.html" is not found (2: No such file or directory)'],
    )


def _prefix() -> str:
    return Instance("/etc/nginx").build().prefix
