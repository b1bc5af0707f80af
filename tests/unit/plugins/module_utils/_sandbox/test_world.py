# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What requests get in a world: the same as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import (
    SandboxError,
    World,
    available,
    missing_files,
    run_worlds,
)

pytestmark = [pytest.mark.root, pytest.mark.nginx]
ROOT = Path(__file__).resolve().parents[5]
HTTP = {"address": "0.0.0.0", "port": 80, "ssl": False, "http2": False, "proxy_protocol": False}
HTTP6 = {**HTTP, "address": "::"}
TLS = {**HTTP, "port": 443, "ssl": True}
AS_NOBODY = f"""
import sys; sys.path[:0] = [{str(ROOT / "tests/unit")!r}]; import conftest, json, os
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import run_worlds, available
print(json.dumps([available(), run_worlds(json.load(sys.stdin))]))
"""
Outcome = dict[str, t.Any]


def probe(target: str = "/", listen: dict[str, t.Any] | None = None, **other: t.Any) -> dict[str, t.Any]:
    listen = listen or HTTP
    return {
        "id": target,
        "listen": listen,
        "sni": "www.example.com" if listen["ssl"] else None,
        "client": None,
        "method": "GET",
        "target": target,
        "host": "www.example.com",
        "headers": [],
        "body": "",
        "version": "1.1",
        "answers": [],
        "follow": False,
        **other,
    }


class Site:
    """A configuration folder, and how its world is run."""

    def __init__(self, folder: Path, how: str) -> None:
        self.folder = folder
        self.how = how
        self.config = folder / "etc"
        self.facts: dict[str, t.Any] = {}
        self.second: list[Outcome] = []
        self.config.mkdir(mode=0o755)
        for name in ("fastcgi_params", "uwsgi_params", "scgi_params"):
            shutil.copy(Path("/etc/nginx") / name, self.config / name)

    def write(self, http: str, *, top: str = "") -> None:
        (self.config / "nginx.conf").write_text(
            f"user www-data;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log;\n{top}\n"
            f"events {{ worker_connections 64; }}\nhttp {{\naccess_log {self.folder}/access.log;\n{http}\n}}\n"
        )

    def job(self, probes: t.Sequence[t.Any], **options: t.Any) -> dict[str, t.Any]:
        spec = {"name": "x", "tree": str(self.config), **options.pop("world", {})}
        return {"instance": {"config_dir": str(self.config)}, "worlds": [spec], "probes": list(probes), **options}

    def run(self, *probes: dict[str, t.Any], **options: t.Any) -> list[Outcome]:
        result = self.result(*probes, **options)
        assert "error" not in result, result
        self.facts = result["facts"]
        self.second = result.get("second", [])
        return t.cast("list[Outcome]", result["outcomes"])

    def result(self, *probes: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
        job = self.job(probes, **{"deadline": 60.0, **options})
        if self.how == "user namespace":
            job["user"] = True
        if self.how == "nobody":
            done = subprocess.run(
                ["/usr/bin/python3", "-c", AS_NOBODY],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            reason, answer = json.loads(done.stdout)
            assert reason is None
        else:
            answer = run_worlds(job)
        return t.cast("dict[str, t.Any]", answer["worlds"]["x"])


@pytest.fixture(params=["root", "nobody", "user namespace"])
def site(request: pytest.FixtureRequest) -> t.Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="failsafe-world-"))
    folder.chmod(0o755)
    yield Site(folder, request.param)
    shutil.rmtree(folder)


def upstream(outcome: Outcome) -> tuple[t.Any, ...]:
    assert len(outcome["upstreams"]) == 1, outcome
    seen = outcome["upstreams"][0]
    return seen["target"], seen["protocol"], seen["method"], seen["uri"], seen["status"]


