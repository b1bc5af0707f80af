# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The user and the job template that started a run, from the variables that AWX hands to every job.

The names are those of `awx_meta_vars` in awx/main/models/unified_jobs.py and jobs.py of AWX 24.6.1; automation controller
sets `tower_` ones beside them. Mail addresses, names of persons and webhook contents are left out.
"""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Mapping

#: Field of `Launch` -> AWX's variable without its prefix.
_VARIABLES: t.Final[Mapping[str, str]] = {
    "job": "job_id",
    "template": "job_template_name",
    "type": "job_launch_type",
    "user": "user_name",
    "workflow_job": "workflow_job_id",
    "workflow": "workflow_job_name",
    "schedule": "schedule_name",
    "inventory": "inventory_name",
    "revision": "project_revision",
    "branch": "project_scm_branch",
    "node": "execution_node",
}
_NUMBERS: t.Final = ("job", "workflow_job")
_LONGEST: t.Final = 200


@dataclasses.dataclass(frozen=True)
class Launch:
    """AWX's description of a job, as short texts of printable characters. Outside AWX every field is None."""

    job: str | None = None
    template: str | None = None
    type: str | None = None
    user: str | None = None
    workflow_job: str | None = None
    workflow: str | None = None
    schedule: str | None = None
    inventory: str | None = None
    revision: str | None = None
    branch: str | None = None
    node: str | None = None

    @classmethod
    def from_variables(cls, variables: Mapping[str, object]) -> Launch:
        """Read AWX's variables of a job."""
        found = {name: variables.get(f"awx_{own}", variables.get(f"tower_{own}")) for name, own in _VARIABLES.items()}
        return cls(**{name: _printable(name, value) for name, value in found.items() if value not in (None, "")})

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Launch:
        """Read what `to_json` wrote; a field that this version does not know is left out."""
        return cls(**{name: str(data[name]) for name in _VARIABLES if data.get(name) is not None})

    def to_json(self) -> dict[str, str]:
        """Return the fields that AWX has set."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @property
    def sliced_template(self) -> str:
        """Return the job template of which this job is one slice of several, or "".

        AWX does not tell a job about its slices. It wraps them into a workflow job with the name of the template
        (`create_unified_job` in awx/main/models/jobs.py).
        """
        return self.template if self.template and self.type == "workflow" and self.workflow == self.template else ""


def _printable(name: str, value: object) -> str:
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))
    # ansible-core 2.19 and newer read a name such as 0123 as a number: what it was is not known.
    doubt = "" if isinstance(value, str) or name in _NUMBERS else " (read as a number, boolean or date)"
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + "...") + doubt
