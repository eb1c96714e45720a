import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { listenAnywhere } from '../../../lab/ports.ts'
import { checkChart } from '../../../lib/commands/upgrade/checks/operator-chart.ts'
import { listTags } from '../../../lib/tools/registry.ts'

const { signal } = new AbortController()
/** 0.0.0 to 39.9.0, as registries sort them: as text. */
const tags = Array.from({ length: 400 }, (_, at) => `${Math.floor(at / 10)}.${at % 10}.0`).sort()
let host = ''
const asked: string[] = []

/** A registry that answers no more than fifty tags at a time, whatever it is asked for, as quay.io does. */
const server: Server = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://localhost')
  asked.push(`${request.method} ${url.pathname.split('/').slice(3).join('/')}`)
  const tag = /\/manifests\/(.*)$/.exec(url.pathname)?.[1]
  if (tag !== undefined) return void response.writeHead(tags.includes(tag) ? 200 : 404).end()
  const start = tags.indexOf(url.searchParams.get('last') ?? '') + 1
  const page = tags.slice(start, start + 50)
  const next = `<http://${host}/v2/charts/flux-operator/tags/list?last=${page.at(-1)}&n=50>; rel="next"`
  response.writeHead(200, start + 50 < tags.length ? { link: next } : {}).end(JSON.stringify({ name: 'x', tags: page }))
})
beforeAll(async () => void (host = `127.0.0.1:${await listenAnywhere(server)}`))
afterAll(() => server.close())
beforeEach(() => void (asked.length = 0))

function check(version: string): ReturnType<typeof checkChart> {
  return checkChart({ registry: {}, cluster: { signal } }, { operator: { url: `oci://${host}/charts/flux-operator` } }, version)
}

test('a list of 400 tags in pages of 50 is read to its end', async () => {
  expect(await listTags({ host, repository: 'charts/flux-operator', reference: '' }, {}, signal)).toEqual(tags)
  expect(asked).toEqual(Array.from({ length: 8 }, () => 'GET flux-operator/tags/list'))
})

test('each of them is found, and no list is asked for', async () => {
  for (const tag of tags) expect(await check(tag), tag).toEqual([])
  expect(asked).toEqual(tags.map((tag) => `HEAD flux-operator/manifests/${tag}`))
})

test('of one that does not exist the nearest are named, from whatever page', async () => {
  expect(await check('9.9.7')).toEqual([
    {
      is: 'blocks',
      what: `there is no flux-operator 9.9.7 in oci://${host}/charts/flux-operator; the nearest that exist are 9.9.0, 9.8.0, 9.7.0`,
      remedy: '--operator 9.9.0',
    },
  ])
  expect((await check('41.0.0'))[0]?.remedy).toBe('--operator 39.9.0')
})

test('a list that never ends is given up', async () => {
  const endless = createServer((_, response) => {
    response.writeHead(200, { link: '</v2/x/tags/list?last=a>; rel="next"' }).end('{"tags":["a"]}')
  })
  const there = `127.0.0.1:${await listenAnywhere(endless)}`
  expect(await listTags({ host: there, repository: 'x', reference: '' }, {}, signal)).toHaveLength(100)
  endless.close()
})