def test_answers_of_nginx_itself(site: Site) -> None:
    site.write(
        'server { listen 80; location / { return 200 "hello\\n"; } location /gone { return 410; }'
        " location /closed { return 444; } location /file { root /nonexistent; } location /old { return 302 /new; }"
        ' location /loop { rewrite ^ /loop/x last; } location /h { add_header X-A b; return 200 ""; } }'
    )
    hello, gone, closed, file, old, loop, head, own = site.run(
        *map(probe, ["/", "/gone", "/closed", "/file", "/old", "/loop"]), probe("/", method="HEAD"), probe("/h")
    )
    assert (hello["status"], hello["closed"], hello["body_length"], hello["errors"]) == (200, None, 6, [])
    assert hello["body_digest"] == "5891b5b522d5"
    assert gone["status"] == 410
    assert (closed["status"], closed["closed"]) == (None, "closed")
    assert (file["status"], file["errors"]) == (
        404,
        ['open() "/nonexistent/file" failed (2: No such file or directory)'],
    )
    assert (old["status"], old["location"], old["chain"]) == (302, "http://www.example.com/new", None)
    assert loop["status"] == 500
    assert loop["errors"] == ['rewrite or internal redirection cycle while processing "/loop/x"']
    assert (head["status"], head["body_length"]) == (200, 0)
    assert ["X-A", "b"] in own["headers"]


def test_requests_are_sent_as_they_are(site: Site) -> None:
    site.write(
        'server { listen 80 default_server; return 200 "default [$http_host]"; }'
        "server { listen 80; server_name www.example.com;"
        " location / { proxy_pass http://10.1.2.3; proxy_set_header X-Saw $http_x_forwarded_proto; } }"
    )
    posted, hostless, old = site.run(
        probe("/a%2Fb?x=1&y=%20", method="POST", body="k=v", headers=[["X-Forwarded-Proto", "https"]]),
        probe("/", host=None, version="1.0"),
        probe("/raw", version="1.0"),
    )
    assert upstream(posted) == ("http://10.1.2.3:80", "http", "POST", "/a%2Fb?x=1&y=%20", 200)
    headers = dict(posted["upstreams"][0]["headers"])
    assert (headers["X-Saw"], headers["Content-Length"], headers["Host"]) == ("https", "3", "10.1.2.3")
    assert (hostless["status"], hostless["body_length"]) == (200, len("default []"))
    assert upstream(old)[3] == "/raw"


def test_every_kind_of_upstream(site: Site) -> None:
    site.write(
        "upstream peers { server app1.internal:8080; server app2.internal:8080; }"
        "server { listen 80; listen 8081;"
        "location /http { proxy_pass http://users.internal:8080/v1; }"
        "location /peers { proxy_pass http://peers; }"
        "location /https { proxy_pass https://secure.internal; }"
        "location /fastcgi { include fastcgi_params; fastcgi_pass unix:/run/php/php.sock; }"
        "location /uwsgi { include uwsgi_params; uwsgi_pass 127.0.0.1:9001; }"
        "location /scgi { include scgi_params; scgi_pass [2001:db8:9::9]:9002; }"
        "location /memcached { set $memcached_key k1; memcached_pass cache.internal:11211; }"
        "location /resolved { resolver 10.9.9.9; set $backend dyn.example; proxy_pass http://$backend:81; }"
        "location /local { resolver 127.0.0.1:5353 ipv4=off ipv6=on; set $b six.example; proxy_pass http://$b; }"
        "location /self { proxy_pass http://127.0.0.1:8081/back; } location /back { return 204; }"
        "location /keep { proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://10.0.0.1:8085; } }"
    )
    kinds = ["http", "peers", "https", "fastcgi", "uwsgi", "scgi", "memcached", "resolved", "local", "self", "keep"]
    if "ipv4=" and _nginx_before(1, 23, 1):
        kinds.remove("local")
        text = (site.config / "nginx.conf").read_text()
        (site.config / "nginx.conf").write_text(text.replace(" ipv4=off ipv6=on", ""))
    got = dict(zip(kinds, site.run(*(probe(f"/{kind}?q") for kind in kinds)), strict=True))
    assert {kind: outcome["status"] for kind, outcome in got.items() if kind != "self"} == dict.fromkeys(
        [kind for kind in kinds if kind != "self"], 200
    )
    assert upstream(got["http"])[:4] == ("http://users.internal:8080", "http", "GET", "/v1?q")
    assert upstream(got["peers"])[0] == "http://app1.internal:8080"
    assert upstream(got["https"])[:2] == ("https://secure.internal:443", "https")
    assert upstream(got["fastcgi"])[:4] == ("fastcgi://unix:/run/php/php.sock", "fastcgi", "GET", "/fastcgi?q")
    assert got["fastcgi"]["upstreams"][0]["params"]["QUERY_STRING"] == "q"
    assert got["fastcgi"]["upstreams"][0]["address"] == "unix:/run/php/php.sock"
    assert upstream(got["uwsgi"])[:2] == ("uwsgi://127.0.0.1:9001", "uwsgi")
    assert upstream(got["scgi"])[:2] == ("scgi://[2001:db8:9::9]:9002", "scgi")
    assert upstream(got["memcached"])[:4] == ("memcached://cache.internal:11211", "memcached", "get", "k1")
    assert upstream(got["resolved"])[0] == "http://dyn.example:81"
    assert (got["self"]["status"], got["self"]["upstreams"]) == (204, [])
    assert upstream(got["keep"])[0] == "http://10.0.0.1:8085"


