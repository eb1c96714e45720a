import { counted } from '../../base/counted.ts'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { stateHome } from '../../base/paths.ts'
import type { Redactor } from '../../base/redactor.ts'
import { shellQuote } from '../../base/shell-line.ts'
import type { Console } from '../../terminal/console.ts'
import type { Effect, GivenFlags } from './fleet-commands.ts'
import { type FileFinding, type FleetCluster, parseFleet, type Wave } from './fleet-file.ts'
import { fileDigest, type KeptRun } from './fleet-run.ts'
import { type FleetAccess, readClusters, type SeenCluster } from './fleet-preflight.ts'

/** FILE, read. */
export interface FleetFile {
  readonly path: string
  readonly content: string
  /** `sha256:…` of the content. */
  readonly digest: string
}

/** A fleet whose clusters were checked, and in which nothing blocks the run. */
export interface OpenFleet {
  readonly waves: readonly Wave[]
  readonly seen: readonly SeenCluster[]
}

/** Reads FILE. Throws OperatorError `usage` where it cannot be read. */
export function readFleetFile(named: string): FleetFile {
  const path = resolve(named)
  try {
    const content = readFileSync(path, 'utf8')
    return { path, content, digest: fileDigest(content) }
  } catch (error) {
    throw new OperatorError(`${path} cannot be read: ${messageOf(error)}`, { kind: 'usage', remedy: `ls -l ${shellQuote(path)}` })
  }
}

/**
 * FILE as a run that is resumed has kept it.
 * @throws OperatorError `blocked` where that is not what the run began with: what was consented to had this digest
 */
export function keptFile({ folder, run, runId }: KeptRun): FleetFile {
  const kept = readFleetFile(join(folder, 'fleet.yaml'))
  if (kept.digest === run.digest) return { ...kept, path: run.file }
  throw new OperatorError(`${kept.path} was changed since the run ${runId} began: it has ${kept.digest} now, and had ${run.digest}`, {
    kind: 'blocked',
    remedy: `put ${shellQuote(run.file)} in its place, if that is still as it was; or leave --resume out`,
  })
}

/** Where the runs are kept: the person's own, or the lab's. */
export async function runsHome(isLab: boolean): Promise<string> {
  if (!isLab) return stateHome()
  const { labHome } = await import('../../../lab/home.ts')
  return join(labHome(), 'runs')
}

interface FleetChoice {
  /** Names of waves, empty for all. */
  readonly chosen: readonly string[]
  readonly shared: GivenFlags
  readonly runs: string
  /** What the command does to the clusters. */
  readonly effect: Effect
}

/**
 * Reads the fleet, and checks every cluster of the chosen waves.
 * @throws OperatorError `blocked` with all that is wrong in FILE and with the clusters, at once; `usage` where a wave is chosen that there is not
 */
export async function openFleet(
  file: FleetFile,
  { chosen, shared, runs, effect }: FleetChoice,
  { console, redactor, signal }: { readonly console: Console; readonly redactor: Redactor; readonly signal: AbortSignal },
): Promise<OpenFleet> {
  const parsed = parseFleet(file.content)
  const waves = parsed.is === 'invalid' ? [] : chooseWaves(parsed.waves, chosen)
  const clusters = parsed.is === 'invalid' ? parsed.clusters : waves.flatMap((wave) => wave.clusters)
  if (parsed.is === 'invalid' && clusters.length === 0) throw blockedBy(file, parsed.findings)
  const access = await accessOf(clusters, { shared, runs }, { console, redactor, signal })
  const waiting = console.wait(`checking ${counted(clusters.length, 'cluster')}`)
  try {
    const { seen, findings } = await readClusters(clusters, access, { effect, signal })
    const all = [...(parsed.is === 'invalid' ? parsed.findings : []), ...findings]
    if (all.length > 0) throw blockedBy(file, all)
    return { waves, seen }
  } finally {
    waiting.stop()
  }
}

/**
 * The waves of these names, in the order of FILE; all where none is named.
 * @throws OperatorError `usage` where there is no such wave
 */
export function chooseWaves(waves: readonly Wave[], chosen: readonly string[]): readonly Wave[] {
  if (chosen.length === 0) return waves
  const names = waves.map(({ name }) => name)
  const unknown = chosen.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const close = nearest(unknown, names)
    throw new OperatorError(
      `FILE has no wave "${unknown}"; ${close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`}`,
      { kind: 'usage', remedy: `--wave ${close ?? names[0] ?? 'NAME'}` },
    )
  }
  return waves.filter(({ name }) => chosen.includes(name))
}

async function accessOf(
  clusters: readonly FleetCluster[],
  { shared, runs }: { readonly shared: GivenFlags; readonly runs: string },
  { console, redactor, signal }: { readonly console: Console; readonly redactor: Redactor; readonly signal: AbortSignal },
): Promise<FleetAccess> {
  const isLab = shared.lab === true
  if (!isLab) return { kubectl: 'kubectl', kubeconfig: typeof shared.kubeconfig === 'string' ? shared.kubeconfig : undefined, runs, isLab }
  if (shared.kubeconfig !== undefined) {
    throw new OperatorError('--lab has a kubeconfig of its own; --kubeconfig is for other clusters', {
      kind: 'usage',
      remedy: 'omit one of them',
    })
  }
  const { ensureLab } = await import('../../../lab/client.ts')
  const names = clusters.map(({ context }) => context.replace(/^lab-/, ''))
  const lab = await ensureLab(names, console, signal)
  redactor.hide(lab.git.password)
  return { kubectl: join(lab.bin, 'kubectl'), kubeconfig: lab.kubeconfig, runs, isLab }
}

/** All findings in one error, each with its line of FILE. */
export function blockedBy({ path }: Pick<FleetFile, 'path'>, findings: readonly FileFinding[]): OperatorError {
  const sorted = findings.toSorted((one, other) => one.line - other.line)
  const all = sorted.map(({ line, what }) => `  ${path}:${line}: ${what}`)
  const count = findings.length === 1 ? '1 problem' : `${findings.length} problems`
  return new OperatorError(`${count} with the fleet; nothing was started:\n${all.join('\n')}`, {
    kind: 'blocked',
    remedy: `correct them in ${shellQuote(path)}, then run the same command again`,
  })
}
