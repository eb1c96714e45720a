/**
 * The one background process of a lab: everything else of it is its child and cannot outlive it. `lab up` starts it; it is given what
 * to do over a unix socket, and ends with `lab down`. Its output is its log.
 */
import { setMaxListeners } from 'node:events'
import { closeSync, createWriteStream, existsSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../lib/base/errors.ts'
import { claimSocket } from './claim-socket.ts'
import { type SupervisorCommand, createControl } from './control.ts'
import { savedClusters } from './cluster-names.ts'
import { parseFault, parseFaultName } from './faults.ts'
import { labEnvironment, layoutOf, makeFolders, makeSocketFolder } from './layout.ts'
import { clearLeftovers, createRecord } from './process-record.ts'
import { type RunningLab, startLab } from './running-lab.ts'
import { checkSnapshot, checkSnapshotName } from './snapshots.ts'

const [home] = process.argv.slice(2)
if (home === undefined) throw new Error('usage: supervisor.ts LAB_HOME')
const layout = layoutOf(home)
makeFolders(layout)
const sockets = makeSocketFolder(layout)

/** How long a stop may take before everything is simply killed. */
const stopWithin = 2500

const ended = new AbortController()
setMaxListeners(0, ended.signal)
let starting: Promise<RunningLab> | undefined
let leaving: Promise<void> | undefined
let last: Promise<unknown> = Promise.resolve()

const server = createControl(async (command, say) => {
  if (starting === undefined) throw new Error('the supervisor is only just starting')
  return carryOut(command, await starting, say)
})
if (await claimSocket(server, join(sockets, 'control'))) {
  starting = begin()
  announce()
  await starting
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void leave())
  // Anyone who deletes the lab's home has not asked for processes without one.
  setInterval(() => existsSync(layout.home) || void leave(), 3000).unref()
} else {
  report('another supervisor is running already')
  announce()
}

function report(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`)
}

/** Says on the pipe that `lab up` reads that someone listens on the socket. */
function announce(): void {
  try {
    writeSync(3, 'ready\n')
    closeSync(3)
  } catch {
    // Started by hand, or nobody waits any more.
  }
}

async function begin(): Promise<RunningLab> {
  for (const { name, pid } of await clearLeftovers(layout.processes)) report(`ended what an earlier lab left: ${name} (${pid})`)
  rmSync(layout.temporary, { recursive: true, force: true })
  makeFolders(layout)
  if (savedClusters(layout).length === 0) {
    for (const log of readdirSync(layout.logs)) if (log !== 'supervisor.log') rmSync(join(layout.logs, log))
  }
  const record = createRecord(layout.processes)
  record.add('supervisor', process.pid)
  const gitLog = createWriteStream(join(layout.logs, 'git.log'), { flags: 'a', mode: 0o600 })
  const keeping = { env: labEnvironment(layout), cwd: layout.home, record, report, signal: ended.signal }
  return startLab(layout, sockets, keeping, (line) => gitLog.write(`${new Date().toISOString()} ${line}\n`))
}

async function carryOut(command: SupervisorCommand, lab: RunningLab, say: (text: string) => void): Promise<unknown> {
  if (command.do !== 'status') report(`asked for ${command.do === 'up' ? `up ${command.clusters.join(',')}` : JSON.stringify(command)}`)
  if (leaving !== undefined && command.do !== 'down') {
    throw new OperatorError('the lab is just going down', { kind: 'blocked', remedy: 'wait a moment, then: npx zx scripts/lab.ts up' })
  }
  switch (command.do) {
    case 'status':
      return lab.status()
    case 'down':
      return leave()
    case 'up':
      return inTurn(() => lab.up(command, say))
    case 'fault-set':
      return inTurn(() => lab.setFault(parseFault(command.fault)))
    case 'fault-clear': {
      const [name, ...argument] = command.fault?.split('=') ?? []
      return inTurn(() => lab.clearFault(name === undefined ? undefined : parseFaultName(name), argument.join('=')))
    }
    case 'snapshot':
      checkSnapshotName(command.name)
      return inTurn(() => lab.snapshot(command.name, say))
    case 'reset':
      checkSnapshot(layout, command.name)
      return inTurn(() => lab.reset(command.name, say))
    case 'wipe':
      return inTurn(() => lab.wipe(command.cluster, say))
  }
}

/** Commands that change something wait for each other. */
function inTurn<T>(run: () => Promise<T>): Promise<T> {
  const turn = last.then(run)
  last = turn.catch(() => undefined)
  return turn
}

/** Stops everything, whatever is under way, and ends the process. */
function leave(): Promise<void> {
  leaving ??= stopAll()
  return leaving
}

async function stopAll(): Promise<void> {
  report('stopping')
  const lab = await starting?.catch(() => undefined)
  await Promise.race([lab?.stop(), pause(stopWithin)])
  ended.abort() // what was just being started
  report('stopped')
  server.close(() => process.exit(0)) // once the answer to `down` is out
  setTimeout(() => process.exit(0), 500)
}