def _nginx_before(*version: int) -> bool:
    return Instance("/etc/nginx").build().version_info < version


def test_what_upstreams_answer(site: Site) -> None:
    site.write(
        "server { listen 80; location / { auth_request /auth; proxy_pass http://app.internal:8080; }"
        "location = /auth { internal; proxy_pass http://auth.internal:9000; }"
        "location /caught { proxy_intercept_errors on; error_page 404 =200 /fine; proxy_pass http://app.internal:8080; }"
        'location = /fine { return 200 "fine"; } location /slow { proxy_read_timeout 100ms; proxy_pass http://slow; }'
        "location /accel { proxy_pass http://app.internal:8080; }"
        'location /inner/ { internal; return 200 "inner"; } }'
    )
    denied, passed, caught, slow, accel, teapot, body = site.run(
        probe("/", answers=[{"upstream": "auth.internal:9000", "status": 401}]),
        probe("/", answers=[{"upstream": "app.internal:8080", "status": 503}]),
        probe("/caught", answers=[{"upstream": "*", "status": 404}]),
        probe("/slow", answers=[{"upstream": "slow", "delay": 0.4}]),
        probe("/accel", answers=[{"upstream": "*", "status": 200, "headers": [["X-Accel-Redirect", "/inner/x"]]}]),
        probe(
            "/caught", answers=[{"upstream": "elsewhere", "status": 500}, {"upstream": "app.internal", "status": 418}]
        ),
        probe("/accel", answers=[{"upstream": "*", "body": "12345"}]),
    )
    assert (denied["status"], [seen["status"] for seen in denied["upstreams"]]) == (401, [401])
    assert (passed["status"], [seen["status"] for seen in passed["upstreams"]]) == (503, [200, 503])
    assert (caught["status"], caught["body_length"]) == (200, 4)
    assert slow["status"] == 504
    assert slow["errors"][0].startswith("upstream timed out")
    assert (accel["status"], accel["body_length"]) == (200, 5)
    assert teapot["status"] == 418
    assert body["body_length"] == 5


def test_a_peer_that_was_down_is_up_for_the_next_probe(site: Site) -> None:
    site.write(
        "upstream app { server a.internal:1 ; server b.internal:2; }"
        "server { listen 80; location / { proxy_pass http://app; } }"
    )
    down = [{"upstream": "*", "down": True}]
    one = [{"upstream": "a.internal", "down": True}]
    outcomes = site.run(
        probe(), probe(answers=down), probe(), probe(), probe(answers=down), probe(), probe(answers=one), probe()
    )
    assert [outcome["status"] for outcome in outcomes] == [200, 502, 200, 200, 502, 200, 200, 200]
    assert [seen["status"] for seen in outcomes[6]["upstreams"]] in ([None, 200], [200])
    assert len(outcomes[1]["upstreams"]) == 2
    assert not outcomes[2]["errors"]


def test_limits_do_not_reach_the_next_probe(site: Site) -> None:
    site.write(
        "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;"
        "server { listen 80; location / { limit_req zone=one; root /nonexistent; error_page 404 =200 /ok; }"
        ' location = /ok { return 200 "ok"; } }'
    )
    assert [outcome["status"] for outcome in site.run(*[probe("/x")] * 4)] == [200] * 4


