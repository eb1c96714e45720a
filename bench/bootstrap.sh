#!/usr/bin/env bash
# The peer: what a person's shell script for the same job looks like, with no plan, no preflight, no resume and no verification.
# KUBECONFIG, CONTEXT, CLUSTER, CHARTS, VERSION, GIT_USERNAME, GIT_PASSWORD_FILE and VALUES (a folder) come from the environment.
set -euo pipefail
k() { kubectl --context "$CONTEXT" "$@"; }
ns=flux-system
appear() { # waits until the object exists, then until it is Ready
  k -n $ns wait --for=create "$1" --timeout=120s >/dev/null
  k -n $ns wait --for=condition=Ready "$1" --timeout=300s >/dev/null
}
k create namespace $ns >/dev/null
k -n $ns create secret generic flux-git --from-literal=username="$GIT_USERNAME" --from-file=password="$GIT_PASSWORD_FILE" >/dev/null
helm install flux-operator "$CHARTS/flux-operator" --version "$VERSION" --plain-http --kube-context "$CONTEXT" -n $ns \
  --values "$VALUES/flux-operator.yaml" --wait >/dev/null
helm install flux-instance "$CHARTS/flux-instance" --version "$VERSION" --plain-http --kube-context "$CONTEXT" -n $ns \
  --values "$VALUES/flux-instance.yaml" >/dev/null
appear fluxinstance/flux
appear gitrepository/flux-system
appear kustomization/flux-system
for part in flux-operator flux-instance; do
  appear helmrelease/$part
  appear "kustomization/$CLUSTER-gitops-$part"
done
for controller in source kustomize helm notification; do
  k -n $ns rollout status "deployment/$controller-controller" --timeout=60s >/dev/null
done
flux check --context "$CONTEXT" >/dev/null 2>&1
