# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's access to nginx, to its health, and to the watchdog of a lease."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from .._common.json_fields import decode, encode
from .._health.check import CheckResult
from .._health.definition import HealthError, parse_check
from .._health.gate import Gate, record_baseline
from .._health.pacing import Pacer, longest
from .._health.probe import parse_probe
from .._health.probe_verdict import Expected
from .._namespaces.namespaces import SandboxError
from .._nginx import facts as runtime
from .._nginx.instance import NginxError
from .._nginx.logs import Words
from .._nginx.processes import Master, find_master, open_logs
from .._nginx.reload import outdated, reload_and_prove, snapshot
from .._nginx.service import Service, start, stop
from .._nginx.validate import validate
from . import boot_unit, watchdog
from .clock import timestamp
from .errors import ReleaseError
from .results import Validated, Verdict
from .running_nginx import RunningNginx
from .settings import ARCHIVE, Settings
from .state import ConfigFacts, GateOptions, Generation, Watchdog

_QUOTED_LINES = 5  # of nginx's log that a failed gate shows


@contextlib.contextmanager
def _translated() -> t.Iterator[None]:
    try:
        yield
    except (NginxError, SandboxError, HealthError) as error:
        raise ReleaseError(str(error), "nginx") from error


class Host:
    """One nginx on this host. Every method raises `ReleaseError` where nginx cannot be asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._nginx = RunningNginx(settings)
        self._pacer = Pacer()

    # nginx

    def master(self) -> Master | None:
        """Return the running master process."""
        return self._nginx.master()

    def written(self, facts: ConfigFacts | None) -> set[str]:
        """Return the files that the running nginx itself writes: its logs and its pid file."""
        master = self.master()
        paths = open_logs(master) if master else []
        if facts:
            paths += [facts.pid_path, *facts.error_logs]
        return {os.path.realpath(path) for path in paths}

    def generation(self, release: str | None) -> Generation | None:
        """Return the running master with the release that it has loaded, None if nginx does not run."""
        master = self.master()
        return None if master is None else Generation(release, master.pid, master.start_time, timestamp())

    def validate(self, tree: str) -> Validated:
        """Let nginx load the folder `tree` in place of the configuration folder."""
        master = self.master()
        with _translated():
            instance = master.instance(self._nginx.instance) if master else self._nginx.instance
            found = validate(instance, tree, dump=True)
            build = instance.build()
            facts = None
            if found.dump is not None:
                scanned = runtime.scan(found.dump, build, prefix=instance.prefix, globals_=instance.globals_)
                facts = ConfigFacts(*scanned)
            return Validated(
                found.ok, found.message, found.method, build.version, tuple(found.warnings),
                (*found.limits, *(outdated(master) if master else ())), found.file, found.line, found.dump, facts,
                build.static_modules + build.dynamic_modules,
            )  # fmt: skip

    def reload(self, before: ConfigFacts | None, after: ConfigFacts | None) -> Verdict:
        """Reload nginx, or start it if it does not run, and prove that it runs the live configuration.

        Args:
            before: facts of the configuration that ran, as far as known.
            after: facts of the live one. None: nginx loads it once more to find them.
        """
        if after is None:
            found = self.validate(self._nginx.instance.config_dir)
            after = found.facts
            if not found.ok or after is None:
                reason = found.message or "nginx did not show its configuration"
                return Verdict({"ok": False, "reason": reason, "seconds": 0.0})
        wanted = _runtime(after)
        known = [_runtime(before), wanted] if before else [wanted]
        timeout = self.settings.reload_timeout
        with _translated():
            if find_master(self._nginx.instance, wanted.pid_path) is None:
                proof = start(self._nginx.instance, self._service(), facts=wanted, timeout=timeout)
            else:
                proof = reload_and_prove(
                    self._nginx.instance, snapshot(self._nginx.instance, known), facts=wanted, timeout=timeout
                )
        return Verdict(dict(proof._asdict()))

    def stop(self) -> None:
        """Stop nginx."""
        with _translated():
            proof = stop(self._nginx.instance, self._service())
        if not proof.ok:
            raise ReleaseError(f"nginx cannot be stopped again: {proof.reason}", "nginx")

    def _service(self) -> Service:
        return Service(self.settings.service_manager, self.settings.service)

    # The lease's watchdog, and recovery at boot

    def arm(self, token: str, seconds: float) -> Watchdog:
        """Start the watchdog of a lease."""
        return watchdog.start(f"{self.settings.store}/{ARCHIVE}", token, seconds)

    @staticmethod
    def armed(known: Watchdog, _token: str) -> bool:
        """Return whether the watchdog still waits."""
        return watchdog.alive(known)

    @staticmethod
    def disarm(known: Watchdog, token: str) -> None:
        """End the watchdog of a lease."""
        watchdog.stop(known, token)

    def recover_at_boot(self) -> str:
        """Make the host recover before nginx starts; return why that cannot be done, or ""."""
        return boot_unit.install(self.settings)

    # Health

    @staticmethod
    def check_gate(gate: GateOptions) -> None:
        """Refuse a gate that could not be run, before anything is changed."""
        with _translated():
            _gate(gate, (), ())

    def baseline(self, gate: GateOptions, facts: ConfigFacts | None = None) -> list[object]:
        """Run the gate's checks and probes once, and return their results.

        Args:
            gate: the gate.
            facts: of the configuration that runs.
        """
        with _translated():
            results = record_baseline(
                _definitions(gate.checks),
                _definitions(gate.probes),
                timeout=gate.timeout or 10,
                error_logs=facts.error_logs if facts else (),
                exclude=gate.exclude or (),
                limits=None if gate.limits is None else _definitions(gate.limits),
                pacer=self._pacer,
            )
        return [encode(result) for result in results]

    @staticmethod
    def rollback_gate(gate: GateOptions, baseline: t.Sequence[object]) -> GateOptions:
        """Return the gate of a rollback: the checks that passed before have to pass again, without a soak.

        Its limits are those from before the switch, so that what they refuse is no failure.
        """
        passed = {result.name for result in _results(baseline) if result.ok and not result.probe}
        checks: list[object] = [one for one in _definitions(gate.checks) if parse_check(one).name in passed]
        limits: list[object] | None = (
            None if gate.limits is None else [_as_before(limit) for limit in _definitions(gate.limits)]
        )
        probes: list[object] = [
            {**probe, "limits": [_as_before(limit) for limit in probe["limits"]]} if probe.get("limits") else probe
            for probe in _definitions(gate.probes)
        ]
        return dataclasses.replace(gate, checks=checks, probes=probes, limits=limits, soak=0, expected=None)

    def gate(self, gate: GateOptions, baseline: t.Sequence[object], facts: ConfigFacts | None) -> Verdict:
        """Run the gate. Where it fails, `nginx_says` and the reason have lines of nginx's log."""
        logs = facts.error_logs if facts else ()
        words = Words(logs)
        try:
            with _translated():
                result = _gate(gate, baseline, logs, self._pacer).run()
        finally:
            lines = words.close()
        verdict = encode(result)
        if not result.ok and lines:
            lines = _about(result.failed, gate, lines)
            verdict.update(nginx_says=lines[-_QUOTED_LINES:], reason=f"{result.reason}; nginx says: {lines[-1]}")
        return Verdict(verdict)