def test_addresses_and_clients(site: Site) -> None:
    site.write(
        "geo $zone { default none; 203.0.113.0/24 office; 2001:db8:7::/48 six; }"
        "server { listen 80; listen [::]:80; add_header X-Zone $zone; add_header X-Client $remote_addr;"
        " location / { allow 203.0.113.7; allow 127.0.0.1; allow 2001:db8:7::/48; deny all; empty_gif; } }"
        'server { listen 10.20.30.40:8000; listen [2001:db8:20::40]:8000; add_header X-At $server_addr; return 200 ""; }'
    )
    own = {**HTTP, "address": "10.20.30.40", "port": 8000}
    own6 = {**own, "address": "2001:db8:20::40"}
    outcomes = site.run(
        probe(),
        probe(client="203.0.113.7"),
        probe(client="203.0.113.8"),
        probe(listen=HTTP6, client="2001:db8:7::1"),
        probe(listen=HTTP6),
        probe(client="127.0.0.1"),
        probe(client="10.20.30.40"),
        probe(listen=own),
        probe(listen=own6),
        probe(listen={**HTTP, "port": 81}),
        probe(listen={**own, "port": 80}),
    )
    headers = [dict(outcome["headers"]) for outcome in outcomes]
    assert [outcome["status"] for outcome in outcomes] == [403, 200, 403, 200, 403, 200, 403, 200, 200, None, 403]
    assert (headers[1]["X-Zone"], headers[1]["X-Client"]) == ("office", "203.0.113.7")
    assert (headers[3]["X-Zone"], headers[3]["X-Client"]) == ("six", "2001:db8:7::1")
    assert (headers[7]["X-At"], headers[8]["X-At"]) == ("10.20.30.40", "2001:db8:20::40")
    assert outcomes[9]["closed"] == "refused"
    assert outcomes[0]["errors"] == ["access forbidden by rule"]


def test_tls_with_names_and_missing_certificates(site: Site) -> None:
    site.write(
        "ssl_certificate tls/default.pem; ssl_certificate_key tls/default.key;"
        'server { listen 443 ssl default_server; return 200 "d"; }'
        'server { listen 443 ssl; server_name www.example.com; ssl_certificate tls/www.pem; ssl_certificate_key "tls/w.key";'
        ' add_header X-Name $ssl_server_name; return 200 "www"; }'
        "server { listen 443 ssl; server_name no.example.com; ssl_reject_handshake on; }"
        'server { listen 8443 ssl http2; add_header X-P $server_protocol; return 200 ""; }'
    )
    named, other, rejected, plain = site.run(
        probe(listen=TLS),
        probe(listen=TLS, sni="x.example.com", host="x.example.com"),
        probe(listen=TLS, sni="no.example.com", host="no.example.com"),
        probe(listen={**TLS, "ssl": False}, sni=None),
    )
    assert (named["status"], named["body_length"], dict(named["headers"])["X-Name"]) == (200, 3, "www.example.com")
    assert (other["status"], other["body_length"]) == (200, 1)
    assert rejected["closed"] == "tls: tlsv1 unrecognized name"
    assert plain["status"] == 400
    names = {str(site.config / "tls" / name) for name in ("default.pem", "default.key", "www.pem", "w.key")}
    assert set(site.facts["certificates"]) == names


def test_a_certificate_whose_key_is_missing_and_one_from_an_include_elsewhere(site: Site) -> None:
    outside = site.folder / "outside"
    outside.mkdir(mode=0o755)
    argv = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    argv += ["-subj", "/CN=x", "-keyout", f"{site.folder}/k.pem", "-out", f"{site.config}/c.pem"]
    subprocess.run(argv, check=True, capture_output=True)
    (outside / "a.conf").write_text(
        f"server {{ listen 443 ssl; ssl_certificate {outside}/o.pem; ssl_certificate_key {outside}/o.key; return 204; }}"
    )
    site.write(
        f"include {outside}/*.conf;"
        "server { listen 444 ssl; ssl_certificate c.pem; ssl_certificate_key gone.key; return 204; }"
    )
    got = site.run(probe(listen=TLS), probe(listen={**TLS, "port": 444}))
    assert [outcome["status"] for outcome in got] == [204, 204]
    assert {Path(path).name for path in site.facts["certificates"]} == {"c.pem", "gone.key", "o.pem", "o.key"}


