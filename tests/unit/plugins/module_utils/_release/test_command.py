# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`failsafe-nginx` by hand, and what waits for the end of a lease."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from real_site import PROBES, Site, server
from release_world import of, shape

from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import MASK
from ansible_collections.failsafe.nginx.plugins.module_utils._release import cli, clock, redaction, watch
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.results import ExpireResult, RollbackResult

FIRST = of({"vhosts/a.conf": server("return 200 first;")})
SECOND = of({"vhosts/a.conf": server("return 200 second;")})


@pytest.mark.nginx
def test_drift_unlock_and_uninstall(site: Site) -> None:
    site.run()
    site.release(FIRST, PROBES)
    (site.conf / "vhosts/a.conf").write_text(server("return 200 edited;"))
    drift = json.loads(site.command("drift").stdout)["drift"]
    assert [(row["path"], row["change"]) for row in drift] == [("vhosts/a.conf", "modified")]
    release = site.engine(on_drift="overwrite", rollout="one").stage(SECOND)["release"]
    assert json.loads(site.command("status").stdout)["rollout"]["id"] == "one"
    assert json.loads(site.command("unlock").stdout)["changed"] is True
    assert json.loads(site.command("unlock").stdout)["changed"] is False
    site.engine().activate(release, reload=True)
    refused = site.command("uninstall")
    assert (refused.returncode, "on trial" in refused.stderr) == (1, True)
    site.engine().confirm(release)
    live = shape(site.conf)
    assert json.loads(site.command("uninstall").stdout)["changed"] is True
    assert not site.store.exists()
    assert shape(site.conf) == live
    assert site.get() == "second"


@pytest.mark.nginx
def test_a_rollback_says_that_files_were_edited_and_puts_them_back_if_told(site: Site) -> None:
    site.run()
    release = site.release(FIRST, PROBES)
    good, place = shape(site.conf), site.conf / "vhosts/a.conf"
    place.write_text("nonsense")  # nginx would not even start with it
    for argv in (["rollback"], ["rollback", release], ["rollback"]):
        refused = site.command(*argv)
        assert (refused.returncode, "vhosts/a.conf" in refused.stderr, "--overwrite" in refused.stderr) == (
            1,
            True,
            True,
        )
        assert place.read_text() == "nonsense"
    done = json.loads(site.command("rollback", "--overwrite").stdout)
    assert (done["release"], done["changed"], done["modified"]) == (release, True, ["vhosts/a.conf"])
    assert (shape(site.conf), site.get()) == (good, "first")
    status = json.loads(site.command("status").stdout)
    assert (status["confirmed"], status["running"], status["drift"]) == (release, release, [])
    kept = [name for name in status["releases"] if name not in (release, status["previous"])]
    assert any((folder / "vhosts/a.conf").read_text() == "nonsense" for name in kept for folder in tree(site, name))
    # What was said once does not hold for the next one who types the command.
    place.write_text("nonsense")
    assert site.command("rollback").returncode == 1


def tree(site: Site, release: str) -> list[Path]:
    return list((site.store / "releases" / release).glob("tree-*"))


@pytest.mark.nginx
def test_recovery_at_boot_leaves_a_host_to_the_run_that_works_on_it(site: Site) -> None:
    site.run()
    site.release(FIRST, PROBES)
    with site.engine().store.lock("activate r-1"):
        done = site.command("recover", "--boot")
        assert done.returncode == 0
        assert "activate r-1 by pid" in json.loads(done.stdout)["left_to"]
        assert site.command("recover").returncode == 1


@pytest.mark.nginx
def test_the_end_of_a_lease_waits_for_the_lock_and_for_a_renewal(site: Site) -> None:
    site.run()
    first = site.release(FIRST, PROBES)
    site.engine(lease=0).activate(site.engine().stage(SECOND)["release"], reload=True)
    place = site.store / "lease.json"
    note = json.loads(place.read_text())
    place.write_text(json.dumps({**note, "until": clock.boottime() - 1}))
    argv = [sys.executable, "-I", str(site.store / "failsafe-nginx.pyz"), "expire", note["token"]]
    with site.engine().store.lock("activate"):
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        time.sleep(1)
        assert process.poll() is None
        end = clock.boottime() + 2.5
        place.write_text(json.dumps({**note, "until": end}))
    out = process.communicate(timeout=60)[0]
    assert clock.boottime() >= end
    assert json.loads(out)["release"] == first
    assert site.get() == "first"


