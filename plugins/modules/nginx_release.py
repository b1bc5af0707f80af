#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_release
short_description: Stage, activate, confirm and roll back nginx configuration on a host
version_added: 0.1.0
description:
  - Keeps the managed part of an nginx configuration as numbered releases on the host and moves between them so that a wrong
    one is noticed and undone.
  - With O(state=staged) the source is rendered and linted on the controller, shipped, merged with the files that belong to
    others, and validated by the host's own nginx at its final path, in a private mount namespace. Nothing live is touched.
  - With O(state=active) the files are replaced one by one, recoverable at any point, and with O(reload=true) nginx is
    reloaded, the reload is proven, and the gate is held.
  - With O(state=confirmed) the trial ends. With O(state=rolled_back) the last confirmed release is live and running again.
  - On the first run the live configuration is kept as it is and counts as confirmed.
  - A release that goes live has a lease. Unless it is confirmed in time, the host rolls back by itself, whatever became of
    the controller, the connection or this module.
  - A run that was killed is undone when its lease ends, when the host boots, by the next run, or by
    C(failsafe-nginx.pyz recover) in O(store), which works without Ansible.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
requirements:
  - Python 3.7 or newer and nginx on the host
  - crossplane >= 0.5.8 on the controller
extends_documentation_fragment:
  - failsafe.nginx.release.instance
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
  - failsafe.nginx.checks.gate
attributes:
  check_mode:
    support: full
    details:
      - Staging does everything that it does otherwise, validation on the host included, in a temporary folder.
      - The other states say whether they would change something.
  connection:
    support: full
  delegation:
    support: full
  diff_mode:
    support: full
    details:
      - Secret files, private keys, binary files and files above 256 KiB appear as a fingerprint.
  idempotent:
    support: full
    details:
      - A release that was staged and not confirmed yet is staged again.
  platform:
    support: full
    platforms: posix
    details:
      - Linux only. It reads C(/proc).
