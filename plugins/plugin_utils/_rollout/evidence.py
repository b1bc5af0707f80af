# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a run has learned beside the outcomes: journals, findings, behaviour, guilty lines. Plain data in, plain data out.

What hosts share is kept once, with the hosts that it is about. Long lists are cut, and say how much is left out.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Plain = dict[str, t.Any]
Results = Mapping[str, t.Any]

#: The calls of nginx_release, as the role registers them.
_CALLS: t.Final = ("staged", "activated", "gated", "confirmed", "rolled_back", "reverted", "unlocked")
_PREFIX: t.Final = "__nginx_deploy_"
_MOST: t.Final = 50
_MOST_CAUSES: t.Final = 3
_CHANGE: t.Final = (
    "class", "risk", "server", "servers_count", "old_block", "new_block", "requests", "notes", "example", "accepted",
)  # fmt: skip
_CAUSE: t.Final = ("kind", "risk", "line", "block", "servers", "before", "after")


def gather(record: Plain, hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]]) -> Plain:
    """The record with what these hosts registered in this run.

    Returns:
        The record with `journals` (host -> what this run wrote into the host's journal; a host that never answered is
        missing), `nginx` (version -> hosts), `findings` (of lint, with `hosts`), `behaviour` (one dictionary per
        comparison, with `hosts`), `culprits` (`{by, file, line, text, before, kind, hosts}`, `by` one of `bisect`,
        `nginx` and `lint`), `left_out` (how many findings and culprits are not listed) and `asked`.

    """
    known = {host: _results(hostvars[host]) for host in hosts}
    findings = _shared(known, lambda results: results.get("staged", {}).get("findings") or ())
    culprits = _shared(known, _culprits)
    found = {
        "journals": {host: _journal(results) for host, results in known.items() if _answered(results)},
        "nginx": _versions(known),
        "findings": findings[:_MOST],
        "behaviour": _behaviour(known),
        "culprits": culprits[:_MOST],
        "left_out": {"findings": len(findings[_MOST:]), "culprits": len(culprits[_MOST:])},
    }
    return _asked({**record, **found}, known)


def asked(record: Plain, hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]]) -> Plain:
    """The record with what hosts tell of themselves, as far as they were asked and answered.

    Returns:
        The record with `asked`: host -> `{journal, current}`, its journal since the run began and what it runs.

    """
    return _asked(record, {host: _results(hostvars[host]) for host in hosts})


def _asked(record: Plain, known: Mapping[str, Mapping[str, Results]]) -> Plain:
    answers = {host: results.get("journal", {}) for host, results in known.items()}
    told = {host: _told(answer, record, host) for host, answer in answers.items() if _is_told(answer)}
    return {**record, "asked": {**(record.get("asked") or {}), **told}}


def _results(variables: Mapping[str, t.Any]) -> dict[str, Results]:
    """The results of the steps that ran."""
    found = {name: variables.get(_PREFIX + name) for name in (*_CALLS, "behaviour", "bisected", "journal")}
    return {name: value for name, value in found.items() if isinstance(value, Mapping) and not value.get("skipped")}


def _answered(results: Mapping[str, Results]) -> bool:
    return any(name in results and not results[name].get("unreachable") for name in _CALLS)


def _journal(results: Mapping[str, Results]) -> list[Plain]:
    lines = [_plain(line) for name in _CALLS for line in results.get(name, {}).get("journal") or ()]
    return sorted(lines, key=lambda line: int(line.get("seq") or 0))


def _is_told(answer: Results) -> bool:
    return isinstance(answer.get("history"), Sequence) and not (answer.get("failed") or answer.get("unreachable"))


def _told(answer: Results, record: Plain, host: str) -> Plain:
    """The host's clock need not be the controller's: what this run wrote tells where in the journal it began."""
    own = (record.get("journals") or {}).get(host) or ()
    first, started = (own[0].get("seq") if own else None), str(record.get("started"))
    lines = [
        {name: value for name, value in line.items() if name != "metadata"}
        for line in answer["history"]
        if (str(line.get("time")) >= started if first is None else int(line.get("seq") or 0) >= first)
    ]
    return {"journal": _plain(lines[::-1]), "current": _plain(answer.get("current") or {})}