def _as_before(limit: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {**limit, "changed": False}


def pace_of(gate: GateOptions) -> float:
    """Return the seconds that its probes may add to a gate by their pace, and by answers that are slow."""
    with _translated():
        return longest([parse_probe(one) for one in _definitions(gate.probes)])


def _runtime(facts: ConfigFacts) -> runtime.RuntimeFacts:
    return runtime.RuntimeFacts(**{name: getattr(facts, name) for name in runtime.RuntimeFacts._fields})


def _about(failed: t.Sequence[CheckResult], gate: GateOptions, lines: list[str]) -> list[str]:
    """Return the lines about the requests that failed, or else all: requests of other clients fail too."""
    names = {result.name for result in failed}
    asked = [
        one
        for one in (*_definitions(gate.checks), *_definitions(gate.probes))
        if one.get("name", one.get("url")) in names
    ]
    targets = {"/" + str(one["url"]).partition("://")[2].partition("/")[2] for one in asked if one.get("url")}
    return [line for line in lines if any(f" {target} HTTP/" in line for target in targets)] or lines


def _gate(
    gate: GateOptions, baseline: t.Sequence[object], error_logs: t.Sequence[str], pacer: Pacer | None = None
) -> Gate:
    named = {"interval": gate.interval, "successes": gate.successes, "timeout": gate.timeout, "soak": gate.soak}
    numbers: t.Any = {name: value for name, value in named.items() if value is not None}
    checks, probes = _definitions(gate.checks), _definitions(gate.probes)
    expected = [decode(Expected, row) for row in gate.expected or ()]
    exclude = gate.exclude or ()
    return Gate(
        checks,
        probes,
        _results(baseline),
        error_logs=error_logs,
        expected=expected,
        exclude=exclude,
        limits=None if gate.limits is None else _definitions(gate.limits),
        pacer=pacer,
        **numbers,
    )


def _results(rows: t.Sequence[object]) -> list[CheckResult]:
    return [decode(CheckResult, row) for row in rows]


def _definitions(rows: t.Sequence[object] | None) -> t.Sequence[t.Any]:
    # Checks are JSON here; `_health` reads them strictly.
    return rows or ()
