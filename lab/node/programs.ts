import { ownImageName } from './own-image.ts'

/** What a program listens for, each on a port of its own. */
export const listeners = ['metrics', 'health', 'storage'] as const
export type PodPorts = Partial<Record<(typeof listeners)[number], number>>

/** How a program that expects a container of its own is run as a process beside others. */
export interface PodProgram {
  /** Where it listens in a container: what probes and Services speak of. */
  readonly containerPorts: PodPorts
  /** Flags that come after the container's own and win over them. */
  readonly flags: (ports: PodPorts, places: Places) => string[]
  readonly env: Record<string, string>
  /** This project's own, which finds what its pod mounts. */
  readonly isOwn?: true
}

export interface Places {
  /** A folder of the pod's own. */
  readonly storage: string
  /** The manifests that the operator's image carries. */
  readonly operatorData: string
}

const loopback = (port: number | undefined): string => `127.0.0.1:${port ?? 0}`

const common = (ports: PodPorts): string[] => [
  `--metrics-addr=${loopback(ports.metrics)}`,
  `--health-addr=${loopback(ports.health)}`,
  '--enable-leader-election=false', // outside a pod they find no namespace for the lease
]

// The events go to notification-controller, which is a stand-in.
const controllerFlags = (ports: PodPorts): string[] => [...common(ports), '--events-addr=']

const controller: PodProgram = { containerPorts: { metrics: 8080, health: 9440 }, flags: controllerFlags, env: {} }

const programs: Readonly<Record<string, PodProgram>> = {
  'flux-operator': {
    containerPorts: { metrics: 8080, health: 8081 },
    flags: (ports, { operatorData }) => [...common(ports), `--storage-path=${operatorData}`, '--web-server-port=0'],
    // It refuses to run without FIPS mode, and tries for 15 s to tell each event to notification-controller, which is a stand-in.
    // The chart names the web page's port in the environment, which wins over the flag: two clusters, or two labs, cannot both have it.
    env: { GODEBUG: 'fips140=on', NOTIFICATIONS_DISABLED: 'true', WEB_SERVER_PORT: '0' },
  },
  'source-controller': {
    containerPorts: { metrics: 8080, health: 9440, storage: 9090 },
    flags: (ports, { storage }) => [
      ...controllerFlags(ports),
      `--storage-path=${storage}`,
      `--storage-addr=${loopback(ports.storage)}`,
      `--storage-adv-addr=${loopback(ports.storage)}`,
    ],
    env: {},
  },
  [ownImageName]: { containerPorts: {}, flags: () => [], env: {}, isOwn: true },
}

/** How the program of that image name is run: a Flux controller unless more is known of it. */
export function programOf(name: string): PodProgram {
  return programs[name] ?? controller
}
