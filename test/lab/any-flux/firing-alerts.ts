import { createServer } from 'node:http'
import * as v from 'valibot'
import type { Broken } from './broken.ts'

const addressSchema = v.object({ port: v.number() })

/** A Prometheus in which one of Flux's alerts fires. */
export async function alertsBreakage(): Promise<Broken> {
  const alerts = [{ labels: { alertname: 'FluxKustomizationSyncFailures' }, annotations: { summary: 'shop fails' }, state: 'firing' }]
  const server = createServer((_, response) => response.end(JSON.stringify({ status: 'success', data: { alerts } })))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = v.parse(addressSchema, server.address())
  return {
    object: 'alert FluxKustomizationSyncFailures',
    look: { monitoring: `http://127.0.0.1:${port}` },
    async undo() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
