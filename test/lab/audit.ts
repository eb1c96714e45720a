import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { thisProcess } from '../../lib/process/process-start.ts'

const eventSchema = v.object({
  stage: v.string(),
  verb: v.string(),
  requestURI: v.string(),
  user: v.object({ username: v.string() }),
  userAgent: v.optional(v.string(), ''),
  requestReceivedTimestamp: v.string(),
  responseStatus: v.optional(v.object({ code: v.optional(v.number(), 0) }), {}),
  objectRef: v.optional(
    v.object({ resource: v.optional(v.string(), ''), namespace: v.optional(v.string(), ''), name: v.optional(v.string(), '') }),
    {},
  ),
})

/** One write that the API server has carried out, by a process of this project: a script's, or this test's own. */
export interface Write {
  readonly process: string
  readonly at: string
  readonly verb: string
  readonly what: string
  readonly isLock: boolean
}

/** Asks what someone may do, and changes nothing. */
const questions = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'subjectaccessreviews']

/** The writes to a cluster of the lab since then, in their order, as its API server's audit log has them. */
export function writesSince(home: string, since: Date, cluster = 'infra'): Write[] {
  const folder = join(home, 'logs')
  const files = readdirSync(folder).filter((name) => name.startsWith(`${cluster}-audit`) && name.endsWith('.log'))
  // Those that were put away bear their time in their names: the current one, without, comes last.
  const inOrder = files.sort((one, other) => other.length - one.length || one.localeCompare(other))
  return inOrder.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .flatMap((line) => writeIn(line, since)),
  )
}

function writeIn(line: string, since: Date): Write[] {
  if (!line.includes('flux-runbook (') || !line.includes('lab-admin')) return []
  const event = v.parse(v.pipe(v.string(), v.parseJson(), eventSchema), line)
  const [, process] = /^flux-runbook \((.+)\)$/.exec(event.userAgent) ?? []
  const { objectRef: ref, responseStatus, requestURI, verb, requestReceivedTimestamp: at } = event
  // The lab's own node writes with the same client, as itself.
  const isPerson = event.user.username === 'lab-admin'
  if (process === undefined || !isPerson || event.stage !== 'ResponseComplete' || (responseStatus.code ?? 0) >= 300) return []
  if (new Date(at) < since || requestURI.includes('dryRun=') || questions.includes(ref.resource ?? '')) return []
  const what = [ref.resource, ref.namespace, ref.name].filter((part) => part !== '').join('/')
  return [{ process, at, verb, what, isLock: ref.resource === 'leases' && ref.name === 'flux-runbook' }]
}

/** The writes of scripts that came while another process, or none, held the cluster's lock. */
export function unlockedWrites(writes: readonly Write[]): string[] {
  let holder: string | undefined
  const found: string[] = []
  for (const { process, at, verb, what, isLock } of writes) {
    if (isLock) holder = verb === 'delete' ? undefined : process
    else if (process !== thisProcess && process !== holder)
      found.push(`${at} ${process} ${verb} ${what}, while ${holder ?? 'nobody'} held it`)
  }
  return found
}
