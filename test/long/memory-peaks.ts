import { setTimeout as pause } from 'node:timers/promises'
import { labStatus } from '../../lab/client.ts'
import { anonymousMemory } from '../../lab/node/memory.ts'
import { shortName } from '../../lab/show-status.ts'

/** How often the pods' processes are checked, in milliseconds: as often as the lab's node does. */
const every = 500

/** The most anonymous memory that each program of Flux held, in MiB, by what was done meanwhile. */
export type Peaks = Map<string, Map<string, number>>

/** Does something, and notes under its title the most memory that the programs of the cluster infra held meanwhile. */
export async function during<T>(peaks: Peaks, title: string, act: () => Promise<T>): Promise<T> {
  const over = new AbortController()
  const seen = new Map<string, number>()
  peaks.set(title, seen)
  const watching = watch(seen, over.signal)
  try {
    return await act()
  } finally {
    over.abort()
    await watching
    console.log(`${title}: ${[...seen].map(([name, most]) => `${name} ${most}`).join(', ')} MiB`)
  }
}

async function watch(seen: Map<string, number>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const status = await labStatus()
    for (const { name, cluster, pid } of status?.processes ?? []) {
      const program = shortName(name)
      if (cluster !== 'infra' || pid === undefined || !isFlux.test(program)) continue
      const held = Math.round(((await anonymousMemory(pid)) ?? 0) / 2 ** 20)
      seen.set(program, Math.max(held, seen.get(program) ?? 0))
    }
    await pause(every, undefined, { signal: over }).catch(() => undefined)
  }
}

const isFlux = /^(flux-operator|(source|kustomize|helm)-controller)$/
