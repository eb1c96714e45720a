import { ownFile } from '../base/paths.ts'

/** The problems that the runbook has a name and a section for. */
export const problems = {
  operatorStuck: 'Operator HelmRelease stuck reconciling',
  instanceFailing: 'FluxInstance failing',
  oldVersion: 'Controllers at the old version',
  loop: 'Recursive reconciliation loop',
} as const

export type Problem = (typeof problems)[keyof typeof problems]

/** The runbook's section about the problem, as the reader finds it. */
export function sectionOf(problem: Problem): string {
  return `${ownFile('docs/runbooks/flux-self-management.md')}#${problem.toLowerCase().replaceAll(' ', '-')}`
}
