#!/bin/sh
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What must not change when nothing may change: every live file with owner, mode, time and content, and nginx's processes.
set -eu
find /etc/nginx -printf '%p %y %u:%g %m %T@ %l\n' | sort
find /etc/nginx -type f -exec sha256sum {} + | sort
ps -C nginx -o pid=,lstart=,args=
