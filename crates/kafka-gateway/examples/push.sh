#!/bin/sh
# One record from a shell script: standard input is the value. Exit status 0 means that Kafka has it.
#
#     echo "disk is at 91 %" | GATEWAY=http://127.0.0.1:4242 ./push.sh alerts host-1
#
# curl repeats 408, 429 and 5xx after the time that the answer names, and a connection that failed; the Idempotency-Key
# keeps a repeated request from writing twice.
set -eu
topic=$1
key=${2:-}
id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

exec curl --silent --show-error --fail-with-body --max-time 60 \
  --retry 5 --retry-connrefused --retry-max-time 60 \
  --header "Idempotency-Key: $id" \
  ${API_KEY:+--header "X-API-Key: $API_KEY"} \
  --header 'Content-Type: application/octet-stream' \
  --data-binary @- \
  "${GATEWAY:-http://127.0.0.1:4242}/topics/$topic${key:+?key=$key}"
