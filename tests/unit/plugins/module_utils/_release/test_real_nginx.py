# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole way with a real nginx: what clients get decides."""

from __future__ import annotations

import json
import socket
import subprocess
import time

import pytest
from real_site import OTHER, PROBES, Site, server
from release_world import of, shape

from ansible_collections.failsafe.nginx.plugins.module_utils._release.description import describe
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.running_nginx import RunningNginx

pytestmark = pytest.mark.nginx


def test_a_full_cycle(site: Site) -> None:
    site.run()
    adopted = shape(site.conf)
    first = site.release(of({"vhosts/a.conf": server("return 200 first;")}), PROBES)
    assert site.get() == "first"
    again = site.engine().stage(of({"vhosts/a.conf": server("return 200 first;")}))
    assert (again["changed"], again["state"], again["validation"]) == (False, "confirmed", None)
    site.release(of({"vhosts/b.conf": server("return 200 second;", OTHER)}), PROBES | {"probes": []})
    assert (site.get(), site.get(OTHER)) == ("down", "second")
    assert site.engine().rollback(first)["state"] == "rolled_back"
    assert (site.get(), site.get(OTHER)) == ("first", "down")
    site.engine().rollback(site.engine().state()["adopted"])
    assert site.get() == "old"
    assert shape(site.conf) == adopted


def test_nginx_names_file_and_line_of_a_broken_candidate(site: Site) -> None:
    site.run()
    with pytest.raises(ReleaseError, match="nginx refuses") as caught:
        site.engine().stage(of({"vhosts/a.conf": "server {\n  lisen 80;\n}\n"}))
    assert caught.value.details["validation"]["line"] == 2
    assert caught.value.details["validation"]["file"].endswith("vhosts/a.conf")
    assert str(site.conf) in caught.value.details["validation"]["file"]
    assert not site.store.exists()
    assert site.get() == "old"


def test_the_outage_is_stopped_by_the_gate_and_rolled_back(site: Site) -> None:
    site.run()
    loop = server("rewrite ^ /profile last;") + ""
    release = site.engine().stage(of({"vhosts/a.conf": loop}))["release"]
    site.engine().activate(release, reload=False, gate=PROBES)
    with pytest.raises(ReleaseError, match=r"gate of .* failed: front") as caught:
        site.engine().activate(release, reload=True, gate=PROBES)
    assert caught.value.code == "gate"
    assert "nginx says: [error] rewrite or internal redirection cycle" in str(caught.value)
    assert site.get() == "500"
    start = time.monotonic()
    result = site.engine().rollback()
    assert time.monotonic() - start < 15  # less than a reload may take
    assert (result["proof"]["ok"], result["gate"]["ok"]) == (True, True)
    assert site.get() == "old"


def test_a_taken_port_passes_the_validation_and_fails_the_proof(site: Site) -> None:
    site.run()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", OTHER))
        taken.listen()
        wanted = of({"vhosts/a.conf": server("return 200 new;") + server("return 200 x;", OTHER)})
        try:
            release = site.engine().stage(wanted)["release"]
        except ReleaseError as error:
            assert "Address already in use" in str(error)  # noqa: PT017 - some nginx finds it in the test already
        else:
            with pytest.raises(ReleaseError, match=r"in use|could not bind"):
                site.engine().activate(release, reload=True, gate=PROBES)
            assert site.engine().rollback()["proof"]["ok"] is True
        assert site.get() == "old"


def test_logs_in_the_configuration_folder_are_no_edit(site: Site) -> None:
    main = (site.conf / "main.conf").read_text().replace("access_log off", f"access_log {site.conf}/access.log")
    (site.conf / "main.conf").write_text(main.replace(f"{site.top}/run/nginx.pid", f"{site.conf}/nginx.pid"))
    site.run()
    release = site.engine().stage(of({"vhosts/a.conf": server("return 200 new;")}))["release"]
    assert site.get() == "old"
    site.await_(lambda: (site.conf / "access.log").stat().st_size > 0)
    (site.conf / "nginx.pid").write_text((site.conf / "nginx.pid").read_text() + "\n")
    assert site.engine().activate(release, reload=True)["phase"] == "gated"
    site.engine().confirm(release)
    pid = int((site.conf / "nginx.pid").read_text())
    (site.top / "run/nginx.pid").write_text(str(pid))  # for the end of this test


