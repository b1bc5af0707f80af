# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.dns import DnsNames
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.networks import is_literal
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.scan import Scan


def query(name: str, kind: int, number: int = 7) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def parse(reply: bytes | None) -> tuple[int, int, bytes]:
    assert reply is not None
    _number, flags, _questions, answers = struct.unpack_from(">HHHH", reply)
    return flags & 0xF, answers, reply[-4:] if answers else b""


def test_every_name_has_an_address_of_its_own() -> None:
    names = DnsNames()
    first, second = (parse(names.reply(query(name, 1))) for name in ("a.example", "b.example"))
    assert first[:2] == second[:2] == (0, 1)
    assert first[2] != second[2]
    assert parse(names.reply(query("A.Example", 1)))[2] == first[2]
    assert set(names.by_address.values()) == {"a.example", "b.example"}


def test_one_peer_for_who_asks_for_both_families_and_ipv6_for_who_asks_for_it_alone() -> None:
    names = DnsNames()
    assert parse(names.reply(query("both", 1)))[1] == 1
    assert parse(names.reply(query("both", 28)))[:2] == (0, 0)
    assert parse(names.reply(query("six", 28)))[:2] == (0, 1)


@pytest.mark.parametrize("kind", [33, 12, 16])
def test_other_records_do_not_exist(kind: int) -> None:
    assert parse(DnsNames().reply(query("_http._tcp.x", kind)))[:2] == (3, 0)


@given(st.binary(max_size=80))
def test_no_packet_breaks_it(data: bytes) -> None:
    DnsNames().reply(data)


def test_an_answer_is_never_answered() -> None:
    reply = DnsNames().reply(query("x", 1))
    assert reply is not None
    assert DnsNames().reply(reply) is None


def scan(folder: Path, text: str) -> Scan:
    (folder / "nginx.conf").write_text(text)
    return Scan(str(folder))


def test_what_a_configuration_names(tmp_path: Path) -> None:
    (tmp_path / "binary.so").write_bytes(b"\0listen 1.1.1.1:1;")
    (tmp_path / "dangling").symlink_to("/nowhere")
    found = scan(
        tmp_path,
        "user www  staff; # listen 9.9.9.9:9;\n"
        "listen 80; listen [::1]:8080 ssl; listen 10.0.0.1; listen unix:/run/n.sock; listen name.example:80;\n"
        "# proxy_pass http://10.1.1.1:7777;\n"
        "proxy_pass http://10.1.1.1:8081/x; fastcgi_pass unix:/run/p.sock; proxy_pass http://unix:/a/$b.sock:/;\n"
        "resolver 10.0.0.53 [2001:db8::53]:5353 valid=10s;\n"
        "ssl_certificate \"/a b/c.pem\"; ssl_certificate_key 'k.pem'; error_log /var/log/e.log warn;\n"
        'server_name www.example.com _ *.example.org "~^x$"; daemon  off; listen 81 reuseport;',
    )
    assert found.listens == ["10.0.0.1", "80", "81", "::1", "unix:/run/n.sock"]
    assert {80, 443, 8080, 8081, 5353} <= found.ports
    assert not {7777, 9} & found.ports
    assert found.unix == ["/a/$b.sock", "/run/n.sock", "/run/p.sock"]
    assert found.resolvers == {("10.0.0.53", 53), ("2001:db8::53", 5353)}
    assert (found.files["ssl_certificate"], found.files["ssl_certificate_key"]) == (["/a b/c.pem"], ["k.pem"])
    assert found.paths("error_log") == ["/var/log/e.log"]
    assert found.user == ["www", "staff"]
    assert found.words == {"daemon off", "reuseport"}
    assert {"www.example.com", "*.example.org"} <= found.names


@pytest.mark.parametrize(
    ("text", "several"),
    [
        ("upstream a { server b; server c:1 weight=2; }", True),
        ("upstream a { zone z 1m; server b; }\nupstream c { server d; }", False),
        ("server { server_name a; } server { listen 80; }", False),
    ],
)
def test_upstreams_with_several_servers(tmp_path: Path, text: str, several: bool) -> None:  # noqa: FBT001
    assert scan(tmp_path, text).several == several


def test_nothing_to_find(tmp_path: Path) -> None:
    assert scan(tmp_path, "").listens == []
    assert Scan(str(tmp_path / "none")).unix == []


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("10.0.0.1", True),
        ("::", True),
        ("80", False),
        ("*", False),
        ("name.example", False),
        ("unix:/x", False),
        ("", False),
    ],
)
def test_literal_addresses(text: str, literal: bool) -> None:  # noqa: FBT001
    assert is_literal(text) == literal