def _versions(known: Mapping[str, Mapping[str, Results]]) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for host, results in known.items():
        version = (results.get("staged", {}).get("validation") or {}).get("nginx_version")
        if version:
            versions.setdefault(str(version), []).append(host)
    return dict(sorted(versions.items()))


def _culprits(results: Mapping[str, Results]) -> Iterator[Plain]:
    """The lines that are guilty of what happened on a host: found by a search, named by nginx or by lint."""
    staged = results.get("staged", {})
    for name in ("behaviour", "bisected"):
        for line in results.get(name, {}).get("culprits") or ():
            yield {"by": "bisect", **{key: line.get(key) for key in ("file", "line", "kind", "text", "before")}}
    validation = staged.get("validation") or {}
    if validation.get("ok") is False:
        yield {
            "by": "nginx",
            **{key: validation.get(key) for key in ("file", "line")},
            "text": validation.get("message"),
        }
    for finding in staged.get("guilty") or ():
        text = f"{finding.get('rule')}: {finding.get('message')}"
        yield {"by": "lint", **{key: finding.get(key) for key in ("file", "line")}, "text": text}


def _shared(
    known: Mapping[str, Mapping[str, Results]], choose: Callable[[Mapping[str, Results]], Iterable[Results]]
) -> list[Plain]:
    """What is chosen on each host, once, in the order of its first host."""
    found: dict[str, Plain] = {}
    for host, results in known.items():
        for item in choose(results):
            plain = _plain(item)
            key = json.dumps(plain, sort_keys=True)
            hosts = found.setdefault(key, {**plain, "hosts": []})["hosts"]
            if host not in hosts:
                hosts.append(host)
    return list(found.values())


def _behaviour(known: Mapping[str, Mapping[str, Results]]) -> list[Plain]:
    """One entry per comparison, and one per reason for which there is none."""
    found: dict[str, Plain] = {}
    for host, results in known.items():
        result = results.get("behaviour")
        if result is None:
            continue
        unverified = str(result.get("reason") or result.get("msg") or "") if "verified" not in result else None
        key = str(result.get("reason") if result.get("verified") is False else result.get("asked_of") or host)
        entry = found.setdefault(key, {"hosts": [], "verified": False, "reason": unverified or "", "changes": []})
        entry["hosts"].append(host)
        if "asked_of" not in result and unverified is None:
            entry.update(_compared(result))
    # Hosts that differ in what no request shows were compared one by one, and came to the same.
    same: dict[str, Plain] = {}
    for entry in found.values():
        key = json.dumps({**entry, "hosts": []}, sort_keys=True)
        same.setdefault(key, {**entry, "hosts": []})["hosts"].extend(entry["hosts"])
    return list(same.values())


def _compared(result: Results) -> Plain:
    changes = [_change(change) for change in result.get("changes") or ()]
    left_out = int((result.get("left_out") or {}).get("changes") or 0) + max(0, len(changes) - _MOST)
    failed = [each for each in result.get("expectations") or () if not each.get("ok")]
    return {
        "verified": bool(result.get("verified")),
        "reason": str(result.get("reason") or ""),
        "refused": bool(result.get("failed")),
        "summary": _plain(result.get("summary") or {}),
        "changes": changes[:_MOST],
        "changes_left_out": left_out,
        "accepted": [_change(change) for change in (result.get("accepted") or ())[:_MOST]],
        "expectations_failed": _plain(failed[:_MOST]),
        "unverified": _plain((result.get("unverified") or ())[:_MOST]),
    }


def _change(change: Results) -> Plain:
    causes = [{name: cause.get(name) for name in _CAUSE} for cause in (change.get("cause") or ())[:_MOST_CAUSES]]
    return _plain({**{name: change.get(name) for name in _CHANGE}, "cause": causes})  # type: ignore[no-any-return]


def _plain(value: t.Any) -> t.Any:
    """The same without what Ansible hangs on its data."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, float)):
        return value
    return int(value) if isinstance(value, int) else str(value)
