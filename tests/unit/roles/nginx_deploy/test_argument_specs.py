# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation that ansible-doc prints of the role, against a stored copy.

The argument specs share definitions by YAML anchors. The copy shows that Ansible resolves them: it has the options of each entry
point by name, and each option's documentation once. After a change of the specs write it anew, and read what git shows of it:

    FAILSAFE_WRITE=1 .venv/bin/pytest tests/unit/roles/nginx_deploy/test_argument_specs.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

ROLE: t.Final = "failsafe.nginx.nginx_deploy"
STORED: t.Final = Path(__file__).with_name("ansible_doc.json")


def printed() -> dict[str, t.Any]:
    """Return what ansible-doc prints of the role's entry points."""
    command = [Path(sys.executable).with_name("ansible-doc"), "-t", "role", "-j", ROLE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return dict(json.loads(done.stdout)[ROLE]["entry_points"])


def normalised(entry_points: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return each entry point with the names of its options, and the documentation of each option once."""
    options = {name: option for entry in entry_points.values() for name, option in entry["options"].items()}
    named = {name: {**entry, "options": sorted(entry["options"])} for name, entry in entry_points.items()}
    return {"entry_points": named, "options": options}


def test_ansible_doc_prints_what_is_stored() -> None:
    entry_points = printed()
    if os.environ.get("FAILSAFE_WRITE"):
        STORED.write_text(json.dumps(normalised(entry_points), indent=2, sort_keys=True) + "\n")
    assert normalised(entry_points) == json.loads(STORED.read_text())


def test_an_option_has_one_documentation_in_every_entry_point() -> None:
    entry_points = printed()
    options = normalised(entry_points)["options"]
    assert [name for name, entry in entry_points.items() if "nginx_deploy_config_dir" in entry["options"]] == sorted(
        entry_points
    )
    for entry in entry_points.values():
        assert entry["options"] == {name: options[name] for name in entry["options"]}
