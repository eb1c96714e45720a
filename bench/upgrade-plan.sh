#!/usr/bin/env bash
# The peer of upgrade's plan: what a person types to see what a version would change.
# KUBECONFIG, GIT_URL, GIT_USERNAME, GIT_PASSWORD, CLUSTER, CHARTS, VERSION, TO and FOLDER (which is made) come from the environment.
set -euo pipefail
# Git asks for the login, which is in no argument.
helper='!f() { echo "username=$GIT_USERNAME"; echo "password=$GIT_PASSWORD"; }; f'
git -c credential.helper="$helper" clone --quiet --depth 1 "$GIT_URL" "$FOLDER"
sed -i "s/^\( *flux_version: \).*/\1\"$TO\"/" "$FOLDER/kubernetes/clusters/$CLUSTER/settings.yaml"
kubectl kustomize "$FOLDER/kubernetes/clusters/$CLUSTER" >"$FOLDER/built.yaml"
helm pull "$CHARTS/flux-instance" --version "$VERSION" --plain-http --destination "$FOLDER" >/dev/null
helm template flux-instance "$FOLDER/flux-instance-$VERSION.tgz" --namespace flux-system --set "instance.distribution.version=$TO" >"$FOLDER/rendered.yaml"
kubectl --context "lab-$CLUSTER" diff --server-side --force-conflicts --filename "$FOLDER/rendered.yaml" >/dev/null || [ $? = 1 ]
flux check --context "lab-$CLUSTER" >/dev/null 2>&1
rm -rf "$FOLDER"
