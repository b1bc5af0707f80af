# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of groups: exact, and the same wherever and whenever the change is the same."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import Make

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    ComparedSide,
    RouteCheckReport,
    compare,
    is_key,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.accept_keys import HostWords
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff as semantic_diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import instrument

OUTCOMES = st.builds(
    lambda status, location, closed, header, path: Make.outcome(
        status,
        closed=closed if status is None else None,
        location=location if status in (301, 302) else None,
        headers={"X-Frame-Options": header} if header and status else {},
        upstreams=[Make.upstream("http://app:8080", path)] if status == 200 else [],
    ),
    st.sampled_from([None, 200, 301, 302, 401, 403, 404, 500, 502]),
    st.sampled_from(["http://a.test/a", "/b", "https://www.a.test/c?d=e"]),
    st.sampled_from(["refused", "closed", "reset"]),
    st.sampled_from(["", "DENY", "SAMEORIGIN"]),
    st.sampled_from(["/", "/v1/a"]),
)
PAIRS = st.lists(st.tuples(OUTCOMES, OUTCOMES), min_size=1, max_size=6)
TODAY = dt.date(2026, 11, 22)
SITE = """
server {
    listen 10.1.0.1:8080;
    server_name shop.web7.example.net;
    location / { return 200; }
    location /cart { return 301 http://shop.web7.example.net:8080/basket; }
    location /old/ { return 302 https://www.example.net$request_uri; }
}
server {
    listen 10.1.0.1:8080 default_server;
    location /x { return 200; }
}
"""
CART = ("location /cart { return 301 http://shop.web7.example.net:8080/basket; }", "location /cart { return 404; }")


class Case(t.NamedTuple):
    """One request: its path, the block that answers, and status, Location and host."""

    path: str
    way: str
    old: dict[str, t.Any]
    new: dict[str, t.Any]


def checked(
    old: str,
    new: str,
    cases: list[Case],
    *,
    files: tuple[str, str] = ("site.conf", "site.conf"),
    host: str = "shop.web7.example.net",
    socket: tuple[str, int] = ("10.1.0.1", 8080),
    **more: t.Any,
) -> RouteCheckReport:
    """Compare two texts, each included from a file, by the outcomes that each case tells."""
    sides = []
    for text, name, which in ((old, files[0], "old"), (new, files[1], "new")):
        main = f"events {{}}\nhttp {{\n    include {name};\n}}\n".encode()
        config = load_files({"nginx.conf": main, name: text.encode()}, config_dir="/etc/nginx")
        markers = instrument(config)[1]
        outcomes = [Make.outcome(number=index, **getattr(case, which)) for index, case in enumerate(cases)]
        traced = [
            replace(
                outcome,
                trace=[next((mark for mark, block in markers.items() if block.text == word), "") for word in way],
            )
            for outcome, case in zip(outcomes, cases, strict=True)
            for way in [case.way.split(" > ")]
        ]
        sides.append(ComparedSide(outcomes, config=config, markers=markers, traced=traced))
    probes = [
        replace(
            Make.probe(f"http://{host}{case.path}", index),
            listen=replace(Make.probe().listen, address=socket[0], port=socket[1]),
        )
        for index, case in enumerate(cases)
    ]
    diff = semantic_diff(t.cast("t.Any", sides[0].config), t.cast("t.Any", sides[1].config))
    return compare(probes, *sides, diff=t.cast("t.Any", diff), today=TODAY, **more)


def one(report: RouteCheckReport) -> str:
    assert len(report.changes) == 1, [(each.name, each.where) for each in report.changes]
    assert is_key(report.changes[0].key)
    return report.changes[0].key


def cart(host: str = "shop.web7.example.net", number: int = 1) -> list[Case]:
    away = {"status": 301, "location": f"http://{host}:8080/basket"}
    way = f"server {host} > location /cart"
    return [Case("/cart" + "/x" * index, way, away, {"status": 404}) for index in range(number)]


#: A request that works on both sides, so that its server is not out as a whole.
MOVED: t.Final = {"status": 302, "location": "https://www.example.net/old/"}
FINE: t.Final = Case("/old/", "server shop.web7.example.net > location /old/", MOVED, MOVED)


def test_a_key_is_short_and_begins_with_the_class() -> None:
    report = checked(SITE, SITE.replace(*CART), cart())
    assert one(report).rpartition("-")[0] == report.changes[0].name
    assert len(one(report).rpartition("-")[2]) * 4 >= 40