def test_proxy_protocol_and_unix_listeners(site: Site) -> None:
    site.write(
        'server { listen 80 proxy_protocol; add_header X-Client $proxy_protocol_addr; return 200 ""; }'
        "server { listen 443 ssl proxy_protocol; ssl_certificate a; ssl_certificate_key b; return 204; }"
        f'server {{ listen unix:{site.folder}/n.sock; add_header X-At $server_addr; return 200 ""; }}'
    )
    proxied, secure, local = site.run(
        probe(listen={**HTTP, "proxy_protocol": True}, client="203.0.113.7"),
        probe(listen={**TLS, "proxy_protocol": True}),
        probe(listen={**HTTP, "address": f"unix:{site.folder}/n.sock", "port": None}),
    )
    assert dict(proxied["headers"])["X-Client"] == "203.0.113.7"
    assert secure["status"] == 204
    assert dict(local["headers"])["X-At"] == f"unix:{site.folder}/n.sock"


def test_redirects_are_followed_in_the_world(site: Site) -> None:
    site.write(
        'server { listen 80; server_name www.example.com; if ($http_x_forwarded_proto != "https") {'
        ' return 301 https://$host$request_uri; } location / { return 200 "home"; } location /a { return 302 /b; }'
        " location /out { return 302 https://elsewhere.example.org/; } location /self { return 302 /self; } }"
        "server { listen 80; server_name long.example.com; rewrite ^/(\\d*)$ /1$1 redirect; }"
    )
    listens = [HTTP]
    home, hop, out, again, endless = site.run(
        *(probe(target, follow=True) for target in ("/", "/a", "/out", "/self")),
        probe("/1", host="long.example.com", follow=True),
        listens=listens,
    )
    assert (home["status"], home["chain"]) == (301, "final")
    assert [(step["url"], step["status"]) for step in home["hops"]] == [
        ("http://www.example.com/", 301),
        ("https://www.example.com/", 200),
    ]
    assert [step["status"] for step in hop["hops"]] == [301, 302, 301, 200]
    assert out["chain"] == "external"
    assert again["chain"] == "loop"
    assert endless["chain"] == "too-long"


def test_a_refused_tree_is_an_error_in_nginx_words(site: Site) -> None:
    site.write("server { listen 80; nonsense on; }")
    error = site.result(probe())["error"]
    assert error == {"kind": "refused", "message": f'unknown directive "nonsense" in {site.config}/nginx.conf:8'}
    site.write("server { listen 80; ssl_certificate nginx.conf; ssl_certificate_key nginx.conf; listen 443 ssl; }")
    error = site.result(probe())["error"]
    assert error["kind"] == "refused"
    assert error["message"].startswith("cannot load certificate")


def test_workers_that_die_at_their_start_are_a_refusal(site: Site) -> None:
    site.write("server { listen 80; }", top="worker_rlimit_core 1; working_directory /nonexistent;")
    error = site.result(probe())["error"]
    assert error["kind"] == "refused"
    assert 'chdir("/nonexistent") failed (2: No such file or directory)' in error["message"]


def test_daemon_off_and_a_single_process(site: Site) -> None:
    site.write("server { listen 80; return 204; }", top="daemon off;")
    assert site.run(probe())[0]["status"] == 204
    site.write("server { listen 80; return 204; }", top="daemon off; master_process off;")
    assert site.run(probe())[0]["status"] == 204
    site.write("server { listen 80; return 204; }", top="worker_processes 4;")
    assert [outcome["status"] for outcome in site.run(*[probe()] * 20)] == [204] * 20


def test_files_of_the_second_world(site: Site) -> None:
    site.write(f"server {{ listen 80; root {site.folder}/www; location /x {{ expires 1h; }} }}")
    first = site.run(probe("/x/page.html"), world={"second": True})
    assert first[0]["status"] == 404
    assert missing_files(first) == [f"{site.folder}/www/x/page.html"]
    assert (site.second[0]["status"], dict(site.second[0]["headers"])["Cache-Control"]) == (200, "max-age=3600")
    assert not (site.folder / "www").exists()


def test_an_empty_file_system(site: Site) -> None:
    (site.folder / "www").mkdir()
    (site.folder / "www/x").write_text("x")
    site.write(
        f"server {{ listen 80; root {site.folder}/www; access_log /var/log/of-mine/access.log; }}",
        top="error_log /var/log/of-mine/error.log; pid /run/of-mine/nginx.pid;".replace("pid", "lock_file", 1),
    )
    assert site.run(probe("/x"), fs="empty")[0]["status"] == 404


