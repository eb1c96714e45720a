import { controllerNames } from '../../flux/components.ts'
import { compareVersions, parseVersion } from '../../base/version.ts'
import type { YamlFields } from './at.ts'

/**
 * The values of the two charts, from controlplaneio-fluxcd/charts (values.schema.json and the templates of 0.49.0) and flux-operator 0.58
 * and 0.59. Upstream's schemas leave every object open, so that Helm ignores a misspelt key; here an object is closed whose keys the
 * templates, or the Kubernetes API behind them, take one by one.
 */
const closed = (properties: YamlFields): YamlFields => ({ type: 'object', additionalProperties: false, properties })
const text = { type: 'string' }
const flag = { type: 'boolean' }
const count = { type: 'integer' }
const texts = { type: 'object', additionalProperties: text }
const list = { type: 'array' }
const fields = { type: 'object' }
const any = {}

/** Extended resources have a domain in their name, and huge pages a size; the API refuses any other. */
const amounts: YamlFields = {
  ...closed({ cpu: any, memory: any, 'ephemeral-storage': any }),
  patternProperties: { '^hugepages-|/': any },
}
const resources = closed({ limits: amounts, requests: amounts, claims: list })
const image = closed({ repository: text, tag: text, imagePullPolicy: { enum: ['IfNotPresent', 'Always', 'Never'] }, pullSecrets: list })
const serviceAccount = closed({ automount: flag, create: flag, name: text })
/** Of a container, as the API has it (k8s.io/api/core/v1, SecurityContext). */
const securityContext = closed({
  allowPrivilegeEscalation: flag,
  appArmorProfile: any,
  capabilities: closed({ add: list, drop: list }),
  privileged: flag,
  procMount: text,
  readOnlyRootFilesystem: flag,
  runAsGroup: count,
  runAsNonRoot: flag,
  runAsUser: count,
  seccompProfile: closed({ localhostProfile: text, type: text }),
  seLinuxOptions: any,
  windowsOptions: any,
})
/** As the API has it (k8s.io/api/core/v1, Probe). */
const probe = closed({
  exec: any,
  failureThreshold: count,
  grpc: any,
  httpGet: closed({ host: text, httpHeaders: list, path: text, port: any, scheme: text }),
  initialDelaySeconds: count,
  periodSeconds: count,
  successThreshold: count,
  tcpSocket: any,
  terminationGracePeriodSeconds: count,
  timeoutSeconds: count,
})
/** Helm gives `global` to every chart. */
const common = { global: fields, commonAnnotations: texts, commonLabels: texts, fullnameOverride: text, nameOverride: text }

const web = closed({
  config: fields,
  configSecretName: text,
  enabled: flag,
  httpRoute: closed({ annotations: texts, enabled: flag, hostnames: list, parentRefs: list }),
  ingress: closed({ annotations: texts, className: text, enabled: flag, hosts: list, tls: list }),
  networkPolicy: closed({ create: flag }),
  rbac: closed({ createAggregation: flag, createRoles: flag }),
  serverOnly: flag,
  serverReplicas: count,
  userActions: any,
})

const fluxOperator: YamlFields = {
  ...closed({
    ...common,
    affinity: fields,
    apiPriority: closed({ enabled: flag, extraServiceAccounts: list, level: text }),
    extraArgs: list,
    extraEnvs: list,
    extraVolumeMounts: list,
    extraVolumes: list,
    hostNetwork: flag,
    image,
    installCRDs: flag,
    livenessProbe: probe,
    logLevel: { enum: ['debug', 'info', 'error'] },
    marketplace: closed({ account: text, license: text, type: text }),
    multitenancy: closed({
      enabled: flag,
      enabledForWorkloadIdentity: flag,
      defaultServiceAccount: text,
      defaultWorkloadIdentityServiceAccount: text,
    }),
    nodeSelector: texts,
    podSecurityContext: fields,
    priorityClassName: text,
    rbac: closed({ create: flag, createAggregation: flag }),
    readinessProbe: probe,
    reporting: closed({ interval: text }),
    resources,
    securityContext,
    service: closed({ ipFamilyPolicy: text }),
    serviceAccount,
    serviceMonitor: closed({ create: flag, interval: text, labels: texts, scrapeTimeout: text }),
    strategy: fields,
    tolerations: list,
    web,
  }),
  required: ['resources'],
}

const instance = closed({
  cluster: closed({
    domain: text,
    multitenant: flag,
    networkPolicy: flag,
    size: { enum: ['', 'small', 'medium', 'large'] },
    tenantDefaultServiceAccount: text,
    type: { enum: ['kubernetes', 'openshift', 'aws', 'azure', 'gcp'] },
  }),
  commonMetadata: closed({ annotations: texts, labels: texts }),
  components: {
    type: 'array',
    uniqueItems: true,
    items: { enum: [...controllerNames] },
  },
  distribution: {
    ...closed({
      artifact: text,
      artifactPullSecret: text,
      imagePullSecret: text,
      registry: text,
      variant: { enum: ['', 'upstream-alpine', 'enterprise-alpine', 'enterprise-distroless', 'enterprise-distroless-fips'] },
      version: text,
    }),
    required: ['version', 'registry'],
  },
  kustomize: closed({ patches: { type: 'array', items: fields } }),
  sharding: closed({ key: text, shards: { type: 'array', items: text } }),
  storage: closed({ class: text, size: text }),
  sync: closed({
    interval: text,
    kind: { enum: ['GitRepository', 'OCIRepository', 'Bucket'] },
    name: text,
    path: text,
    provider: text,
    pullSecret: text,
    ref: text,
    url: text,
  }),
})

const healthcheck = closed({
  affinity: fields,
  enabled: flag,
  envs: list,
  extraArgs: list,
  hostNetwork: flag,
  image,
  nodeSelector: texts,
  podSecurityContext: fields,
  resources,
  securityContext,
  serviceAccount,
  timeout: text,
  tolerations: list,
  volumeMounts: list,
  volumes: list,
})

/** What a chart takes, and which of its own values it cannot do without. */
export interface ChartSchema {
  readonly schema: YamlFields
  /** The chart's defaults of what is required: to set one of these to null is a problem. */
  readonly defaults: YamlFields
}

export const chartSchemas: Readonly<Record<string, ChartSchema>> = {
  'flux-operator': { schema: fluxOperator, defaults: { resources: {} } },
  'flux-instance': {
    schema: { ...closed({ ...common, healthcheck, instance }), required: ['instance'] },
    defaults: { instance: { distribution: { version: '2.x', registry: 'ghcr.io/fluxcd' }, cluster: {} } },
  },
}

/** The charts' versions that have these values; what a newer chart takes beyond them is not known. */
const read = { oldest: '0.49.0', newest: '0.59' }

/** Whether the values of this version of the charts are known. */
export function isKnownChart(version: string): boolean {
  const [is, oldest, newest] = [version, read.oldest, read.newest].map(parseVersion)
  if (is === undefined || oldest === undefined || newest === undefined) return false
  return compareVersions(is, oldest) >= 0 && (is.major < newest.major || (is.major === newest.major && is.minor <= newest.minor))
}
