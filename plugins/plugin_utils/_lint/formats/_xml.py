# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""XML that every reader accepts: characters that XML 1.0 forbids become U+FFFD."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree as ET

# XML 1.0, section 2.2, production Char.
_FORBIDDEN: t.Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(parent: ET.Element | None, tag: str, text: str = "", /, **attributes: object) -> ET.Element:
    """A new element with its attributes, below a parent where there is one."""
    clean = {key: legal(str(value)) for key, value in attributes.items()}
    made = ET.Element(tag, clean) if parent is None else ET.SubElement(parent, tag, clean)
    made.text = legal(text) or None
    return made


def legal(text: str) -> str:
    """Text that XML 1.0 can carry."""
    return _FORBIDDEN.sub("\ufffd", text)


def document(root: ET.Element) -> str:
    """The whole document with its declaration."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
