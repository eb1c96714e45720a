import type { Ref } from '../../../kubernetes/objects.ts'

/** How a person suspends or resumes an object: `flux --namespace flux-system suspend helmrelease flux-instance`. */
export function fluxCommand(does: 'suspend' | 'resume', { namespace = '', kind, name }: Ref): string {
  return `flux --namespace ${namespace} ${does} ${kind.toLowerCase()} ${name}`
}
