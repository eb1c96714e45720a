import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type Cluster, clusterAt } from '../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'
import { makeTemporaryFolder } from '../../lib/process/temporary-folder.ts'

/** What an API answers, by path without query: a body, or a status and a text that is not the API's. */
export type Answers = Readonly<Record<string, unknown>>

/** A path that is answered with a failure. */
export class Failing {
  readonly status: number
  readonly text: string
  constructor(status: number, text: string) {
    this.status = status
    this.text = text
  }
}

/** A server that answers like an API where its shape matters: an unknown path is NotFound, and what was asked for is remembered. */
export async function startApi(answers: Answers): Promise<{ cluster: Cluster; asked: string[]; close: () => void }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    asked.push(url.pathname + url.search)
    const answer = answers[url.pathname + url.search] ?? answers[url.pathname]
    if (answer instanceof Failing) return void response.writeHead(answer.status).end(answer.text)
    const body = answer ?? { kind: 'Status', reason: 'NotFound', message: `${url.pathname} not found` }
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const folder = makeTemporaryFolder()
  const socket = join(folder, 'api')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const stop = new AbortController()
  const patience = { milliseconds: 5000, trouble: () => undefined, over: () => undefined }
  const endpoint = socketEndpoint(socket)
  return {
    cluster: clusterAt(endpoint, patience, stop.signal),
    asked,
    close() {
      stop.abort()
      endpoint.close()
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
