# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# What was built before is kept between builds, outside of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cp "$(bash deploy/build-static.sh)" /sse-chat && mkdir /data

FROM scratch
COPY --from=build /sse-chat /sse-chat
# For SSE_CHAT_DATA=/data: a new volume that is mounted here has the same owner.
COPY --from=build --chown=65534:65534 /data /data
# In a container, "this machine only" is nobody.
ENV SSE_CHAT_LISTEN=0.0.0.0:8080
EXPOSE 8080
# Nobody: there is no user in an empty image, and the server needs none.
USER 65534:65534
STOPSIGNAL SIGTERM
# It asks where SSE_CHAT_LISTEN says, so change the port by that and not by a flag.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/sse-chat", "health"]
ENTRYPOINT ["/sse-chat"]
