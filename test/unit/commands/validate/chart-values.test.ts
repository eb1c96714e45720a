import { describe, expect, test } from 'vitest'
import { checkChartValues, checkOf } from '../../../../lib/commands/validate/chart-values.ts'
import { chartSchemas, isKnownChart } from '../../../../lib/commands/validate/chart-schemas.ts'
import { at, isFields } from '../../../../lib/commands/validate/at.ts'
import type { ManifestObject } from '../../../../lib/commands/validate/cluster-tree.ts'

/** The keys of the real charts, as controlplaneio-fluxcd/charts has them; `*` stands for whatever a value of that place may be. */
const keys: Readonly<Record<string, string>> = {
  'flux-operator': `
    affinity apiPriority.{enabled,extraServiceAccounts,level} commonAnnotations commonLabels extraArgs extraEnvs extraVolumeMounts
    extraVolumes fullnameOverride hostNetwork image.{repository,tag,imagePullPolicy,pullSecrets} installCRDs
    livenessProbe.httpGet.{path,port} livenessProbe.{initialDelaySeconds,periodSeconds} logLevel marketplace.{account,license,type}
    multitenancy.{enabled,enabledForWorkloadIdentity,defaultServiceAccount,defaultWorkloadIdentityServiceAccount} nameOverride nodeSelector
    podSecurityContext priorityClassName rbac.{create,createAggregation} readinessProbe.httpGet.{path,port}
    readinessProbe.{initialDelaySeconds,periodSeconds} reporting.interval resources.limits.{cpu,memory} resources.requests.{cpu,memory}
    securityContext.{allowPrivilegeEscalation,readOnlyRootFilesystem,runAsNonRoot} securityContext.capabilities.drop
    securityContext.seccompProfile.type service.ipFamilyPolicy serviceAccount.{automount,create,name}
    serviceMonitor.{create,interval,labels,scrapeTimeout} strategy tolerations
    web.{config,configSecretName,enabled,serverOnly,serverReplicas,userActions} web.httpRoute.{annotations,enabled,hostnames,parentRefs}
    web.ingress.{annotations,className,enabled,hosts,tls} web.networkPolicy.create web.rbac.{createAggregation,createRoles}`,
  'flux-instance': `
    commonAnnotations commonLabels fullnameOverride nameOverride
    healthcheck.{enabled,timeout,affinity,envs,extraArgs,hostNetwork,nodeSelector,podSecurityContext,tolerations,volumeMounts,volumes}
    healthcheck.image.{repository,tag,imagePullPolicy,pullSecrets} healthcheck.resources.limits.{cpu,memory}
    healthcheck.resources.requests.{cpu,memory} healthcheck.securityContext.{allowPrivilegeEscalation,readOnlyRootFilesystem,runAsNonRoot}
    healthcheck.securityContext.capabilities.drop healthcheck.securityContext.seccompProfile.type
    healthcheck.serviceAccount.{automount,create,name} instance.cluster.{domain,multitenant,networkPolicy,size,tenantDefaultServiceAccount,type}
    instance.commonMetadata.{annotations,labels} instance.components
    instance.distribution.{artifact,artifactPullSecret,imagePullSecret,registry,variant,version} instance.kustomize.patches
    instance.sharding.{key,shards} instance.storage.{class,size} instance.sync.{interval,kind,name,path,provider,pullSecret,ref,url}`,
}

