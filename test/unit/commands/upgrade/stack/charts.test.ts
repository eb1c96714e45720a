import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { listenAnywhere } from '../../../../../lab/ports.ts'
import { chartAddress, chartsFrom, configuredVersion, runningChart } from '../../../../../lib/commands/upgrade/stack/charts.ts'
import { kinds } from '../../../../../lib/kubernetes/objects.ts'
import { manifestOf } from '../../../../../lib/kubernetes/manifest.ts'

const { signal } = new AbortController()
/** The appVersion of each version of the chart, as the real one's: two charts may bring the same Flux. */
const appVersions: Record<string, string> = {
  '2.16.4': '2.6.4',
  '2.17.0': '2.7.0',
  '2.17.1': 'v2.7.2',
  '2.18.3': '2.8.6',
  '2.18.10': '2.8.6',
  '3.0.0-rc.1': '3.0.0',
}

/** A registry with that chart. */
async function registry(): Promise<string> {
  const blobs = new Map<string, string>()
  const digestOf = (text: string): string => {
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
    blobs.set(digest, text)
    return digest
  }
  const server = createServer((request, response) => {
    const name = (request.url ?? '').replace(/\?.*/, '').split('/').at(-1) ?? ''
    if (request.url?.includes('/tags/') === true) return void response.end(JSON.stringify({ tags: Object.keys(appVersions) }))
    if (request.url?.includes('/blobs/') === true) return void response.end(blobs.get(name))
    const config = JSON.stringify({ name: 'flux2', version: name, appVersion: appVersions[name] })
    response.end(JSON.stringify({ config: { digest: digestOf(config) }, layers: [] }))
  })
  onTestFinished(() => void server.close())
  return `oci://127.0.0.1:${await listenAnywhere(server)}/charts/flux2`
}

test('of each Flux from the chart that runs on, the newest chart that installs it', async () => {
  expect(await chartsFrom(await registry(), '2.17.0', {}, signal)).toEqual([
    { version: '2.17.0', flux: '2.7.0' },
    { version: '2.17.1', flux: '2.7.2' },
    { version: '2.18.10', flux: '2.8.6' },
  ])
})

test('a chart of a repository that lists no versions over OCI is not guessed', async () => {
  await expect(chartsFrom('https://fluxcd-community.github.io/helm-charts', '2.17.0', {}, signal)).rejects.toThrow(
    'which charts there are is not known: https://fluxcd-community.github.io/helm-charts is not a chart of a registry that lists its versions',
  )
})

test('the chart that runs is the one that a controller says it came with', () => {
  const name = 'source-controller'
  const deployment = (chart: string | undefined) => {
    const metadata = { name, ...(chart === undefined ? {} : { labels: { 'helm.sh/chart': chart } }) }
    return manifestOf({ ...kinds.deployment, name }, { metadata })
  }
  expect(runningChart([deployment(undefined), deployment('flux2-2.17.1')])).toBe('2.17.1')
  expect(runningChart([deployment('flux2-2.18.0-rc.1')])).toBe('2.18.0-rc.1')
  expect(runningChart([deployment(undefined)])).toBeUndefined()
})

test('a program that takes the version from another place is not changed', () => {
  const stack = { name: 'infra', folder: '/fleet' }
  expect(configuredVersion(stack, { 'flux:chart_version': { isSecret: false, value: '2.17.1' } })).toBe('2.17.1')
  expect(() => configuredVersion(stack, { 'fleet:flux': { isSecret: true } })).toThrow(
    "the Pulumi stack infra has no config flux:chart_version: where its program takes the chart's version from is not known",
  )
  expect(chartAddress({})).toBe('oci://ghcr.io/fluxcd-community/charts/flux2')
})
