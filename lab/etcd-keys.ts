import { text as readText } from 'node:stream/consumers'
import * as v from 'valibot'
import { socketEndpoint } from '../lib/kubernetes/transport.ts'

/** What one key of etcd holds; key and value are base64, as etcd's JSON gateway writes them. */
const keySchema = v.object({
  key: v.string(),
  value: v.optional(v.string(), ''),
  /** When it was made: what owns something was made before it. */
  create_revision: v.pipe(v.string(), v.transform(Number)),
  /** Its time to live, where it has one: Kubernetes gives Events an hour. */
  lease: v.optional(v.string()),
})
export type EtcdKey = v.InferOutput<typeof keySchema>

const rangeSchema = v.pipe(v.string(), v.parseJson(), v.object({ kvs: v.optional(v.array(keySchema), []) }))
const leaseSchema = v.pipe(v.string(), v.parseJson(), v.object({ ID: v.string() }))
const keptSchema = v.pipe(v.string(), v.parseJson(), v.array(v.object({ ...keySchema.entries, create_revision: v.number() })))

/** All that Kubernetes keeps stands below it. */
const prefix = '/registry/'
const afterPrefix = '/registry0'
/** The API server renews these by itself, and finds its own as it left them. */
const ownLeases = '/registry/leases/kube-system/apiserver-'
const timeToLive = 3600
/** The API server's own controllers may write while keys are being restored; they are done after a pass or two. */
const passes = 10

/** All keys of Kubernetes, as they are at one moment. */
export function readKeys(socket: string): Promise<EtcdKey[]> {
  return withEtcd(socket, allKeys)
}

/** Keys as they are written to a file. */
export function showKeys(keys: readonly EtcdKey[]): string {
  return JSON.stringify(keys)
}

/** Keys from such a file. Throws where it is none. */
export function parseKeys(text: string): EtcdKey[] {
  return v.parse(keptSchema, text)
}

/**
 * Makes the keys of Kubernetes what they were, under a running API server: to it, every object that differs is written by another client.
 * kube-controller-manager must not run: its garbage collector remembers owners that were gone, and deletes what they own once that is back.
 * @returns the keys that were put or deleted
 */
export function putKeysBack(socket: string, wanted: readonly EtcdKey[]): Promise<string[]> {
  return withEtcd(socket, async (call) => {
    const changed = new Set<string>()
    for (let pass = 0; pass < passes; pass++) {
      const differing = await putOnce(call, wanted)
      if (differing.length === 0) return [...changed]
      for (const key of differing) changed.add(decode(key))
    }
    throw new Error(`etcd's keys do not stay as they are restored: ${[...changed].slice(-3).join(', ')}`)
  })
}

async function allKeys(call: Call): Promise<EtcdKey[]> {
  const { kvs } = v.parse(rangeSchema, await call('kv/range', { key: encode(prefix), range_end: encode(afterPrefix) }))
  return kvs.filter(({ key }) => !decode(key).startsWith(ownLeases))
}

async function putOnce(call: Call, wanted: readonly EtcdKey[]): Promise<string[]> {
  const there = new Map((await allKeys(call)).map((one) => [one.key, one]))
  const names = new Set(wanted.map(({ key }) => key))
  // Owners come before what they own, and go after it.
  const gone = [...there.values()].filter(({ key }) => !names.has(key)).sort((one, other) => other.create_revision - one.create_revision)
  const other = wanted
    .filter(({ key, value }) => there.get(key)?.value !== value)
    .sort((one, another) => one.create_revision - another.create_revision)
  for (const { key } of gone) await call('kv/deleterange', { key })
  const lease = other.some(isLeased) ? v.parse(leaseSchema, await call('lease/grant', { TTL: timeToLive })).ID : undefined
  for (const one of other) {
    const { key, value } = one
    await call('kv/put', { key, value, ...(lease !== undefined && isLeased(one) ? { lease } : {}) })
  }
  return [...gone, ...other].map(({ key }) => key)
}

function isLeased({ lease = '0' }: EtcdKey): boolean {
  return lease !== '0'
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString()
}

/** Calls a method of etcd, by its JSON gateway (etcd docs, dev-guide/api_grpc_gateway). */
type Call = (method: string, body: unknown) => Promise<string>

async function withEtcd<T>(socket: string, body: (call: Call) => Promise<T>): Promise<T> {
  const endpoint = socketEndpoint(socket)
  const headers = { 'content-type': 'application/json' }
  try {
    return await body(async (method, wanted) => {
      const answer = await endpoint.exchange({ method: 'POST', path: `/v3/${method}`, headers, body: JSON.stringify(wanted) })
      const said = await readText(answer)
      if (answer.statusCode === 200) return said
      throw new Error(`etcd answers ${method} with ${answer.statusCode}: ${said.slice(0, 200)}`)
    })
  } finally {
    endpoint.close()
  }
}
