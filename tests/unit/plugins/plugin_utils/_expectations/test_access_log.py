# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import json
import os
import random
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import AccessLog, read_access_log
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import access_log as room
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.log_format import FORMATS, LogFormat
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.privacy import clean_path
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError

COMMON = [LogFormat(name, text) for name, text in FORMATS.items()]
JSON = r"""
log_format site escape=json '{"time":"$time_iso8601","client":"$remote_addr",'
  '"host":"$host","scheme":"$scheme","method":"$request_method","uri":"$request_uri","agent":"$http_user_agent"}';
"""


def facts(log: AccessLog) -> dict[str, t.Any]:
    """How much was read."""
    return {
        "log": log.name,
        "format": log.format,
        "lines": log.lines,
        "broken": log.broken,
        "groups": len(log.weights),
        "forgotten": log.forgotten,
        "notes": log.notes,
    }


def config(block: str) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}\n}}\n".encode()}, config_dir="/etc/nginx")


SITE = config(
    JSON + "server { listen 80; listen 443 ssl; server_name www.example.com; location /a/ { } }"
    "server { listen 80; server_name plain.example.com; access_log /var/log/nginx/plain.log; }"
)


def combined(request: str, agent: str = "Mozilla/5.0 (X11) - x") -> bytes:
    return (
        f'203.0.113.9 - joe [10/Oct/2026:13:55:36 +0000] "{request}" 200 23 "https://r/?s=secret" "{agent}"\n'.encode()
    )


def read(*lines: bytes, name: str = "access.log", formats: list[LogFormat] = COMMON) -> AccessLog:
    log = AccessLog(name)
    log.add(lines, formats)
    return log


def asked(log: AccessLog) -> list[tuple[str, str, str, int]]:
    probes = log.probes(None, SITE)
    return [(p.method, "https" if p.listen.ssl else "http", p.host + p.target, p.weight) for p in probes]


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


# -- formats


@pytest.mark.parametrize(
    ("line", "name", "host"),
    [
        (b'1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5\n', "common", ""),
        (combined("GET /a HTTP/1.1"), "combined", ""),
        (combined("GET /a HTTP/1.1").rstrip() + b' "10.0.0.1, 10.0.0.2"\n', "main", ""),
        (b"plain.example.com:80 " + combined("GET /a HTTP/1.1"), "vhost_combined", "plain.example.com"),
    ],
)
def test_the_usual_formats_are_told_apart(line: bytes, name: str, host: str) -> None:
    log = read(*[line] * 3, b"something else\n")
    assert facts(log) == {
        "log": "access.log",
        "format": name,
        "lines": 4,
        "broken": 1,
        "groups": 1,
        "forgotten": 0,
        "notes": [],
    }
    [group] = log.weights
    assert (group.method, group.host, group.path) == ("GET", host, "/a")


def test_the_configuration_s_own_format(tmp_path: Path) -> None:
    lines = [
        r'{"time":"x","client":"203.0.113.9","host":"www.example.com","scheme":"https","method":"GET","uri":"/a/\"b?c=d","agent":"\"}"}',
        r'{"time":"x","client":"203.0.113.9","host":"plain.example.com","scheme":"http","method":"POST","uri":"\/b","agent":""}',
    ]
    path = written(tmp_path / "site.log", "\n".join(lines).encode())
    log = read_access_log(path, configs=[None, SITE])
    assert log.format == "site"
    assert asked(log) == [("GET", "https", "www.example.com/a/%22b", 1), ("POST", "http", "plain.example.com/b", 1)]


def test_a_format_that_is_named_or_given(tmp_path: Path) -> None:
    path = written(tmp_path / "a.log", b"www.example.com|/a|x\n")
    assert asked(read_access_log(path, configs=[SITE], log_format="$host|$request_uri|$status")) == [
        ("GET", "https", "www.example.com/a", 1)
    ]
    with pytest.raises(RouteError, match=r"1 line read, none has the format combined: name its log_format"):
        read_access_log(path, log_format="combined")
    with pytest.raises(RouteError, match=r'there is no log_format "nope" with a path in it; there are: site, main'):
        read_access_log(path, configs=[SITE], log_format="nope")
    for useless in ("$host $status", "$host$request_uri"):
        with pytest.raises(RouteError, match="log_format needs"):
            read_access_log(path, log_format=useless)


# -- what is kept


