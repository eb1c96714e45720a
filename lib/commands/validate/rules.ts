import type { Diagnostic } from './diagnostic.ts'

/** Whose rules a tree is held to: those that Flux itself has, or also those that this project has for its own. */
export type Rules = 'flux' | 'project'

/** Rules that are this project's own: another tree may have good reasons to do otherwise. */
const ofProject: readonly string[] = ['pinned', 'artifact', 'settings', 'metric', 'secret', 'prune', 'wait', 'namespace']

/** Leaves out what these rules do not ask for. */
export function askedFor(findings: readonly Diagnostic[], rules: Rules): Diagnostic[] {
  return findings.filter(({ rule }) => rules === 'project' || !ofProject.includes(rule))
}

/** The rules that a flag names; undefined where there is none, or another word. */
export function rulesOf(word: string | undefined): Rules | undefined {
  return word === 'flux' || word === 'project' ? word : undefined
}