const paths = Object.entries(keys).flatMap(([chart, text]) =>
  text
    .trim()
    .split(/\s+/)
    .flatMap((word) => {
      const [, before = '', inside] = /^([^{]*)(?:\{(.*)\})?$/.exec(word) ?? []
      return (inside === undefined ? [before] : inside.split(',').map((last) => before + last)).map((path) => ({ chart, path }))
    }),
)

/** A value that the schema takes where a path leads. */
function valueFor(schema: unknown): unknown {
  const first = at(schema, 'enum', 0)
  if (first !== undefined) return first
  const type = at(schema, 'type')
  if (type === 'boolean') return true
  if (type === 'integer') return 1
  if (type === 'array') return []
  return type === 'object' ? {} : 'text'
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((below, key) => ({ [key]: below }), value)
}

function schemaAt(chart: string, path: readonly string[]): unknown {
  return at(chartSchemas[chart]?.schema, ...path.flatMap((key) => ['properties', key]))
}

/** Numbers that are the same at every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
}

/** One letter missing, too many, wrong, or swapped with the next. */
function edited(word: string, next: (below: number) => number): string {
  const position = next(word.length)
  const letter = 'abcdefghijklmnopqrstuvwxyz'[next(26)] ?? 'x'
  const [before, here, after] = [word.slice(0, position), word[position] ?? '', word.slice(position + 1)]
  return (
    [before + after, before + letter + here + after, before + letter + after, before + (after[0] ?? '') + here + after.slice(1)][next(4)] ??
    word
  )
}

describe('a value of the real charts', () => {
  test.each(paths)('$chart takes $path', ({ chart, path }) => {
    const steps = path.split('.')
    expect(schemaAt(chart, steps), 'the schema has it').toBeDefined()
    expect(checkOf(chart)?.(nested(steps, valueFor(schemaAt(chart, steps))))).toEqual([])
  })

  test.each(paths)('$chart: $path, misspelt, is named', ({ chart, path }) => {
    const steps = path.split('.')
    const [right = '', above] = [steps.at(-1), steps.slice(0, -1)]
    const siblings = Object.keys(at(schemaAt(chart, above), 'properties') ?? {})
    const next = seeded(Array.from(path).reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 2147483648)
    const wrong = Array.from({ length: 40 }, () => edited(right, next)).find((word) => word.length > 1 && !siblings.includes(word)) ?? ''
    expect(wrong).not.toBe('')
    expect(checkOf(chart)?.(nested([...above, wrong], valueFor(schemaAt(chart, steps))))).toEqual([
      { path: [...above, wrong], message: `there is no field ${[...above, wrong].join('.')}`, remedy: `did you mean ${right}?` },
    ])
  })

  test('every key of every closed object is in the list above', () => {
    const listed = new Set(paths.map(({ chart, path }) => `${chart} ${path}`))
    const beyond = Object.entries(chartSchemas).flatMap(([chart, { schema }]) =>
      leaves(schema).filter(
        (path) => !listed.has(`${chart} ${path}`) && !/(resources|securityContext|livenessProbe|readinessProbe)\.|global/.test(path),
      ),
    )
    expect(beyond).toEqual([])
  })
})

function leaves(schema: unknown, path: readonly string[] = []): string[] {
  const properties = at(schema, 'properties')
  if (!isFields(properties)) return [path.join('.')]
  return Object.entries(properties).flatMap(([key, below]) => leaves(below, [...path, key]))
}

describe('the version of the chart', () => {
  const placed = (kind: string, name: string, spec: object): ManifestObject => ({
    object: { spec },
    kind,
    name,
    namespace: 'flux-system',
    by: undefined,
    place: (...path) => ({ file: path.join('.'), line: 1 }),
  })
  const check = (tag: string, url = 'oci://r/charts/flux-operator') =>
    checkChartValues(
      {
        cluster: 'infra',
        applied: [],
        unknown: [],
        placed: [
          placed('OCIRepository', 'operator', { url, ref: { tag } }),
          placed('HelmRelease', 'operator', {
            chartRef: { kind: 'OCIRepository', name: 'operator' },
            values: { resources: {}, web: { enabeld: true } },
          }),
        ],
      },
      'project',
    )
  const broken = {
    file: 'spec.values.web.enabeld',
    line: 1,
    rule: 'values',
    message: 'HelmRelease flux-system/operator: chart flux-operator 0.59.0: there is no field web.enabeld',
    remedy: 'did you mean enabled?',
  }

  test.each(['0.59.0', `0.59.0@sha256:${'1'.repeat(64)}`])('is known (%s): a key that it has not is a finding', (tag) => {
    expect(check(tag)).toEqual({ findings: [broken], warnings: [], notChecked: [] })
  })

  test('is not known: the same is a warning', () => {
    const message = broken.message.replace('0.59.0', '0.60.0')
    const remedy = 'did you mean enabled?; or, if this version takes it, leave it'
    expect(check('0.60.0')).toEqual({ findings: [], warnings: [{ ...broken, message, remedy }], notChecked: [] })
  })

  test('does not matter to a chart that is not Flux’s own', () => {
    expect(check('1.0.0', 'oci://r/charts/toString').notChecked).toEqual([
      'the values of HelmRelease flux-system/operator in infra: the schema of chart toString is not known here',
    ])
  })

  test.each([
    ['0.48.9', false],
    ['0.49.0', true],
    ['0.59.7', true],
    ['0.60.0', false],
    ['1.0.0', false],
    ['', false],
  ])('%s is one whose values are known: %s', (version, isKnown) => {
    expect(isKnownChart(version)).toBe(isKnown)
  })
})
