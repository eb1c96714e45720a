import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { inject } from 'vitest'
import { bringUp, reportLab } from '../../lab/client.ts'
import { takeDown } from '../../lab/take-down.ts'
import { startOf } from '../../lib/process/process-start.ts'
import { recordingConsole } from '../recording-console.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the labs of the test files are. */
    readonly labs: string
  }
}

/** How clusters are where a test file begins: kept as a snapshot by the first file that wants it so. */
export interface Start {
  readonly name: string
  /** Brings empty clusters there. */
  readonly make: () => Promise<void>
}

/** A lab that no other test file uses, for the time of this one. */
export interface SharedLab {
  readonly home: string
  /** Lets other test files have it. */
  readonly release: () => void
}

/**
 * Takes the first lab that is free, or the one that this process has. There are as many as test files run at once; anyone who has taken one and
 * has ended, has it no more. (VITEST_POOL_ID is no such number: two files that run at once may have the same.)
 */
function takeLab(): SharedLab {
  const labs = inject('labs')
  for (let number = 1; ; number++) {
    const home = join(labs, `lab-${number}`)
    const holder = `${home}.holder`
    const pid = existsSync(holder) ? Number(readFileSync(holder, 'utf8')) : undefined
    if (pid !== undefined && startOf(pid) === undefined) rmSync(holder, { force: true })
    if (pid === process.pid || isWritten(holder)) return { home, release: () => rmSync(holder, { force: true }) }
  }
}

/** Notes this process in the file, unless another was quicker. */
function isWritten(holder: string): boolean {
  try {
    writeFileSync(holder, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (existsSync(holder)) return false
    throw error
  }
}

/**
 * Takes a lab, brings it up where it is its first time, and resets it to empty clusters, or to `start`. That takes two seconds, a lab
 * of the file's own seven and a bootstrap half a minute.
 */
export async function openSharedLab(clusters: readonly string[], olderFlux: readonly string[], start?: Start): Promise<SharedLab> {
  const { home, release } = takeLab()
  process.env.FLUX_LAB_HOME = home
  await emptyLab(home, clusters, olderFlux).catch(async (error: unknown) => {
    console.warn(`the lab of the file before is not fit for use, and is recreated: ${String(error)}`)
    await takeDown(false)
    await emptyLab(home, clusters, olderFlux)
  })
  if (start === undefined) return { home, release }
  const name = `${start.name}-${clusters.join('-')}`
  if (existsSync(join(home, 'snapshots', name))) await reset(home, name)
  else {
    await start.make()
    await keep(home, name)
  }
  return { home, release }
}

/** The snapshot of a lab with nothing on these clusters, which every lab of these tests has. */
export const emptySnapshot = (...clusters: readonly string[]): string => `empty-${clusters.join('-')}`

async function emptyLab(home: string, clusters: readonly string[], olderFlux: readonly string[]): Promise<void> {
  const { console } = recordingConsole()
  const [first = ''] = clusters
  await bringUp([first], console, undefined, { olderFlux })
  const alone = emptySnapshot(first)
  if (existsSync(join(home, 'snapshots', alone))) await reset(home, alone)
  else await keep(home, alone)
  if (clusters.length === 1) return
  const all = emptySnapshot(...clusters)
  if (existsSync(join(home, 'snapshots', all))) return reset(home, all)
  await bringUp(clusters, console)
  await keep(home, all)
}

/**
 * Runs of the lab's clusters are remembered beside it; not how far a cluster's data had come: its etcd may be another when this is restored, and
 * an older one is taken for a restored backup.
 */
async function keep(home: string, name: string): Promise<void> {
  await reportLab({ do: 'snapshot', name })
  mkdirSync(join(home, 'runs'), { recursive: true, mode: 0o700 })
  const isKept = (path: string): boolean => basename(path) !== 'cluster.json'
  cpSync(join(home, 'runs'), join(home, 'kept-runs', name), { recursive: true, filter: isKept })
}

async function reset(home: string, name: string): Promise<void> {
  await reportLab({ do: 'reset', name })
  rmSync(join(home, 'runs'), { recursive: true, force: true })
  cpSync(join(home, 'kept-runs', name), join(home, 'runs'), { recursive: true })
}
