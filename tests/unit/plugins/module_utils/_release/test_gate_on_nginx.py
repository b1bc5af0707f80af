# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate's default probes on a real nginx: what only the real upstream or only this host knows, and limits of the site.

Each release is staged, its probes are made of both dumps as the controller makes them, and the engine activates it.
"""

from __future__ import annotations

import base64
import http.server
import os
import re
import threading
import typing as t
import zlib

import pytest
from real_site import OTHER, PORT, Site
from release_world import of

from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_dump
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.default_probes import default_probes
from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import make_certificate
from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.nginx
APP = free_port()
NAME = "www.goods.test"


class Application(http.server.BaseHTTPRequestHandler):
    """An application below /catalog/ that only knows its own name."""

    def do_GET(self) -> None:
        known = self.headers.get("Host", "").partition(":")[0] == NAME
        status = 400 if not known else 200 if self.path.startswith("/catalog/") else 404
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def application() -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", APP), Application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def activate(
    site: Site,
    files: dict[str, str],
    expected: t.Sequence[dict[str, t.Any]] = (),
    checks: t.Sequence[dict[str, t.Any]] = (),
) -> dict[str, t.Any]:
    """Bring files into service with default probes, and no checks unless they are given; return the gate's outcome."""
    engine = site.engine()
    staged = engine.stage(of(files))
    before, after = (load_dump(unpacked(staged[name])) for name in ("_dump_current", "_dump"))
    made = default_probes(after, before=before)
    gate = {
        "checks": list(checks),
        "probes": made.probes,
        "limits": made.limits,
        "expected": list(expected),
        "interval": 0.05,
    }
    engine.activate(staged["release"], reload=False, gate=gate)
    try:
        found: dict[str, t.Any] = engine.activate(staged["release"], reload=True, gate=gate)["gate"]
    except ReleaseError as error:
        found = error.details["gate"]
        site.engine().rollback()
        return found
    site.engine().confirm(staged["release"])
    return found


def vhost(words: str, listen: str = f"127.0.0.1:{PORT}", name: str = NAME) -> str:
    return f"server {{ listen {listen}; server_name {name}; {words} }}\n"


def start(site: Site, *, user: str = "www-data", more: str = "", **files: str) -> None:
    main = site.conf / "main.conf"
    main.write_text(main.read_text().replace("user root", f"user {user}"))
    for name, text in ({"a": ""} | files).items():
        (site.conf / f"vhosts/{name}.conf").write_text(more + text if name == "a" else text)
    site.run()


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (
            f"proxy_set_header Host $host; location /catalog/ {{ proxy_pass http://127.0.0.1:{APP}; }}",
            f"proxy_set_header Host $host; location /catalog/ {{ proxy_pass http://127.0.0.1:{APP}/; }}",
            404,
        ),
        (
            f"proxy_set_header Host $host; location /catalog/ {{ proxy_pass http://127.0.0.1:{APP}; }}",
            f"proxy_set_header Host $host; location /catalog/ {{ proxy_set_header X-Began $msec; proxy_pass http://127.0.0.1:{APP}; }}",
            400,
        ),
    ],
    ids=["a trailing slash", "a Host header lost"],
)
def test_what_only_the_upstream_knows_fails_the_gate(site: Site, old: str, new: str, status: int) -> None:
    start(site, a=vhost(old))
    found = activate(site, {"vhosts/a.conf": vhost(new)})
    assert not found["ok"]
    assert f"http://{NAME}:{PORT}/catalog/" in found["reason"]
    assert f"status {status}; before the switch it was status 200" in found["reason"]
    assert activate(site, {"vhosts/a.conf": vhost(old + " add_header X-A b;")})["ok"]


@pytest.mark.root
def test_what_only_this_host_has_fails_the_gate(site: Site) -> None:
    """The new user of the workers may not read the files."""
    reachable(site.top)
    pages = site.top / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("hello")
    pages.chmod(0o700)
    start(site, user="root", a=vhost(f"root {pages};"))
    main = (site.conf / "main.conf").read_text().replace("user root", "user nobody nogroup")
    found = activate(site, {"main.conf": main, "vhosts/a.conf": vhost(f"root {pages};")})
    assert not found["ok"]
    assert "before the switch it was status 200" in found["reason"]
    assert any("Permission denied" in line for line in found["nginx_says"])


def reachable(top: Path) -> None:
    """Let nginx's workers into the folders above."""
    for folder in (top, *top.parents):
        if str(folder).startswith("/tmp/") and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o011)


