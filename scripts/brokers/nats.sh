#!/usr/bin/env bash
# NATS (Debian's nats-server) with JetStream on a free loopback port.
#
# usage: nats.sh start|stop|kill DIR
. "$(dirname "$0")/lib.sh"
open_folder "$2" nats

case "$1" in
start)
    need nats-server nats-server
    port=$(free_port nats)
    is_running nats || launch nats nats-server --addr 127.0.0.1 --port "$port" --jetstream --store_dir "$broker_dir/store"
    await_port nats "$port" 10
    echo "export CALLBACKS_TEST_NATS=nats://127.0.0.1:$port"
    ;;
stop) halt nats ;;
kill) halt nats KILL ;;
*) fail "usage: nats.sh start|stop|kill DIR" ;;
esac
