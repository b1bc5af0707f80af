# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Keeping the record of a run, and its report, from event to event."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import RolloutError
from .launch import Launch
from .limits import check_limits
from .plain_json import JsonObject, plain_object
from .progress import batch_progress, batch_sizes
from .record import Record
from .record_files import newest_record, prune_records, read_record, record_path, write_record
from .results import Hostvars
from .verdict import FleetVerdict

#: Writes the report of a record into a folder, under a name; returns the files, the page first.
Publish = Callable[[Record, Path, str], Sequence[Path]]


@dataclass(frozen=True)
class RecordOptions:
    """The options of nginx_rollout_record; the documentation of the module describes them."""

    event: str
    path: str | None = None
    report: str | None = None
    rollout: str = ""
    hosts: list[str] = field(default_factory=list)
    verdict: FleetVerdict = field(default_factory=FleetVerdict)
    settings: JsonObject = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    launch: Launch = field(default_factory=Launch)

    @classmethod
    def from_json(cls, arguments: Mapping[str, t.Any]) -> RecordOptions:
        """Read the validated arguments of the task.

        Raises:
            RolloutError: the verdict is none.
        """
        return cls(
            event=arguments["event"],
            path=arguments["path"],
            report=arguments["report"],
            rollout=arguments["rollout"] or "",
            hosts=arguments["hosts"],
            verdict=FleetVerdict.from_json(arguments["verdict"] or {}),
            settings=plain_object(arguments["settings"]),
            batches=arguments["batches"],
            launch=Launch.from_json(arguments["launch"]),
        )


@dataclass
class RecordAnswer:
    """The result of nginx_rollout_record; what an event does not return is None."""

    rollout: str
    path: Path | None = None
    report: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    hosts: list[str] | None = None
    locked: list[str] | None = None
    batches: list[int] | None = None
    progress: str | None = None
    verdict: str | None = None
    text: list[str] | None = None

    def to_json(self) -> JsonObject:
        """Write it for Ansible."""
        always: JsonObject = {
            "changed": False,
            "rollout": self.rollout,
            "path": str(self.path) if self.path else None,
            "report": self.report,
            "warnings": self.warnings,
        }
        names = ("hosts", "locked", "batches", "progress", "verdict", "text")
        return {**always, **{name: value for name in names if (value := getattr(self, name)) is not None}}


class Recorder:
    """Keeps records.

    Args:
        home: the folder of records for which no path is given, with a slash at its end.
        dry: nothing is written, as in check mode.
        publish: writes a report; raises `RolloutError` where it cannot.
    """

    def __init__(self, home: str, *, dry: bool, publish: Publish) -> None:
        self._home = home
        self._dry = dry
        self._publish = publish

    def begin(self, options: RecordOptions) -> RecordAnswer:
        """Begin a run: check its settings, make its id and its record.

        Raises:
            RolloutError: a setting is wrong, or the record cannot be written.
        """
        names = ("on_failure", "max_failures", "serial")
        on_failure, max_failures, serial = (options.settings.get(name) for name in names)
        check_limits(on_failure=on_failure, max_failures=max_failures, serial=serial)
        if options.report and options.path == "":
            raise RolloutError("nginx_deploy_report needs the record, which an empty nginx_deploy_record switches off.")
        record = Record.begin(options.hosts, options.settings, options.launch)
        answer = RecordAnswer(record.rollout, self._path(options, record.rollout))
        if answer.path:
            write_record(answer.path, record)
            if options.path is None:
                prune_records(answer.path.parent)
            self._report(options.report, record, answer)
        answer.batches = batch_sizes(len(options.hosts), serial)
        return answer

    def advance(self, options: RecordOptions, hostvars: Hostvars) -> RecordAnswer:
        """Write the record's next version. A run that changes hosts is not stopped by a record that cannot be kept."""
        answer = RecordAnswer(options.rollout, self._path(options, options.rollout))
        try:
            if answer.path:
                record = _next(read_record(answer.path, options.rollout), options)
                record = _learned(record.with_evidence, record, hostvars, answer)
                write_record(answer.path, record)
                self._report(options.report, record, answer)
        except RolloutError as error:
            answer.warnings.append(f"{error} The run goes on.")
        answer.hosts, answer.locked = options.hosts, list(options.verdict.locked)
        if options.event == "batch":
            answer.progress = batch_progress(options.batches, options.hosts, options.verdict)
        if options.event == "finished":
            answer.verdict, answer.text = options.verdict.verdict, list(options.verdict.text)
        return answer

    def report_again(self, options: RecordOptions, hostvars: Hostvars) -> RecordAnswer:
        """Report a run that is over, with the present answers of its hosts. Its record stays as it is.

        Raises:
            RolloutError: there is no record, or the report cannot be written.
        """
        path = newest_record(Path(self._given(options.path)))
        record = read_record(path)
        answer = RecordAnswer(record.rollout, path, verdict=record.verdict)
        record = _learned(record.with_answers, record, hostvars, answer)
        if not self._dry:
            self._report(options.report, record, answer)
            if not answer.report:
                raise RolloutError(" ".join(answer.warnings) or "An empty nginx_deploy_report switches the report off.")
        return answer

    def _report(self, folder: str | None, record: Record, answer: RecordAnswer) -> None:
        """Write the report beside the record or into `folder`. If that is not possible, add a warning."""
        if folder == "" or answer.path is None:
            return
        place = answer.path.parent if folder is None else _from_here(folder)
        try:
            answer.report = [str(file) for file in self._publish(record, place, answer.path.stem)]
        except RolloutError as error:
            answer.warnings.append(f"{error}. The outcome of the run is the same without it.")

    def _path(self, options: RecordOptions, rollout: str) -> Path | None:
        return None if options.path == "" or self._dry else record_path(self._given(options.path), rollout)

    def _given(self, path: str | None) -> str:
        return str(_from_here(path)) + ("/" if path.endswith("/") else "") if path else self._home


def _from_here(path: str) -> Path:
    """Return a path relative to where ansible-playbook was started: the playbook's folder is the collection's."""
    return Path.cwd() / Path(path).expanduser()


def _next(record: Record, options: RecordOptions) -> Record:
    if options.event == "finished":
        return record.ended(options.verdict)
    if options.event == "settling":
        return record.settled(options.verdict, options.hosts)
    return record.with_batch(options.verdict, options.hosts)


def _learned(learn: Callable[[Hostvars], Record], record: Record, hostvars: Hostvars, answer: RecordAnswer) -> Record:
    """Return the record with the hosts' results. The rollback of a fleet waits for this task, so nothing may end it."""
    try:
        return learn(hostvars)
    except Exception as error:  # noqa: BLE001 - a host may have answered anything
        answer.warnings.append(f"The record lacks journals and findings: {type(error).__name__}: {error}.")
        return record