ELSEWHERE = f"server {{ listen 127.0.0.1:{PORT} default_server; server_name _; return 404; }}\n"
#: What one host's variables make of a line of the template: good, wrong, what the gate says.
OWN_FAULTS = {
    "a file that is missing": (
        "root PAGES/there;",
        "root PAGES/empty;",
        "status 40[34]; before the switch it was status 200",
    ),
    "a port of the application": (
        f"location / {{ proxy_pass http://127.0.0.1:{APP}/catalog/; proxy_set_header Host {NAME}; }}",
        f"location / {{ proxy_pass http://127.0.0.1:{OTHER}/catalog/; proxy_set_header Host {NAME}; }}",
        "got 502",
    ),
    "a name": (f"server_name {NAME}; return 200 a;", "server_name www.goods.tset; return 200 a;", "status 404; before"),
    "a listener": (
        "listen 127.0.0.3:PORT; return 200 a;",
        "listen 127.0.0.4:PORT; return 200 a;",
        "connection refused",
    ),
}


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("words", OWN_FAULTS.values(), ids=OWN_FAULTS)
def test_a_wrong_variable_of_one_host_fails_the_gate(site: Site, words: tuple[str, str, str]) -> None:
    """No check is written by hand, and nothing was compared before."""
    reachable(site.top)
    for name in ("there", "empty"):
        (site.top / "pages" / name).mkdir(parents=True)
    (site.top / "pages/there/index.html").write_text("hello")

    def files(line: str) -> dict[str, str]:
        own = line.replace("PAGES", str(site.top / "pages")).replace("PORT", str(PORT))
        listen = "" if "listen" in own else f"listen 127.0.0.1:{PORT};"
        name = "" if "server_name" in own else f"server_name {NAME};"
        return {"vhosts/a.conf": f"{ELSEWHERE}server {{ {listen} {name} {own} }}\n"}

    good, wrong, reason = words
    start(site, a=files(good)["vhosts/a.conf"])
    found = activate(site, files(wrong))
    assert not found["ok"]
    assert re.search(reason, found["reason"]), found["reason"]
    assert activate(site, files(good + " add_header X-A b;"))["ok"]


def test_a_path_that_does_something_is_not_asked_by_a_redirect_either(site: Site) -> None:
    """The site's access log tells what the gate asked for."""
    log = site.top / "log/access.log"
    words = f"access_log {log}; location = / {{ return 302 /logout; }} location /logout {{ return 200 bye; }} location /in {{ return 200 a; }}"
    start(site, a=vhost(words))
    assert activate(site, {"vhosts/a.conf": vhost(words + " add_header X-A b;")})["ok"]
    asked = log.read_text()
    assert "GET /in " in asked
    assert "logout" not in asked
    assert "failsafe.nginx (health gate)" in asked


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        ({"names": "DNS:other.test"}, "is not for www.goods.test"),
        ({"names": f"DNS:{NAME}", "end": "20210101000000Z"}, "expired"),
        ({"names": f"DNS:{NAME}", "end": "20600101000000Z"}, ""),
    ],
    ids=["another name", "expired", "renewed"],
)
def test_a_certificate_is_as_good_as_before_the_switch(site: Site, now: dict[str, str], fault: str) -> None:
    for folder, keys in (("old", {"names": f"DNS:{NAME}"}), ("new", now)):
        make_certificate(site.top / folder, **keys)

    def words(folder: str) -> str:
        pair = "".join(
            f"ssl_certificate{key} {site.top}/{folder}/{file}.pem; " for key, file in (("", "cert"), ("_key", "key"))
        )
        return vhost(pair + "return 200 a;", f"127.0.0.1:{PORT} ssl")

    start(site, user="root", a=words("old"))
    found = activate(site, {"vhosts/a.conf": words("new")})
    assert found["ok"] == (not fault), found
    if fault:
        assert fault in found["reason"]
        assert "the one before the switch was good" in found["reason"]


@pytest.mark.usefixtures("application")
def test_what_was_answered_by_address_is_asked_by_address(site: Site) -> None:
    shop = vhost("location / { return 200 shop; } location = /healthz { return 200 up; }")
    start(site, a=shop)
    catch_all = vhost("return 444;", f"127.0.0.1:{PORT} default_server", "_")
    found = activate(site, {"vhosts/0.conf": catch_all, "vhosts/a.conf": shop})
    assert not found["ok"]
    assert {f"GET http://127.0.0.1:{PORT}{path} at 127.0.0.1:{PORT}" for path in ("/", "/healthz")} & {
        one["name"] for one in found["failed"]
    }


FRONT = f"GET http://{NAME}:{PORT}/ at 127.0.0.1:{PORT}"
OLD_PORT = f"GET http://{NAME}:{OTHER}/ at 127.0.0.1:{OTHER}"
BY_ADDRESS = f"GET http://127.0.0.1:{PORT}/ at 127.0.0.1:{PORT}"
OLD_BY_ADDRESS = f"GET http://127.0.0.1:{OTHER}/ at 127.0.0.1:{OTHER}"