options:
  state:
    description:
      - How far the release shall come.
    type: str
    required: true
    choices:
      staged: Built beside the live files and validated.
      active: Live, and with O(reload=true) running, proven and gated.
      confirmed: Trusted. Only what is running, proven and gated can be confirmed.
      rolled_back: The confirmed release, or O(release), is live and running again.
      adopted: Managed files that were changed on the host are kept. If nginx loads them, they are a new release, reloaded,
        proven and confirmed. The next candidate replaces them, unless they are in the source by then.
      unlocked: A rollout that holds the host gives it back, O(rollout) or, without that option, any.
      absent: O(release) is deleted from the store. What is confirmed, active, or was there before the first one cannot be.
  src:
    description:
      - A folder on the controller, laid out as below O(config_dir), with plain files and C(.j2) templates.
      - Required with O(state=staged), and only used there.
    type: path
  exclude:
    description:
      - Patterns of names in O(src) that are not deployed. The default leaves out what editors and version control make.
    type: list
    elements: str
  release:
    description:
      - The release, as RV(release) of O(state=staged) named it.
      - Required with O(state=active), O(state=confirmed) and O(state=absent).
      - With O(state=rolled_back) a stored release to go back to, which is validated again and confirmed. Without it the last
        confirmed one.
    type: str
  lint_fail_on:
    description:
      - The lowest severity of a finding that refuses the candidate.
    type: str
    choices: [error, warning, advice, never]
    default: error
  lint_ignore:
    description:
      - Rules whose findings do not count.
    type: list
    elements: str
    default: []
  probe_limit:
    description:
      - How many default probes are made from what nginx read, at most. V(0) makes none.
    type: int
    default: 40
  on_drift:
    description:
      - What to do when managed files were changed on the host since their release was confirmed.
      - With V(overwrite) what is there is kept as a release of its own first.
    type: str
    choices: [fail, overwrite]
    default: fail
  require_rollback:
    description:
      - Refuse a change when nginx would not load the current configuration any more, since it could not be rolled back.
    type: bool
    default: true
  file_mode:
    description:
      - The mode of new files. Files that are replaced keep theirs, secret ones get V(0600).
    type: str
    default: "0644"
  directory_mode:
    description:
      - The mode of new folders.
    type: str
    default: "0755"
  reload:
    description:
      - Whether O(state=active) goes on to reload nginx (or start it), prove that and hold the gate.
      - Without it RV(reload_needed) says whether that remains to be done.
    type: bool
    default: true
  reload_timeout:
    description:
      - Seconds within which the reload must be proven.
    type: float
    default: 10
  service:
    description:
      - The service's name, used to start nginx where it does not run.
    type: str
    default: nginx
  service_manager:
    description:
      - What starts and stops nginx. V(auto) finds it out, V(none) runs O(binary) itself.
      - A reload never needs it, since the signal goes to the master.
    type: str
    choices: [auto, systemd, sysvinit, none]
    default: auto
  probes:
    description:
      - Requests without an expectation, such as RV(probes) of O(state=staged). They are asked before the switch, and what
        answered then may not fail after it.
    type: list
    elements: dict
    default: []
  health_interval:
    description:
      - Seconds from the beginning of one round of checks to the next.
    type: float
    default: 0.2
  health_successes:
    description:
      - How many rounds in a row have to pass.
    type: int
    default: 2
  health_timeout:
    description:
      - Seconds within which they have to.
    type: float
    default: 10
  soak:
    description:
      - Seconds for which the checks have to go on passing.
    type: float
    default: 0
  rollback_on_failure:
    description:
      - Whether O(state=active) rolls back by itself when the reload or the gate fails. It fails all the same.
    type: bool
    default: false
  lease:
    description:
      - Seconds for which a release stays live without being confirmed. Then the host rolls back by itself.
      - They begin when the files are replaced, and again when nginx is reloaded, while the gate is held and when it has passed,
        and with every O(state=active) on a release that has passed it. They have to cover what happens between two of those.
      - The time is monotonic, and ends with the host's boot.
      - V(0) switches it off. The next run still undoes what was left unconfirmed.
    type: float
    default: 180
  require_lease:
    description:
      - Refuse to activate where nothing can be started on the host that would roll back, neither a timer of systemd's nor a
        process.
    type: bool
    default: true
  rollout:
    description:
      - The rollout that this run belongs to, any text that no other rollout uses. O(metadata) tells who that is.
      - O(state=staged) takes the host for it when there is something to do, O(state=active) keeps it, and
        O(state=confirmed), O(state=rolled_back) and O(state=unlocked) give it back.
      - While one rollout holds the host, O(state=staged), O(state=active) and O(state=adopted) are refused to others. Rolling
        back is refused to nobody.
    type: str
  rollout_ttl:
    description:
      - Seconds after which a rollout that did not touch the host any more no longer holds it. A reboot ends it too.
    type: float
    default: 3600
  keep:
    description:
      - How many releases the store keeps. The adopted, confirmed, active and staged ones and the one that was confirmed before
        stay in any case.
    type: int
    default: 5
  metrics_dir:
    description:
      - A folder that is there, to keep metrics in for the textfile collector of Prometheus' node exporter.
      - O(state=staged) decides, with a rollback to another release than the confirmed one. Without it no metrics are kept, and
        those of an earlier run are deleted. Whatever changes the host later refreshes them, the host itself included.
      - Metrics that cannot be written are a warning.
    type: path
  metadata:
    description:
      - Who and why, for the journal. Plain values.
    type: dict
    default: {}
  _payload:
    description:
      - What the action plugin sends, the rendered candidate and the secret values. Not for users.
    type: str
  _owner:
    description:
      - The inventory name that the action plugin sends. Not for users.
    type: str
seealso:
  - module: failsafe.nginx.nginx_release_info
  - module: failsafe.nginx.nginx_health
  - module: failsafe.nginx.nginx_lint
"""

EXAMPLES = r"""
- name: Stage what the source folder says for this host
  failsafe.nginx.nginx_release:
    state: staged
    src: files/nginx
  register: staged

- name: Bring it into service and go back if a page is missing
  failsafe.nginx.nginx_release:
    state: active
    release: "{{ staged.release }}"
    checks:
      - url: http://www.example.com/login
        address: 127.0.0.1:80
        status: 200
    probes: "{{ staged.probes }}"
    rollback_on_failure: true
  when: staged.state == 'staged'

- name: Keep it
  failsafe.nginx.nginx_release:
    state: confirmed
    release: "{{ staged.release }}"
  when: staged.state == 'staged'

- name: Go back to an older release
  failsafe.nginx.nginx_release:
    state: rolled_back
    release: r-0f3c66d1a2b4
"""

RETURN = r"""
release:
  description: The release that this is about. V(null) where a rollback found no store.
  returned: success
  type: str
  sample: r-0f3c66d1a2b4
state:
  description:
    - What it is now. V(confirmed) after O(state=staged) means that the host has it already and nothing is to be done.
    - V(planned) after O(state=staged) in check mode.
  returned: success
  type: str
  sample: staged
