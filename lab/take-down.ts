import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { command, NoSupervisor } from './control.ts'
import { executablesHome, labHome } from './home.ts'
import { controlSocket, layoutOf, removeState } from './layout.ts'
import { clearLeftovers, leftovers, type ProcessIdentity } from './process-record.ts'

/** A supervisor that does not answer for so long is killed, and all it started with it. */
const patience = 10_000

export type TakeDownResult =
  | { readonly is: 'stopped' }
  | { readonly is: 'cleared'; readonly left: readonly ProcessIdentity[] }
  | { readonly is: 'unchanged' }

/**
 * Ends the lab and removes its clusters, Git and snapshots, so that the next `lab up` makes new ones. The logs of its last run stay.
 * @param purge removes the executables too
 */
export async function takeDown(purge: boolean): Promise<TakeDownResult> {
  const layout = layoutOf(labHome())
  const socket = controlSocket(layout)
  const before = leftovers(layout.processes)
  const asked = socket === undefined ? undefined : await stop(socket)
  // The supervisor ends a moment after its answer; whatever does not is killed.
  for (const deadline = Date.now() + 1000; asked === 'stopped' && Date.now() < deadline && leftovers(layout.processes).length > 0;)
    await pause(20)
  await clearLeftovers(layout.processes)
  removeState(layout)
  if (purge) rmSync(executablesHome(), { recursive: true, force: true })
  if (asked === 'stopped') return { is: 'stopped' }
  return before.length > 0 ? { is: 'cleared', left: before } : { is: 'unchanged' }
}

async function stop(socket: string): Promise<'stopped' | undefined> {
  const given = new AbortController()
  try {
    const asked = command(socket, { do: 'down' }).then(() => 'stopped' as const)
    return await Promise.race([asked, pause(patience, undefined, { signal: given.signal })])
  } catch (error) {
    if (error instanceof NoSupervisor) return undefined
    throw error
  } finally {
    given.abort()
  }
}
