#!/usr/bin/env bash
# Installs what building and running needs and is missing: compilers, make, OpenSSL's headers and PostgreSQL, through
# apt on Debian and Ubuntu. Silent and quick when everything is there.
#
# usage: scripts/setup.sh            for building and running
#        scripts/setup.sh brokers    and for the tests: RabbitMQ, NATS, Redis, Java with Maven for Kafka, Python and Node
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

if ! command -v cargo >/dev/null; then
  say "Rust is missing. Install it from https://rustup.rs, then run this again:"
  say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
  exit 1
fi

has_postgres() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
    compgen -G '/usr/pgsql-*/bin/initdb' >/dev/null
}

missing=()
command -v cc >/dev/null || missing+=(gcc)
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
# librdkafka, the Kafka client, is C built by make; its configure script also wants a C++ compiler.
command -v c++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
command -v pkg-config >/dev/null || missing+=(pkg-config)
[ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
has_postgres || missing+=(postgresql)
if [ "${1:-}" = brokers ]; then
  [ -x /usr/sbin/rabbitmq-server ] || missing+=(rabbitmq-server)
  command -v nats-server >/dev/null || missing+=(nats-server)
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
  command -v mvn >/dev/null || missing+=(maven)
  # Libraries of others verify what is sent, and schemathesis reads the API's document.
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  command -v npm >/dev/null || missing+=(nodejs npm)
fi
[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  say "missing: ${missing[*]} (Debian's names). Install them with your system's package manager, then run this again."
  exit 1
fi

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "missing: ${missing[*]}, and there is no sudo. As root, run: apt-get install ${missing[*]}"
    exit 1
  fi
}
install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2
}

# Debian starts a server when its package is installed; the tests start their own, and nobody asked for another.
forbid_starts() {
  [ -e /usr/sbin/policy-rc.d ] && return
  as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d'
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
}

say "installing ${missing[*]}"
as_root apt-get update -q >&2
forbid_starts
case " ${missing[*]} " in
  *" postgresql "*)
    # The package would start a server of its own on port 5432, which nobody asked for.
    settings=/etc/postgresql-common/createcluster.conf
    install_packages postgresql-common
    as_root sed -i.callbacks-setup -E 's/^#?create_main_cluster.*/create_main_cluster = false/' "$settings"
    install_packages "${missing[@]}"
    as_root mv "$settings.callbacks-setup" "$settings"
    ;;
  *) install_packages "${missing[@]}" ;;
esac
