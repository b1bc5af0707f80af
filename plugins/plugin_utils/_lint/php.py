# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on PHP behind FastCGI."""

from __future__ import annotations

import re
import typing as t

from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

PHP_UNCONTROLLED: t.Final = Rule(
    "php-uncontrolled", "advice", "Paths that only end in .php reach PHP without a look at the file", security=6.0
)
PHP_PATH_INFO: t.Final = Rule("php-path-info", "warning", "PATH_INFO is always empty after try_files")
SCRIPT_FILENAME: t.Final = Rule("php-script-filename", "warning", "PHP is not told which file to run")
RULES: t.Final = (PHP_UNCONTROLLED, PHP_PATH_INFO, SCRIPT_FILENAME)

_PHP: t.Final = re.compile(r"\\?\.php|\bphp\b|\(php", re.IGNORECASE)
_ENDS_OPEN: t.Final = re.compile(
    r"\\\.(?:php|\(\?:php[^()]*\)|ph[pt][^()/]*)(?:\(\?:\$\|/\)|\(/\|\$\)|\(\$\|/\)|\(\?:/\|\$\))?\$?$"
)
_FILE_TESTS: t.Final = frozenset({"-f", "!-f", "-e", "!-e"})
_PAIR: t.Final = 2


def _location(block: ConfigBlock) -> list[str]:
    """The arguments of the location around a block when requests for PHP scripts get there."""
    location = block.enclosing("location")
    args = location.directive.args if location is not None and location.directive is not None else []
    return args if args and _PHP.search(args[-1]) else []


def _uncontrolled(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = _location(block)
    if len(args) < _PAIR or args[0] not in ("~", "~*") or block.gap or "internal" in block.own:
        return
    pattern = args[1]
    # `^/index\.php` names its scripts; a pattern that any folder fits does not.
    if not _ENDS_OPEN.search(pattern) or re.match(r"\^/[\w(|)/?:-]*\\?\.php", pattern):
        return
    if any(_looks_at_the_file(each) for each in block.chain()):
        return
    message = (
        f"location {' '.join(args)} passes any path with .php at its end: for GET /uploads/photo.jpg/x.php, PHP with "
        "cgi.fix_pathinfo=1 (its default) runs /uploads/photo.jpg when no such script exists; "
        "add try_files $fastcgi_script_name =404 (or $uri =404)"
    )
    yield PHP_UNCONTROLLED.at(directive.place, message)


def _looks_at_the_file(block: ConfigBlock) -> bool:
    if block.name == "location" and "try_files" in block.own:
        return True
    return any(_FILE_TESTS & {word.lstrip("(") for word in each.args} for each in block.own.get("if", ()))


def _path_info(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] != ["PATH_INFO"] or directive.args[1:2] != ["$fastcgi_path_info"]:
        return
    checks = [each for each in block.own.get("try_files", ()) if len(each.args) == _PAIR]
    if not checks or checks[0].args[0] not in ("$fastcgi_script_name", "$document_root$fastcgi_script_name"):
        return
    if "fastcgi_pass" not in block.own or "fastcgi_split_path_info" not in block.own:
        return
    message = (
        "try_files has made the URI the script alone by the time this is evaluated, so $fastcgi_path_info is always empty: "
        "GET /index.php/a gets the script no PATH_INFO; before it is lost, keep it by set $path_info $fastcgi_path_info "
        "and pass fastcgi_param PATH_INFO $path_info"
    )
    yield PHP_PATH_INFO.at(directive.place, message, [related("the URI changes here", checks[0].place)])


def _script_filename(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if not _location(block) or block.gap:
        return
    params = block.effective("fastcgi_param")
    if any(each.args[:1] == ["SCRIPT_FILENAME"] for each in params):
        return
    message = (
        f"{directive.name} is here and no fastcgi_param SCRIPT_FILENAME holds: PHP-FPM answers every request with an empty "
        'page or "Primary script unknown"; include fastcgi.conf instead of fastcgi_params, or add '
        "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name"
    )
    places = [related("these parameters hold", params[0].place)] if params else []
    yield SCRIPT_FILENAME.at(directive.place, message, places)


ON_DIRECTIVE: t.Final = (
    (("fastcgi_pass",), _uncontrolled),
    (("fastcgi_pass",), _script_filename),
    (("fastcgi_param",), _path_info),
)
ON_BLOCK: t.Final = ()
