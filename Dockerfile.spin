# syntax=docker/dockerfile:1
# Spin, in two images: `spin` runs any application (SpinKube's executor "spintainer"); `application` has ours in it.

# Static: it runs on any base.
FROM ghcr.io/spinframework/spin:v4.1.0-distroless AS upstream

FROM debian:12-slim AS spin
# Debian keeps one version of a package at a time: a pinned one is gone after the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libcap2-bin \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --create-home spin \
    # The operator names this file to Spin even where there is none to mount. What components log goes to the container's
    # output: a second copy in files would only grow.
    && echo 'log_dir = ""' > /runtime-config.toml
COPY --from=upstream /usr/local/bin/spin /usr/local/bin/spin
# SpinKube has it listen on port 80, which not every container runtime lets an ordinary user do.
RUN setcap cap_net_bind_service=+ep /usr/local/bin/spin
COPY docker/spin-entrypoint.sh /usr/local/bin/spin-entrypoint
USER 65532:65532
WORKDIR /home/spin
EXPOSE 80
ENTRYPOINT ["/usr/local/bin/spin-entrypoint"]

FROM rust:1.95-slim-bookworm AS build
ENV RUSTUP_TOOLCHAIN=1.95
RUN rustup target add wasm32-wasip2
COPY --from=upstream /usr/local/bin/spin /usr/local/bin/spin
WORKDIR /source
COPY . .
# What spin.toml says, and no other list of components. The manifest names them under target/, which is a cache here.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    spin build \
    && mkdir -p /application/target/wasm32-wasip2/release \
    && cp spin.toml /application/ \
    && cp target/wasm32-wasip2/release/*.wasm /application/target/wasm32-wasip2/release/

FROM spin AS application
COPY --from=build /application /application
EXPOSE 3000
# State where the user may write: Spin makes the folder, whether the application needs it or not.
CMD ["up", "--from", "/application/spin.toml", "--listen", "0.0.0.0:3000", \
    "--runtime-config-file", "/runtime-config.toml", "--state-dir", "/home/spin/state"]