@pytest.mark.root
def test_a_certificate_that_the_workers_cannot_read(site: Site) -> None:
    # With a variable in its name, a certificate is loaded for each handshake, by a worker.
    temp = "".join(
        f"{name}_temp_path {site.top}/temp-{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = (
        (site.conf / "main.conf")
        .read_text()
        .replace("user root", "user nobody nogroup")
        .replace("http {", "http {" + temp)
    )
    (site.conf / "main.conf").write_text(main)
    key = site.conf / "key.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", "-keyout", key, "-out", key]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    key.chmod(0o600)
    site.run()
    tls = f"listen 127.0.0.1:{OTHER} ssl; ssl_certificate $cert; ssl_certificate_key $cert;"
    wanted = of({"vhosts/tls.conf": f"map $uri $cert {{ default {key}; }} server {{ {tls} return 200; }}"})
    gate = {"checks": [{"name": "tls", "url": f"https://127.0.0.1:{OTHER}/", "verify": False}], "interval": 0.05}
    release = site.engine().stage(wanted)["release"]
    with pytest.raises(ReleaseError, match=r"gate of .* failed: tls") as caught:
        site.engine().activate(release, reload=True, gate=gate, rollback_on_failure=True)
    assert "nginx says: " in str(caught.value)
    assert "Permission denied" in str(caught.value)
    assert caught.value.details["rollback"]["proof"]["ok"] is True
    assert site.get() == "old"


def test_nginx_that_was_down_is_started_and_stopped_again(site: Site) -> None:
    release = site.engine().stage(of({"vhosts/a.conf": server("return 200 new;")}))["release"]
    site.engine().activate(release, reload=True)
    assert site.get() == "new"
    assert site.engine().rollback()["stopped"] is True
    assert site.get() == "down"


def test_a_killed_master_is_brought_back_by_the_rollback(site: Site) -> None:
    site.run()
    release = site.engine().stage(of({"vhosts/a.conf": server("return 200 new;")}))["release"]
    site.engine().activate(release, reload=True, gate=PROBES)
    site.stop_nginx()
    with pytest.raises(ReleaseError, match="stopped"):
        site.engine().confirm(release)
    assert site.engine().rollback()["proof"]["ok"] is True
    assert site.get() == "old"


def test_a_restart_by_hand_is_no_drift(site: Site) -> None:
    site.run()
    wanted = of({"vhosts/a.conf": server("return 200 new;")})
    release = site.release(wanted, PROBES)
    site.stop_nginx()
    assert site.engine().stage(wanted)["changed"] is True
    site.run()
    assert site.engine().status()["running"] == release
    assert site.engine().stage(wanted)["changed"] is False


def test_the_archive_works_without_ansible(site: Site) -> None:
    site.run()
    first = site.release(of({"vhosts/a.conf": server("return 200 first;")}), PROBES)
    site.release(of({"vhosts/a.conf": server("return 200 second;")}), PROBES, confirm=False)

    command = site.command
    assert json.loads(command("status").stdout)["phase"] == "gated"
    assert json.loads(command("rollback").stdout)["release"] == first
    assert site.get() == "first"
    assert json.loads(command("recover").stdout)["changed"] is False
    assert json.loads(command("confirm").stdout)["changed"] is False
    assert "rolled_back" in command("history", "-n", "1").stdout
    failed = command("rollback", "r-000000000000")
    assert (failed.returncode, "not in the store" in failed.stderr) == (1, True)
    assert "ansible" not in command("--help").stdout
    nowhere = command("--store", str(site.top / "none"), "status")
    assert (nowhere.returncode, "no release" in nowhere.stderr) == (1, True)


def test_the_archive_is_written_once(site: Site) -> None:
    site.run()
    site.release(of({"vhosts/a.conf": server("return 200 first;")}))
    archive = site.store / "failsafe-nginx.pyz"
    inode = archive.stat().st_ino
    site.release(of({"vhosts/a.conf": server("return 200 second;")}))
    assert archive.stat().st_ino == inode
    archive.write_bytes(b"damaged")
    site.release(of({"vhosts/a.conf": server("return 200 third;")}))
    assert archive.stat().st_size > 10_000


@pytest.mark.parametrize("binary", ["/nonexistent/nginx", "/bin/true"])
def test_no_nginx(site: Site, binary: str) -> None:
    with pytest.raises(ReleaseError):
        site.engine(binary=binary).stage(of({"vhosts/a.conf": "x"}))
    assert not site.store.exists()
    assert describe(RunningNginx(site.engine(binary=binary).settings)).problem
