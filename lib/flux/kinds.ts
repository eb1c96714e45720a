import type { Kind } from '../kubernetes/objects.ts'
import { apiGroups } from './api-groups.ts'

/** The kinds of Flux and its operator that the scripts speak of by name, in the versions that they are read and written in. */
export const fluxKinds = {
  fluxInstance: { apiVersion: `${apiGroups.operator}/v1`, kind: 'FluxInstance' },
  resourceSet: { apiVersion: `${apiGroups.operator}/v1`, kind: 'ResourceSet' },
  gitRepository: { apiVersion: `${apiGroups.source}/v1`, kind: 'GitRepository' },
  ociRepository: { apiVersion: `${apiGroups.source}/v1`, kind: 'OCIRepository' },
  bucket: { apiVersion: `${apiGroups.source}/v1`, kind: 'Bucket' },
  externalArtifact: { apiVersion: `${apiGroups.source}/v1`, kind: 'ExternalArtifact' },
  kustomization: { apiVersion: `${apiGroups.kustomize}/v1`, kind: 'Kustomization' },
  helmRelease: { apiVersion: `${apiGroups.helm}/v2`, kind: 'HelmRelease' },
} as const satisfies Record<string, Kind>
