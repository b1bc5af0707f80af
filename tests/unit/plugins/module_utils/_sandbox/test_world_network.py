# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses, TLS, HTTP/2 and redirects in a world."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from world_site import HTTP, HTTP6, TLS, Site, probe, upstream

pytestmark = [pytest.mark.root, pytest.mark.nginx]


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
    headers = [dict(outcome.headers) for outcome in outcomes]
    assert [outcome.status for outcome in outcomes] == [403, 200, 403, 200, 403, 200, 403, 200, 200, None, 403]
    assert (headers[1]["X-Zone"], headers[1]["X-Client"]) == ("office", "203.0.113.7")
    assert (headers[3]["X-Zone"], headers[3]["X-Client"]) == ("six", "2001:db8:7::1")
    assert (headers[7]["X-At"], headers[8]["X-At"]) == ("10.20.30.40", "2001:db8:20::40")
    assert outcomes[9].closed == "refused"
    assert outcomes[0].errors == ["access forbidden by rule"]


def test_tls_with_names_and_missing_certificates(site: Site) -> None:
    site.write(
        "ssl_certificate tls/default.pem; ssl_certificate_key tls/default.key;"
        'server { listen 443 ssl default_server; return 200 "d"; }'
        "server { listen 444 ssl; ssl_certificate tls/both.pem; ssl_certificate_key tls/both.pem; return 204; }"
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
    assert (named.status, named.body_length, dict(named.headers)["X-Name"]) == (200, 3, "www.example.com")
    assert (other.status, other.body_length) == (200, 1)
    assert rejected.closed == "tls: tlsv1 unrecognized name"
    assert plain.status == 400
    names = {str(site.config / "tls" / name) for name in ("default.pem", "default.key", "both.pem", "www.pem", "w.key")}
    assert set(site.facts.certificates) == names


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
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    (outside / "a.conf").write_text(
        f"server {{ listen 443 ssl; ssl_certificate {outside}/o.pem; ssl_certificate_key {outside}/o.key; return 204; }}"
    )
    site.write(
        f"include {outside}/*.conf; ssl_dhparam dh.pem;"
        "server { listen 444 ssl; ssl_certificate c.pem; ssl_certificate_key gone.key; return 204; }"
    )
    got = site.run(probe(listen=TLS), probe(listen={**TLS, "port": 444}))
    assert [outcome.status for outcome in got] == [204, 204]
    assert {Path(path).name for path in site.facts.certificates} == {"c.pem", "gone.key", "o.pem", "o.key", "dh.pem"}


def test_proxy_protocol_and_unix_listeners(site: Site) -> None:
    site.write(
        'server { listen 80 proxy_protocol; add_header X-Client $proxy_protocol_addr; return 200 ""; }'
        "server { listen 443 ssl proxy_protocol; ssl_certificate a; ssl_certificate_key b; return 204; }"
        f'server {{ listen unix:{site.folder}/n.sock; add_header X-At $server_addr; return 200 ""; }}'
    )
    proxied, secure, local = site.run(
        probe(listen={**HTTP, "proxy_protocol": True}, client="203.0.113.7"),
        probe(listen={**TLS, "proxy_protocol": True}),
        probe(listen={**HTTP, "address": f"unix:{site.folder}/n.sock", "port": 0}),
    )
    assert dict(proxied.headers)["X-Client"] == "203.0.113.7"
    assert secure.status == 204
    assert dict(local.headers)["X-At"] == f"unix:{site.folder}/n.sock"


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
    assert (home.status, home.chain) == (301, "final")
    assert [(step.url, step.status) for step in home.hops] == [
        ("http://www.example.com/", 301),
        ("https://www.example.com/", 200),
    ]
    assert [step.status for step in hop.hops] == [301, 302, 301, 200]
    assert out.chain == "external"
    assert again.chain == "loop"
    assert endless.chain == "too-long"


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
    assert (moved.status, moved.location) == (301, "https://www.example.com/new")
    assert ["x-p", "HTTP/2.0 " + "b" * 300 + " www.example.com"] in moved.headers
    assert (posted.status, posted.body_length, upstream(posted)[2:4]) == (200, 3, ("POST", "/p?x"))
    assert (head.status, head.body_length) == (200, 0)
    assert (closed.status, closed.closed) in {(None, "reset"), (None, "closed")}
    assert (clear.status, clear.body_length, ["x-p", "HTTP/2.0"] in clear.headers) == (200, 3, True)
    assert not_offered.closed
    assert ["X-P", "HTTP/1.1  www.example.com"] in old.headers


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
    assert (plain.status, plain.body_length) == (200, 5)
    assert upstream(plain) == ("grpc://users.internal:50051", "grpc", "POST", "/users.Users/Get", 200)
    assert upstream(secure)[:2] == ("grpc://secure.internal:443", "grpc")
    assert down.status == 503