code:
  description: The kind of failure, for programs.
  returned: failure
  type: str
  sample: drift
added:
  description: Paths that come, below O(config_dir).
  returned: when files differ
  type: list
  elements: str
modified:
  description: Paths whose content, mode or owner changes.
  returned: when files differ
  type: list
  elements: str
removed:
  description: Paths that go.
  returned: when files differ
  type: list
  elements: str
drift:
  description:
    - Managed paths that were changed on the host by somebody else.
    - When O(state=active) failed with RV(code=edited), the paths in O(config_dir) that were changed since staging, whoever they
      belong to.
  returned: O(state=staged) and O(state=adopted), and when that is why it failed
  type: list
  elements: str
previous:
  description: The release that is confirmed now, to which a rollback of the fleet leads.
  returned: O(state=staged)
  type: str
special:
  description: Sockets, devices and FIFOs below O(config_dir). They are left alone and are part of no release.
  returned: O(state=staged)
  type: list
  elements: str
recovered:
  description: What an earlier run had left behind, and what became of it.
  returned: O(state=staged), when there was something
  type: list
  elements: str
validation:
  description: What nginx said, V(null) when it was not asked because nothing is to be done.
  returned: O(state=staged)
  type: dict
  contains:
    method:
      description: How it was asked. Anything but V(namespace) has limits.
      type: str
    nginx_version:
      description: The version of the nginx that was asked.
      type: str
    warnings:
      description: nginx's warnings.
      type: list
      elements: str
    limits:
      description: What this validation could not see.
      type: list
      elements: str
probes:
  description: Default probes from what nginx read, for O(probes).
  returned: O(state=staged), when something is to be done
  type: list
  elements: dict
asked:
  description: A digest of the options that decide what is staged, by which a deploy is compared with an approved plan.
  returned: O(state=staged)
  type: str
plan:
  description:
    - By what M(failsafe.nginx.nginx_route_check), M(failsafe.nginx.nginx_diff) and M(failsafe.nginx.nginx_bisect) find in the
      same run what nginx read, with C(key), C(before) and C(after).
    - Two hosts with the same C(key) have the same configuration, candidate and nginx.
  returned: O(state=staged), when something is to be done
  type: dict
findings:
  description: What M(failsafe.nginx.nginx_lint) found.
  returned: O(state=staged)
  type: list
  elements: dict
guilty:
  description: The findings for which the candidate is refused.
  returned: O(state=staged), when lint refuses the candidate
  type: list
  elements: dict
phase:
  description: How far an active release is, one of V(switched), V(running) and V(gated).
  returned: O(state=active)
  type: str
  sample: gated
reload_needed:
  description: Whether nginx does not run this release yet.
  returned: O(state=active)
  type: bool
lease:
  description: How long the release may stay unconfirmed.
  returned: O(state=active), V(null) where it is confirmed already
  type: dict
  contains:
    release:
      description: The release on trial.
      type: str
    mechanism:
      description: What rolls back when it ends, one of V(systemd), V(watcher) and V(none).
      type: str
    seconds:
      description: How long it is.
      type: float
    expires_in:
      description: Seconds that are left.
      type: float
    alive:
      description: Whether what rolls back is there.
      type: bool
rollout:
  description:
    - The rollout that holds the host, V(null) if none does.
    - On failure with RV(code=rollout) the one in the way.
  returned: O(state=staged), O(state=active) and O(state=unlocked)
  type: dict
  contains:
    id:
      description: Its O(rollout).
      type: str
    holder:
      description: Who and why, from O(metadata).
      type: str
    since:
      description: When it took the host, in UTC.
      type: str
    age:
      description: Seconds since then.
      type: int
    expires_in:
      description: Seconds until it ends by itself.
      type: int
proof:
  description:
    - The proof of the reload, with C(ok), C(reason), C(seconds), C(master_pid), C(workers), C(old_workers_left), C(log_lines) and
      C(limits).
    - C(old_workers_left) counts the workers of earlier generations that still finish requests. They are not waited for.
  returned: when nginx was reloaded or started
  type: dict
gate:
  description:
    - What came of the gate, with C(ok), C(reason), C(failed), C(already_failing), C(rounds) and C(seconds).
    - Where it failed, C(nginx_says) has what nginx's error log says of the failed requests.
  returned: when it was held
  type: dict
reloaded:
  description: When nginx ran the release, in UTC by the controller's clock, also where the gate failed then.
  returned: O(state=active), when nginx was reloaded and the gate held
  type: str
  sample: "2026-11-22T19:01:00.125+00:00"
