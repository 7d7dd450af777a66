# syntax=docker/dockerfile:1
# The image of connectivity-bridge. Its commands are run, migrate, dlq and others (see --help).

FROM rust:1.95-slim-bookworm AS build
# Use the toolchain of this image and ignore rust-toolchain.toml.
ENV RUSTUP_TOOLCHAIN=1.95
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --release --package connectivity-bridge \
    && cp target/release/connectivity-bridge /connectivity-bridge

# Has glibc and certificates, but neither a shell nor a package manager.
FROM gcr.io/distroless/cc-debian12:nonroot AS bridge
COPY --from=build /connectivity-bridge /usr/local/bin/connectivity-bridge
# Numeric, so that Kubernetes can verify that it is not root.
USER 65532:65532
ENV BRIDGE_LISTEN=0.0.0.0:9100
EXPOSE 9100
ENTRYPOINT ["/usr/local/bin/connectivity-bridge"]
CMD ["run"]
