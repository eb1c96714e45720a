import { isNewerMinor, order } from '../../base/version.ts'
import type { Distribution } from '../../flux/distribution.ts'
import { isAtLeast, neededKubernetes } from '../../preflight/kubernetes-version.ts'

/** A release of the operator, and the versions of Flux that it brings. */
export interface OperatorChoice {
  readonly operator: string
  readonly distribution: Pick<Distribution, 'versions'>
}

/** What runs, and on what. */
export interface InstalledVersions {
  readonly flux: string
  readonly operator: string
  readonly kubernetes: string
}

/** One version of Flux that exists, and what it takes to get there. */
export interface VersionChoice {
  readonly flux: string
  /** The oldest operator that brings it, no older than the one that runs. */
  readonly operator: string
  /** The least Kubernetes; empty where nothing is known. */
  readonly kubernetes: string
  /** Whether more than that may be needed. */
  readonly isKubernetesKnown: boolean
  readonly isHere: boolean
  readonly blockedBy: readonly string[]
}

/** The versions from the one that runs on, oldest first, each with the oldest operator that brings it. */
export function choicesFrom(
  here: InstalledVersions,
  operators: readonly OperatorChoice[],
  oldInGit: (flux: string) => readonly string[],
): VersionChoice[] {
  const byAge = operators.toSorted((one, other) => order(one.operator, other.operator))
  const versions = [...new Set(byAge.flatMap(({ distribution }) => distribution.versions))]
  const newer = versions.filter((version) => isPlain(version) && order(version, here.flux) >= 0)
  return newer.toSorted(order).map((flux) => {
    const operator = byAge.find(({ distribution }) => distribution.versions.includes(flux))?.operator ?? here.operator
    const { version: kubernetes = '', isKnown } = neededKubernetes(flux)
    const isTooOld = kubernetes !== '' && !isAtLeast(here.kubernetes, kubernetes)
    const blockedBy = [
      ...(isTooOld ? [`Kubernetes ${kubernetes} or newer: this cluster is ${here.kubernetes}`] : []),
      ...(isNewerMinor(flux, here.flux) ? oldInGit(flux) : []),
    ]
    return { flux, operator, kubernetes, isKubernetesKnown: isKnown, isHere: flux === here.flux, blockedBy }
  })
}

/** A release: no candidate of one, and no mere minor, which moves. */
function isPlain(version: string): boolean {
  return /^\d+\.\d+\.\d+$/.test(version)
}

/** How many newer minors of the operator are looked into: each is a download of a megabyte. */
const mostMinors = 4

/** Of the tags of the operator's chart those that are worth reading: the newest patch of each minor from the one that runs on. */
export function operatorsToRead(tags: readonly string[], running: string): string[] {
  const newest = new Map<string, string>()
  for (const tag of tags.filter((one) => isPlain(one) && order(one, running) > 0).toSorted(order)) {
    newest.set(tag.slice(0, tag.lastIndexOf('.')), tag)
  }
  return [...newest.values()].slice(-mostMinors)
}

/**
 * One line for each choice, in columns, and below it the command that goes there.
 * @param where the flags that name the cluster
 * @param by what brings each version
 */
export function linesOfChoices(
  choices: readonly VersionChoice[],
  here: InstalledVersions,
  where: string,
  by: 'flux-operator' | 'chart' = 'flux-operator',
): string[] {
  const rows = choices.map((choice) => {
    const { flux, operator, kubernetes, isKubernetesKnown, isHere, blockedBy } = choice
    const needs = kubernetes === '' ? 'not known' : `${kubernetes} or newer${isKubernetesKnown ? '' : ', maybe more'}`
    return [
      flux,
      `${by} ${operator}`,
      `Kubernetes ${needs}`,
      isHere ? 'runs here' : blockedBy.length > 0 ? `blocked: ${blockedBy.join('; ')}` : '',
    ]
  })
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => (row[column] ?? '').length)))
  return rows.flatMap((row, at) => {
    const line = `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()
    const choice = choices[at]
    return choice === undefined || row[3] !== ''
      ? [line]
      : [line, `    → ${callFor(choice, by === 'chart' ? choice.operator : here.operator, where)}`]
  })
}

function callFor({ flux, operator }: VersionChoice, running: string, where: string): string {
  return `npx zx scripts/upgrade.ts ${where} ${operator === running ? '' : `--operator ${operator} `}--to ${flux}`
}