stopped:
  description: Whether the rollback stopped nginx, because it did not run before the activation.
  returned: O(state=rolled_back), when it did
  type: bool
older:
  description: The other stored releases, any of which O(release) may name.
  returned: O(state=rolled_back), when there was nothing to undo
  type: list
  elements: str
edited:
  description: Paths that were edited by hand while the abandoned release was active.
  returned: O(state=rolled_back), when there are any
  type: list
  elements: str
kept:
  description: The release that keeps these edits.
  returned: O(state=rolled_back), when there are any
  type: str
rollback:
  description: What came of the rollback by O(rollback_on_failure).
  returned: failure, when it was tried
  type: dict
pruned:
  description: Old releases that were deleted.
  returned: O(state=confirmed), when something changed
  type: list
  elements: str
journal:
  description:
    - What this call wrote into the host's journal, oldest first, the last 50 lines at most.
    - M(failsafe.nginx.nginx_release_info) returns the whole journal, also what the host did by itself.
  returned: when the host was asked, on failure too
  type: list
  elements: dict
  contains:
    time:
      description: When, by the host's clock, in UTC.
      type: str
    seq:
      description: The line's number.
      type: int
    event:
      description: What happened, such as V(staged), V(activated), V(reload), V(gate), V(confirmed) or V(rolled_back).
      type: str
    release:
      description: The release that it is about, V(null) for none.
      type: str
    details:
      description: More about it. A list of more than 20 items is their number, a text of more than 500 characters is cut short.
      type: dict
  sample:
    - time: "2026-11-22T03:00:02.100Z"
      seq: 7
      event: confirmed
      release: r-0f3c66d1a2b4
      details: {}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import Redactor
from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import CHECK_OPTIONS

# The engine writes the command line and the watcher into the archive, so they have to be on the host.
from ansible_collections.failsafe.nginx.plugins.module_utils._release import cli, watch  # noqa: F401
from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import HostCandidate, decode
from ansible_collections.failsafe.nginx.plugins.module_utils._release.engine import Engine
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.journal import JournalLine, brief
from ansible_collections.failsafe.nginx.plugins.module_utils._release.results import ResultJson
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.state import GATED, GateOptions

STATES = ["staged", "active", "confirmed", "rolled_back", "absent", "adopted", "unlocked"]

_SETTINGS = (
    "store", "config_dir", "main", "binary", "prefix", "service", "service_manager", "reload_timeout", "on_drift",
    "require_rollback", "keep", "metadata", "lease", "require_lease", "rollout", "rollout_ttl",
    "metrics_dir",
)  # fmt: skip


def argument_spec() -> dict[str, object]:
    """Return the options, with those that only the action plugin uses."""
    return {
        "state": {"required": True, "choices": STATES},
        "src": {"type": "path"},
        "exclude": {"type": "list", "elements": "str"},
        "release": {},
        "config_dir": {"type": "path", "default": "/etc/nginx"},
        "main": {"default": "nginx.conf"},
        "store": {"type": "path", "default": "/var/lib/failsafe-nginx"},
        "binary": {},
        "prefix": {"type": "path"},
        "lint_fail_on": {"choices": ["error", "warning", "advice", "never"], "default": "error"},
        "lint_ignore": {"type": "list", "elements": "str", "default": []},
        "probe_limit": {"type": "int", "default": 40},
        "on_drift": {"choices": ["fail", "overwrite"], "default": "fail"},
        "require_rollback": {"type": "bool", "default": True},
        "file_mode": {"default": "0644"},
        "directory_mode": {"default": "0755"},
        "reload": {"type": "bool", "default": True},
        "reload_timeout": {"type": "float", "default": 10},
        "service": {"default": "nginx"},
        "service_manager": {"choices": ["auto", "systemd", "sysvinit", "none"], "default": "auto"},
        "checks": {"type": "list", "elements": "dict", "default": [], "options": CHECK_OPTIONS},
        "probes": {"type": "list", "elements": "dict", "default": []},
        "health_interval": {"type": "float", "default": 0.2},
        "health_successes": {"type": "int", "default": 2},
        "health_timeout": {"type": "float", "default": 10},
        "soak": {"type": "float", "default": 0},
        "rollback_on_failure": {"type": "bool", "default": False},
        "lease": {"type": "float", "default": 180},
        "require_lease": {"type": "bool", "default": True},
        "rollout": {},
        "rollout_ttl": {"type": "float", "default": 3600},
        "metrics_dir": {"type": "path"},
        "keep": {"type": "int", "default": 5},
        "metadata": {"type": "dict", "default": {}},
        "_payload": {"no_log": True},
        "_owner": {},
    }


