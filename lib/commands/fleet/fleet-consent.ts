import { nearest } from '../../base/nearest.ts'
import { OperatorError } from '../../base/errors.ts'
import { askText, canAsk, choose } from '../../terminal/prompt.ts'
import type { Console } from '../../terminal/console.ts'
import type { FleetConsent } from './cluster-call.ts'
import type { Effect, GivenFlags } from './fleet-commands.ts'
import type { FleetCluster } from './fleet-file.ts'

interface ConsentRequest {
  readonly command: string
  readonly effect: Effect
  readonly clusters: readonly FleetCluster[]
  /** `sha256:…` of FILE. */
  readonly digest: string
  readonly given: GivenFlags
  /** The command that was typed, with these flags too. */
  readonly again: (...flags: readonly string[]) => string
  readonly console: Console
}

/**
 * Every consent that the clusters may need, before the first is started: the clusters themselves ask nobody.
 * @throws OperatorError `usage` where a job lacks a flag or --destroy does not name exactly these clusters, `cancelled` where a person declines
 */
export async function fleetConsent(asked: ConsentRequest): Promise<FleetConsent> {
  const { effect, given } = asked
  const destroys = given.destroy === undefined ? false : isNamed(String(given.destroy), asked)
  if (effect === 'nothing') return { changes: false, destroys: false }
  const lacking = [...(given.yes === true ? [] : ['--yes']), ...(effect === 'destroys' && !destroys ? [`--destroy=${asked.digest}`] : [])]
  if (lacking.length === 0) return { changes: true, destroys }
  if (!canAsk()) {
    throw new OperatorError('nothing was started: there is no terminal to ask for consent', {
      kind: 'usage',
      remedy: asked.again(...lacking),
    })
  }
  await (effect === 'destroys' && !destroys ? askToDestroy(asked) : askToChange(asked))
  return { changes: true, destroys: destroys || effect === 'destroys' }
}

/** Whether --destroy consents on all of these clusters. Throws OperatorError `usage` where it names others, or not all. */
function isNamed(named: string, { clusters, digest, again }: ConsentRequest): boolean {
  if (named.startsWith('sha256:')) {
    if (named === digest) return true
    throw new OperatorError(`--destroy has the digest of another FILE: this one is ${digest}. Nothing was started`, {
      kind: 'usage',
      remedy: `check FILE again; if it is right: ${again(`--destroy=${digest}`)}`,
    })
  }
  const wanted = clusters.map(({ name }) => name)
  const given = named.split(',')
  const unknown = given.filter((name) => !wanted.includes(name))
  const missing = wanted.filter((name) => !given.includes(name))
  if (unknown.length + missing.length === 0) return true
  const close = unknown.length === 1 ? nearest(unknown[0] ?? '', missing) : undefined
  const what = [
    ...(unknown.length === 0 ? [] : [`it names ${unknown.join(', ')}${close === undefined ? '' : ` (did you mean ${close}?)`}`]),
    ...(missing.length === 0 ? [] : [`it lacks ${missing.join(', ')}`]),
  ]
  throw new OperatorError(`--destroy does not name the clusters of this run: ${what.join('; ')}. Nothing was started`, {
    kind: 'usage',
    remedy: `if these are the clusters you mean: ${again(`--destroy=${wanted.join(',')}`)}`,
  })
}

async function askToChange({ command, clusters }: ConsentRequest): Promise<void> {
  const answer = await choose(`${command} on ${countOf(clusters)}. What now?`, [
    { name: 'begin', message: 'Begin' },
    { name: 'stop', message: 'Stop here' },
  ])
  if (answer === 'stop') throw new OperatorError('stopped; nothing was started', { kind: 'cancelled' })
}

async function askToDestroy({ command, clusters, console, again }: ConsentRequest): Promise<void> {
  const wanted = `${command} ${clusters.length}`
  console.warning(`${command} breaks Flux on purpose on ${countOf(clusters)}: ${clusters.map(({ name }) => name).join(', ')}`)
  if ((await askText(`To consent, type the command and the number of clusters, ${wanted}:`)) === wanted) return
  throw new OperatorError(`that is not ${wanted}; nothing was started`, { kind: 'usage', remedy: again() })
}

function countOf(clusters: readonly FleetCluster[]): string {
  return `${clusters.length} cluster${clusters.length === 1 ? '' : 's'}`
}
