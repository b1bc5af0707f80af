# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is accepted as a candidate, and the tree it becomes."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import (
    CandidateEntry,
    HostCandidate,
    check,
    decode,
    identity,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.tree import check_links, merge, unmanaged
from ansible_collections.failsafe.nginx.plugins.module_utils._release.tree_entry import TreeEntry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate as Shipped
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Rendered


def entry(path: str, kind: str = "file", digest: str = "", mode: int = 0o644, *, managed: bool = False) -> TreeEntry:
    return TreeEntry(path, kind, mode, 0, 0, digest, managed=managed)


def tree(*entries: TreeEntry) -> dict[str, TreeEntry]:
    return {one.path: one for one in entries}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "relative"),
        ("/etc/passwd", "relative"),
        ("..", "component"),
        ("a/../../etc/passwd", "component"),
        ("a/./b", "component"),
        ("a//b", "component"),
        ("a/", "component"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("a\x7fb", "control"),
        ("a\udcffb", "UTF-8"),
        (".failsafe-x", "begins with"),
        ("a/.failsafe-x/b", "begins with"),
        ("x" * 256, "longer"),
        ("ü" * 128, "longer"),
    ],
)
def test_hostile_names_are_refused(path: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why) as caught:
        check(HostCandidate((CandidateEntry("ok", "file"), CandidateEntry(path, "file"))))
    assert "\n" not in str(caught.value)
    assert "\0" not in str(caught.value)


@pytest.mark.parametrize("path", ["a", "conf.d/ü.conf", "a b", "-rf", "*.conf", "a\\b", "x" * 255, "..a/b.."])
def test_odd_but_honest_names_are_accepted(path: str) -> None:
    check(HostCandidate((CandidateEntry(path, "file"),)))


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ((), "empty"),
        ((CandidateEntry("a", "file"), CandidateEntry("a", "link", None, b"b")), "twice"),
        ((CandidateEntry("a", "socket"),), "cannot be managed"),
        ((CandidateEntry("a", "file", 0o200000),), "no mode"),
        ((CandidateEntry("a", "link"),), "no target"),
        ((CandidateEntry("a", "link", None, b"x\0y"),), "no target"),
    ],
)
def test_impossible_candidates_are_refused(entries: tuple[CandidateEntry, ...], why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        check(HostCandidate(entries))


def test_what_the_action_ships_is_read() -> None:
    shipped = Shipped(
        (
            Rendered("a", "file", b"\xff\0"),
            Rendered("b", "link", target="a"),
            Rendered("c", "directory", mode=0o700),
            Rendered("d", "file", b"key", secret=True),
        ),
        secrets=("hush",),
    )
    assert decode(shipped.payload()) == HostCandidate(
        (
            CandidateEntry("a", "file", None, b"\xff\0"),
            CandidateEntry("b", "link", None, b"a"),
            CandidateEntry("c", "directory", 0o700),
            CandidateEntry("d", "file", None, b"key", secret=True),
        ),
        ("hush",),
    )


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "nonsense",
        base64.b64encode(b"not zlib").decode(),
        base64.b64encode(zlib.compress(b"[]")).decode(),
        base64.b64encode(zlib.compress(json.dumps({"entries": [{"path": "a"}]}).encode())).decode(),
    ],
)
def test_a_damaged_payload_is_refused(payload: str) -> None:
    with pytest.raises(ReleaseError, match="cannot be read"):
        decode(payload)


def test_the_id_depends_on_path_type_content_and_mode_but_not_on_order() -> None:
    one, two = CandidateEntry("a", "file", None, b"x"), CandidateEntry("b", "file", None, b"y")
    assert identity([one, two]) == identity([two, one])
    others = [[one], [one, two._replace(path="c")], [one, two._replace(content=b"z")], [one, two._replace(mode=0o600)]]
    assert len({identity(wanted) for wanted in [[one, two], *others]}) == 5
    assert identity([one]).startswith("r-")


