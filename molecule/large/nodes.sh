#!/bin/sh
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Forty nginx instances on addresses of their own, each below /srv/<name> and serving "old <name>".
set -eu
for number in $(seq 1 40); do
  name=$(printf 'node%02d' "$number")
  mkdir -p "/srv/$name/conf"
  cat >"/srv/$name/conf/nginx.conf" <<END
pid /srv/$name/nginx.pid;
error_log /srv/$name/error.log;
worker_processes 1;
events { worker_connections 64; }
http { access_log off; server { listen 127.0.1.$number:8080; return 200 "old $name\n"; } }
END
  nginx -p "/srv/$name" -c "/srv/$name/conf/nginx.conf"
done
