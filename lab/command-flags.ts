import { OperatorError } from '../lib/base/errors.ts'
import { shellQuote } from '../lib/base/shell-line.ts'
import { olderKubectl } from './build/optional-recipes.ts'
import { olderFlux } from './build/recipe.ts'
import type { WantedRepository } from './rehearsal/rehearse.ts'

export const context = {
  type: 'string',
  value: 'NAME',
  help: 'lab-infra (by default), lab-apps, or lab-NAME of any cluster that is up',
} as const
export const flux = {
  type: 'string',
  value: olderFlux.join(','),
  help: 'older versions of Flux to build too; each takes some minutes, once',
} as const

export const helm = {
  type: 'string',
  value: '3',
  help: 'the helm that the scripts use until the lab is down: 4 (default), or 3 (built if necessary, in half a minute)',
  choices: ['3', '4'],
} as const

export const kubectl = {
  type: 'string',
  value: olderKubectl,
  help: `the kubectl that the scripts use until the lab is down: own (default), or ${olderKubectl} (built if necessary)`,
  choices: [olderKubectl, 'own'],
} as const

export const pulumi = {
  type: 'boolean',
  help: "also Pulumi's engine, provider and language host (built if necessary in some twenty minutes, 280 MB), and the chart flux2",
} as const

export const repository = {
  type: 'string',
  value: 'PATH|URL[#REF]',
  help: "a repository to rehearse with, of any layout: the lab's Git gets a copy of it in place of this tree",
} as const

export const repositoryPath = {
  type: 'string',
  value: 'DIR',
  help: 'the path in that repository that the clusters follow, if it has several',
} as const

/** The repository that `--repository` and `--path` name, if they do. Throws a usage error for a path of none. */
export function repositoryOf(given: Readonly<Record<string, string | boolean | undefined>>): WantedRepository | undefined {
  const { repository: from, path } = given
  if (typeof from === 'string') return { from, path: typeof path === 'string' ? path : undefined }
  if (path === undefined) return undefined
  throw new OperatorError('--path is a path of the repository that --repository names', {
    kind: 'usage',
    remedy: `npx zx scripts/lab.ts up --repository PATH --path ${shellQuote(String(path))}`,
  })
}

/** A flag's text, or what it stands for where it is not given. */
export function textOf(value: string | boolean | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

/** The older versions of Flux that `--flux` names. Throws a usage error for one that the lab cannot build. */
export function versionsOf(value: string | boolean | undefined): string[] {
  const versions = typeof value === 'string' ? value.split(',') : []
  const unknown = versions.find((version) => !olderFlux.some((older) => older === version))
  if (unknown === undefined) return versions
  throw new OperatorError(`the lab has no Flux ${unknown} to build; beside its own it has ${olderFlux.join(', ')}`, {
    kind: 'usage',
    remedy: `--flux ${olderFlux.join(',')}`,
  })
}
