# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What requests get in a world: the same as root, as an ordinary user and in a user namespace."""

from __future__ import annotations

import pytest
from world_site import Site, probe, upstream

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance

pytestmark = [pytest.mark.root, pytest.mark.nginx]


def _nginx_before(*version: int) -> bool:
    return Instance("/etc/nginx").build().version_info < version


def test_answers_of_nginx_itself(site: Site) -> None:
    site.write(
        'server { listen 80; location / { return 200 "hello\\n"; } location /gone { return 410; }'
        " location /closed { return 444; } location /file { root /nonexistent; } location /old { return 302 /new; }"
        ' location /loop { rewrite ^ /loop/x last; } location /h { add_header X-A b; return 200 ""; } }'
    )
    hello, gone, closed, file, old, loop, head, own = site.run(
        *map(probe, ["/", "/gone", "/closed", "/file", "/old", "/loop"]), probe("/", method="HEAD"), probe("/h")
    )
    assert (hello.status, hello.closed, hello.body_length, hello.errors) == (200, None, 6, [])
    assert hello.body_digest == "5891b5b522d5"
    assert gone.status == 410
    assert (closed.status, closed.closed) == (None, "closed")
    assert (file.status, file.errors) == (
        404,
        ['open() "/nonexistent/file" failed (2: No such file or directory)'],
    )
    assert (old.status, old.location, old.chain) == (302, "http://www.example.com/new", None)
    assert loop.status == 500
    assert loop.errors == ['rewrite or internal redirection cycle while processing "/loop/x"']
    assert (head.status, head.body_length) == (200, 0)
    assert ["X-A", "b"] in own.headers


#: A location, and the answer to a request that announces a body: allowed by its size or not, the final answer counts.
ANNOUNCED: dict[str, tuple[str, int | None]] = {
    "an upstream": ("proxy_pass http://10.1.2.3;", 200),
    "an upstream that gets the body as it comes": ("proxy_request_buffering off; proxy_pass http://10.1.2.3;", 200),
    "an application": ("fastcgi_pass unix:/run/app.sock;", 200),
    "a text": ("return 200 ok;", 200),
    "an error with a text": ('return 404 "none";', 404),
    "an error": ("return 403;", 403),
    "a page that is not there": ("root /nonexistent;", 404),
    "a method that is refused": ("stub_status;", 405),
    "another answer to a refusal": ("stub_status; error_page 405 =200 @app;", 200),
    "a page behind try_files": ("try_files $uri =404;", 404),
    "a redirect with a body": ("return 308 https://new.invalid/;", 308),
    "a circle": ("try_files /none $uri;", 500),
    "a body that is too large": ("client_max_body_size 1k; proxy_pass http://10.1.2.3;", 413),
    "a closed connection": ("return 444;", None),
}


