# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS of each listener and name, before and after, in real private worlds."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.errors import PlanError
from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import make_certificate
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.compared import (
    compare_folders,
    folder,
    told,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange, RouteCheckReport

pytestmark = [pytest.mark.nginx, pytest.mark.root]

#: Name of a pair -> its names, and its end.
PAIRS: t.Final = {
    "good": ("DNS:www.shop.test, DNS:shop.test", "20700101000000Z"),
    "renewed": ("DNS:shop.test, DNS:www.shop.test", "20710101000000Z"),
    "wider": ("DNS:shop.test, DNS:www.shop.test, DNS:m.shop.test", "20700101000000Z"),
    "foreign": ("DNS:other.test", "20700101000000Z"),
    "expired": ("DNS:shop.test, DNS:www.shop.test", "20240101000000Z"),
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of all pairs, as a folder of nginx has them."""
    place = tmp_path_factory.mktemp("pairs")
    files = {}
    for name, (names, end) in PAIRS.items():
        make_certificate(place / name, names=names, end=end)
        files |= _files(place / name, name)
    files["tls/chain.pem"] = files["tls/good.pem"] + files["tls/foreign.pem"]
    files["tls/chain.key"] = files["tls/good.key"]
    return files


def _files(place: Path, name: str) -> dict[str, bytes]:
    return {
        f"tls/{name}.pem": (place / "cert.pem").read_bytes(),
        f"tls/{name}.key": (place / "key.pem").read_bytes(),
    }


def shop(port: int, pair: str = "good", more: str = "", listen: str = "") -> str:
    return (
        f"server {{ listen {port} ssl {listen}; server_name shop.test; ssl_certificate tls/{pair}.pem; "
        f'ssl_certificate_key tls/{pair}.key; {more} location / {{ return 200 "shop"; }} }}\n'
    )


#: Port -> what is added to the shop before and after, and the classes that have to be told. `pair` is its certificate.
VARIATIONS: t.Final[dict[int, tuple[dict[str, str], dict[str, str], set[str]]]] = {
    9401: ({"more": "ssl_protocols TLSv1.2 TLSv1.3;"}, {"more": "ssl_protocols TLSv1.3;"}, {"tls-changed"}),
    9402: ({"more": "ssl_protocols TLSv1.3;"}, {"more": "ssl_protocols TLSv1.2 TLSv1.3;"}, {"tls-changed"}),
    9403: ({}, {"pair": "renewed"}, {"certificate-renewed"}),
    9404: ({}, {"pair": "foreign"}, {"certificate-broken", "tls-changed"}),
    9405: ({}, {"pair": "expired"}, {"certificate-broken"}),
    9406: ({}, {"pair": "wider"}, {"tls-changed"}),
    9407: ({"listen": "http2"}, {}, {"tls-changed"}),
    9408: (
        {"more": "ssl_protocols TLSv1.3;"},
        {"more": "ssl_protocols TLSv1.3; ssl_verify_client on; ssl_client_certificate tls/good.pem;"},
        {"tls-changed"},
    ),
    9409: (
        {},
        {"more": "ssl_verify_client optional; ssl_client_certificate tls/good.pem;"},
        {"tls-changed"},
    ),
    9410: ({"pair": "chain"}, {"pair": "good"}, {"tls-changed"}),
    9411: ({"pair": "expired"}, {"pair": "foreign"}, {"tls-changed"}),
    9412: ({}, {"more": "ssl_session_timeout 4m;"}, set()),
    9413: ({}, {"pair": "absent"}, set()),
}


@pytest.fixture(scope="module")
def report(pairs: dict[str, bytes]) -> RouteCheckReport:
    sides = ("".join(shop(port, **each[side]) for port, each in VARIATIONS.items()) for side in (0, 1))
    return compare_folders(*(folder(f"http {{ {side} }}", pairs) for side in sides))[1]


def of_tls(changes: list[BehaviourChange]) -> list[BehaviourChange]:
    return [change for change in changes if change.example.request.startswith("TLS")]


@pytest.mark.parametrize("port", VARIATIONS)
def test_a_change_of_tls_has_its_class(report: RouteCheckReport, port: int) -> None:
    assert {name for name, _listener in told(of_tls(report.changes), port)} == VARIATIONS[port][2]


def test_a_certificate_that_broke_stops_and_another_version_is_told(report: RouteCheckReport) -> None:
    stopping = {failure.name for failure in report.gate()}
    assert "certificate-broken" in stopping
    assert stopping.isdisjoint({"tls-changed", "certificate-renewed"})


def test_the_words_name_versions_certificate_and_clients(report: RouteCheckReport) -> None:
    lines = {
        listener: (change.example.before[0], change.example.after[0])
        for change in of_tls(report.changes)
        for listener in change.listeners
    }
    assert (lines["*:9401"][0].partition(",")[0], lines["*:9401"][1].partition(",")[0]) == (
        "TLSv1.2 TLSv1.3",
        "TLSv1.3",
    )
    assert "a client certificate is demanded" in lines["*:9408"][1]
    assert "a client certificate is asked for" in lines["*:9409"][1]
    assert "it is not valid today" in lines["*:9405"][1]
    assert ("ALPN h2" in lines["*:9407"][0], "ALPN http/1.1" in lines["*:9407"][1]) == (True, True)


def test_a_renewed_certificate_at_the_same_path_is_no_stop(pairs: dict[str, bytes]) -> None:
    renewed = {**pairs, "tls/good.pem": pairs["tls/renewed.pem"], "tls/good.key": pairs["tls/renewed.key"]}
    report = compare_folders(folder(f"http {{ {shop(9421)} }}", pairs), folder(f"http {{ {shop(9421)} }}", renewed))[1]
    assert {change.name for change in report.changes} == {"certificate-renewed"}
    assert report.gate() == []


def test_the_default_server_decides_the_versions(pairs: dict[str, bytes]) -> None:
    """nginx 1.22 reads `ssl_protocols` before it knows the name: that of another server changes nothing."""
    second = shop(9422, more="ssl_protocols TLSv1.2 TLSv1.3;").replace("shop.test", "www.shop.test")
    after = second.replace("TLSv1.2 TLSv1.3", "TLSv1.3")
    one, report = compare_folders(*(folder(f"http {{ {shop(9422)} {each} }}", pairs) for each in (second, after)))
    assert of_tls(report.changes) == []
    assert [probe.sni for probe in one.probes if probe.protocol == "tls"] == ["www.shop.test"]


def test_a_new_listener_is_looked_at_and_an_unchanged_one_is_not(pairs: dict[str, bytes]) -> None:
    both = shop(9423)
    one, report = compare_folders(folder(f"http {{ {both} }}", pairs), folder(f"http {{ {both} {shop(9424)} }}", pairs))
    assert {probe.listen.port for probe in one.probes if probe.protocol == "tls"} == {9424}
    assert told(report.changes, 9424) == {("new", "*:9424")}


def test_a_key_of_another_certificate_is_not_replaced(pairs: dict[str, bytes]) -> None:
    crossed = {**pairs, "tls/good.key": pairs["tls/foreign.key"]}
    with pytest.raises(PlanError, match="key values mismatch"):
        compare_folders(folder(f"http {{ {shop(9425)} }}", pairs), folder(f"http {{ {shop(9425)} }}", crossed))


def test_a_change_of_tls_has_a_handshake_as_its_witness(pairs: dict[str, bytes]) -> None:
    old, new = "ssl_ciphers HIGH:!aNULL;", "ssl_ciphers HIGH:!aNULL:!MD5;"
    one, report = compare_folders(*(folder(f"http {{ {shop(9426, more=each)} }}", pairs) for each in (old, new)))
    by_id = {probe.id: probe for probe in one.probes}
    assert {by_id[each].protocol for ids in one.plan.witnesses.values() for each in ids} == {"tls"}
    assert report.changes == []


def test_a_change_that_handshakes_do_not_show_is_not_exercised(pairs: dict[str, bytes]) -> None:
    old = shop(9431, more="ssl_ciphers HIGH:!aNULL;") + shop(9432, "absent")
    new = shop(9431, more="ssl_ciphers HIGH:!aNULL:!MD5;") + shop(9432, "missing")
    report = compare_folders(*(folder(f"http {{ {each} }}", pairs) for each in (old, new)))[1]
    assert {account.state for account in report.accounts} == {"not-exercised"}
    assert {account.reason for account in report.accounts} == {
        "handshakes are compared without ciphers and curves",
        "its certificate is not on this host, a self-signed one stood for it",
    }