@pytest.mark.parametrize(
    ("request_", "kept"),
    [
        ("GET /a?token=secret&b=c HTTP/1.1", "/a"),
        ("GET /a#frag HTTP/1.1", "/a"),
        ("GET http://www.example.com:80/a?b HTTP/1.1", "/a"),
        ("GET http://joe:secret@www.example.com HTTP/1.1", "/"),
        ("GET /a%20b/%C3%A9 HTTP/2.0", "/a%20b/%C3%A9"),
        (r"GET /a\x22b HTTP/1.1", "/a%22b"),
        ("DELETE /a HTTP/1.0", "/a"),
        ("GET * HTTP/1.1", None),
        ("CONNECT evil:443 HTTP/1.1", None),
        ("BREW /a HTTP/1.1", None),
        ("GET /a", None),
        ("-", None),
        (r"\x16\x03\x01\x02", None),
        ("GET /a b HTTP/1.1", None),
        ("GET /" + "a" * 5000 + " HTTP/1.1", None),
    ],
)
def test_requests(request_: str, kept: str | None) -> None:
    log = read(combined(request_))
    assert [group.path for group in log.weights] == ([] if kept is None else [kept])
    assert log.broken == (kept is None)


SECRETS = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "550e8400-e29b-41d4-a716-446655440000",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "AKIAIOSFODNN7EXAMPLE",
    "aZ3kP9qLm2Xv7TbN",
    "dGhpcyBpcyBhIHNlY3JldA==",
    "alice.smith@mail.firma.org",
    "alice%40mail.firma.org",
    "+4917012345678",
    "4111111111111111",
    "203.0.113.77",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["/x/{}", "/{}/y", "/x-{}.css", "/x;id={}", "/reset/{}"])
def test_nothing_that_is_one_person_s_is_kept(secret: str, around: str) -> None:
    path = around.format(secret)
    kept = clean_path(path)
    assert kept is not None
    assert not shared(secret.replace("%40", "@"), kept), kept
    assert clean_path(kept) == kept
    log = read(combined(f"GET {path} HTTP/1.1"))
    assert secret not in json.dumps(
        [[encode(probe) for probe in log.probes(None, SITE)], facts(log), list(map(str, log.examples.values()))]
    )


def shared(secret: str, kept: str) -> bool:
    """Whether a part of the secret that says something stands in what is kept."""
    parts = (secret[start : start + 7] for start in range(len(secret) - 6))
    return any(part in kept for part in parts if part not in "0123456789abcdef" * 2 and part not in "1234567890" * 2)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/a/b.html", "/users/7", "/2026/01/31/how-to-configure-nginx-part-2", "/app.0badcafe.css", "/@alice"),
        *("/wp-content/themes/twentytwentyfour/style.css", "/api/v1/getUserByIdentificationNumber", "/caf%C3%A9"),
        *(
            "/internationalization-documentation",
            "/npm/react@18.2.0/umd/react.production.min.js",
            "/token",
            "/reset/password",
        ),
        *("/a//b", "/%E6%97%A5%E6%9C%AC", "/.well-known/acme-challenge", "/order-12345678"),
    ],
)
def test_ordinary_paths_are_kept_as_they_are(path: str) -> None:
    assert clean_path(path) == path


def test_stand_ins_are_of_the_same_kind() -> None:
    assert clean_path("/f/d41d8cd98f00b204e9800998ecf8427e/x") == "/f/0123456789abcdef0123456789abcdef/x"
    assert clean_path("/c/4111111111111111") == "/c/1234567890123456"
    assert clean_path("/x;jsessionid=ABC/y") == "/x;jsessionid=x/y"
    assert clean_path("/u/alice@example.org") == "/u/user@example.com"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=80))
def test_cleaning_any_path_ends_well(text: str) -> None:
    kept = clean_path("/" + text)
    assert kept is None or clean_path(kept) == kept


def test_cleaning_is_linear() -> None:
    start = time.process_time()
    for text in ("a" * 990, "a@" * 495, "a." * 495, "0" * 990, "a-" * 495, "aaaaaaaa." * 110, "%41" * 330, ";=" * 495):
        clean_path("/" + text)
    assert time.process_time() - start < 3


# -- grouping


def test_requests_are_grouped_and_weighted() -> None:
    lines = [combined(f"GET /p/{n}/x?q={n} HTTP/1.1") for n in range(50)] + [combined("GET / HTTP/1.1")] * 7
    log = read(*lines, name="plain.log")
    assert asked(log) == [("GET", "http", "plain.example.com/p/0/x", 50), ("GET", "http", "plain.example.com/", 7)]
    first = log.probes(None, SITE)[0]
    assert (first.id, first.origin, first.why, first.file, first.line) == (
        "l1",
        "log",
        "asked for 50 times",
        "plain.log",
        1,
    )


