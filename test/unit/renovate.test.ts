import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'

const text = v.string()
const managerSchema = v.object({
  managerFilePatterns: v.array(text),
  matchStrings: v.array(text),
  depNameTemplate: text,
  packageNameTemplate: v.optional(text),
  datasourceTemplate: text,
  extractVersionTemplate: v.optional(text),
})
const configSchema = v.pipe(
  text,
  v.parseJson(),
  v.object({ customManagers: v.array(managerSchema), packageRules: v.array(v.object({ matchDepNames: v.array(text) })) }),
)
const { customManagers, packageRules } = v.parse(configSchema, readFileSync('renovate.json', 'utf8'))

/** What Renovate finds in a file, by the custom managers that check files of its name (lib/modules/manager/custom/regex). */
function foundIn(file: string, content: string): Record<string, string | undefined>[] {
  return customManagers
    .filter(({ managerFilePatterns }) => managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file)))
    .flatMap(({ matchStrings, depNameTemplate, packageNameTemplate, datasourceTemplate }) =>
      matchStrings.flatMap((string) =>
        [...content.matchAll(new RegExp(string, 'g'))].map(({ groups = {} }) => ({
          name: depNameTemplate,
          package: groups['packageName'] ?? packageNameTemplate,
          datasource: datasourceTemplate,
          value: groups['currentValue'],
          digest: groups['currentDigest'],
        })),
      ),
    )
}

describe.each(['infra', 'apps'])('renovate.json in the settings of %s', (cluster) => {
  const file = `kubernetes/clusters/${cluster}/settings.yaml`
  const content = readFileSync(file, 'utf8')

  test('finds the operator, its manifests and Flux, each once', () => {
    expect(foundIn(file, content)).toEqual([
      {
        name: 'flux-operator',
        package: 'ghcr.io/controlplaneio-fluxcd/charts/flux-operator',
        datasource: 'docker',
        value: '0.59.0',
        digest: undefined,
      },
      {
        name: 'flux-operator-manifests',
        package: 'ghcr.io/controlplaneio-fluxcd/flux-operator-manifests',
        datasource: 'docker',
        value: 'v0.59.0',
        digest: undefined,
      },
      { name: 'flux', package: 'fluxcd/flux2', datasource: 'github-releases', value: '2.9.5', digest: undefined },
    ])
  })

  test('finds a mirror’s manifests by tag and digest, and none where they are in the operator’s image', () => {
    const digest = `sha256:${'1'.repeat(64)}`
    const pinned = content.replace(/distribution_artifact: ".*"/, `distribution_artifact: "oci://mirror.example/m:v0.59.0@${digest}"`)
    expect(foundIn(file, pinned)[1]).toMatchObject({ package: 'mirror.example/m', value: 'v0.59.0', digest })
    const own = content.replace(/distribution_artifact: ".*"/, 'distribution_artifact: ""')
    expect(foundIn(file, own).map(({ name }) => name)).toEqual(['flux-operator', 'flux'])
  })
})

test('renovate.json checks no other file, and raises the three in one request', () => {
  expect(foundIn('kubernetes/apps/settings.yaml', 'flux_version: "2.9.5"')).toEqual([])
  expect(packageRules[0]?.matchDepNames).toEqual(customManagers.map(({ depNameTemplate }) => depNameTemplate))
})
