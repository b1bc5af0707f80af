# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The entry point of nginx_bisect on the host: a job in, the search in private worlds, the result out."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import available

from .ddmin import Unit
from .host import Asker
from .oracle import Outcome, as_one
from .search import Hunt, Job, Request
from .trees import Trees


def hunt(params: t.Mapping[str, t.Any], job: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """The search of `Hunt.run`, or `unavailable` with the reason where no world can be built.

    Args:
        params: the module's options.
        job: `sources` (specs of `before` and `after`), `files`, `units` (nested: a number, or a list of units),
            `requests` (each `probe` and `aspects`), `listens`, `edge`, `peers` as of `judge.as_one`.

    Raises:
        BisectError: one of the two configurations does not start.
        TreeError: a source is not there.
        NginxError: nginx cannot be asked.
        SandboxError: a world broke.
    """
    reason = available()
    if reason:
        return {"unavailable": reason}
    with contextlib.closing(Trees(params["config_dir"], params["store"])) as trees:
        before, after = (trees.folder(job["sources"][name]) for name in ("before", "after"))
        requests = [Request(each["probe"], tuple(each["aspects"])) for each in job["requests"]]
        units = [_unit(unit) for unit in job["units"]]
        work = Job(before, after, job["files"], units, requests, params["limit"])
        asker, peers = Asker(params, job), job.get("peers") or {}

        def ask(folder: str, probes: t.List[t.Dict[str, t.Any]]) -> t.Optional[t.List[Outcome]]:
            outcomes = asker(folder, probes)
            return None if outcomes is None else [as_one(outcome, peers) for outcome in outcomes]

        return Hunt(work, ask, trees.work).run()


def _unit(unit: t.Any) -> Unit:
    if isinstance(unit, int):
        return Unit(frozenset([unit]))
    children = tuple(_unit(child) for child in unit)
    return Unit(frozenset(number for child in children for number in child.ids), children)