def test_the_final_answer_to_an_announced_body_counts(site: Site) -> None:
    site.write(
        "server { listen 80; client_max_body_size 1m; location @app { proxy_pass http://10.1.2.3; }"
        + "".join(f" location /{number}/ {{ {text} }}" for number, (text, _status) in enumerate(ANNOUNCED.values()))
        + "}"
    )
    sent = [["Content-Length", "1048576"], ["Expect", "100-continue"]]
    outcomes = site.run(*(probe(f"/{number}/", method="POST", headers=sent) for number in range(len(ANNOUNCED))))
    found = {name: outcome.status for name, outcome in zip(ANNOUNCED, outcomes, strict=True)}
    assert found == {name: status for name, (_text, status) in ANNOUNCED.items()}
    # The upstream got the request that was answered, and nothing of the one that was given up.
    assert [len(outcome.upstreams) for outcome in outcomes[:3]] == [1, 1, 1]


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
    headers = dict(posted.upstreams[0].headers)
    assert (headers["X-Saw"], headers["Content-Length"], headers["Host"]) == ("https", "3", "10.1.2.3")
    assert (hostless.status, hostless.body_length) == (200, len("default []"))
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
    if _nginx_before(1, 23, 1):
        kinds.remove("local")
        text = (site.config / "nginx.conf").read_text()
        (site.config / "nginx.conf").write_text(text.replace(" ipv4=off ipv6=on", ""))
    got = dict(zip(kinds, site.run(*(probe(f"/{kind}?q") for kind in kinds)), strict=True))
    assert {kind: outcome.status for kind, outcome in got.items() if kind != "self"} == dict.fromkeys(
        [kind for kind in kinds if kind != "self"], 200
    )
    assert upstream(got["http"])[:4] == ("http://users.internal:8080", "http", "GET", "/v1?q")
    assert upstream(got["peers"])[0] == "http://app1.internal:8080"
    assert upstream(got["https"])[:2] == ("https://secure.internal:443", "https")
    assert upstream(got["fastcgi"])[:4] == ("fastcgi://unix:/run/php/php.sock", "fastcgi", "GET", "/fastcgi?q")
    assert got["fastcgi"].upstreams[0].params["QUERY_STRING"] == "q"
    assert got["fastcgi"].upstreams[0].address == "unix:/run/php/php.sock"
    assert upstream(got["uwsgi"])[:2] == ("uwsgi://127.0.0.1:9001", "uwsgi")
    assert upstream(got["scgi"])[:2] == ("scgi://[2001:db8:9::9]:9002", "scgi")
    assert upstream(got["memcached"])[:4] == ("memcached://cache.internal:11211", "memcached", "get", "k1")
    assert upstream(got["resolved"])[0] == "http://dyn.example:81"
    assert (got["self"].status, got["self"].upstreams) == (204, [])
    assert upstream(got["keep"])[0] == "http://10.0.0.1:8085"


def test_what_upstreams_answer(site: Site) -> None:
    site.write(
        "server { listen 80; location / { auth_request /auth; proxy_pass http://app.internal:8080; }"
        "location = /auth { internal; proxy_pass http://auth.internal:9000; }"
        "location /caught { proxy_intercept_errors on; error_page 404 =200 /fine; proxy_pass http://app.internal:8080; }"
        'location = /fine { return 200 "fine"; } location /slow { proxy_read_timeout 100ms; proxy_pass http://slow; }'
        "location /accel { proxy_pass http://app.internal:8080; }"
        'location /inner/ { internal; return 200 "inner"; } location /far/ { internal; proxy_pass http://store.internal/; } }'
    )
    denied, passed, caught, slow, accel, teapot, body, far = site.run(
        probe("/", answers=[{"upstream": "auth.internal:9000", "status": 401}]),
        probe("/", answers=[{"upstream": "app.internal:8080", "status": 503}]),
        probe("/caught", answers=[{"upstream": "*", "status": 404}]),
        probe("/slow", answers=[{"upstream": "slow", "delay": 0.4}]),
        probe("/accel", answers=[{"upstream": "*", "status": 200, "headers": [["X-Accel-Redirect", "/inner/x"]]}]),
        probe(
            "/caught", answers=[{"upstream": "elsewhere", "status": 500}, {"upstream": "app.internal", "status": 418}]
        ),
        probe("/accel", answers=[{"upstream": "*", "body": "12345"}]),
        probe("/accel", answers=[{"upstream": "*", "headers": [["x-accel-redirect", "/far/x"]]}]),
    )
    assert (denied.status, [seen.status for seen in denied.upstreams]) == (401, [401])
    assert (passed.status, [seen.status for seen in passed.upstreams]) == (503, [200, 503])
    assert (caught.status, caught.body_length) == (200, 4)
    assert slow.status == 504
    assert slow.errors[0].startswith("upstream timed out")
    assert (accel.status, accel.body_length) == (200, 5)
    assert teapot.status == 418
    assert body.body_length == 5
    # A request is sent on once: nginx passes /far/x on to a stub as well.
    assert (far.status, [seen.uri for seen in far.upstreams], far.errors) == (200, ["/accel", "/x"], [])


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
    assert [outcome.status for outcome in outcomes] == [200, 502, 200, 200, 502, 200, 200, 200]
    assert [seen.status for seen in outcomes[6].upstreams] in ([None, 200], [200])
    assert len(outcomes[1].upstreams) == 2
    assert not outcomes[2].errors