@pytest.mark.parametrize(
    ("old", "new", "files"),
    [
        ("\n\n# words\n" + SITE, "# others\n" * 7 + SITE, ("site.conf", "site.conf")),
        (SITE, SITE, ("old.conf", "new.conf")),
        (SITE.replace("\n    ", "\n\t"), SITE, ("site.conf", "site.conf")),
    ],
    ids=["lines", "files", "indentation"],
)
def test_a_key_is_the_same_wherever_the_change_stands(old: str, new: str, files: tuple[str, str]) -> None:
    key = one(checked(SITE, SITE.replace(*CART), cart()))
    assert one(checked(old, new.replace(*CART), cart(), files=files)) == key


def test_a_key_is_the_same_on_every_host() -> None:
    key = one(checked(SITE, SITE.replace(*CART), cart(), host_names=["web7", "10.1.0.1"]))
    words = {"web7": "web12", "10.1.0.1": "10.2.0.9", "8080": "9090"}

    def elsewhere(text: str) -> str:
        for word, other in words.items():
            text = text.replace(word, other)
        return text

    cases = [
        case._replace(old={**case.old, "location": elsewhere(case.old["location"])}, way=elsewhere(case.way))
        for case in cart()
    ]
    other = checked(
        elsewhere(SITE),
        elsewhere(SITE.replace(*CART)),
        cases,
        host="shop.web12.example.net",
        socket=("10.2.0.9", 9090),
        host_names=["web12", "10.2.0.9"],
    )
    assert other.changes[0].servers == ("shop.web12.example.net",)
    assert one(other) == key


def test_a_key_is_the_same_beside_other_groups_and_with_more_requests_of_the_kind() -> None:
    key = one(checked(SITE, SITE.replace(*CART), cart()))
    other = SITE.replace(*CART).replace("location /x { return 200; }", "location /x { return 403; }")
    beside = Case("/x", "server > location /x", {"status": 200}, {"status": 403})
    report = checked(SITE, other, [*cart(number=3), beside, FINE])
    assert [change.key == key for change in report.changes].count(True) == 1
    assert len(report.changes) == 2


def test_what_differs_by_body_error_or_time_does_not_matter() -> None:
    new = SITE.replace(*CART)
    keys = {
        one(checked(SITE, new, [case._replace(new={"status": 404, "body": body, "errors": [body]}) for case in cart()]))
        for body in ("one", "two")
    }
    assert len(keys) == 1


def test_a_redirect_of_a_folder_is_one_kind_and_another_target_another_key() -> None:
    way = "server shop.web7.example.net > location /old/"

    def moved(to: str, *pages: str) -> str:
        new = SITE.replace("https://www.example.net$request_uri", f"{to}$request_uri")
        return one(
            checked(
                SITE,
                new,
                [
                    Case(
                        page,
                        way,
                        {"status": 302, "location": f"https://www.example.net{page}"},
                        {"status": 302, "location": f"{to}{page}"},
                    )
                    for page in pages
                ],
            )
        )

    assert moved("https://a.example", "/old/a") == moved("https://a.example", "/old/b", "/old/c?d=e", "/old/")
    assert moved("https://a.example", "/old/a") != moved("https://b.example", "/old/a")


DENY = "server {{ server_name a.test; location / {{ return 200; }} location ~ \\.({}) {{ deny all; }} }}"


def test_each_refusal_that_is_lost_has_a_key_of_its_own() -> None:
    """The block and the outcomes are the same: the change behind them tells them apart."""

    def lost(kept: str, *paths: str) -> str:
        way = "server a.test > location ~ \\.(env|sql|bak)"
        texts = DENY.format("env|sql|bak"), DENY.format(kept)
        sides = []
        for text, status, block in ((texts[0], 403, way), (texts[1], 200, "server a.test > location /")):
            config = Make.config(text)
            markers = instrument(config)[1]
            outcomes = [Make.outcome(status, index) for index, _path in enumerate(paths)]
            marks = [next(mark for mark, each in markers.items() if each.text == word) for word in block.split(" > ")]
            traced = [replace(each, trace=marks) for each in outcomes]
            sides.append(ComparedSide(outcomes, config=config, markers=markers, traced=traced))
        probes = [Make.probe(f"http://a.test/x.{path}", index) for index, path in enumerate(paths)]
        report = compare(probes, *sides, diff=t.cast("t.Any", semantic_diff(sides[0].config, sides[1].config)))
        return one(report)

    keys = [lost("sql|bak", "env"), lost("env|bak", "sql"), lost("bak", "env", "sql")]
    assert len(set(keys)) == 3


def accepting(*entries: t.Any, cases: list[Case] | None = None) -> RouteCheckReport:
    new = SITE.replace(*CART).replace("location /x { return 200; }", "location /x { return 500; }")
    beside = Case("/x", "server > location /x", {"status": 200}, {"status": 500})
    return checked(SITE, new, [*(cases or cart()), beside, FINE], accept=AcceptEntry.read_all(entries))