def test_errors_of_all_levels_and_places(site: Site) -> None:
    site.write(
        f"server {{ listen 80; error_log {site.folder}/own.log; root /nonexistent; }}"
        "server { listen 81; root /nonexistent; }",
        top="error_log /dev/null crit;".replace("error_log", "error_log", 1),
    )
    for outcome in site.run(probe("/x"), probe("/x", listen={**HTTP, "port": 81})):
        assert outcome["errors"] == ['open() "/nonexistent/x" failed (2: No such file or directory)']


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
    for outcome in site.run(probe("/a"), probe("/b"), world={"trace": True}):
        assert outcome["trace"] == ["s1", "l1", "s1", "l2"] or outcome["trace"] == ["s1", "l1", "l2"]


def test_many_worlds_at_once_and_the_same_every_time(site: Site) -> None:
    site.write(
        "upstream app { server a.internal:1; server b.internal:2; server c.internal:3; }"
        "server { listen 80; location / { proxy_pass http://app; } location /f { root /nonexistent; } }"
    )
    job = site.job([probe("/"), probe("/f")] * 20)
    job["worlds"] = [{"name": str(number), "tree": str(site.config)} for number in range(4)]
    results = [run_worlds(job)["worlds"] for _unused in range(2)]
    outcomes = [result["outcomes"] for worlds in results for result in worlds.values()]
    for outcome in outcomes:
        for each in outcome:
            each["headers"] = [pair for pair in each["headers"] if pair[0] != "Date"]
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
    done = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True, check=False, cwd="/")
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


def test_http2(site: Site) -> None:
    site.write(
        "ssl_certificate a; ssl_certificate_key b;"
        'server { listen 443 ssl http2; add_header X-P "$server_protocol $http_x_a $ssl_server_name";'
        " location / { return 301 https://$host/new; } location /p { proxy_pass http://app.internal; } location /c { return 444; } }"
        'server { listen 8080 http2; location / { add_header X-P $server_protocol; return 200 "h2c"; } }'
        'server { listen 8443 ssl; return 200 ""; }'
    )
    tls = {**TLS, "http2": True}
    moved, posted, head, closed, clear, not_offered, old = site.run(
        probe(listen=tls, version="2", headers=[["X-A", "b" * 300]]),
        probe("/p?x", listen=tls, version="2", method="POST", body="k=v"),
        probe("/p", listen=tls, version="2", method="HEAD"),
        probe("/c", listen=tls, version="2"),
        probe(listen={**HTTP, "port": 8080, "http2": True}),
        probe(listen={**TLS, "port": 8443}, version="2"),
        probe(listen=tls),
    )
    assert (moved["status"], moved["location"]) == (301, "https://www.example.com/new")
    assert ["x-p", "HTTP/2.0 " + "b" * 300 + " www.example.com"] in moved["headers"]
    assert (posted["status"], posted["body_length"], upstream(posted)[2:4]) == (200, 3, ("POST", "/p?x"))
    assert (head["status"], head["body_length"]) == (200, 0)
    assert (closed["status"], closed["closed"]) in {(None, "reset"), (None, "closed")}
    assert (clear["status"], clear["body_length"], ["x-p", "HTTP/2.0"] in clear["headers"]) == (200, 3, True)
    assert not_offered["closed"]
    assert ["X-P", "HTTP/1.1  www.example.com"] in old["headers"]


def test_grpc(site: Site) -> None:
    site.write(
        "ssl_certificate a; ssl_certificate_key b; server { listen 443 ssl http2;"
        " location / { grpc_pass grpc://users.internal:50051; } location /s { grpc_pass grpcs://secure.internal:443; } }"
    )
    headers = [["Content-Type", "application/grpc"], ["TE", "trailers"]]
    plain, secure, down = site.run(
        probe(
            "/users.Users/Get",
            listen={**TLS, "http2": True},
            version="2",
            method="POST",
            body="\0" * 5,
            headers=headers,
        ),
        probe("/s/Get", listen={**TLS, "http2": True}, version="2", method="POST", body="\0" * 5, headers=headers),
        probe("/x", listen={**TLS, "http2": True}, answers=[{"upstream": "users.internal", "status": 503}]),
    )
    assert (plain["status"], plain["body_length"]) == (200, 5)
    assert upstream(plain) == ("grpc://users.internal:50051", "grpc", "POST", "/users.Users/Get", 200)
    assert upstream(secure)[:2] == ("grpc://secure.internal:443", "grpc")
    assert down["status"] == 503
