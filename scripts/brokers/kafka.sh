#!/usr/bin/env bash
# Apache Kafka (KRaft, one node) on free loopback ports: PLAINTEXT, and SASL_SSL with SCRAM's simpler sister PLAIN.
# The jars come from Maven Central through Maven and are kept in the user's cache folder.
#
# usage: kafka.sh start|stop|kill DIR
# Where Maven Central cannot be reached, `start` says so on standard error, prints
# `export CALLBACKS_TEST_KAFKA=unavailable` and succeeds: the tests then run against librdkafka's mock cluster, loudly.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_folder "$2" kafka

cache=${XDG_CACHE_HOME:-$HOME/.cache}/callbacks-brokers/kafka-3.9.1

fetch_jars() {
    [ -e "$cache/complete" ] && return 0
    need mvn maven
    # A copy: Maven writes beside the file it reads.
    scratch=$(mktemp -d)
    cp "$here/kafka-broker.pom.xml" "$scratch/pom.xml"
    if mvn -q -B -f "$scratch/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache" >"$broker_dir/maven.log" 2>&1; then
        touch "$cache/complete"
    fi
    rm -rf "$scratch"
    [ -e "$cache/complete" ]
}

write_keys() {
    [ -e "$broker_dir/keys.p12" ] && return 0
    keytool -genkeypair -alias broker -keyalg EC -groupname secp256r1 -dname CN=localhost -ext san=dns:localhost,ip:127.0.0.1 \
        -ext bc=ca:true -validity 30 -storetype PKCS12 -keystore "$broker_dir/keys.p12" -storepass callbacks >/dev/null 2>&1
    keytool -exportcert -rfc -alias broker -keystore "$broker_dir/keys.p12" -storepass callbacks >"$broker_dir/ca.pem" 2>/dev/null
}

write_settings() {
    cat >"$broker_dir/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,SASL_SSL://127.0.0.1:$secure,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL_SSL://localhost:$secure
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_callbacks="callbacks-secret";
listener.name.sasl_ssl.ssl.keystore.type=PKCS12
listener.name.sasl_ssl.ssl.keystore.location=$broker_dir/keys.p12
listener.name.sasl_ssl.ssl.keystore.password=callbacks
listener.name.sasl_ssl.ssl.key.password=callbacks
log.dirs=$broker_dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
controlled.shutdown.enable=false
END
}

java_with_jars() {
    java -cp "$broker_dir/jars/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"
}

case "$1" in
start)
    need java openjdk-17-jre-headless
    if ! fetch_jars; then
        echo "brokers: MAVEN CENTRAL CANNOT BE REACHED, so there is no real Kafka; its suite will run against librdkafka's mock cluster. See $broker_dir/maven.log" >&2
        echo "export CALLBACKS_TEST_KAFKA=unavailable"
        exit 0
    fi
    port=$(free_port kafka)
    secure=$(free_port kafka-secure)
    controller=$(free_port kafka-controller)
    # The broker's account may not walk into the caller's home.
    [ -e "$broker_dir/jars" ] || cp -r "$cache" "$broker_dir/jars"
    write_keys
    write_settings
    if [ ! -e "$broker_dir/data/meta.properties" ]; then
        java_with_jars kafka.tools.StorageTool format -t AAAAAAAAQACAAAAAAAAAAQ -c "$broker_dir/server.properties" >>"$broker_dir/kafka.log" 2>&1
    fi
    is_running kafka || launch kafka java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -cp "$broker_dir/jars/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn kafka.Kafka "$broker_dir/server.properties"
    await_port kafka "$port" 60
    echo "export CALLBACKS_TEST_KAFKA=127.0.0.1:$port"
    echo "export CALLBACKS_TEST_KAFKA_SASL_SSL=localhost:$secure"
    echo "export CALLBACKS_TEST_KAFKA_CA=$broker_dir/ca.pem"
    ;;
stop) halt kafka ;;
kill) halt kafka KILL ;;
*) fail "usage: kafka.sh start|stop|kill DIR" ;;
esac