def test_managed_entries_lie_over_the_unmanaged_ones_and_keep_mode_and_owner() -> None:
    live = tree(TreeEntry("nginx.conf", "file", 0o640, 33, 34, "old"), entry("mime.types", digest="m"))
    merged = merge(
        [CandidateEntry("nginx.conf", "file", None, b"new"), CandidateEntry("d/e", "file", None, b"x")], live, live, ()
    )
    assert [
        (p, e.mode, e.uid, e.gid, e.managed) for p, e in sorted(merged.items()) if p in ("nginx.conf", "mime.types")
    ] == [
        ("mime.types", 0o644, 0, 0, False),
        ("nginx.conf", 0o640, 33, 34, True),
    ]
    assert merged["d"].managed
    assert merged["d"].type == "directory"


def test_modes_of_new_entries() -> None:
    wanted = [
        CandidateEntry("plain", "file"),
        CandidateEntry("key", "file", secret=True),
        CandidateEntry("dir", "directory"),
        CandidateEntry("given", "file", 0o755),
    ]
    merged = merge(wanted, {}, {}, (), modes=(0o640, 0o750))
    assert {path: one.mode for path, one in merged.items()} == {
        "plain": 0o640,
        "key": 0o600,
        "dir": 0o750,
        "given": 0o755,
    }


@pytest.mark.parametrize(
    ("wanted", "live", "special"),
    [
        (CandidateEntry("a/b", "file"), entry("a", "link", "elsewhere"), ()),
        (CandidateEntry("a/b", "file"), entry("a"), ()),
        (CandidateEntry("a", "file"), entry("a", "directory"), ()),
        (CandidateEntry("a", "directory"), entry("a"), ()),
        (CandidateEntry("a", "directory"), entry("a", "link", "x"), ()),
        (CandidateEntry("a", "file"), entry("z"), ("a",)),
        (CandidateEntry("a/b", "file"), entry("z"), ("a",)),
    ],
)
def test_conflicts_with_what_is_not_ours_are_refused(
    wanted: CandidateEntry, live: TreeEntry, special: tuple[str, ...]
) -> None:
    with pytest.raises(ReleaseError, match="cannot manage"):
        merge([wanted], tree(live), tree(live), special)


def test_a_path_that_only_the_current_release_managed_comes_back_as_it_was_recorded() -> None:
    live = tree(entry("conf.d", "directory"), entry("conf.d/a", digest="managed"), entry("other"))
    recorded = tree(entry("conf.d", "directory"), entry("conf.d/a", digest="distribution's"))
    assert unmanaged(live, {"conf.d/a"}, recorded)["conf.d/a"].digest == "distribution's"
    assert set(unmanaged(live, {"conf.d/a"}, {})) == {"conf.d", "other"}


def test_a_folder_of_ours_stays_while_something_unmanaged_is_in_it() -> None:
    live = tree(entry("d", "directory", managed=True), entry("d/ours"), entry("d/theirs"))
    assert set(unmanaged(live, {"d", "d/ours"}, {})) == {"d", "d/theirs"}


@pytest.mark.parametrize(
    ("path", "target", "ok"),
    [
        ("sites-enabled/a", "../sites-available/a", True),
        ("a", "b", True),
        ("a", "/etc/nginx/b", True),
        ("a", "/etc/nginx", True),
        ("a", "/etc/nginx/../passwd", False),
        ("a", "/etc/nginxx", False),
        ("a", "/etc/passwd", False),
        ("a", "../passwd", False),
        ("d/a", "../../passwd", False),
        ("d/a", "x/../../../passwd", False),
        ("a", "a", False),
        ("a", "modules/x.so", False),
        ("a", "inner/../nginx.conf", True),
    ],
)
def test_links_stay_below_the_folder(path: str, target: str, ok: bool) -> None:  # noqa: FBT001
    known = tree(
        entry("modules", "link", "/usr/lib/nginx/modules"),
        entry("inner", "link", "d/e"),
        entry(path, "link", target, managed=True),
    )
    if ok:
        check_links(known, ["/etc/nginx"])
    else:
        with pytest.raises(ReleaseError, match="refused link"):
            check_links(known, ["/etc/nginx"])


def test_a_loop_of_links_ends() -> None:
    known = tree(entry("a", "link", "b", managed=True), entry("b", "link", "a", managed=True))
    with pytest.raises(ReleaseError, match="loop"):
        check_links(known, ["/etc/nginx"])


def test_an_unmanaged_link_may_leave(tmp_path: Path) -> None:
    check_links(tree(entry("modules", "link", "/usr/lib/nginx/modules")), [str(tmp_path)])
