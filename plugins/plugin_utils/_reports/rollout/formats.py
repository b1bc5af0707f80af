# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The formats of a report: JSON, Markdown and one HTML page."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from jinja2 import Environment

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.environments import (
    page_environment,
    text_environment,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.markdown import code_span, escape_line
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted, listed

from .errors import ReportError
from .record import ReportedCulprit, ReportedExpectation, ReportedFinding
from .report import RolloutReport

FORMATS: t.Final = ("json", "markdown", "html")

_FOLDER: t.Final = Path(__file__).parent / "templates"
_MINUTE: t.Final = 60


def render(report: RolloutReport, form: str) -> str:
    """Write a report in one of `FORMATS`. The same data gives the same text.

    Raises:
        ReportError: there is no such format.
    """
    if form == "json":
        return json.dumps(report.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if form == "markdown":
        environment = _with_filters(text_environment(_FOLDER))
        environment.filters.update(md=lambda value: escape_line(str(value)), code=lambda value: code_span(str(value)))
        name = "report.md.j2" if report.run.ok else "postmortem.md.j2"
        return environment.get_template(name).render(report=report)
    if form == "html":
        template = _with_filters(page_environment(_FOLDER)).get_template("report.html.j2")
        return template.render(report=report)
    raise ReportError(f"there is no report format {form!r}; there are {', '.join(FORMATS)}")


def _with_filters(environment: Environment) -> Environment:
    environment.filters.update(
        clock=_clock,
        counted=counted,
        day=_day,
        duration=_duration,
        listed=listed,
        place=_place,
        statement=_statement,
    )
    return environment


def _place(thing: ReportedFinding | ReportedCulprit | ReportedExpectation) -> str:
    """Return where a finding, a guilty line or an expectation is."""
    return f"{thing.file or 'unknown file'}:{thing.line or '?'}"


def _statement(culprit: ReportedCulprit) -> str:
    """Return a guilty line with the sign of its change: `+ rewrite ...`."""
    if culprit.kind == "changed" and culprit.before and culprit.text and culprit.before != culprit.text:
        return f"{culprit.before} -> {culprit.text}"
    sign = {"added": "+ ", "removed": "- ", "moved": "> "}.get(culprit.kind, "")
    return f"{sign}{culprit.text or culprit.before or ''}"


def _clock(value: str | None) -> str:
    """Return the time of day in UTC."""
    return value[11:23] if value else "unknown"


def _day(value: str | None) -> str:
    return f"{value[:10]} {value[11:19]} UTC" if value else "unknown"


def _duration(seconds: float | None) -> str:
    """Write seconds for people: `0.8 s`, `2 min 5 s`, `1 h 0 min`."""
    if seconds is None:
        return "unknown"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes < _MINUTE else f"{minutes // _MINUTE} h {minutes % _MINUTE} min"
