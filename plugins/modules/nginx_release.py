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
  - Keeps the managed part of an nginx configuration as releases on the host, and changes between them so that a wrong one is
    noticed and undone.
  - With O(state=staged) the source is rendered and linted on the controller and sent to the host. There it is merged with
    unmanaged files, and the host's own nginx validates it at its final path, in a private mount namespace. Nothing live is
    touched.
  - With O(state=active) the files are replaced one by one, recoverable at any point. With O(reload=true) nginx is also
    reloaded, the reload is proven, and the gate is held.
  - With O(state=confirmed) the trial ends. With O(state=rolled_back) the last confirmed release is live and running again.
  - On the first run the live configuration is kept as it is and counts as confirmed.
  - An active release has a lease. Unless it is confirmed in time, the host rolls back by itself, even if the controller, the
    connection or this module is dead.
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
      - The wanted state of the release.
    type: str
    required: true
    choices:
      staged: Built beside the live files and validated.
      active: Live, and with O(reload=true) running, proven and gated.
      confirmed: Trusted. Only what is running, proven and gated can be confirmed.
      rolled_back: The confirmed release, or O(release), is live and running again.
      adopted: Managed files that were edited on the host are kept. If nginx loads them, they become a new release, which is
        reloaded, proven and confirmed. The next candidate replaces them, unless the source has the edits by then.
      unlocked: The reservation of the host ends. With O(rollout) only that rollout's, without it any.
      absent: O(release) is deleted from the store. The confirmed, active and adopted ones cannot be deleted.
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
      - With O(state=rolled_back) a stored release to roll back to, which is validated again and confirmed. Without it the last
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
      - The maximum number of default probes made from the configuration that nginx read. V(0) makes none.
    type: int
    default: 40
  on_drift:
    description:
      - The reaction to managed files that were edited on the host since their release was confirmed.
      - With V(overwrite) the edited files are first kept as a release of their own.
    type: str
    choices: [fail, overwrite]
    default: fail
  require_rollback:
    description:
      - Refuse a change where nginx would not load the current configuration any more, because the change could not be rolled back.
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
      - Whether O(state=active) also reloads nginx (or starts it), proves that and holds the gate.
      - Without it RV(reload_needed) says whether a reload remains to be done.
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
      - The manager that starts and stops nginx. V(auto) detects it, V(none) runs O(binary) itself.
      - A reload never needs it, since the signal goes to the master.
    type: str
    choices: [auto, systemd, sysvinit, none]
    default: auto
  probes:
    description:
      - Requests without an expectation, such as RV(probes) of O(state=staged). They are sent before the switch and after it, at
        most five a second, and no faster than the C(limits) that they name.
      - A probe that was answered below 400 has to be answered below 400 after the switch too, with redirects that end, by a
        certificate that is as good as it was. One that got another answer must not fail altogether. O(expected) has the exceptions.
      - A refusal by C(limit_req) or C(limit_conn) is no failure, unless the change is about that limit.
    type: list
    elements: dict
    default: []
  expected:
    description:
      - The outcomes of O(probes) that the plan showed, such as RV(failsafe.nginx.nginx_route_check#module:expected).
      - A probe may get a worse answer where the plan showed one that is as bad. Where the plan showed a better one than the host
        gives, the gate fails and names both.
      - They are kept with the release from O(state=active) on.
    type: list
    elements: dict
    default: []
  probe_exclude:
    description:
      - Further paths that default probes never ask, because asking them does something. An entry is a path with all below it,
        such as V(/internal/jobs), a regular expression after V(~), or a word of a path, such as V(reindex).
      - Words such as C(logout), C(cron), C(unsubscribe) and C(delete) are excluded anyway. RV(probes_excluded) lists what was left out.
      - Used with O(state=staged), and with O(state=active) for redirects.
    type: list
    elements: str
    default: []
  limits:
    description:
      - The limits of the configurations, RV(limits) of O(state=staged). A check or a probe that one of them refuses does not fail
        unless the change is about that limit.
      - Without them no limit counts as changed.
    type: list
    elements: dict
  health_interval:
    description:
      - Seconds from the beginning of one round of checks to the next.
    type: float
    default: 0.2
  health_successes:
    description:
      - The number of rounds in a row that have to pass.
    type: int
    default: 2
  health_timeout:
    description:
      - Seconds within which they have to pass.
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
      - They begin when the files are replaced. They begin again when nginx is reloaded, while the gate is held, when it has
        passed, and with every O(state=active) on a release that has passed it. They have to cover the time between two of those.
      - The time is monotonic, and the lease ends with the host's boot.
      - V(0) switches the lease off. The next run still rolls an unconfirmed release back.
    type: float
    default: 180
  require_lease:
    description:
      - Refuse to activate on a host that can start neither a systemd timer nor a process which would roll back.
    type: bool
    default: true
  rollout:
    description:
      - The rollout that this run belongs to, any text that no other rollout uses. O(metadata) names its person and reason.
      - O(state=staged) reserves the host for it when there is something to do, O(state=active) keeps the reservation, and
        O(state=confirmed), O(state=rolled_back) and O(state=unlocked) end it.
      - While the host is reserved, O(state=staged), O(state=active) and O(state=adopted) are refused to other rollouts. A
        rollback is never refused.
    type: str
  rollout_ttl:
    description:
      - Seconds after which a reservation ends, counted from the rollout's last action on the host. A reboot ends it, too.
    type: float
    default: 3600
  keep:
    description:
      - The number of releases that the store keeps. The adopted, confirmed, active and staged ones and the one that was
        confirmed before always stay.
    type: int
    default: 5
  metrics_dir:
    description:
      - An existing folder for metrics, read by the textfile collector of Prometheus' node exporter.
      - O(state=staged) sets it, and so does a rollback to another release than the confirmed one. Without the option no metrics
        are kept, and those of an earlier run are deleted. Each later change refreshes them, also one that the host makes itself.
      - Metrics that cannot be written are a warning.
    type: path
  metadata:
    description:
      - Facts of the run for the journal, such as C(who) and C(why). Plain values.
    type: dict
    default: {}
  _payload:
    description:
      - The rendered candidate and the secret values that the action plugin sends. Not for users.
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
- name: Stage the source folder for this host
  failsafe.nginx.nginx_release:
    state: staged
    src: files/nginx
  register: staged

- name: Bring it into service and roll back if a page is missing
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

- name: Roll back to an older release
  failsafe.nginx.nginx_release:
    state: rolled_back
    release: r-0f3c66d1a2b4
"""

RETURN = r"""
release:
  description: The release. V(null) where a rollback found no store.
  returned: success
  type: str
  sample: r-0f3c66d1a2b4
state:
  description:
    - The release's state. V(confirmed) after O(state=staged) means that the host has it already and nothing is to be done.
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
  description: New paths, below O(config_dir).
  returned: when files differ
  type: list
  elements: str
modified:
  description: Paths whose content, mode or owner changes.
  returned: when files differ
  type: list
  elements: str
removed:
  description: Deleted paths.
  returned: when files differ
  type: list
  elements: str
drift:
  description:
    - Managed paths that were edited on the host.
    - When O(state=active) failed with RV(code=edited), all paths in O(config_dir) that were changed since staging, also
      unmanaged ones.
  returned: O(state=staged) and O(state=adopted), and on failure because of them
  type: list
  elements: str
previous:
  description: The release that is confirmed now. A rollback of the fleet returns to it.
  returned: O(state=staged)
  type: str
special:
  description: Sockets, devices and FIFOs below O(config_dir). They are left alone and are part of no release.
  returned: O(state=staged)
  type: list
  elements: str
recovered:
  description: Steps that undid an earlier run that was killed, in words.
  returned: O(state=staged), when there was something
  type: list
  elements: str
validation:
  description: The validation by nginx, V(null) where nothing is to be done.
  returned: O(state=staged)
  type: dict
  contains:
    method:
      description: The way of the validation. Any other than V(namespace) has limits.
      type: str
    nginx_version:
      description: The version of that nginx.
      type: str
    warnings:
      description: nginx's warnings.
      type: list
      elements: str
    limits:
      description: Facts that this validation could not cover.
      type: list
      elements: str
probes:
  description: Default probes made from the live configuration and from the one that nginx read, for O(probes).
  returned: O(state=staged), when something is to be done
  type: list
  elements: dict
probes_excluded:
  description: Requests that are no default probes, each with the reason.
  returned: O(state=staged), when something is to be done
  type: list
  elements: str
  sample: ["http://www.example.com/logout: logout may do something"]
limits:
  description: What C(limit_req) and C(limit_conn) limit in both configurations, for O(limits).
  returned: O(state=staged), when something is to be done
  type: list
  elements: dict
asked:
  description: A digest of the options that decide what is staged. A deploy is compared with an approved plan by it.
  returned: O(state=staged)
  type: str
plan:
  description:
    - Keys C(key), C(before) and C(after) by which M(failsafe.nginx.nginx_route_check), M(failsafe.nginx.nginx_diff) and
      M(failsafe.nginx.nginx_bisect) find in the same run the configurations that nginx read.
    - C(files) are the paths below O(config_dir) of what the candidate changes, certificates and password files included.
    - Two hosts with the same C(key) have the same configuration, candidate and nginx.
  returned: O(state=staged), when something is to be done
  type: dict
findings:
  description: The findings of M(failsafe.nginx.nginx_lint).
  returned: O(state=staged)
  type: list
  elements: dict
guilty:
  description: The findings for which the candidate is refused.
  returned: O(state=staged), when lint refuses the candidate
  type: list
  elements: dict
phase:
  description: The phase of the active release, one of V(switched), V(running) and V(gated).
  returned: O(state=active)
  type: str
  sample: gated
reload_needed:
  description: Whether nginx does not run this release yet.
  returned: O(state=active)
  type: bool
lease:
  description: The lease of the release.
  returned: O(state=active), V(null) where it is confirmed already
  type: dict
  contains:
    release:
      description: The release on trial.
      type: str
    mechanism:
      description: The mechanism that rolls back when it ends, one of V(systemd), V(watcher) and V(none).
      type: str
    seconds:
      description: Its length in seconds.
      type: float
    expires_in:
      description: Seconds that are left.
      type: float
    alive:
      description: Whether that mechanism is alive.
      type: bool
rollout:
  description:
    - The rollout that has reserved the host, V(null) if none has.
    - On failure with RV(code=rollout) the other rollout.
  returned: O(state=staged), O(state=active) and O(state=unlocked)
  type: dict
  contains:
    id:
      description: Its O(rollout).
      type: str
    holder:
      description: C(who) and C(why) of its O(metadata).
      type: str
    since:
      description: The time of the reservation, in UTC.
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
    - The outcome of the gate, with C(ok), C(reason), C(failed), C(rounds) and C(seconds).
    - C(already_failing) names probes that failed before the switch, C(rejected_before) those that got a status of 400 to 499 then.
    - C(unasked) names what a limit of the configuration kept from being asked, C(unlike_plan) what an upstream answers in another
      way than the plan showed.
    - Where it failed, C(nginx_says) has the lines of nginx's error log about the failed requests.
  returned: when it was held
  type: dict
reloaded:
  description: The time of the reload, in UTC by the controller's clock. It is there also where the gate failed afterwards.
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
  description: The result of the rollback by O(rollback_on_failure).
  returned: failure, when it was tried
  type: dict
pruned:
  description: Old releases that were deleted.
  returned: O(state=confirmed), when something changed
  type: list
  elements: str
journal:
  description:
    - Lines that this call wrote into the host's journal, oldest first, the last 50 at most.
    - M(failsafe.nginx.nginx_release_info) returns the whole journal, with the host's own actions.
  returned: when the host was asked, on failure too
  type: list
  elements: dict
  contains:
    time:
      description: The time by the host's clock, in UTC.
      type: str
    seq:
      description: The line's number.
      type: int
    event:
      description: The event, such as V(staged), V(activated), V(reload), V(gate), V(confirmed) or V(rolled_back).
      type: str
    release:
      description: The release that it is about, V(null) for none.
      type: str
    details:
      description: Facts of the event. A list of more than 20 items is their number, a text of more than 500 characters is cut.
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
from ansible_collections.failsafe.nginx.plugins.module_utils._release import (  # pylint: disable=unused-import
    cli,  # noqa: F401
    watch,  # noqa: F401
)
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
        "expected": {"type": "list", "elements": "dict", "default": []},
        "probe_exclude": {"type": "list", "elements": "str", "default": []},
        "limits": {"type": "list", "elements": "dict"},
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
            params["health_timeout"], params["soak"], params["expected"] or None, params["probe_exclude"] or None,
            params["limits"],
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
