import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listenAnywhere } from '../../../../lab/ports.ts'
import { verifyDigest } from '../../../../lib/desired-state/render-chart.ts'
import { exactVersion, pinnedBy } from '../../../../lib/desired-state/chart.ts'
import { checkChart, digestAt } from '../../../../lib/commands/upgrade/checks/operator-chart.ts'
import { changedLinesOf } from '../../../../lib/commands/upgrade/version-lines.ts'
import { listTags } from '../../../../lib/tools/registry.ts'

const [one, two] = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`)
const asking = { registry: {}, cluster: { signal: new AbortController().signal } }
let host = ''
const asked: string[] = []
const tags = ['0.57.0', '0.58.0', '0.58.1', '0.59.0', '0.60.0']

/** A registry that tells two tags a page, and has a chart that it does not list. */
const server: Server = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://localhost')
  asked.push(`${request.method} ${url.pathname}${url.search}`)
  const [, , repository, what, reference = ''] = url.pathname.split('/')
  if (repository === 'closed') return void response.writeHead(401).end()
  if (what === 'manifests') {
    const isThere = [...tags, '0.61.0', 'v0.60.0'].includes(reference)
    return void response.writeHead(isThere ? 200 : 404, isThere ? { 'docker-content-digest': two } : {}).end()
  }
  const start = tags.indexOf(url.searchParams.get('last') ?? '') + 1
  const page = tags.slice(start, start + 2)
  const isLast = start + 2 >= tags.length
  const link = isLast ? {} : { link: `</v2/${repository}/tags/list?last=${page.at(-1)}&n=2>; rel="next"` }
  response.writeHead(200, link).end(JSON.stringify({ name: repository, tags: page }))
})
beforeAll(async () => void (host = `127.0.0.1:${await listenAnywhere(server)}`))
afterAll(() => server.close())

describe('the operator’s chart', () => {
  test('is asked for by its version, and no list is', async () => {
    asked.length = 0
    expect(await checkChart(asking, { operator: { url: `oci://${host}/open` } }, '0.61.0')).toEqual([])
    expect(asked).toEqual(['HEAD /v2/open/manifests/0.61.0'])
  })
  test('that does not exist is reported with the nearest of all pages', async () => {
    const [finding] = await checkChart(asking, { operator: { url: `oci://${host}/open` } }, '0.60.7')
    const near = 'the nearest that exist are 0.60.0, 0.59.0, 0.58.1'
    expect(finding).toMatchObject({ is: 'blocks', what: `there is no flux-operator 0.60.7 in oci://${host}/open; ${near}` })
    expect(await listTags({ host, repository: 'open', reference: '' }, {}, asking.cluster.signal)).toEqual(tags)
  })
  test('behind a login is not known', async () => {
    const [finding] = await checkChart(asking, { operator: { url: `oci://${host}/closed` } }, '0.60.0')
    expect(finding).toMatchObject({ is: 'notice' })
  })
})

test.each<[object, object, string | undefined]>([
  [{ tag: '0.59.0' }, { version: '0.59.0' }, '0.59.0'],
  [{ tag: `0.59.0@${one}` }, { version: '0.59.0', digest: one }, '0.59.0'],
  [{ tag: '0.59.0', digest: one }, { version: '0.59.0', digest: one }, '0.59.0'],
  [{ digest: one }, { version: '', digest: one }, undefined],
  [{ semver: '>=0.50', tag: '0.59.0' }, { version: '>=0.50', isRange: true }, undefined],
  [{}, { version: 'latest' }, 'latest'],
])('an OCIRepository with %o takes %o', (ref, pinned, exact) => {
  expect(pinnedBy(ref)).toEqual(pinned)
  expect(exactVersion(pinnedBy(ref))).toBe(exact)
})

