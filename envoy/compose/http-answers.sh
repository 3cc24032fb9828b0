#!/usr/bin/env bash
# Health of an HTTP server on a port of 127.0.0.1: whether it answers 200 for a path.
#
#     http-answers.sh 9901 /ready
#
# For images that have a shell, and neither curl nor wget.
set -euo pipefail

exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
read -r _ status _ <&3
[[ $status == 200 ]]
