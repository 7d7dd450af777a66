# syntax=docker/dockerfile:1
# Two images: `spin` runs any Spin application (for SpinKube's executor "spintainer"), and
# `application` also contains this one.

# The binary is linked statically and runs on any base image.
FROM ghcr.io/spinframework/spin:v4.1.0-distroless AS upstream

FROM debian:12-slim AS spin
# Debian serves only the newest version of a package, so a pinned version disappears with the next
# update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libcap2-bin \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --create-home spin \
    # The operator passes this file to Spin even if none is mounted. The components' logs go to the
    # container's output only: a second copy in files would grow without bound.
    && echo 'log_dir = ""' > /runtime-config.toml
COPY --from=upstream /usr/local/bin/spin /usr/local/bin/spin
# SpinKube makes Spin listen on port 80, which some container runtimes forbid to unprivileged users.
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
# `spin build` builds the components that spin.toml lists. target/ is a build cache here, so the
# files that the manifest names are copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    spin build \
    && mkdir -p /application/target/wasm32-wasip2/release \
    && cp spin.toml /application/ \
    && cp target/wasm32-wasip2/release/*.wasm /application/target/wasm32-wasip2/release/

FROM spin AS application
COPY --from=build /application /application
EXPOSE 3000
# Spin always creates its state directory, so it must be one that the user may write.
CMD ["up", "--from", "/application/spin.toml", "--listen", "0.0.0.0:3000", \
    "--runtime-config-file", "/runtime-config.toml", "--state-dir", "/home/spin/state"]
