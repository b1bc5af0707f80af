# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of health checks."""

from __future__ import annotations

import typing as t

_OPTION = r"""
options:
  checks:
    description:
      - {what}
      - Each check has exactly one of O(checks[].url), O(checks[].tcp) and O(checks[].certificate).
    type: list
    elements: dict
    {given}
    suboptions:
"""
_SUBOPTIONS = r"""
      name:
        description:
          - The name of the check in results and messages. Two checks cannot have the same name.
          - The default is the O(checks[].url), O(checks[].tcp) or O(checks[].certificate) itself.
        type: str
      url:
        description:
          - Send an HTTP/1.1 request to this C(http://) or C(https://) URL. The request target is sent exactly as written.
          - A user name and password in the URL are sent as basic authentication, and left out of all results. They do appear in
            the invocation that Ansible shows at high verbosity, so O(checks[].request_headers) is the better place.
        type: str
      tcp:
        description:
          - Only connect to this C(host:port), C([IPv6]:port) or C(unix:/path).
        type: str
      certificate:
        description:
          - Connect to this C(host:port), C([IPv6]:port) or C(unix:/path), shake hands, and look at the certificate.
          - It must be valid now and for O(checks[].min_days) more, and name O(checks[].sni).
        type: str
      address:
        description:
          - Connect to this C(host:port), C([IPv6]:port) or C(unix:/path) instead.
          - The C(Host) header and the name sent in TLS still come from the URL, so that one host of many can be checked.
        type: str
      host:
        description:
          - The C(Host) header, instead of the URL's.
          - For O(checks[].url) only.
        type: str
      sni:
        description:
          - The name sent in the TLS handshake and looked for in the certificate, instead of the host that was asked.
          - An empty string sends none. Nothing can be verified then.
        type: str
      method:
        description:
          - The request's method.
          - The default is V(GET). For O(checks[].url) only.
        type: str
      request_headers:
        description:
          - More header fields to send.
          - Their values never appear in results or logs. Ansible replaces them wherever they occur in the module's output, so a
            value as short as a digit hides more than itself.
          - For O(checks[].url) only.
        type: dict
      status:
        description:
          - The expected status code, such as V(200), a range of them, such as V(200-399) or V(2xx), or a list of both.
          - The default is V(200-399). For O(checks[].url) only.
        type: raw
      location:
        description:
          - The expected C(Location) header, compared as the server sent it.
          - After V(~) it is a Python regular expression that has to match somewhere in it. A dictionary with one of C(is),
            C(contains) and C(matches) says the same in the words of expectations.
          - For O(checks[].url) only.
        type: raw
      headers:
        description:
          - Expected header fields. A value is the exact text, a regular expression after V(~), a dictionary as in
            O(checks[].location), or V(null) or an empty text for a field that must not be there.
          - Where a field comes on several lines, one of them or all of them joined by a comma and a space have to match.
          - For O(checks[].url) only.
        type: dict
      body:
        description:
          - A Python regular expression that has to match somewhere in the first MiB of the decoded body.
          - The body is read for this only. The request accepts no compressed body.
          - For O(checks[].url) only.
        type: str
      max_latency:
        description:
          - The highest number of seconds from connecting to the end of the answer's header. In the case of O(checks[].tcp) and
            O(checks[].certificate), until the connection or the handshake is complete.
        type: float
      follow_redirects:
        description:
          - V(false), or how many redirects to follow, up to 20. All expectations then apply to the last answer.
          - At another scheme, host or port, O(checks[].address), O(checks[].host), O(checks[].sni) and
            O(checks[].request_headers) no longer apply; the connection goes where the redirect says.
          - The default is V(false). For O(checks[].url) only.
        type: raw
      verify:
        description:
          - Whether the certificate must be trusted and be for the right name.
          - In the case of O(checks[].certificate) this is about the chain of trust; its dates and its name are always looked at.
          - The default is V(true).
        type: bool
      ca:
        description:
          - A file on the host with the certificates to trust, instead of the system's.
        type: path
      proxy_protocol:
        description:
          - Whether to begin the connection with a line of the PROXY protocol, version 1, as a C(listen) with C(proxy_protocol) wants it.
          - For O(checks[].url) and O(checks[].certificate) only. The default is V(false).
        type: bool
      min_days:
        description:
          - The number of days for which the certificate has to be still valid.
          - The default is V(7). For O(checks[].certificate) only.
        type: int
      timeout:
        description:
          - Seconds for the whole check, redirects included.
          - The default is V(3).
        type: float
"""


class ModuleDocFragment:
    """Fragments: required checks, and a gate that may have none."""

    # With their types, because ansible-test's yamllint takes what is assigned without one for the text itself.
    DOCUMENTATION: t.ClassVar[str] = (
        _OPTION.format(what="The checks. An empty list passes with a warning.", given="required: true") + _SUBOPTIONS
    )
    GATE: t.ClassVar[str] = (
        _OPTION.format(
            what="The checks that have to pass after the reload, as M(failsafe.nginx.nginx_health) makes them.",
            given="default: []",
        )
        + _SUBOPTIONS
    )
