# CoreDNS with failover in the place of CoreDNS's own image: the same path of the
# binary, the same user, the same capability. failoverctl is in it as well.
#
#     docker build -t registry.example.com/coredns-failover:1 .
#     docker buildx build --platform linux/amd64,linux/arm64 -t ... --push .

ARG GO=golang:1.26
# Nothing but CA certificates (for https, tls and grpc checks and for notify), time
# zones and an /etc/passwd: no shell and no libc, since the binaries are static.
ARG BASE=gcr.io/distroless/static-debian12:nonroot

# The builder runs on the machine's own platform and compiles for the wanted one.
FROM --platform=$BUILDPLATFORM ${GO} AS build
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get -qq update \
    && apt-get -qq --no-install-recommends install libcap2-bin \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# A layer of its own: modules are downloaded again only when go.mod changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
# What "coredns -version" shows: --build-arg REVISION=$(git rev-parse --short HEAD)
ARG REVISION
# Static, as the last stage has no libc, and the same bytes from any directory.
RUN mkdir /out \
    && CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
       go build -trimpath \
       -ldflags="-s -w -X github.com/coredns/coredns/coremain.GitCommit=${REVISION}" \
       -o /out/ ./cmd/coredns ./cmd/failoverctl
# Port 53 for a user who is not root. A runtime gives a capability that a manifest
# adds to the process before exec; for a user other than root it is lost there,
# unless the file has it too. CoreDNS's own image does the same, so this one runs
# wherever that runs: with the Deployments of kubeadm, Helm and the clouds, with
# hostNetwork, and on containerd 1.x, which leaves ports below 1024 to root. The
# price: it does not start where a manifest drops ALL and does not add
# NET_BIND_SERVICE.
RUN setcap cap_net_bind_service=+ep /out/coredns

FROM ${BASE}
COPY --from=build /out/coredns /coredns
COPY --from=build /out/failoverctl /failoverctl
# By number, so that Kubernetes can tell for runAsNonRoot; it is "nonroot".
USER 65532:65532
# The base image has another; a Corefile's relative paths begin here.
WORKDIR /
# DNS, metrics, and the API with the status page.
EXPOSE 53/udp 53/tcp 9153/tcp 9191/tcp
ENTRYPOINT ["/coredns"]
