# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A report as JSON, Markdown or one HTML page."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.environments import (
    page_environment,
    text_environment,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.markdown import code_span, escape_line

from .advice import names
from .errors import ReportError

FORMATS: t.Final = ("json", "markdown", "html")

_FOLDER: t.Final = Path(__file__).parent / "templates"


def render(report: Mapping[str, t.Any], form: str) -> str:
    """The report in one of `FORMATS`. The same data gives the same text.

    Raises:
        ReportError: there is no such format.

    """
    if form == "json":
        return json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if form == "markdown":
        environment = _with_filters(text_environment(_FOLDER))
        environment.filters.update(md=lambda value: escape_line(str(value)), code=lambda value: code_span(str(value)))
        name = "report.md.j2" if report["ok"] else "postmortem.md.j2"
        return environment.get_template(name).render(report=report)
    if form == "html":
        return _with_filters(page_environment(_FOLDER)).get_template("report.html.j2").render(report=report)
    raise ReportError(f"there is no report format {form!r}; there are {', '.join(FORMATS)}")


def _with_filters(environment: Environment) -> Environment:
    environment.filters.update(
        clock=_clock, day=_day, duration=_duration, names=names, place=_place, statement=_statement
    )
    return environment


def _place(thing: Mapping[str, t.Any]) -> str:
    """Where a finding or a guilty line is."""
    return f"{thing.get('file') or 'unknown file'}:{thing.get('line') or '?'}"


def _statement(culprit: Mapping[str, t.Any]) -> str:
    """What a guilty line does, as a search, nginx or lint named it: `+ rewrite ...`."""
    after, before, kind = (culprit.get(name) for name in ("text", "before", "kind"))
    if kind == "changed" and before and after and before != after:
        return f"{before} -> {after}"
    sign = {"added": "+ ", "removed": "- ", "moved": "> "}.get(str(kind), "")
    return f"{sign}{after or before or ''}"


def _clock(value: str | None) -> str:
    """The time of day in UTC."""
    return value[11:23] if value else "unknown"


def _day(value: str | None) -> str:
    return f"{value[:10]} {value[11:19]} UTC" if value else "unknown"


def _duration(seconds: float | None) -> str:
    """Seconds as people say them: `0.8 s`, `2 min 5 s`, `1 h 0 min`."""
    if seconds is None:
        return "unknown"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
