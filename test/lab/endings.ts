import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { descendantsOf } from '../../lib/process/child-process.ts'
import { readHolder } from '../../lib/runner/lock.ts'
import { unlockedWrites, writesSince } from './audit.ts'
import { documentOf, type Ended, type Running, type TestLab } from './harness.ts'
import { lease } from './killed-bootstrap.ts'

/**
 * How a run can end that nobody has asked to end: killed; its terminal gone; the disk full; asleep for longer than its lock lasts, and asleep
 * until another run has taken that lock.
 */
export const endings = ['killed', 'closed', 'disk-full', 'asleep', 'lost'] as const
export type Ending = (typeof endings)[number]

/** A command that changes a cluster, and how it begins and ends there. */
export interface Command {
  readonly lab: TestLab
  readonly cluster: () => Cluster
  readonly script: string
  readonly flags: readonly string[]
  /** Brings the cluster to where the command begins, and forgets all runs. */
  readonly begin: () => Promise<void>
  /** What must be as it was where a run says that it has restored everything. */
  readonly state: () => Promise<unknown>
  /** That the cluster is where the command ends. */
  readonly verifyEnd: () => Promise<void>
}

/** One step of a plan. */
export interface PlannedStep {
  readonly title: string
  /** Nothing comes after it. */
  readonly isLast: boolean
}

/** The steps that have something to do where the command begins. */
export async function stepsOf({ lab, script, flags }: Command): Promise<PlannedStep[]> {
  const { steps } = documentOf(await lab.run(script, [...flags, '--dry-run', '--json']))
  const schema = v.object({ title: v.string() })
  const planned = steps.flatMap((step) => (step.state === 'planned' ? [v.parse(schema, step)] : []))
  return planned.map(({ title }, at) => ({ title, isLast: at === planned.length - 1 }))
}

/**
 * Ends runs of the command so, each at its step, while the Lease says that it is in that step; each is resumed by the next, where it left
 * something to resume, and the last one continues to its end. Nobody ever writes without the lock.
 */
export async function endEach(command: Command, cases: readonly (readonly [Ending, PlannedStep])[]): Promise<void> {
  const since = new Date()
  await command.begin()
  const before = await command.state()
  let running: StoppedRun | undefined
  for (const [at, [ending, step]] of cases.entries()) {
    // One that sleeps continues by itself: the same process is stopped at the next step too. Any other must finish.
    const left = cases.slice(at)
    const next = left.findIndex(([how]) => how !== 'asleep')
    const titles = left.slice(0, next === -1 ? left.length : next + 1).map(([, { title }]) => title)
    running = await heldAt(command, running, titles)
    console.log(`${command.script}: ${ending} in “${step.title}”`)
    const head = headOfGit(command)
    await endRun(command, running, ending)
    if (ending === 'asleep') continue
    const ended = await endOf(running)
    // What another holds is not changed by way of Git either.
    if (ending === 'lost') expect(headOfGit(command)).toBe(head)
    await verifyEnded(command, ended, ending, step, before)
    running = undefined
  }
  const last = running === undefined ? await command.lab.run(command.script, flagsOf(command)) : await endOf(running)
  expect(last, last.stderr).toMatchObject({ code: 0 })
  expect(lastRun(command).report).toMatchObject({ exitCode: 0 })
  expect(await command.cluster().get(lease)).toBeUndefined()
  await command.verifyEnd()
  expect(unlockedWrites(writesSince(command.lab.home, since))).toEqual([])
}

/** Three of the steps, in their order, by a seed: ended by kill -9, by a closed terminal, and by a full disk. All are in `test/long/`. */
export function threeByChance(steps: readonly PlannedStep[], seed: number): (readonly [Ending, PlannedStep])[] {
  const triples = steps.flatMap((one, at) =>
    steps.slice(at + 1).flatMap((other, next) => steps.slice(at + next + 2).map((third) => [one, other, third] as const)),
  )
  // On a full disk a bootstrap continues to its end: what came after that would begin again.
  const ways = [
    ['closed', 'killed', 'disk-full'],
    ['killed', 'closed', 'disk-full'],
  ] as const
  const chosen = triples[(seed * 11) % triples.length] ?? []
  const endingsOf = ways[seed % ways.length] ?? ways[0]
  return chosen.flatMap((step, at) => (endingsOf[at] === undefined ? [] : [[endingsOf[at], step] as const]))
}

interface StoppedRun {
  readonly run: Running
  /** Where it has not been stopped yet. */
  readonly titles: readonly string[]
}

/** A run that stands still in the first of these steps, and in the next ones once it continues; the Lease says in which. */
async function heldAt(command: Command, process: StoppedRun | undefined, titles: readonly string[]): Promise<StoppedRun> {
  const [title = ''] = titles
  const goOn = process ?? start(command, titles, flagsOf(command))
  if (await isStopped(goOn.run)) return verified(command, goOn, title)
  const { code, stderr } = await goOn.run.ended
  expect(code, stderr).toBe(0)
  // What the run before had set off finished by itself: this step is only found from the beginning.
  await command.begin()
  const again = start(command, titles, command.flags)
  if (await isStopped(again.run)) return verified(command, again, title)
  throw new Error(`it never came to “${title}”:\n${(await again.run.ended).stderr}`)
}

function start({ lab, script }: Command, titles: readonly string[], flags: readonly string[]): StoppedRun {
  const env = { NODE_OPTIONS: `--import=${new URL('hold.mjs', import.meta.url).href}`, HOLD_AT: JSON.stringify(titles) }
  return { run: lab.start(script, flags, env), titles }
}

