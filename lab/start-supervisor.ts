import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { OperatorError } from '../lib/base/errors.ts'
import { nodeCall } from '../lib/process/own-module.ts'
import { answers } from './claim-socket.ts'
import { controlSocket, labEnvironment, type Layout, makeSocketFolder } from './layout.ts'
import { savedClusters } from './cluster-names.ts'

/**
 * Has a supervisor running for the lab of this home, whose folders are there.
 * @param starting is called before one is started, with what happened to the last one
 * @returns the socket it listens on
 */
export async function ensureSupervisor(layout: Layout, starting: (before: 'down' | 'killed') => void): Promise<string> {
  const there = controlSocket(layout)
  if (there !== undefined && (await answers(there))) return there
  const socket = join(makeSocketFolder(layout), 'control')
  starting(savedClusters(layout).length === 0 ? 'down' : 'killed')
  const file = join(layout.logs, 'supervisor.log')
  const log = openSync(file, savedClusters(layout).length === 0 ? 'w' : 'a', 0o600) // how a killed one ended is worth keeping
  const [node = '', ...module] = nodeCall('lab/supervisor.ts')
  const child = spawn(node, [...module, layout.home], {
    detached: true, // it outlives this script, and Ctrl-C does not reach it
    stdio: ['ignore', log, log, 'pipe'],
    env: labEnvironment(layout),
    cwd: layout.home,
  })
  closeSync(log)
  child.unref()
  const pipe = child.stdio[3]
  const isReady = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false))
    // A word on the pipe says that it listens; the pipe's end without one, that it died.
    if (pipe instanceof Readable) pipe.once('data', () => resolve(true)).once('end', () => resolve(false))
  })
  if (pipe instanceof Readable) pipe.destroy()
  if (isReady) return socket
  const words = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').slice(-6).join('\n') : ''
  throw new OperatorError(`the lab's supervisor does not start:\n${words}`, { remedy: `read ${file}` })
}
