import { wrap } from '../lib/terminal/wrap.ts'
import type { LabStatus, ProcessStatus } from './status.ts'

/** The lines of a status for people, none longer than `width`: addresses first, then what runs. */
export function describeStatus(status: LabStatus, home: string, width: number): string[] {
  const { clusters, processes, git, registry, images, faults } = status
  const artifacts = registry.artifacts ?? ['does not answer']
  const groups = [undefined, ...clusters.map(({ name }) => name)].map((cluster) => ({
    title: cluster === undefined ? "the lab's own" : `cluster ${cluster}`,
    rows: processes.filter((one) => one.cluster === cluster).map(rowOf),
  }))
  const rows = groups.flatMap((group) => group.rows)
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  const lines = [
    `The lab in ${home} is up.`,
    '',
    ...clusters.map(({ name, context, server, ready }) => `  ${name}: context ${context}, ${server}${ready ? '' : ', does not answer'}`),
    `  Git: ${git.url}`,
    `    with a password: ${git.privateUrl}`,
    `    main is at ${git.head ?? 'no commit yet'}`,
    `  registry: ${registry.address}`,
    ...artifacts.map((artifact) => `    ${artifact}`),
    `  faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`,
    '',
    ...groups.flatMap((group) => [
      `  Processes, ${group.title}:`,
      ...group.rows.map((row) => `    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()),
    ]),
    '',
    `  Images that are real programs: ${list(images, 'real')}`,
    ...images.flatMap(({ image, tag, version }) =>
      version === undefined ? [] : [`  ${image}:${tag} is not available as a Go module: ${version} stands in for it`],
    ),
    `  Stand-ins, held Ready and doing nothing: ${list(images, 'stand-in')}, and any image outside Flux`,
  ]
  return lines.flatMap((line) => wrap(line, width))
}

/** A pod's process is named after its Deployment; its ports change with each start and are left to `--json`. */
/** A process's name as people know it: of a pod, its Deployment's. */
export function shortName(name: string): string {
  const pod = name.split('/')[1]
  return pod === undefined ? name : pod.replace(/-[a-z0-9]+-[a-z0-9]{5}$/, '')
}

function rowOf({ name, kind, pid, state, ports, restarts, lastEnd }: ProcessStatus): string[] {
  const again = restarts === 0 ? '' : `, started again ${restarts}×`
  return [
    shortName(name),
    pid === undefined ? '-' : String(pid),
    `${kind === 'real' ? state : `${state} (${kind})`}${again}${lastEnd === undefined ? '' : ` (${lastEnd})`}`,
    !name.includes('/')
      ? Object.entries(ports)
          .map(([use, port]) => `${use} ${port}`)
          .join(', ')
      : '',
  ]
}

function list(images: LabStatus['images'], kind: 'real' | 'stand-in'): string {
  return images
    .filter((one) => one.kind === kind)
    .map(({ image, tag }) => (tag === '*' ? image : `${image}:${tag}`))
    .join(', ')
}
