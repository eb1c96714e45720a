# syntax=docker/dockerfile:1
# The image of the pods of `fleet --engine kubernetes`: this project's command, and the programs that it calls. Checksums have no default: each
# is one that a person has compared with what its project publishes, and without them nothing is built (docs/fleet.md).
ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY . .
RUN npm run --silent build && npm pack --silent --ignore-scripts --pack-destination /tmp && tar --extract --gzip --file /tmp/*.tgz --directory /opt

FROM node:${NODE_VERSION}-bookworm-slim AS tools
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl
ARG TARGETARCH
ARG KUBECTL_VERSION=1.36.3
ARG HELM_VERSION=4.2.4
ARG FLUX_VERSION=2.9.5
# Of the files below, for the one architecture that is built.
ARG KUBECTL_SHA256
ARG HELM_SHA256
ARG FLUX_SHA256
WORKDIR /tools
RUN : "${KUBECTL_SHA256:?}" "${HELM_SHA256:?}" "${FLUX_SHA256:?}" \
 && fetch() { curl --fail --silent --show-error --location --proto '=https' --output "$1" "$2" && echo "$3  $1" | sha256sum --check --strict; } \
 && fetch kubectl "https://dl.k8s.io/release/v${KUBECTL_VERSION}/bin/linux/${TARGETARCH}/kubectl" "$KUBECTL_SHA256" \
 && fetch helm.tar.gz "https://get.helm.sh/helm-v${HELM_VERSION}-linux-${TARGETARCH}.tar.gz" "$HELM_SHA256" \
 && fetch flux.tar.gz "https://github.com/fluxcd/flux2/releases/download/v${FLUX_VERSION}/flux_${FLUX_VERSION}_linux_${TARGETARCH}.tar.gz" "$FLUX_SHA256" \
 && tar --extract --gzip --file helm.tar.gz --strip-components 1 "linux-${TARGETARCH}/helm" \
 && tar --extract --gzip --file flux.tar.gz flux \
 && rm helm.tar.gz flux.tar.gz && chmod 0755 kubectl helm flux

FROM node:${NODE_VERSION}-bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /opt/yarn-*
COPY --from=tools /tools/ /usr/local/bin/
COPY --from=build /opt/package/ /opt/flux-runbook/
# By its number: with runAsNonRoot a kubelet believes no name. The root file system is mounted read-only; what is written is in /state and /tmp.
USER 1000:1000
WORKDIR /state
ENTRYPOINT ["node", "/opt/flux-runbook/dist/flux-runbook.js"]
