# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the static routing rules claim, asked of a real nginx, fixture by fixture."""

from __future__ import annotations

import http.client
import importlib.util
import re
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.engine import lint

pytestmark = pytest.mark.nginx
FIXTURES = Path(__file__).parent / "fixtures"
HELPER = Path(__file__).resolve().parent.parent / "real_nginx.py"


def _load_helper() -> t.Any:
    spec = importlib.util.spec_from_file_location("failsafe_real_nginx_routing", HELPER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


real_nginx = _load_helper()


class Nginx(real_nginx.RealNginx):  # type: ignore[misc,name-defined]
    """Also moves the ports of targets on loopback, and puts `/data/` below the test's own folder."""

    def _wrap(self, body: str, certificate: Path | None) -> str:
        for before, after in self.ports.items():
            body = re.sub(rf"\b(127\.0\.0\.1|localhost):{before}\b", rf"\1:{after}", body)
        for folder in (self.folder / "html", self.folder / "data", self.folder / "data" / "img"):
            folder.mkdir(exist_ok=True)
            (folder / "a.png").write_text(f"{folder.name}/a.png")
        (self.folder / "htpasswd").write_text("")
        body = re.sub(r"(?<=\s)/data(?=[/;])", f"{self.folder}/data", body)
        return str(super()._wrap(body.replace("/etc/nginx/", f"{self.folder}/"), certificate))


@pytest.fixture
def run(tmp_path: Path, certificate: Path) -> t.Callable[[str, str], t.Any]:
    def _run(rule: str, fixture: str) -> t.Any:
        return Nginx(tmp_path, (FIXTURES / rule / fixture).with_suffix(".conf").read_text(), certificate)

    return _run


Runner = t.Callable[[str, str], t.Any]


def findings(rule: str, fixture: str) -> list[t.Any]:
    text = (FIXTURES / rule / fixture).with_suffix(".conf").read_text()
    config = load_files({"nginx.conf": f"events {{}}\nhttp {{\n{text}}}\n".encode()}, config_dir="/etc/nginx")
    return [finding for finding in lint(config) if finding.rule == rule]


#: (rule, fixture, [(URL, status or None, body or Location or "")], words in the error log)
CASES: list[tuple[str, str, list[tuple[str, int, str]], str]] = [
    ("shadowed-location", "fire/later_is_narrower", [("/admin/x.php", 200, "first")], ""),
    ("shadowed-location", "fire/same_twice", [("/x.jpg", 200, "first")], ""),
    ("shadowed-location", "fire/prefix_text", [("/api/v1/users", 200, "first")], ""),
    ("shadowed-location", "fire/behind_wall", [("/static/private/x", 200, "first")], ""),
    ("shadowed-location", "fire/alternatives", [("/x.png", 200, "first")], ""),
    ("shadowed-location", "fire/together", [("/a/x", 200, "first"), ("/b/x", 200, "first")], ""),
    ("shadowed-location", "silent/narrower_first", [("/admin/x.php", 200, "first"), ("/x.php", 200, "second")], ""),
    ("shadowed-location", "silent/case_differs", [("/x.PHP", 200, "second")], ""),
    ("shadowed-location", "silent/longer_prefix_below_wall", [("/static/user/x.php", 403, ""), ("/x.css", 200, "serves")], ""),
    ("shadowed-location", "silent/other_endings", [("/api/v2", 200, "second"), ("/x/api", 200, "third"), ("/app/x", 200, "fourth")], ""),
    ("shadowed-location", "silent/nested_first", [("/admin/x.php", 403, ""), ("/x.php", 200, "first")], ""),
    ("unreachable-location", "fire/challenge", [("/.well-known/acme-challenge/x", 301, "https://b.test/.well-known")], ""),
    ("unreachable-location", "fire/order_is_no_help", [("/healthz", 503, "")], ""),
    ("unreachable-location", "fire/behind_a_condition", [("/app", 404, "")], ""),
    ("unreachable-location", "silent/in_a_location", [("/.well-known/acme-challenge/x", 404, "")], ""),
    ("unreachable-location", "silent/break_before", [("/.well-known/acme-challenge/x", 404, ""), ("/x", 301, "https://b.test/x")], ""),
    ("unreachable-location", "silent/only_named", [("/x", 410, "")], ""),
    ("unreachable-location", "silent/return_of_a_location", [("/app/", 204, ""), ("/app", 301, "http://a.test/app/")], ""),
    ("unmatchable-location", "fire/wildcard", [("/admin/", 200, "other"), ("/admin/x", 200, "other")], ""),
    ("unmatchable-location", "fire/regex_without_tilde", [("/api/v1/", 200, "other"), ("/img/a.png", 200, "other")], ""),
    ("unmatchable-location", "fire/exact_regex", [("/login", 200, "other")], ""),
    ("unmatchable-location", "fire/no_slash", [("/api/", 200, "other"), ("/x.php", 200, "other")], ""),
    ("unmatchable-location", "silent/odd_but_possible", [("/~user/", 200, "user"), ("/c++%20(old)/", 200, "c++"), ("/files/a.b-c_d,e=1", 200, "file")], ""),
    ("dead-directive", "fire/return_first", [("/old/x", 404, "")], ""),
    ("dead-directive", "fire/handler", [("/maintenance", 404, "")], ""),
    ("dead-directive", "fire/break_first", [("/", 200, "index.html"), ("/x", 200, "index.html")], ""),
    ("dead-directive", "silent/conditions_first", [("/old/x", 301, "http://a.test/new/x"), ("/?gone=1", 410, "")], ""),
    ("dead-directive", "silent/handler_after_condition", [("/", 502, "")], ""),
    ("alias-traversal", "fire/prefix", [("/img../a.png", 200, "data/a.png")], ""),
    ("alias-traversal", "fire/wall", [("/assets/v2../a.png", 200, "data/a.png")], ""),
    ("alias-traversal", "fire/nested", [("/app/media../a.png", 200, "data/a.png")], ""),
    ("alias-traversal", "silent/both_slashes", [("/img../a.png", 404, ""), ("/img/a.png", 200, "img/a.png")], ""),
    ("alias-traversal", "silent/no_slashes", [("/img../a.png", 404, ""), ("/img/a.png", 200, "img/a.png")], ""),
    ("alias-traversal", "silent/internal", [("/protected../a.png", 404, "")], ""),
    ("alias-without-slash", "fire/prefix", [("/img/a.png", 404, "")], "imga.png"),
    ("alias-without-slash", "fire/wall", [("/static/a.png", 404, "")], "imga.png"),
    ("alias-without-slash", "fire/root", [("/a.png", 404, ""), ("/", 403, "")], "imga.png"),
    ("alias-without-slash", "silent/both_slashes", [("/img/a.png", 200, "img/a.png")], ""),
    ("alias-without-slash", "silent/no_slashes", [("/img/a.png", 200, "img/a.png")], ""),
    ("return-bypasses-access", "fire/addresses", [("/version", 200, "build")], ""),
    ("return-bypasses-access", "fire/password", [("/version", 200, "build")], ""),
    ("return-bypasses-access", "fire/server", [("/", 200, "build")], ""),
    ("return-bypasses-access", "silent/file", [("/version", 403, "")], ""),
    ("server-name-unmatchable", "fire/regex_without_tilde", [("http://www.b.test/", 200, "other")], ""),
    ("server-name-unmatchable", "fire/scheme", [("http://b.test/", 200, "other")], ""),
    ("server-name-unmatchable", "fire/comma", [("http://b.test/", 200, "other"), ("http://www.b.test/", 200, "meant")], ""),
    ("server-name-unmatchable", "fire/port", [("http://b.test:80/", 200, "other")], ""),
    ("server-name-unmatchable", "silent/names", [("http://shop.b.test/", 200, "meant"), ("http://my_host/", 200, "meant")], ""),
    ("server-name-unmatchable", "silent/default", [("http://b.test/", 200, "meant")], ""),
    ("server-name-unmatchable", "silent/addresses", [("http://192.0.2.1/", 200, "meant"), ("http://xn--bcher-kva.test/", 200, "meant")], ""),
    ("default-server-implicit", "fire/two_sites", [("http://unknown.test/", 200, "first")], ""),
    ("default-server-implicit", "silent/marked", [("http://unknown.test/", 200, "second")], ""),
    ("listen-443-without-ssl", "fire/forgotten", [("http://a.test:443/", 200, "plain")], ""),
    ("listen-443-without-ssl", "fire/with_certificate", [("http://a.test:443/", 200, "plain")], ""),
    ("listen-443-without-ssl", "fire/one_address", [("http://a.test:443/", 200, "plain")], ""),
    ("listen-443-without-ssl", "silent/with_ssl", [("https://a.test/", 200, "tls")], ""),
    ("listen-443-without-ssl", "silent/by_another_server", [("https://b.test/", 200, "tls too")], ""),
    (
        "redirect-without-tls-server",
        "fire/forgotten_name",
        [("http://www.a.test/", 301, "https://www.a.test/"), ("https://www.a.test/", 200, "tls of a.test")],
        "",
    ),
    ("redirect-without-tls-server", "fire/other_sites_only", [("http://b.test/", 301, "https://b.test/"), ("https://b.test/", 200, "tls of a.test")], ""),
    ("redirect-without-tls-server", "fire/turned_away", [("http://b.test/", 308, "https://b.test/"), ("https://b.test/", 404, "")], ""),
    ("redirect-without-tls-server", "silent/wildcard", [("https://www.a.test/", 200, "tls of a.test")], ""),
    ("redirect-without-scheme", "fire/host_variable", [("/docs/", 301, "=a.test/manual")], ""),
    ("redirect-without-scheme", "fire/own_name", [("http://b.test/docs/", 301, "=b.test/manual")], ""),
    ("redirect-without-scheme", "fire/rewrite", [("/docs/x", 301, "=www.b.test/x")], ""),
    ("redirect-without-scheme", "fire/broken_scheme", [("/docs/", 302, "=https//b.test/manual")], ""),
    ("redirect-without-scheme", "silent/complete", [("/docs/", 301, "=http://a.test/manual")], ""),
    ("redirect-without-scheme", "silent/paths", [("/docs", 301, "=http://a.test/docs/"), ("/docs/", 302, "=index.html")], ""),
    ("proxy-pass-slash", "fire/location_without", [("/api/x", 200, "=//x")], ""),
    ("proxy-pass-slash", "fire/uri_without", [("/api/x", 200, "=/v1x")], ""),
    ("proxy-pass-slash", "fire/everything", [("/x", 200, "=/appx")], ""),
    ("proxy-pass-slash", "fire/both_paths", [("/api/x", 200, "=/v1//x")], ""),
    ("proxy-pass-slash", "silent/both_slashes", [("/api/x", 200, "=/x")], ""),
    ("proxy-pass-slash", "silent/no_uri", [("/api/x", 200, "=/api/x"), ("/app/x", 200, "=/v1/x"), ("/status", 200, "=/")], ""),
    ("proxy-pass-slash", "silent/on_purpose", [("/find/x", 200, "=/search?q=x"), ("/file-x", 200, "=/files/x"), ("/old/x", 200, "=/new/x")], ""),
    ("proxy-pass-fixed-uri", "fire/slash", [("/x?y=1", 200, "=/")], ""),
    ("proxy-pass-fixed-uri", "fire/path", [("/api/x", 200, "=/v1/")], ""),
    ("proxy-pass-fixed-uri", "fire/regex", [("/api/users", 200, "=/v1"), ("/api/posts/7", 200, "=/v1")], ""),
    ("proxy-pass-fixed-uri", "silent/no_uri", [("/x?y=1", 200, "=/x?y=1"), ("/api/x", 200, "=/api/x")], ""),
    ("proxy-pass-fixed-uri", "silent/one_path", [("/status", 200, "=/health"), ("/v1/x?y=1", 200, "=/x?y=1")], ""),
    ("proxy-pass-drops-arguments", "fire/capture", [("/api/x?y=1", 200, "=/x")], ""),
    ("proxy-pass-drops-arguments", "fire/uri", [("/api/x?y=1", 200, "=/api/x")], ""),
    ("proxy-pass-drops-arguments", "fire/below_a_path", [("/api/x?y=1", 200, "=/v1/api/x")], ""),
    ("proxy-pass-drops-arguments", "silent/with_arguments", [("/api/x?y=1", 200, "=/x?y=1")], ""),
    ("proxy-pass-drops-arguments", "silent/request_uri", [("/a/x?y=1", 200, "=/a/x?y=1"), ("/b/x?y=1", 200, "=/b/x?y=1")], ""),
    ("proxy-pass-drops-arguments", "silent/no_variable", [("/api/x?y=1", 200, "=/v1/x?y=1")], ""),
    ("proxy-pass-without-resolver", "fire/set", [("/", 502, "")], "no resolver defined to resolve app.internal"),
    ("proxy-pass-without-resolver", "fire/path_only", [("/", 502, "")], "no resolver defined to resolve localhost"),
    ("proxy-pass-without-resolver", "fire/map", [("/", 502, "")], "no resolver defined to resolve green"),
    ("proxy-pass-without-resolver", "fire/whole_url", [("/", 502, "")], "no resolver defined to resolve app.internal"),
    ("proxy-pass-without-resolver", "silent/upstream", [("/x", 200, "=/x")], ""),
    ("proxy-pass-without-resolver", "silent/addresses", [("/x", 200, "=/x"), ("/b/x", 200, "=/b/x")], ""),
    ("proxy-pass-without-resolver", "silent/named_elsewhere", [("/x", 200, "=/x")], ""),
    ("try-files-with-proxy-pass", "fire/named", [("/index.html", 200, "upstream")], ""),
    ("try-files-with-proxy-pass", "fire/fallback", [("/index.html", 200, "upstream"), ("/none", 200, "upstream")], ""),
    ("try-files-with-proxy-pass", "fire/status", [("/index.html", 200, "upstream"), ("/none.html", 404, "")], ""),
    ("try-files-with-proxy-pass", "silent/own_location", [("/index.html", 200, "index.html"), ("/none", 200, "upstream")], ""),
    ("upstream-down", "fire/all_down", [("/", 502, "")], "no live upstreams"),
    ("upstream-down", "fire/single", [("/", 502, "")], "no live upstreams"),
    ("upstream-down", "fire/with_backup", [("/", 502, "")], "no live upstreams"),
    ("upstream-down", "silent/one_left", [("/", 200, "upstream")], ""),
    ("upstream-down", "silent/backup_left", [("/", 200, "upstream")], ""),
    ("proxy-to-itself", "fire/own_port", [("/x", 500, "")], "worker_connections are not enough"),
    ("proxy-to-itself", "fire/upstream", [("http://a.test:8080/api/x", 500, "")], "worker_connections are not enough"),
    ("proxy-to-itself", "fire/two_servers", [("/x", 502, "")], "worker_connections are not enough"),
    ("proxy-to-itself", "silent/other_port", [("/x", 200, "upstream")], ""),
    ("proxy-to-itself", "silent/other_server", [("/x", 200, "page")], ""),
    ("proxy-to-itself", "silent/other_location", [("/api/x", 200, "page")], ""),
    ("proxy-to-itself", "silent/stopped_on_the_way", [("/x", 204, "")], ""),
    ("capture-missing", "fire/rewrite", [("/blog/x", 301, "=http://a.test/articles/")], ""),
    ("capture-missing", "fire/no_group", [("/users/x", 302, "=http://a.test/profile/")], ""),
    ("capture-missing", "fire/condition", [("/old/x", 301, "=http://a.test/new/")], ""),
    ("capture-missing", "silent/counted", [("/blog/7/x", 301, "=http://a.test/articles/x?year=7")], ""),
    ("capture-missing", "silent/other_regex_in_between", [("/users/x?id=1&n=2", 302, "=http://a.test/profile/2")], ""),
    ("map-without-default", "fire/proxy", [("/?version=one", 200, "upstream"), ("/?version=x", 500, "")], "invalid URL prefix"),
    ("map-without-default", "fire/redirect", [("/old", 301, "=http://a.test/new"), ("/x", 301, "")], ""),
    ("map-without-default", "fire/host", [("/", 200, "upstream"), ("http://b.test/", 500, "")], "invalid URL prefix"),
    ("map-without-default", "silent/default", [("/?version=x", 200, "upstream")], ""),
    ("map-without-default", "silent/all_listed", [("/", 200, "upstream"), ("http://b.test/b/", 200, "upstream")], ""),
    ("if-skips-try-files", "fire/sets", [("/none", 200, "index.html"), ("/none?x=1", 404, "")], ""),
    ("if-skips-try-files", "fire/header", [("/none", 200, "index.html"), ("/none?x=1", 404, "")], ""),
    ("if-skips-try-files", "fire/rewrites_some", [("/none", 200, "index.html"), ("/none?x=1", 404, "")], ""),
    ("if-skips-try-files", "silent/map", [("/none?x=1", 200, "index.html")], ""),
    ("if-skips-try-files", "silent/ends_the_request", [("/none?x=3", 200, "index.html"), ("/none?x=1", 403, "")], ""),
    ("if-skips-try-files", "silent/in_the_server", [("/none?x=1", 200, "index.html")], ""),
    ("if-skips-try-files", "silent/front_controller", [("/none", 200, "index.html")], ""),
    ("dead-directive", "silent/break_to_be_sure", [("http://www.a.test/x", 301, "=http://a.test/x"), ("/x", 204, "")], ""),
    ("try-files-with-alias", "fire/status", [("/img/a.png", 404, "")], ""),
    ("try-files-with-alias", "fire/folder", [("/img/a.png", 404, "")], ""),
    ("try-files-with-alias", "fire/caseless", [("/img/a.png", 404, "")], ""),
    ("try-files-with-alias", "silent/empty", [("/img/a.png", 200, "img/a.png")], ""),
    ("try-files-with-alias", "silent/prefix", [("/img/a.png", 200, "img/a.png")], ""),
    ("try-files-with-alias", "silent/root", [("/img/a.png", 200, "img/a.png"), ("/pictures/a.png", 200, "img/a.png")], ""),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "fixture", "requests", "log"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_nginx_does_what_the_rule_says(
    rule: str, fixture: str, requests: list[tuple[str, int, str]], log: str, run: Runner
) -> None:
    assert bool(findings(rule, fixture)) is fixture.startswith("fire/")
    with run(rule, fixture) as nginx:
        for url, status, expected in requests:
            answer = nginx.get(url if "://" in url else f"http://a.test{url}")
            got = answer.location if 300 <= status < 400 else answer.body
            assert answer.status == status, url
            if expected.startswith("="):
                assert got == expected[1:], url
            else:
                assert expected in got, url
        assert log in nginx.log()


@pytest.mark.parametrize("fixture", ["two_headers", "setting"])
def test_the_settings_of_an_if_replace_others(fixture: str, run: Runner) -> None:
    with run("if-is-evil", f"fire/{fixture}") as nginx:
        connection = http.client.HTTPConnection("127.0.0.1", nginx.ports[80], timeout=5)
        connection.request("GET", "/index.html?a=1&b=1&download=1", headers={"Host": "a.test"})
        headers = connection.getresponse().headers
        assert "X-A" not in headers
        assert "X-Frame-Options" not in headers
        assert headers["X-B"] or headers["Content-Disposition"]


def test_an_unknown_upstream_is_asked_of_dns(run: Runner) -> None:
    nginx = run("proxy-pass-unknown-upstream", "fire/removed")
    with pytest.raises(AssertionError, match="does not run"), nginx:
        pass
    assert 'host not found in upstream "failsafe_green"' in nginx.log()


def test_a_glob_without_a_match_is_no_error(tmp_path: Path) -> None:
    with Nginx(tmp_path, "include nothing/*.conf; server { listen 80; return 204; }") as nginx:
        assert nginx.get("http://a.test/").status == 204


def test_a_definition_without_a_use_is_no_error(run: Runner) -> None:
    with run("unused-definition", "fire/zone") as nginx:
        assert nginx.get("http://a.test/login").status == 204
        assert nginx.log() == ""


@pytest.mark.parametrize("rule", ["shadowed-location"])
def test_the_sample_in_the_message_goes_to_the_other_location(rule: str, run: Runner) -> None:
    (finding,) = findings(rule, "fire/later_is_narrower")
    match = re.search(r"GET (\S+);", finding.message)
    assert match
    with run(rule, "fire/later_is_narrower") as nginx:
        assert nginx.get(f"http://a.test{match[1]}").body == "first"