test('a tag that has moved from the digest that Git pins is refused', () => {
  const chart = { name: 'flux-operator', releaseName: 'flux-operator', namespace: 'flux-system', url: 'oci://r/c', values: {}, patches: [] }
  const pulled = { stdout: '', stderr: `Pulled: r/c:0.59.0\nDigest: ${two}\n` }
  const pinned = { ...chart, version: '0.59.0', insecure: false, tracksDigest: true }
  expect(() => verifyDigest({ ...pinned, digest: one ?? '' }, pulled, 'helm')).toThrow(
    `chart oci://r/c 0.59.0 has the digest ${two} now, and Git pins ${one}`,
  )
  verifyDigest({ ...pinned, digest: two ?? '' }, pulled, 'helm')
  verifyDigest(pinned, { stdout: '', stderr: '' }, 'helm')
})

describe('another version of the operator in settings.yaml', () => {
  const versions = (operator: string) => ({ flux: '2.9.5', operator })
  const moved = async (artifact: string, operator: object = {}, to = '0.60.0', digests: Record<string, string> = {}) => {
    const settings = { operator_version: '0.59.0', distribution_artifact: artifact, ...digests }
    const url = `oci://${host}/open`
    const tree = { settings, cluster: 'infra', operator: { name: 'flux-operator', version: '0.59.0', url, ...operator }, instance: { url } }
    const { after, findings } = await changedLinesOf(tree, versions('0.59.0'), versions(to), (url) => digestAt(asking, url))
    return { after, reported: findings.map(({ is, what }) => `${is}: ${what}`) }
  }
  const line = { operator_version: '0.60.0' }

  test('brings the distribution artifact along, by tag, and by tag and digest', async () => {
    expect(await moved(`oci://${host}/open:v0.59.0`)).toEqual({
      after: { ...line, distribution_artifact: `oci://${host}/open:v0.60.0` },
      reported: [],
    })
    expect(await moved(`oci://${host}/open:v0.59.0@${one}`)).toEqual({
      after: { ...line, distribution_artifact: `oci://${host}/open:v0.60.0@${two}` },
      reported: [],
    })
    expect(await moved('')).toEqual({ after: line, reported: [] })
    expect(await moved(`oci://${host}/open:latest`)).toEqual({ after: line, reported: [] })
  })
  test('brings the digests along by which the charts are pinned beside their tags', async () => {
    const pinned = { operator_chart_digest: one ?? '', instance_chart_digest: one ?? '' }
    expect(await moved('', { digest: one }, '0.60.0', pinned)).toEqual({
      after: { ...line, operator_chart_digest: two, instance_chart_digest: two },
      reported: [],
    })
    const { reported } = await moved('', { digest: one }, '0.62.0', pinned)
    const what = `the chart oci://${host}/open is pinned by digest, and the registry does not say which digest 0.62.0 has`
    expect(reported).toEqual([`blocks: ${what}`, `blocks: ${what}`])
  })
  test('is refused where the new digest is not reported', async () => {
    const { reported } = await moved(`oci://${host}/open:v0.59.0@${one}`, {}, '0.62.0')
    expect(reported).toEqual([
      `blocks: the distribution artifact is pinned by digest, and the registry does not report that of oci://${host}/open:v0.62.0`,
    ])
  })
  test('tells that an artifact by digest alone stays', async () => {
    const artifact = `oci://${host}/open@${one}`
    const what = `the distribution artifact stays at ${artifact}, which names no version of the operator`
    expect(await moved(artifact)).toEqual({ after: line, reported: [`notice: ${what}`] })
  })
  const file = 'operator_version in kubernetes/clusters/infra/settings.yaml'
  test.each<[string, object, string]>([
    [
      'a range',
      { version: '>=0.50', isRange: true },
      `the OCIRepository of HelmRelease flux-operator follows the range >=0.50: source-controller takes the newest of it, whatever ${file} says`,
    ],
    [
      'a digest',
      { digest: one },
      `the OCIRepository of HelmRelease flux-operator is pinned to ${one}: 0.60.0 in ${file} would change nothing`,
    ],
    [
      'a tag of its own',
      { version: '0.58.0' },
      `the OCIRepository of HelmRelease flux-operator has the tag 0.58.0, which is not ${file}: changing that would change nothing`,
    ],
  ])('is refused where the chart follows %s', async (_, operator, what) => {
    expect((await moved('', operator)).reported).toEqual([`blocks: ${what}`])
    expect((await moved('', operator, '0.59.0')).reported).toEqual([])
  })
})
