#!/usr/bin/env bash
# Creates the cluster `connectivity`, with the operators that the manifests need.
set -euo pipefail

cd "$(dirname "$0")/../.."
kind create cluster --name connectivity --wait 120s

# The versions that SpinKube's guide names, and those of k8s/schemas.
install() { helm upgrade --install --create-namespace --wait --timeout 5m "$@"; }
install cert-manager cert-manager --repo https://charts.jetstack.io --version v1.14.3 \
  --namespace cert-manager --set installCRDs=true
kubectl apply --server-side --filename k8s/schemas/core.spinkube.dev_spinapps.yaml \
  --filename k8s/schemas/core.spinkube.dev_spinappexecutors.yaml
install spin-operator oci://ghcr.io/spinframework/charts/spin-operator --version 0.6.1 --namespace spin-operator
install keda keda --repo https://kedacore.github.io/charts --version 2.16.1 --namespace keda

# The definitions are enough: nothing scrapes here, and the API server checks the objects.
kubectl apply --server-side --filename k8s/schemas/monitoring.coreos.com_prometheusrules.yaml \
  --filename k8s/schemas/monitoring.coreos.com_servicemonitors.yaml \
  --filename k8s/schemas/monitoring.coreos.com_podmonitors.yaml
