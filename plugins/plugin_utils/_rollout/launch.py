# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""By whom and from where AWX launched a run, out of the variables that it hands to every job.

The names are those of `awx_meta_vars` in awx/main/models/unified_jobs.py and jobs.py of AWX 24.6.1; automation controller
sets `tower_` ones beside them. Mail addresses, names of persons and webhook contents are left out.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

#: What the journal and the record call it, and AWX's variable without its prefix.
_FIELDS: t.Final[Mapping[str, str]] = {
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


def launch(variables: Mapping[str, t.Any]) -> dict[str, str]:
    """What AWX says of the job, as short texts of printable characters; empty outside AWX."""
    found = {name: variables.get(f"awx_{own}", variables.get(f"tower_{own}")) for name, own in _FIELDS.items()}
    return {name: _shown(name, value) for name, value in found.items() if value is not None and value != ""}


def sliced(variables: Mapping[str, t.Any]) -> str:
    """The name of the template of which this job is one slice of several; empty where it is none.

    AWX tells a job nothing of its slices, but wraps them into a workflow job with the name of the template
    (`create_unified_job` in awx/main/models/jobs.py).
    """
    told = launch(variables)
    name = told.get("template", "")
    return name if name and told.get("type") == "workflow" and told.get("workflow") == name else ""


def _shown(name: str, value: t.Any) -> str:
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))
    # ansible-core 2.19 and newer read a name such as 0123 as a number: what it was is not known.
    doubt = "" if isinstance(value, str) or name in _NUMBERS else " (read as a number, boolean or date)"
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + "...") + doubt
