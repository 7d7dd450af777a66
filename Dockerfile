# syntax=docker/dockerfile:1
# The bridge: connectivity-bridge run, migrate, dlq … (see --help).

FROM rust:1.95-slim-bookworm AS build
# The toolchain of this image, whatever rust-toolchain.toml says.
ENV RUSTUP_TOOLCHAIN=1.95
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --release --package connectivity-bridge \
    && cp target/release/connectivity-bridge /connectivity-bridge

# No shell, no package manager; glibc and certificates.
FROM gcr.io/distroless/cc-debian12:nonroot AS bridge
COPY --from=build /connectivity-bridge /usr/local/bin/connectivity-bridge
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENV BRIDGE_LISTEN=0.0.0.0:9100
EXPOSE 9100
ENTRYPOINT ["/usr/local/bin/connectivity-bridge"]
CMD ["run"]
