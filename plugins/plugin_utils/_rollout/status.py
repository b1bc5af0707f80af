# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One line per host about what it runs. Plain data in, plain data out."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

_STATUS = "__nginx_deploy_status"


def status_lines(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]]) -> list[str]:
    """What every host runs, from what `nginx_release_info` registered on it; hosts in the order given."""
    return [f"{host}: {_line(hostvars[host].get(_STATUS))}" for host in hosts]


def _line(info: t.Any) -> str:
    if not isinstance(info, Mapping) or "current" not in info:
        message = str(info.get("msg") or "") if isinstance(info, Mapping) else ""
        return f"unknown: {message or 'the host was not asked'}"
    current, nginx = info["current"], info["nginx"]
    parts = [current["confirmed"] or "nothing was deployed yet"]
    if current["active"]:
        parts.append(f"{current['active']} on trial ({current['phase']}){_lease(current.get('lease'))}")
    if current["staged"]:
        parts.append(f"{current['staged']} is staged")
    if current["trouble"]:
        parts.append(f"THE LAST ROLLBACK FAILED: {current['trouble']}")
    if current["interrupted"]:
        parts.append("a run was killed while it replaced files")
    wanted = current["active"] or current["confirmed"]
    if not nginx["running"]:
        parts.append(nginx["problem"] or "nginx does not run")
    elif wanted and current["running"] != wanted:
        parts.append(f"nginx {nginx['version']} runs {current['running'] or 'an unknown configuration'}")
    else:
        parts.append(f"nginx {nginx['version']} runs it" if wanted else f"nginx {nginx['version']} runs")
    if current.get("rollout"):
        hold = current["rollout"]
        parts.append(f"held by rollout {hold['id']} since {hold['since']}, for {hold['expires_in']} s at most")
    if info["drift"]:
        parts.append(f"changed by hand: {', '.join(info['drift'])}")
    return "; ".join(parts)


def _lease(lease: t.Any) -> str:
    """What ends the trial of a release, if nobody confirms it."""
    if not isinstance(lease, Mapping):
        return ""
    if lease["mechanism"] == "none" or not lease.get("alive", True):
        return ", and nothing on the host would end that: confirm it or roll it back"
    return f", rolled back in {round(lease['expires_in'])} s unless it is confirmed"
