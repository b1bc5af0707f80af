# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The release engine's view of nginx and of its health."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import HealthError, parse_check
from ansible_collections.failsafe.nginx.plugins.module_utils._health.gate import Gate, record_baseline
from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import SandboxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx import facts as runtime
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance, NginxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.logs import Words
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.processes import Master, find_master, open_logs
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.reload import outdated, reload_and_prove, snapshot
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.service import Service, start, stop
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.validate import validate

from . import boot
from . import lease as deadman
from .errors import ReleaseError
from .store import now

_SAID = 5  # lines of nginx's that a failed gate shows

ARCHIVE = "failsafe-nginx.pyz"

Facts = t.Optional[t.Dict[str, t.Any]]


class Settings(t.NamedTuple):
    """What one host's engine works with; all of it is kept in the state for the command line on the host."""

    store: str = "/var/lib/failsafe-nginx"
    config_dir: str = "/etc/nginx"
    main: str = "nginx.conf"
    binary: t.Optional[str] = None
    prefix: t.Optional[str] = None
    service: str = "nginx"
    service_manager: str = "auto"
    reload_timeout: float = 10
    owner: t.Optional[str] = None
    on_drift: str = "fail"
    require_rollback: bool = True
    keep: int = 5
    file_mode: int = 0o644
    directory_mode: int = 0o755
    lease: float = deadman.TRIAL
    require_lease: bool = True
    rollout: t.Optional[str] = None
    rollout_ttl: float = 3600
    metrics_dir: t.Optional[str] = None
    metadata: t.Optional[t.Dict[str, t.Any]] = None


class Validated(t.NamedTuple):
    """What nginx says about a tree."""

    ok: bool
    message: str = ""
    method: str = ""
    version: str = ""
    warnings: t.Tuple[str, ...] = ()
    limits: t.Tuple[str, ...] = ()
    file: t.Optional[str] = None
    line: t.Optional[int] = None
    dump: t.Optional[bytes] = None
    facts: Facts = None
    modules: t.Tuple[str, ...] = ()

    def public(self) -> dict[str, t.Any]:
        """What may be shown of it."""
        shown = {**self._asdict(), "nginx_version": self.version}
        for name in ("dump", "facts", "version", "modules"):
            del shown[name]
        return shown


@contextlib.contextmanager
def _translated() -> t.Iterator[None]:
    try:
        yield
    except (NginxError, SandboxError, HealthError) as error:
        raise ReleaseError(str(error), "nginx") from error


