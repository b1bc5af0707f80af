# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The paths of files: what a URI becomes below `root` or `alias`, and the script that FastCGI gets."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.run import Run

    from .effective_directives import EffectiveDirectives

_SLASHES: t.Final = re.compile("//+")
#: The root of nginx without one, relative to its prefix (ngx_http_core_merge_loc_conf()).
_DEFAULT_ROOT: t.Final = "html"


class FilePaths:
    """Maps URIs to files of one configuration.

    Args:
        settings: finds its directives.
    """

    def __init__(self, settings: EffectiveDirectives) -> None:
        self._settings = settings

    def root(self, run: Run) -> str | None:
        directive, _scope = self._rooted(run.scope)
        return _DEFAULT_ROOT if directive is None else run.state.text(directive.args[0])

    def _rooted(self, scope: Scope | None) -> tuple[Directive | None, Scope | None]:
        while scope is not None:
            found = self._settings.own(scope, "root", "alias")
            if found and found[-1].args:
                return found[-1], scope
            scope = scope.parent
        return None, None

    def path(self, run: Run, uri: str, template: str | None = None) -> str | None:
        """Return the file of a URI (ngx_http_map_uri_to_path(), ngx_http_try_files_handler()); None where that is unknown.

        Args:
            run: in the scope whose root counts.
            uri: below it.
            template: of `try_files`, that gave the URI. One without variables comes behind an alias as a whole, and
                behind the alias of a regex location every one does.
        """
        directive, scope = self._rooted(run.scope)
        if directive is None:
            return f"{_DEFAULT_ROOT}/{uri.lstrip('/')}"
        root = run.state.text(directive.args[0])
        if root is None:
            return None
        location = scope.location if scope is not None and directive.name == "alias" else None
        if location is None:
            return _SLASHES.sub("/", f"{root}{uri}")
        if location.is_regex:
            return root if template is None else root + uri
        fixed = template is not None and "$" not in template
        return root + (uri if fixed else uri.removeprefix(location.name))

    def name_script(self, run: Run) -> None:
        """Set the variables that name a script (ngx_http_fastcgi_split())."""
        uri = run.state.uri
        written = self._settings.effective(run.scope, "fastcgi_split_path_info")
        script: str | None = uri
        rest: str | None = ""
        if written and written[-1].args:
            pattern = compile_pattern(written[-1].args[0])
            match = None if pattern is None else pattern.search(uri)
            if pattern is None:
                script = rest = None
            elif match is not None and len(match.groups()) > 1:
                script, rest = match[1] or "", match[2] or ""
        if script == uri and uri.endswith("/"):
            index = self._settings.effective(run.scope, "fastcgi_index")
            script += index[-1].args[0] if index else ""
        run.state.values.update(fastcgi_script_name=script, fastcgi_path_info=rest)