def test_a_peer_that_failed_where_warnings_are_not_logged(site: Site) -> None:
    site.write(
        f"error_log {site.folder}/e.log error; upstream app {{ server a.internal:1; server b.internal:2; }}"
        "server { listen 80; location / { proxy_pass http://app; } }"
    )
    one = [{"upstream": "a.internal", "down": True}]
    failed, after = site.run(probe(answers=one), probe())
    assert [seen.status for seen in failed.upstreams] == [None, 200]
    assert upstream(after)[0] == "http://a.internal:1"


def test_limits_do_not_reach_the_next_probe(site: Site) -> None:
    site.write(
        "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;"
        "server { listen 80; location / { limit_req zone=one; root /nonexistent; error_page 404 =200 /ok; }"
        ' location = /ok { return 200 "ok"; } }'
    )
    assert [outcome.status for outcome in site.run(*[probe("/x")] * 4)] == [200] * 4


def test_a_posted_body_and_the_subrequest_before_it(site: Site) -> None:
    site.write(
        "server { listen 80; location / { auth_request /auth; proxy_pass http://app.internal; }"
        " location = /auth { internal; proxy_pass http://auth.internal; }"
        " location /scgi { auth_request /scgi-auth; proxy_pass http://app.internal; }"
        " location = /scgi-auth { include scgi_params; scgi_pass auth.internal:9; } }"
    )
    for outcome in site.run(probe(method="POST", body="k=v"), probe("/scgi", method="POST", body="k=v")):
        assert outcome.status == 200
        assert [seen.target.partition("://")[2] for seen in outcome.upstreams][1] == "app.internal:80"


def test_an_upstream_whose_port_no_file_names(site: Site) -> None:
    site.write(
        "map $arg_p $port { default 80; a 90${arg_q}1; }"
        "server { listen 80; resolver 10.0.0.53; location / { proxy_pass http://app.internal:$port; }"
        " location /in { proxy_pass http://127.0.0.1:$port; } }"
    )
    named, inside = site.run(probe("/?p=a&q=0"), probe("/in?p=a&q=2"))
    assert upstream(named)[0] == "http://app.internal:9001"
    assert (upstream(inside)[0], inside.errors) == ("http://127.0.0.1:9021", [])


def test_background_requests_belong_to_their_probe(site: Site) -> None:
    site.write(
        "server { listen 80; location / { mirror /m; proxy_pass http://app.internal; }"
        " location /m { internal; proxy_pass http://copy.internal; } }"
    )
    for outcome in site.run(*[probe("/x")] * 20):
        assert sorted(seen.target for seen in outcome.upstreams) == [
            "http://app.internal:80",
            "http://copy.internal:80",
        ]


def test_one_of_many_workers_answers_all(site: Site) -> None:
    site.write(
        "upstream app { server a.internal:1; server b.internal:2; }"
        "server { listen 80; location / { proxy_pass http://app; } }",
        top="worker_processes 4;",
    )
    targets = [upstream(outcome)[0] for outcome in site.run(*[probe()] * 20)]
    assert targets == ["http://a.internal:1", "http://b.internal:2"] * 10


def test_the_options_of_a_running_master(site: Site) -> None:
    site.write("server { listen 80; return 204; }")
    instance = {"config_dir": str(site.config), "globals_": "daemon off; worker_rlimit_nofile 4096"}
    assert site.run(probe(), instance=instance)[0].status == 204