def test_a_key_accepts_exactly_its_group() -> None:
    keys = {change.name: change.key for change in accepting().changes}
    assert len(keys) == 2
    for name, key in keys.items():
        report = accepting(key)
        assert [change.key for change in report.accepted] == [key]
        assert [change.name for change in report.changes] == [other for other in keys if other != name]
        assert report.changed_requests == 1
        assert report.accept_unused == []
    both = accepting(", ".join(keys.values()))
    assert both.changes == []
    assert both.gate(["critical", "high", "info"]) == []


def test_a_key_that_matches_nothing_is_unused_and_one_past_its_day_accepts_nothing() -> None:
    strange = "lost-0123456789"
    report = accepting(strange)
    assert [entry.key for entry in report.accept_unused] == [strange]
    key = accepting().changes[0].key
    late = accepting({"key": key, "until": "2026-11-21", "reason": "was meant"})
    assert [entry.as_dict() for entry in late.accept_expired] == [
        {"key": key, "until": "2026-11-21", "reason": "was meant"}
    ]
    assert late.accepted == []


def test_what_joins_a_group_makes_another_key() -> None:
    key = accepting().changes[-1].key
    other = Case("/cart/y", "server shop.web7.example.net > location /cart", cart()[0].old, {"status": 410})
    joined = accepting(key, cases=[*cart(), other._replace(new={"status": None, "closed": "closed"})])
    assert key not in {change.key for change in joined.changes}
    assert joined.accepted == []
    assert [entry.key for entry in joined.accept_unused] == [key]


def test_the_label_of_a_server_without_a_name_can_be_pasted() -> None:
    label = next(change.server for change in accepting().changes if change.server.startswith("server at"))
    report = accepting({"class": "error-introduced", "server": label})
    assert [change.server for change in report.accepted] == [label]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("lost", 'accept: "lost" is no key'),
        ("lost-3F9A1C2B4D", "is no key"),
        ({"key": "lost-3f9a1c2b4d", "server": "a"}, "with server an entry names another one"),
        ({"key": "lost-3f9a1c2b4"}, "is no key"),
    ],
)
def test_keys_that_cannot_be_read(entry: t.Any, message: str) -> None:
    with pytest.raises(RouteError, match=message):
        AcceptEntry.read_all([entry])


def test_a_list_takes_what_the_file_takes() -> None:
    key = "lost-3f9a1c2b4d"
    entries = AcceptEntry.read_all(
        [f"{key}, new-3f9a1c2b4d", {"class": ["lost", "new"], "until": "2026-12-31"}, {"key": [key], "reason": "r"}]
    )
    assert [(entry.key, entry.name) for entry in entries] == [
        (key, ""),
        ("new-3f9a1c2b4d", ""),
        (None, "lost"),
        (None, "new"),
        (key, ""),
    ]


def test_words_of_a_host_are_whole_words() -> None:
    words = HostWords(["web1.example.com", "192.0.2.1", "localhost"])
    assert words.masked("http://web1.example.com/web1 web10 my-web1 WEB1:80 192.0.2.1:8 192.0.2.10 localhost") == (
        "http://{host}/{host} web10 my-web1 {host}:80 {address}:8 192.0.2.10 localhost"
    )


@settings(deadline=None)
@given(pairs=PAIRS)
def test_no_two_groups_share_a_key_and_each_accepts_itself_only(pairs: list[tuple[t.Any, t.Any]]) -> None:
    probes = [Make.probe(f"http://a.test/{'abcdef'[number]}", number) for number in range(len(pairs))]
    sides = [ComparedSide(side) for side in zip(*pairs, strict=True)]
    report = compare(probes, *sides)
    keys = [change.key for change in report.changes]
    assert len(set(keys)) == len(keys)
    for key in keys:
        accepted = compare(probes, *sides, accept=AcceptEntry.read_all([key]))
        assert [change.key for change in accepted.accepted] == [key]
        assert {change.key for change in accepted.changes} == set(keys) - {key}


@settings(deadline=None)
@example(first="", second="/", path="/")
@example(first="a", second="{1}", path="a/b")
@given(
    first=st.text("ab/?=.{}1", max_size=6),
    second=st.text("ab/?=.{}1", max_size=6),
    path=st.text("ab/?=.{}1", max_size=6),
)
def test_two_targets_of_one_request_are_two_kinds(first: str, second: str, path: str) -> None:
    """What comes from the request is left out, never what tells two redirects of it apart."""
    probe = Make.probe(f"http://a.test/{path}")

    def key(to: str) -> str:
        before, after = (Make.outcome(302, location=location) for location in ("/else", f"/to/{to}"))
        changes = compare([probe], [before], [after]).changes
        return changes[0].key if changes else ""

    assert (key(first) == key(second)) is (first == second)
