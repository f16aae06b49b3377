# Shared by the scripts beside it; sourced, never run.
#
# Every broker lives in a folder of its own (DIR/kafka, DIR/rabbitmq, …) with its data, log, port and pid, so that it can
# be stopped and started again on the same port with the same data, and two runs never meet.

set -eu

# The account a broker runs as when the caller is root.
broker_user=nobody

# free_port NAME: a loopback port nobody listens on, the same one again when the broker is started anew.
# Taken from below the range the kernel hands out by itself, so that no client socket gets in the way.
free_port() {
    file="$broker_dir/$1.port"
    if [ ! -s "$file" ]; then
        while :; do
            port=$((20000 + ($(od -An -N2 -tu2 /dev/urandom) % 12000)))
            if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
        done
        echo "$port" >"$file"
    fi
    cat "$file"
}

# unprivileged COMMAND…: runs it, as another account when the caller is root.
unprivileged() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid="$broker_user" --regid="$(id -g "$broker_user")" --clear-groups env HOME="$broker_dir" "$@"
    else
        env HOME="$broker_dir" "$@"
    fi
}

# launch NAME COMMAND…: starts it in the background, its output in NAME.log, its pid in NAME.pid.
launch() {
    name=$1
    shift
    hand_over
    # exec, so that the pid written down is the broker's own; setsid, so that an interrupt of the caller spares it.
    unprivileged setsid sh -c 'echo $$ >"$1"; shift; exec "$@"' launch "$broker_dir/$name.pid" "$@" \
        >>"$broker_dir/$name.log" 2>&1 </dev/null &
    for _ in $(seq 50); do
        [ -s "$broker_dir/$name.pid" ] && return 0
        sleep 0.1
    done
    fail "$name did not start; see $broker_dir/$name.log"
}

hand_over() {
    if [ "$(id -u)" -eq 0 ]; then chown -R "$broker_user" "$broker_dir"; fi
}

is_running() { [ -s "$broker_dir/$1.pid" ] && kill -0 "$(cat "$broker_dir/$1.pid")" 2>/dev/null; }

# await_port NAME PORT SECONDS: until the broker accepts connections there.
await_port() {
    for _ in $(seq $(($3 * 5))); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then return 0; fi
        is_running "$1" || fail "$1 ended while starting; see $broker_dir/$1.log"
        sleep 0.2
    done
    fail "$1 did not listen on port $2 within $3 s; see $broker_dir/$1.log"
}

# halt NAME [SIGNAL]: stops the process this folder's pid file names, and nothing else.
halt() {
    is_running "$1" || { rm -f "$broker_dir/$1.pid"; return 0; }
    pid=$(cat "$broker_dir/$1.pid")
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    for _ in $(seq 150); do
        kill -0 "$pid" 2>/dev/null || { rm -f "$broker_dir/$1.pid"; return 0; }
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$broker_dir/$1.pid"
}

fail() {
    echo "brokers: $*" >&2
    exit 1
}

# need COMMAND PACKAGE: the command, or a sentence that names the Debian package.
need() {
    command -v "$1" >/dev/null 2>&1 || [ -x "$1" ] || fail "$1 is missing; install it: apt-get install -y --no-install-recommends $2"
}

# open_folder DIR BROKER: sets broker_dir.
open_folder() {
    mkdir -p "$1"
    # The other account must be able to walk here.
    chmod a+rx "$1"
    broker_dir=$(cd "$1" && pwd)/$2
    mkdir -p "$broker_dir"
}
