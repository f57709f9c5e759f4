# tidings in an image of its own. All that is done stands in scripts/package, which needs no Docker.
#
#   docker build -t tidings .
#   docker run --rm --network host -v "$PWD/results:/results" tidings run quickstart --out /results
FROM rust:1-bookworm AS build
WORKDIR /source
COPY . .
RUN scripts/package --out /dist --unpacked /package

FROM scratch
COPY --from=build /package/tidings /usr/bin/tidings
ENTRYPOINT ["/usr/bin/tidings"]
