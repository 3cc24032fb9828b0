#!/usr/bin/env bash
# Health of a broker: whether it answers ApiVersions on a port of 127.0.0.1, as every client asks first.
#
#     kafka-answers.sh 9092
#
# Kafka's own kafka-broker-api-versions.sh asks the same, and starts a Java machine each time.
set -euo pipefail

exec 3<>"/dev/tcp/127.0.0.1/$1"
# Length 10, API key 18, version 0, correlation id 7, no client id.
printf '\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff' >&3
# Length, then correlation id 7 and error 0. How many APIs there are may change with the release.
head -c 10 <&3 | tail -c 6 | cmp -s - <(printf '\0\0\0\x07\0\0')
