# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the example's definition with another base image, and with a tarball in the place of Galaxy.

Usage: definition.py BASE_IMAGE TARBALL
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "execution-environment" / "execution-environment.yml"
#: Where the host trusts a mirror that answers in the place of PyPI, the build has to.
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def definition(base_image: str, tarball: Path) -> dict[str, t.Any]:
    """The example, built from what is on this machine."""
    found: dict[str, t.Any] = yaml.safe_load(EXAMPLE.read_text())
    found["images"]["base_image"]["name"] = base_image
    # ansible-builder copies the collection into its build folder, and Galaxy's requirements name it there.
    found["dependencies"]["galaxy"] = {"collections": [{"name": f"/build/src/{tarball.name}", "type": "file"}]}
    found["additional_build_files"] = [{"src": str(tarball), "dest": "src"}]
    if AUTHORITIES.exists():
        found["additional_build_files"] += [{"src": str(AUTHORITIES), "dest": "authorities"}]
        found["additional_build_steps"]["prepend_base"] += [
            f"COPY _build/authorities/{AUTHORITIES.name} {AUTHORITIES}",
            f"ENV PIP_CERT={AUTHORITIES}",
        ]
    return found


if __name__ == "__main__":
    yaml.safe_dump(definition(sys.argv[1], Path(sys.argv[2]).resolve()), sys.stdout, sort_keys=False)
