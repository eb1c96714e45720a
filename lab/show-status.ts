import type { LabStatus } from './status.ts'

/** The lines of a status for people: addresses first, then the processes. */
export function describeStatus(status: LabStatus, home: string): string[] {
  const { clusters, processes, git, registry, images, faults } = status
  const rows = processes.map(({ cluster = 'lab', name, kind, pid, state, ports, restarts, lastEnd }) => [
    cluster,
    name,
    kind === 'real' ? '' : kind,
    pid === undefined ? '-' : String(pid),
    `${state}${restarts === 0 ? '' : `, started again ${restarts}×`}${lastEnd === undefined ? '' : ` (${lastEnd})`}`,
    Object.entries(ports)
      .map(([use, port]) => `${use} ${port}`)
      .join(', '),
  ])
  return [
    `The lab in ${home} is up.`,
    '',
    ...clusters.map(
      ({ name, context, server, ready }) => `  cluster ${name}: context ${context}, ${server}${ready ? '' : ' does not answer'}`,
    ),
    `  Git: ${git.url}, with a password ${git.privateUrl}`,
    `  Git's main: ${git.head ?? 'no commit yet'}`,
    `  registry: ${registry.address}: ${registry.artifacts === undefined ? 'does not answer' : registry.artifacts.join(', ')}`,
    `  faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`,
    '',
    ...table([['CLUSTER', 'PROCESS', '', 'PID', 'STATE', 'PORTS'], ...rows]).map((line) => `  ${line}`),
    '',
    `  Images that are real programs: ${list(images, 'real')}`,
    `  Stand-ins, which are held Ready and do nothing: ${list(images, 'stand-in')}, and any image outside Flux`,
  ]
}

function list(images: LabStatus['images'], kind: 'real' | 'stand-in'): string {
  return images
    .filter((one) => one.kind === kind)
    .map(({ image, tag }) => (tag === '*' ? image : `${image}:${tag}`))
    .join(', ')
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
