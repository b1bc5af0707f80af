# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations written in the tests themselves."""

from __future__ import annotations

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files


def load(text: str | dict[str, str], *, partial: bool = False) -> Config:
    """A configuration of one file, or of several below /etc/nginx."""
    files = {"nginx.conf": text} if isinstance(text, str) else text
    return load_files(
        {name: content.encode() for name, content in files.items()}, config_dir="/etc/nginx", partial=partial
    )


def http(inside: str) -> str:
    return f"events {{}}\nhttp {{\n{inside}\n}}\n"
