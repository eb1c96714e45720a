import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../kubernetes/objects.ts'

/** As kubectl asks: the server adds up the containers' restarts, and leaves everything but metadata out. */
const asTable = 'application/json;as=Table;g=meta.k8s.io;v=v1'

const tableSchema = v.object({
  metadata: v.object({ continue: v.optional(v.string(), '') }),
  columnDefinitions: v.optional(v.array(v.object({ name: v.string() })), []),
  rows: v.nullish(v.array(v.object({ cells: v.array(v.unknown()), object: v.record(v.string(), v.unknown()) })), []),
})

/** All pods by their metadata, and how often their containers were restarted, in pages. */
export async function* podPages(cluster: Cluster): AsyncGenerator<{ object: KubeObject; restarts: number }[], void, void> {
  let column = -1
  let next = ''
  do {
    const table = v.parse(tableSchema, await cluster.read(`/api/v1/pods?limit=500${next}`, asTable))
    if (table.columnDefinitions.length > 0) column = table.columnDefinitions.findIndex(({ name }) => name === 'Restarts') // of the first page only
    next = table.metadata.continue === '' ? '' : `&continue=${encodeURIComponent(table.metadata.continue)}`
    yield (table.rows ?? []).map(({ cells, object }) => ({
      object: parseObject({ ...object, ...kinds.pod }),
      restarts: restartsIn(cells[column]),
    }))
  } while (next !== '')
}

/** `3`, or `3 (2d ago)`. */
function restartsIn(cell: unknown): number {
  const text = typeof cell === 'string' ? cell : JSON.stringify(cell ?? 0)
  return Number.parseInt(text, 10) || 0
}
