#!/usr/bin/env bash
# Redis (Debian's redis-server) on a free loopback port, with an append-only file that is synced on every write.
#
# usage: redis.sh start|stop|kill DIR
. "$(dirname "$0")/lib.sh"
open_folder "$2" redis

case "$1" in
start)
    need redis-server redis-server
    port=$(free_port redis)
    is_running redis || launch redis redis-server --port "$port" --bind 127.0.0.1 --dir "$broker_dir" \
        --appendonly yes --appendfsync always --save '' --daemonize no
    await_port redis "$port" 10
    # It listens before it has read its file.
    for _ in $(seq 50); do
        [ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ] && break
        sleep 0.2
    done
    echo "export CALLBACKS_TEST_REDIS=redis://127.0.0.1:$port/0"
    ;;
stop) halt redis ;;
kill) halt redis KILL ;;
*) fail "usage: redis.sh start|stop|kill DIR" ;;
esac