async function verified(command: Command, held: StoppedRun, title: string): Promise<StoppedRun> {
  expect((await command.cluster().get(lease))?.metadata.annotations).toMatchObject({ 'flux-runbook/phase': title })
  return held
}

/** How the run ends. One that has nothing left to do, and does not end, fails here. */
async function endOf({ run }: StoppedRun): Promise<Ended> {
  let hasEnded = false
  void run.ended.then(() => (hasEnded = true))
  await expect.poll(() => hasEnded, { timeout: 600_000, interval: 100 }).toBe(true)
  return run.ended
}

/** Resolves when the process stands still: true; or when it has ended. */
async function isStopped({ pid, ended }: Running): Promise<boolean> {
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  await expect.poll(() => hasEnded || stateOf(pid) === 'T', { timeout: 300_000, interval: 20 }).toBe(true)
  return !hasEnded
}

/** `T` for a process that is stopped (proc(5)). */
function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0]
  } catch {
    return undefined
  }
}

/** The commit that Flux follows. */
function headOfGit({ lab }: Command): string {
  return execFileSync('git', ['-C', join(lab.home, 'git', 'fleet.git'), 'rev-parse', 'main'], { encoding: 'utf8' })
}

async function endRun(command: Command, { run }: StoppedRun, ending: Ending): Promise<void> {
  const goOn = (): void => run.kill('SIGCONT')
  switch (ending) {
    case 'killed':
      return run.kill('SIGKILL')
    case 'closed':
      run.closeOutput()
      run.kill('SIGHUP')
      return goOn()
    case 'disk-full':
      // No file of the process, or of what it starts from now on, gains a byte: a write fails, as on a full disk.
      execFileSync('prlimit', ['--pid', String(run.pid), '--fsize=0:'])
      return goOn()
    case 'asleep':
    case 'lost': {
      const others = descendantsOf(run.pid)
      for (const pid of others) process.kill(pid, 'SIGSTOP')
      const cluster = command.cluster()
      await expect.poll(() => readHolder(cluster, lease.namespace), { timeout: 120_000, interval: 1000 }).toBeUndefined()
      if (ending === 'lost') await cluster.apply(ofAnother(), { manager: 'someone-else' })
      for (const pid of others) process.kill(pid, 'SIGCONT')
      return goOn()
    }
  }
}

const another = 'someone@else other-run'

function ofAnother() {
  return parseObject({
    ...kinds.lease,
    metadata: { name: lease.name, namespace: lease.namespace, annotations: { 'flux-runbook/phase': 'working' } },
    spec: { holderIdentity: another, leaseDurationSeconds: 30, renewTime: new Date().toISOString().replace('Z', '000Z') },
  })
}

/** That a run which was ended so is over, and has left cluster, lock and reports as it should. */
async function verifyEnded(command: Command, ended: Ended, ending: Ending, step: PlannedStep, before: unknown): Promise<void> {
  const held = await command.cluster().get(lease)
  if (ending === 'killed') return expect(held?.metadata.annotations).toMatchObject({ 'flux-runbook/phase': step.title })
  if (ending === 'lost') {
    // One that only had to wait and to check changes nothing more; that it has not is in the audit log.
    if (ended.code !== 0) {
      expect(ended.stderr).toContain(`the lock of this cluster was lost to ${another}; nothing more was changed`)
      expect(ended.code, ended.stderr).toBe(1)
    }
    expect(held?.spec).toMatchObject({ holderIdentity: another })
    await command.cluster().remove(lease, { uid: held?.metadata.uid ?? '' })
    return
  }
  expect(held, ended.stderr).toBeUndefined()
  const { report, ended: outcome } = lastRun(command)
  if (ending === 'closed') {
    if (step.isLast && ended.code === 0) return // what was to be checked last had been checked
    expect(ended.code, ended.stderr).toBe(130)
    expect(report).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
    if (outcome === 'put-back') expect(await command.state()).toEqual(before)
    return
  }
  expect([0, 1, 5], ended.stderr).toContain(ended.code)
  expect(ended.stderr).toMatch(/cannot be written: |lacks lines: /)
  if (/everything is (back )?as it was/i.test(ended.stderr)) expect(await command.state()).toEqual(before)
}

function flagsOf(command: Command): readonly string[] {
  const { ended, runs } = lastRun(command)
  const isLeft = runs > 0 && (ended === undefined || ['cancelled', 'failed'].includes(ended))
  return isLeft ? [...command.flags, '--resume'] : command.flags
}

const runSchema = v.pipe(v.string(), v.parseJson(), v.object({ ended: v.optional(v.string()) }))

/** What the command's last run has left in its folder. */
function lastRun({ lab, script }: Command): { readonly runs: number; readonly ended: string | undefined; readonly report: unknown } {
  const folder = join(lab.home, 'runs', 'lab-infra')
  const runs = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(`-${script}`)) : []
  const last = runs.sort().at(-1)
  if (last === undefined) return { runs: 0, ended: undefined, report: undefined }
  const read = (name: string): string | undefined => {
    const path = join(folder, last, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined
  }
  const report = read('report.json')
  if (report !== undefined) expect(read('report.md')).toContain(`# ${script} on lab-infra: `)
  const { ended } = v.parse(runSchema, read('run.json') ?? '{}')
  return { runs: runs.length, ended, report: report === undefined ? undefined : v.parse(v.pipe(v.string(), v.parseJson()), report) }
}

/** Forgets every run on the lab's clusters. */
export function forgetRuns({ home }: TestLab): void {
  rmSync(join(home, 'runs'), { recursive: true, force: true })
}
