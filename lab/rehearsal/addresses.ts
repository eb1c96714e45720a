import { isInstanceChart, isOperatorChart } from '../../lib/flux/charts.ts'

/** Where the lab has what a repository's sources are led to. */
export interface Addresses {
  /** Host and port of the registry. */
  readonly registry: string
  /** The lab's Git, for everyone and with a login. */
  readonly git: string
  readonly privateGit: string
  /** The same repository again, for branches that stand in for other repositories. */
  readonly standInsGit: string
  /** Of the operator's charts and the distribution artifact in the registry, without `v`. */
  readonly operatorVersion: string
}

/** Below it, in the registry and as branches, is what stands in for other people's. */
export const standInsFolder = 'stand-ins'

/** `host/path` of an address: without scheme, user, port and `.git`, in which the same repository may be written differently. */
export function placeOf(url: string): string {
  const [, rest = ''] = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?(.*)$/i.exec(url) ?? []
  const [host = '', ...path] = rest.split('/')
  const [name = '', port = ''] = host.split(':')
  const inner = port === '' || /^\d+$/.test(port) ? path : [port, ...path] // git@host:path
  return [name, ...inner]
    .filter((part) => part !== '')
    .join('/')
    .replace(/\.git$/, '')
}

/** Where the lab's registry has what stands in for an artifact, or a repository of charts. The operator's own charts it has itself. */
export function mirrorOf(url: string, { registry }: Pick<Addresses, 'registry'>): string {
  const place = placeOf(url)
  if (isOperatorChart(place) || isInstanceChart(place)) return `oci://${registry}/charts/${place.split('/').at(-1)}`
  if (/(^|\/)controlplaneio-fluxcd\/charts$/.test(place)) return `oci://${registry}/charts`
  return `oci://${registry}/${standInsFolder}/${place}`
}

/** The branch that stands in for another repository. */
export function branchOf(url: string): string {
  return `${standInsFolder}/${placeOf(url)}`
}
