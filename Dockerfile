# One binary in a small image that runs as nobody in particular.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist -p callbacks-cli && cp target/dist/callbacks /callbacks

FROM debian:bookworm-slim
# OpenSSL and zlib are for the Kafka client.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g && rm -rf /var/lib/apt/lists/*
COPY --from=build /callbacks /usr/local/bin/callbacks
# For the encryption key, where none is given; mount a volume here or set CALLBACKS_SECURITY__ENCRYPTION_KEY.
ENV CALLBACKS_DATABASE__EMBEDDED_DIR=/var/lib/callbacks CALLBACKS_LOG__FORMAT=json
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/callbacks
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["callbacks"]
CMD ["serve"]
