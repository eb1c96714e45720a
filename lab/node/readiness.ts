import { setTimeout as pause } from 'node:timers/promises'
import type { ContainerSpec, ContainerProbe } from './pod-spec.ts'
import { listeners, type PodPorts, type PodProgram } from './programs.ts'

/** Until a container is ready it is asked this often, whatever its probe's period: people and tests wait for it. */
const eagerPeriod = 200

/** The URL at which a running program answers the container's readiness probe; undefined where there is none to ask. */
export function probeUrl(container: ContainerSpec, program: PodProgram, ports: PodPorts): string | undefined {
  const get = container.readinessProbe?.httpGet
  if (get === undefined) return undefined
  const named = container.ports.find(({ name }) => name === get.port)?.containerPort
  const wanted = named ?? Number(get.port)
  const listener = listeners.find((one) => (askedPort(container, one) ?? program.containerPorts[one]) === wanted)
  const real = listener === undefined ? wanted : ports[listener]
  return real === undefined ? undefined : `http://127.0.0.1:${real}${get.path}`
}

/** The port that a container's own arguments name, as where several controllers share a pod; undefined where it listens on the usual one. */
function askedPort({ args }: ContainerSpec, listener: (typeof listeners)[number]): number | undefined {
  const [, port] = args.map((arg) => new RegExp(`^--${listener}-addr=[^:]*:(\\d+)$`).exec(arg)).find((match) => match !== null) ?? []
  return port === undefined ? undefined : Number(port)
}

/** Asks again and again until `signal` aborts, and tells each time the answer changes; it begins as not ready. */
export async function followReadiness(
  url: string,
  probe: ContainerProbe,
  signal: AbortSignal,
  report: (ready: boolean) => void,
): Promise<void> {
  let ready = false
  let failures = 0
  while (!signal.aborted) {
    const answered = await answers(url, AbortSignal.timeout(probe.timeoutSeconds * 1000))
    if (signal.aborted) return
    failures = answered ? 0 : failures + 1
    if (ready ? failures >= probe.failureThreshold : answered) {
      ready = !ready
      report(ready)
    }
    await pause(ready ? probe.periodSeconds * 1000 : eagerPeriod, undefined, { signal }).catch(() => undefined)
  }
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal, redirect: 'manual' })
    await response.body?.cancel()
    return response.status >= 200 && response.status < 400
  } catch {
    return false // nobody listens yet, or not in time: that is what "not ready" means
  }
}
