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
    """Create an element and append it to its parent, if there is one.

    Args:
        parent: the element around it; None for the root.
        tag: its name.
        text: its text; an empty one is left out.
        attributes: their values become text, in this order.
    """
    clean = {key: legal(str(value)) for key, value in attributes.items()}
    made = ET.Element(tag, clean) if parent is None else ET.SubElement(parent, tag, clean)
    made.text = legal(text) or None
    return made


def legal(text: str) -> str:
    """Replace the characters that XML 1.0 cannot carry."""
    return _FORBIDDEN.sub("\ufffd", text)


def document(root: ET.Element) -> str:
    """Serialise a document, indented, with its declaration and a final line break."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