def plan(names: t.Iterable[str], before: int | None, after: int | None) -> list[dict[str, t.Any]]:
    return [{"name": name, "before": before, "after": after, "upstream": False} for name in names]


def test_a_removed_listener_is_refused_only_if_the_plan_showed_it(site: Site) -> None:
    start(site)
    both = {"vhosts/a.conf": vhost("return 200 a;"), "vhosts/b.conf": vhost("return 200 b;", f"127.0.0.1:{OTHER}")}
    assert activate(site, both)["ok"]
    one = {"vhosts/a.conf": vhost("return 200 a;")}
    found = activate(site, one)
    assert not found["ok"]
    assert {each["name"] for each in found["failed"]} == {OLD_PORT, OLD_BY_ADDRESS}
    assert activate(site, one, plan([OLD_PORT, OLD_BY_ADDRESS], 200, None))["ok"]


def test_a_planned_refusal_passes_and_another_end_than_planned_fails_with_both(site: Site) -> None:
    start(site, a=vhost("return 200 a;"))
    names = [FRONT, BY_ADDRESS]
    denied = {"vhosts/a.conf": vhost("location / { deny all; }")}
    assert not activate(site, denied)["ok"]
    found = activate(site, denied, plan(names, 200, 301))
    assert "status 403; before the switch it was status 200, and the plan showed status 301" in found["reason"]
    assert activate(site, denied, plan(names, 200, 403))["ok"]
    again = activate(site, {"vhosts/a.conf": vhost("location / { deny all; add_header X-A b; }")})
    assert (again["ok"], again["rejected_before"]) == (True, names)


def test_redirects_have_to_end(site: Site) -> None:
    start(site, a=vhost("location / { return 200 a; }"))
    found = activate(site, {"vhosts/a.conf": vhost("location / { return 302 /home/; }")})
    assert not found["ok"]
    assert "got a loop" in found["reason"]
    assert activate(
        site, {"vhosts/a.conf": vhost("location / { return 302 /home/; } location /home/ { return 200 a; }")}
    )["ok"]
    elsewhere = vhost("location / { return 302 http://elsewhere.test/; }")
    assert activate(site, {"vhosts/a.conf": elsewhere})["ok"]


def test_a_listener_that_wants_the_proxy_protocol(site: Site) -> None:
    """It is asked with the line, and what was answered without has to be answered without."""
    plain, proxied = (vhost("return 200 a;", f"127.0.0.1:{PORT}{words}") for words in ("", " proxy_protocol"))
    start(site, a=plain)
    found = activate(site, {"vhosts/a.conf": proxied})
    assert not found["ok"]
    assert {each["name"] for each in found["failed"]} == {FRONT, BY_ADDRESS}
    site.stop_nginx()
    (site.conf / "vhosts/a.conf").write_text(proxied)
    site.run()
    site.engine().adopt()
    found = activate(site, {"vhosts/a.conf": proxied.replace("return 200 a;", "location / { deny all; }")})
    # The third wrong answer of one of them ends the gate; whether the other was asked by then is a matter of pace.
    failed = {each["name"] for each in found["failed"]}
    assert failed
    assert failed <= {f"{each} with a PROXY line" for each in (FRONT, BY_ADDRESS)}


ZONE = "limit_req_zone $binary_remote_addr zone=it:1m rate={};\n"
LIMITED = {
    "1r/s at a login": (
        ZONE.format("1r/s"),
        "location / { return 200 a; } location /login { limit_req zone=it; root /nowhere; }",
    ),
    "5r/s burst 10, eight locations": (
        ZONE.format("5r/s"),
        "limit_req zone=it burst=10; " + "".join(f"location /p{n}/ {{ root /nowhere; }}" for n in range(8)),
    ),
    "10r/s, sixteen locations": (
        ZONE.format("10r/s"),
        "limit_req zone=it; " + "".join(f"location /p{n}/ {{ root /nowhere; }}" for n in range(16)),
    ),
    "1r/m": (ZONE.format("1r/m"), "limit_req zone=it; location / { root /nowhere; }"),
}


#: Those with many locations take four seconds each, by the pace; with FAILSAFE_SOAK=1 each is tried ten times.
TRIES = (
    dict.fromkeys(LIMITED, 10) if os.environ.get("FAILSAFE_SOAK") else dict(zip(LIMITED, (10, 2, 2, 10), strict=True))
)


@pytest.mark.parametrize("zone", LIMITED, ids=lambda zone: zone)
def test_the_gate_does_not_meet_the_sites_own_limits(site: Site, zone: str) -> None:
    """Harmless changes, one right after the other, from one address."""
    shared, words = LIMITED[zone]
    start(site, a=shared + vhost(words))
    for number in range(TRIES[zone]):
        found = activate(site, {"vhosts/a.conf": shared + vhost(f"add_header X-Try {number}; {words}")})
        assert found["ok"], found["reason"]
        assert found["failed"] == []
