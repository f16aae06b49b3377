#!/usr/bin/env bash
# RabbitMQ (Debian's rabbitmq-server) on a free loopback port, with an epmd of its own.
#
# usage: rabbitmq.sh start|stop|kill DIR
. "$(dirname "$0")/lib.sh"
open_folder "$2" rabbitmq

# Debian's wrapper in the PATH insists on its own account.
server=/usr/lib/rabbitmq/bin/rabbitmq-server

case "$1" in
start)
    need "$server" rabbitmq-server
    need epmd erlang-base
    port=$(free_port amqp)
    epmd=$(free_port epmd)
    is_running epmd || launch epmd epmd -port "$epmd" -address 127.0.0.1
    : >"$broker_dir/empty"
    echo "listeners.tcp.1 = 127.0.0.1:$port" >"$broker_dir/rabbitmq.conf"
    is_running rabbitmq || launch rabbitmq env \
        ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME=callbacks@localhost RABBITMQ_DIST_PORT="$(free_port distribution)" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 1 +sbwt none' \
        RABBITMQ_CONF_ENV_FILE="$broker_dir/empty" RABBITMQ_CONFIG_FILE="$broker_dir/rabbitmq" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$broker_dir/empty" \
        RABBITMQ_MNESIA_BASE="$broker_dir/data" RABBITMQ_LOG_BASE="$broker_dir/logs" \
        RABBITMQ_PID_FILE="$broker_dir/server.pid" \
        "$server"
    await_port rabbitmq "$port" 60
    echo "export CALLBACKS_TEST_AMQP=amqp://guest:guest@127.0.0.1:$port/%2f"
    ;;
stop)
    halt rabbitmq
    halt epmd
    ;;
kill)
    halt rabbitmq KILL
    halt epmd
    ;;
*) fail "usage: rabbitmq.sh start|stop|kill DIR" ;;
esac