def _settings(params: t.Mapping[str, t.Any]) -> Settings:
    settings = {name: params[name] for name in _SETTINGS}
    settings.update({name: _mode(name, params[name]) for name in ("file_mode", "directory_mode")})
    return Settings(owner=params["_owner"] or None, **settings)


def _mode(name: str, value: str) -> int:
    try:
        return int(value, 8)
    except ValueError:
        raise ReleaseError(f"{name}: {value!r} is no octal mode such as '0644'", "options") from None


def _run(params: t.Mapping[str, t.Any], engine: Engine, candidate: HostCandidate | None, *, check: bool) -> ResultJson:
    state, release = params["state"], params["release"]
    if state == "staged":
        if candidate is None:
            raise ReleaseError("there is no candidate: run this module by its action plugin, as a task", "options")
        return engine.stage(candidate, check_only=check).to_json()
    if check:
        return _foresee(state, release, engine, reload=params["reload"])
    if state == "active":
        gate = GateOptions(
            params["checks"], params["probes"], params["health_interval"], params["health_successes"],
            params["health_timeout"], params["soak"],
        )  # fmt: skip
        return engine.activate(
            release, reload=params["reload"], gate=gate, rollback_on_failure=params["rollback_on_failure"]
        ).to_json()
    steps: dict[str, t.Callable[[], t.Any]] = {
        "rolled_back": lambda: engine.rollback(release),
        "confirmed": lambda: engine.confirm(release),
        "absent": lambda: engine.remove(release),
        "adopted": engine.adopt,
        "unlocked": engine.unlock,
    }
    result: ResultJson = steps[state]().to_json()
    return result


def _foresee(state: str, release: str | None, engine: Engine, *, reload: bool) -> ResultJson:
    """Return the result that a state would have, in check mode."""
    now = engine.status()
    settled = not (now.active or now.staged) and now.running in (None, now.confirmed)
    reserved = now.rollout and engine.context.settings.rollout in (None, now.rollout.id)
    reached = {
        "unlocked": not reserved,
        "adopted": not engine.drift() and settled,
        "active": now.active == release and (now.phase == GATED or not reload),
        "confirmed": now.confirmed == release and not now.active,
        "rolled_back": release in (None, now.confirmed) and settled,
        "absent": release not in now.releases,
    }
    return {"release": release or now.confirmed, "state": state, "changed": now.interrupted or not reached[state]}


def main() -> None:
    """Run the engine's step for the wanted state."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", state, ["release"]) for state in ("active", "confirmed", "absent")],
        supports_check_mode=True,
    )
    redact: t.Callable[[t.Any], t.Any] = Redactor(())
    lines: list[JournalLine] = []
    try:
        # The payload of every state has the secret values; only that of staged has files.
        candidate = decode(module.params["_payload"]) if module.params["_payload"] else None
        secrets = candidate.secrets if candidate else ()
        engine = Engine(_settings(module.params), redact=Redactor(secrets, keep_keys=True))
        try:
            result = _run(module.params, engine, candidate, check=module.check_mode)
        finally:
            redact, lines = engine.context.redact, engine.context.store.journal.written
    except ReleaseError as error:
        module.fail_json(msg=redact(str(error)), code=error.code, journal=redact(brief(lines)), **redact(error.details))
    except OSError as error:
        reason = f"{error.filename or 'the host'}: {error.strerror}"
        module.fail_json(msg=reason, code="file", journal=redact(brief(lines)))
    result = redact({**result, "journal": brief(lines)})
    _warn(module, engine.context.warnings, result)
    if not module._diff:  # noqa: SLF001 - Ansible offers no other way to ask
        result.pop("diff", None)
    module.exit_json(**result)


def _warn(module: AnsibleModule, warnings: t.Iterable[str], result: t.Mapping[str, t.Any]) -> None:
    gate, validation, proof = (result.get(name) or {} for name in ("gate", "validation", "proof"))
    for warning in [
        *warnings, *gate.get("unwatched", ()), *validation.get("limits", ()), *proof.get("limits", ()),
    ]:  # fmt: skip
        module.warn(warning)
    if gate.get("skipped"):
        module.warn("the gate asked nothing: " + gate["reason"])


if __name__ == "__main__":
    main()
