import { renameSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'

/**
 * Makes the server listen on the unix socket unless a living process does: anyone who listens there is the lab's one supervisor.
 * @returns false where someone else is
 */
export async function claimSocket(server: Server, path: string): Promise<boolean> {
  try {
    await listenAt(server, path)
    return true
  } catch {
    if (await answers(path)) return false
  }
  // A dead process's. Moved away before it is removed: if someone was faster, it is their living one that was moved.
  const moved = `${path}.${process.pid}`
  renameSync(path, moved)
  if (await answers(moved)) {
    renameSync(moved, path)
    return false
  }
  rmSync(moved)
  await listenAt(server, path)
  return true
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Whether someone listens on the unix socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = connect(path)
    call.once('connect', () => {
      call.destroy()
      resolve(true)
    })
    call.once('error', () => resolve(false))
  })
}
