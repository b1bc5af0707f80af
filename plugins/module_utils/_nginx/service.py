# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start and stop of nginx by the service manager of this host."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import typing as t

from .facts import RuntimeFacts
from .instance import Instance, NginxError, environment
from .processes import find_master
from .reload import POLL, Proof, Watch, follow_logs, refuse_single

MANAGERS = ("auto", "systemd", "sysvinit", "none")


class Service:
    """The service manager of nginx.

    Args:
        manager: `auto` is systemd where it runs (sd_booted(3)), else an init script with that name, else none.
        name: of the unit or the init script.

    Raises:
        NginxError: no such manager.
    """

    def __init__(self, manager: str = "auto", name: str = "nginx") -> None:
        if manager not in MANAGERS:
            raise NginxError(f"no service manager {manager!r}: one of {', '.join(MANAGERS)}")
        if manager == "auto":
            if os.path.isdir("/run/systemd/system"):
                manager = "systemd"
            else:
                manager = "sysvinit" if os.access(f"/etc/init.d/{name}", os.X_OK) else "none"
        self.manager = manager
        self.name = name

    def start(self, instance: Instance, timeout: float) -> str:
        """Start nginx; return the reason why it did not start, or ""."""
        if self.manager == "none":
            return _launch(instance, timeout)
        failure = _run(self._command("start"), timeout)
        return failure and (self._story() or failure)

    def stop(self, instance: Instance, master_pid: t.Optional[int], timeout: float) -> str:
        """Ask nginx to stop gracefully; return the reason why that was impossible, or ""."""
        if self.manager != "none":
            return _run(self._command("stop"), timeout)
        if master_pid is None:
            return ""
        try:
            os.kill(master_pid, signal.SIGQUIT)
        except ProcessLookupError:
            return ""
        except OSError as error:
            return f"the master of {instance.conf} (pid {master_pid}) cannot be signalled: {error.strerror}"
        return ""

    def _command(self, verb: str) -> t.List[str]:
        if self.manager == "systemd":
            return ["systemctl", verb, self.name]
        return [f"/etc/init.d/{self.name}", verb]

    def _story(self) -> str:
        # nginx's own words are in the journal; systemctl itself says only that the control process failed.
        if self.manager != "systemd":
            return ""
        try:
            journal = _output(["journalctl", "-u", self.name, "-n", "30", "-o", "cat", "--no-pager"])
            status = _output(["systemctl", "status", "-n", "0", "--no-pager", self.name])
        except NginxError:
            return ""
        words = [line for line in journal.splitlines() if "[emerg]" in line or "[alert]" in line]
        return (words[-1] if words else "; ".join(line.strip() for line in status.splitlines()[:6])).strip()


def start(
    instance: Instance, service: Service, *, facts: t.Optional[RuntimeFacts] = None, timeout: float = 10.0
) -> Proof:
    """Start nginx and wait for its workers. An nginx that runs already is only checked.

    Raises:
        NginxError: the service manager cannot be run.
    """
    facts_list = [facts] if facts else []
    refuse_single(instance, facts_list)
    pid_path = facts.pid_path if facts else None
    logs, limits = follow_logs(facts_list)
    began = time.monotonic()
    master = find_master(instance, pid_path)
    failure = "" if master else service.start(instance, timeout)
    while not master and not failure and time.monotonic() - began < timeout:
        time.sleep(POLL)
        master = find_master(instance, pid_path)
    if not master:
        lines = [str(line) for log in logs for line in log.read()]
        why = failure or f"no nginx master runs {instance.conf} after {timeout:g} s"
        return Proof(False, why, time.monotonic() - began, None, (), 0, tuple(lines), tuple(limits))
    return Watch(master, {}, logs, limits, facts).until(timeout)


def stop(
    instance: Instance, service: Service, *, facts: t.Optional[RuntimeFacts] = None, timeout: float = 30.0
) -> Proof:
    """Stop nginx gracefully; wait until its master is gone.

    Raises:
        NginxError: the service manager cannot be run.
    """
    began = time.monotonic()
    master = find_master(instance, facts.pid_path if facts else None)
    failure = service.stop(instance, master.pid if master else None, timeout)
    while master and not failure and master.refresh():
        if time.monotonic() - began > timeout:
            failure = f"the nginx master (pid {master.pid}) still runs after {timeout:g} s"
        time.sleep(POLL)
    pid = master.pid if master else None
    left = len(master.workers) + len(master.shutting_down) if master else 0
    return Proof(not failure, failure, time.monotonic() - began, pid, (), left, (), ())


def _launch(instance: Instance, timeout: float) -> str:
    # A file, not a pipe: a daemon keeps its standard error open. With `daemon off` nginx stays in the foreground of a
    # session of its own.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                instance.argv(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise NginxError(f"{instance.binary} cannot be run: {error}") from error
        end = time.monotonic() + timeout
        while process.poll() is None and not find_master(instance) and time.monotonic() < end:
            time.sleep(POLL)
        if not process.returncode:
            return ""
        errors.seek(0)
        text = errors.read().decode("utf-8", "backslashreplace").strip()
        return text or f"nginx ended with status {process.returncode}"


def _run(argv: t.List[str], timeout: float) -> str:
    done = _call(argv, timeout)
    if isinstance(done, str):
        return done
    if done.returncode == 0:
        return ""
    text = (done.stderr or done.stdout).decode("utf-8", "backslashreplace").strip()
    return text or f"{' '.join(argv)} ended with status {done.returncode}"


def _output(argv: t.List[str]) -> str:
    done = _call(argv, 10.0)
    return "" if isinstance(done, str) else done.stdout.decode("utf-8", "backslashreplace")


def _call(argv: t.List[str], timeout: float) -> t.Union[str, subprocess.CompletedProcess[bytes]]:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{' '.join(argv)} did not finish within {timeout:g} s"
    except OSError as error:
        raise NginxError(f"{argv[0]} cannot be run: {error}") from error