def test_a_log_without_hosts_belongs_to_the_servers_that_write_it() -> None:
    line = combined("GET /a HTTP/1.1")
    assert [each[2] for each in asked(read(line, name="/x/plain.log.2.gz"))] == ["plain.example.com/a"]
    assert [each[2] for each in asked(read(line, name="/x/plain.log-20260101"))] == ["plain.example.com/a"]
    assert {each[2] for each in asked(read(line, name="/x/other.log"))} == {"plain.example.com/a", "www.example.com/a"}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "GROUPS", 10)
    rare = [combined(f"GET /{chr(97 + n % 26)}{chr(97 + n // 26)} HTTP/1.1") for n in range(300)]
    often = [combined("GET /often HTTP/1.1")] * 20
    log = read(*often, *rare)
    assert len(log.examples) <= 10
    assert set(log.examples) == set(log.weights)
    assert sum(log.weights.values()) + log.forgotten == 320
    assert asked(log)[0][2:] == ("plain.example.com/often", 20) or asked(log)[0][2:] == ("www.example.com/often", 20)


def test_huge_logs_are_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LINES", 5)
    log = read(*[combined("GET / HTTP/1.1")] * 9)
    assert (log.lines, log.notes) == (5, ["only the first 5 lines were read"])


def test_what_both_ask_for_is_asked_once() -> None:
    log = read(combined("GET /a/ HTTP/1.1"), name="plain.log")
    plan = plan_probes(None, SITE, log=log)
    mine = [probe for probe in plan.probes if probe.origin == "log"]
    assert [probe.target for probe in mine] == ["/a/"]
    same = [p for p in plan.probes if (p.target, p.host, p.listen.port) == ("/a/", "plain.example.com", 80)]
    assert len(same) == 1


# -- files


def test_compressed_logs(tmp_path: Path) -> None:
    data = combined("GET /a HTTP/1.1") * 1000
    whole = read_access_log(written(tmp_path / "a.gz", gzip.compress(data)))
    assert (whole.lines, whole.broken, whole.notes) == (1000, 0, [])
    two = read_access_log(written(tmp_path / "b.gz", gzip.compress(data) + gzip.compress(data)))
    assert two.lines == 2000
    cut = read_access_log(
        written(tmp_path / "c.gz", gzip.compress(os.urandom(90_000).hex().encode() + b"\n" + data)[:-50])
    )
    assert cut.notes[0].startswith("the compressed log ends early: ") or cut.notes == []


def test_damaged_compression_is_noted(tmp_path: Path) -> None:
    # Fixed ones: what a damaged stream still unpacks to may have any number of line ends.
    drawn = random.Random(3000)  # noqa: S311 -- a draw, no secret
    lines = b"".join(combined(f"GET /{drawn.getrandbits(48):012x} HTTP/1.1") for _unused in range(3000))
    data = gzip.compress(lines)
    for number, damaged in enumerate((data[: len(data) // 2], data[:5000] + b"\xff" * 50 + data[5050:])):
        log = read_access_log(written(tmp_path / f"{number}.gz", damaged))
        assert log.notes
        assert log.notes[0].startswith("the compressed log ends early: ")
        assert 0 < log.lines < 3001


def test_binary_and_endless_lines_are_counted(tmp_path: Path) -> None:
    good = combined("GET /a HTTP/1.1")
    data = good + os.urandom(2000).replace(b"\n", b"") + b"\n" + b"\x00" * 300_000 + b"\n" + good + b"cut off"
    log = read_access_log(written(tmp_path / "a.log", data))
    assert (log.lines, log.broken) == (5, 3)
    assert next(iter(log.weights.values())) == 2


def test_an_empty_log_asks_for_nothing(tmp_path: Path) -> None:
    log = read_access_log(written(tmp_path / "a.log", b""))
    assert log.probes(None, SITE) == []
    assert facts(log)["lines"] == 0


def test_what_is_no_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(RouteError, match="is no regular file"):
            read_access_log(str(path))
    with pytest.raises(RouteError, match="cannot be read: No such file"):
        read_access_log(str(tmp_path / "none"))
    with pytest.raises(RouteError, match="3 lines read, none has the format"):
        read_access_log(written(tmp_path / "a.log", b"a\nb\nc\n"))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(combined)), max_size=8))
def test_no_line_breaks_the_reading(lines: list[bytes]) -> None:
    log = read(*lines)
    assert log.broken + sum(log.weights.values()) == log.lines == len(lines)
    for probe in log.probes(None, SITE):
        assert probe.target.isascii()
        assert probe.target.isprintable()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(
        st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), min_size=12, max_size=40
    ),
    st.sampled_from(["?token={}", "?a=b&session={}", "#{}", ";sid={}", "?{}"]),
)
def test_no_value_behind_a_path_is_kept(secret: str, place: str) -> None:
    log = read(combined(f"GET /a{place.format(secret)} HTTP/1.1"))
    text = json.dumps([[encode(probe) for probe in log.probes(None, SITE)], facts(log)])
    assert secret not in text


def test_the_same_log_gives_the_same_probes() -> None:
    lines = [combined(f"GET /{n % 7}{'abc'[n % 3]} HTTP/1.1") for n in range(100)]
    assert read(*lines).probes(None, SITE) == read(*lines).probes(None, SITE)