class Host:
    """One nginx on this host. Everything raises `ReleaseError` where nginx cannot be asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._instance: Instance | None = None

    @property
    def instance(self) -> Instance:
        """The configured nginx."""
        if self._instance is None:
            settings = self.settings
            with _translated():
                self._instance = Instance(
                    settings.config_dir, main=settings.main, binary=settings.binary, prefix=settings.prefix
                )
        return self._instance

    def master(self) -> Master | None:
        """The running master."""
        with _translated():
            return find_master(self.instance)

    def written(self, facts: Facts) -> set[str]:
        """The files that the running nginx itself writes: its logs and its pid file."""
        master = self.master()
        paths = open_logs(master) if master else []
        if facts:
            paths += [facts["pid_path"], *facts["error_logs"]]
        return {os.path.realpath(path) for path in paths}

    def describe(self) -> dict[str, t.Any]:
        """This nginx for people; a problem instead of an exception."""
        known: dict[str, t.Any] = {"version": None, "modules": [], "running": False, "master_pid": None, "problem": ""}
        try:
            with _translated():
                build = self.instance.build()
                known.update(version=build.version, modules=[*build.static_modules, *build.dynamic_modules])
            master = self.master()
            known.update(running=master is not None, master_pid=master.pid if master else None)
        except ReleaseError as error:
            known["problem"] = str(error)
        return known

    def generation(self, release: str | None) -> dict[str, t.Any] | None:
        """The running master as the state keeps it, None if nginx does not run."""
        master = self.master()
        if master is None:
            return None
        return {"release": release, "pid": master.pid, "start_time": master.start_time, "since": now()}

    def validate(self, tree: str) -> Validated:
        """Let nginx load a tree at the place of the configuration folder."""
        master = self.master()
        with _translated():
            instance = master.instance(self.instance) if master else self.instance
            found = validate(instance, tree, dump=True)
            build = instance.build()
            facts = None
            if found.dump is not None:
                facts = dict(
                    runtime.scan(found.dump, build, prefix=instance.prefix, globals_=instance.globals_)._asdict()
                )
            return Validated(
                found.ok, found.message, found.method, build.version, tuple(found.warnings),
                (*found.limits, *(outdated(master) if master else ())), found.file, found.line, found.dump, facts, build.static_modules + build.dynamic_modules,
            )  # fmt: skip

    def reload(self, before: Facts, after: Facts) -> dict[str, t.Any]:
        """Let nginx load what is on the disk, or start it, and prove that it did.

        `before` and `after` are the facts of the configurations that ran and that shall run, as far as known.
        """
        if after is None:
            found = self.validate(self.instance.config_dir)
            after = found.facts
            if not found.ok or after is None:
                return {"ok": False, "reason": found.message or "nginx did not show its configuration", "seconds": 0.0}
        wanted = runtime.RuntimeFacts(**after)
        known = [runtime.RuntimeFacts(**before), wanted] if before else [wanted]
        timeout = self.settings.reload_timeout
        with _translated():
            if find_master(self.instance, wanted.pid_path) is None:
                proof = start(self.instance, self._service(), facts=wanted, timeout=timeout)
            else:
                proof = reload_and_prove(self.instance, snapshot(self.instance, known), facts=wanted, timeout=timeout)
        return dict(proof._asdict())

    def stop(self) -> None:
        """Stop nginx."""
        with _translated():
            proof = stop(self.instance, self._service())
        if not proof.ok:
            raise ReleaseError(f"nginx cannot be stopped again: {proof.reason}", "nginx")

    def arm(self, token: str, seconds: float) -> deadman.Lease:
        """Start the dead-man's switch."""
        return deadman.start(f"{self.settings.store}/{ARCHIVE}", token, seconds)

    @staticmethod
    def armed(armed: deadman.Lease) -> bool:
        """Whether it still waits."""
        return deadman.alive(armed)

    @staticmethod
    def disarm(armed: deadman.Lease) -> None:
        """End it."""
        deadman.stop(armed)

    def recover_at_boot(self) -> str:
        """See to it that recovery comes before nginx when the host boots; returns what it lacks."""
        return boot.install(self.settings)

    def _service(self) -> Service:
        return Service(self.settings.service_manager, self.settings.service)

    @staticmethod
    def check_gate(gate: t.Mapping[str, t.Any]) -> None:
        """Refuse a gate that could not be run, before anything is changed."""
        with _translated():
            _gate(gate, (), ())

    @staticmethod
    def baseline(gate: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
        """What the checks and probes say now."""
        with _translated():
            return record_baseline(
                gate.get("checks") or (), gate.get("probes") or (), timeout=gate.get("timeout") or 10
            )

    @staticmethod
    def former(gate: t.Mapping[str, t.Any], baseline: t.Sequence[t.Any]) -> dict[str, t.Any]:
        """The gate for the way back: what passed before must pass again, at once."""
        passed = {row["name"] for row in baseline if row["ok"] and not row["probe"]}
        checks = [one for one in gate.get("checks") or () if parse_check(one).name in passed]
        return {**gate, "checks": checks, "soak": 0}

    @staticmethod
    def gate(gate: t.Mapping[str, t.Any], baseline: t.Sequence[t.Any], facts: Facts) -> dict[str, t.Any]:
        """Run the gate; where it fails, `nginx_says` and the reason have nginx's own lines."""
        logs = facts["error_logs"] if facts else ()
        words = Words(logs)
        try:
            with _translated():
                result = _gate(gate, baseline, logs).run()
        finally:
            said = words.close()
        if not result["ok"] and said:
            said = _about(result["failed"], gate, said)
            result.update(nginx_says=said[-_SAID:], reason=f"{result['reason']}; nginx says: {said[-1]}")
        return result


def _about(failed: t.Sequence[dict[str, t.Any]], gate: t.Mapping[str, t.Any], said: list[str]) -> list[str]:
    """The lines about the requests that failed, if there are any, else all: other clients' requests fail too."""
    names = {row["name"] for row in failed}
    asked = [
        one for kind in ("checks", "probes") for one in gate.get(kind) or () if one.get("name", one.get("url")) in names
    ]
    targets = {"/" + str(one["url"]).partition("://")[2].partition("/")[2] for one in asked if one.get("url")}
    return [line for line in said if any(f" {target} HTTP/" in line for target in targets)] or said


def _gate(gate: t.Mapping[str, t.Any], baseline: t.Sequence[t.Any], error_logs: t.Sequence[str]) -> Gate:
    numbers = {name: gate[name] for name in ("interval", "successes", "timeout", "soak") if gate.get(name) is not None}
    return Gate(gate.get("checks") or (), gate.get("probes") or (), baseline, error_logs=error_logs, **numbers)
