#!/usr/bin/env bash
# Stops the brokers that scripts/brokers/start.sh started in DIR, by their pids. Their data stays.
#
# usage: scripts/brokers/stop.sh DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?names the folder that start.sh was given}
for broker in kafka rabbitmq nats redis; do
    if [ -d "$dir/$broker" ]; then "$here/$broker.sh" stop "$dir"; fi
done