@pytest.mark.parametrize("ends", ["well", "in trouble"])
def test_a_rollback_that_fails_is_tried_a_few_times(monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    locked, failed = ReleaseError("held", "locked"), ReleaseError("ROLLBACK FAILED", "rollback_failed")
    answers: list[t.Any] = [locked, ExpireResult(expires_in=7.0), failed, failed, locked, failed, failed]
    done = ExpireResult(RollbackResult("r-1", changed=True))
    answers.append(done if ends == "well" else failed)
    slept: list[float] = []
    monkeypatch.setattr(cli, "_attempt", lambda _path, _token: answers.pop(0))
    monkeypatch.setattr(time, "sleep", slept.append)
    if ends == "well":
        assert cli._expire("/store", "abc") is done
    else:
        with pytest.raises(ReleaseError, match="ROLLBACK FAILED"):
            cli._expire("/store", "abc")
    assert slept == [0.2, 7.0, 2, 10, 0.2, 30, 60]


class Ended(Exception):  # noqa: N818 - it is what the test waits for
    """What waited has become the command that ends the lease."""


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., list[float]]:
    """Wait for the lease in a note; returns for how long it would have slept each time."""

    def wait(*notes: str | dict[str, t.Any]) -> list[float]:
        slept: list[float] = []
        coming = list(notes)

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if not coming:
                (tmp_path / "lease.json").unlink(missing_ok=True)
                return
            note = coming.pop(0)
            (tmp_path / "lease.json").write_text(note if isinstance(note, str) else json.dumps(note))

        def become(_path: str, argv: list[str]) -> None:
            assert argv[1:] == ["-I", str(tmp_path / "failsafe-nginx.pyz"), "expire", "abc"]
            raise Ended

        monkeypatch.setattr(sys, "argv", [str(tmp_path / "failsafe-nginx.pyz"), "watch", "abc"])
        monkeypatch.setattr(watch.time, "sleep", sleep)
        monkeypatch.setattr(watch.os, "execv", become)
        sleep(0)
        assert watch.main(["abc"]) == 0
        return slept[1:]

    return wait


def note(seconds: float, **more: t.Any) -> dict[str, t.Any]:
    return {"token": "abc", "boot": clock.boot_id(), "until": clock.boottime() + seconds, **more}


def test_what_waits_ends_with_its_lease(waiting: t.Callable[..., list[float]]) -> None:
    assert waiting() == []  # no lease
    assert waiting(note(50, token="another")) == []
    assert waiting(note(5)) == pytest.approx([5], abs=0.5)
    assert waiting(note(5), note(15), note(900)) == pytest.approx([5, 15, 20], abs=0.5)
    assert waiting("damaged", note(5)) == pytest.approx([20, 5], abs=0.5)
    for over in (note(-1), note(900, boot="another")):
        with pytest.raises(Ended):
            waiting(over)


@pytest.mark.parametrize("shift", [-86400, 86400])
def test_the_clock_on_the_wall_has_no_say(
    waiting: t.Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    assert waiting(note(5)) == pytest.approx([5], abs=0.5)
    given = note(5)
    assert clock.remaining(given["boot"], given["until"]) == pytest.approx(5, abs=0.5)


@pytest.mark.nginx
@pytest.mark.parametrize("how", ["hand", "lease"])
def test_a_secret_that_nginx_quotes_is_masked_on_a_host_that_does_not_know_it(site: Site, how: str) -> None:
    secret = "correct-horse-9"
    outside = site.top / f"{secret}.conf"
    outside.touch()
    site.run()
    site.release(of({"vhosts/a.conf": server(f"include {outside}; return 200 first;")}, [secret]), PROBES)
    release = site.engine().stage(SECOND)["release"]
    site.engine(lease=600).activate(release, reload=True)
    outside.unlink()  # so that nginx refuses the rollback and quotes the secret
    if how == "hand":
        failed = site.command("rollback").stderr
    else:
        place = site.store / "lease.json"
        note = json.loads(place.read_text())
        place.write_text(json.dumps({**note, "until": 0}))
        failed = json.dumps(site.engine().status())
        assert isinstance(cli._attempt(str(site.store), note["token"]), ReleaseError)
    told = failed + "".join((site.store / name).read_text() for name in ("journal.jsonl", "state.json"))
    assert "rollback_failed" in told
    assert "No such file or directory" in told
    assert secret not in told
    outside.touch()
    assert json.loads(site.command("rollback").stdout)["state"] == "rolled_back"


def test_quotations_of_guarded_files_are_hidden_and_others_are_not() -> None:
    elide = redaction.QuotationRedactor(lambda: ['set $key "s3cret-token"; proxy_pass http://u:pass-word@app;'])
    for line, hidden in {
        'unknown directive "s3cret-token" in /etc/nginx/a.conf:3': True,
        'upstream: "http://u:pass-word@app/some/path"': True,
        'host not found in upstream "http://u:pass-word@app" in /etc/nginx/a.conf:3': True,
        'unknown directive "prxy" in /etc/nginx/a.conf:3': False,
        "bind() to 0.0.0.0:80 failed (98: Address already in use)": False,
    }.items():
        assert (MASK in elide(line)) is hidden, line
        assert "/etc/nginx/a.conf:3" in elide(line) or "a.conf" not in line
    assert elide({"a": ['"s3cret-token"'], "_b": '"s3cret-token"'}) == {
        "a": [f'"{MASK}"'],
        "_b": '"s3cret-token"',
    }


def test_where_guarded_files_cannot_be_read_every_quotation_is_hidden() -> None:
    def broken() -> t.Iterator[str]:
        raise ReleaseError("damaged", "store")

    assert (
        redaction.QuotationRedactor(broken)('unknown directive "anything" in a:1')
        == f'unknown directive "{MASK}" in a:1'
    )
