import { ownImageName } from './own-image.ts'

/** A program of the lab, and the image it stands for: `source-controller`, `v1.9.5`. */
export interface Executable {
  readonly image: string
  readonly tag: string
  readonly path: string
}

/** What an image turns out to be when it is "pulled". */
export type FoundImage =
  | { readonly is: 'real'; readonly name: string; readonly path: string }
  | { readonly is: 'stand-in' }
  | { readonly is: 'absent'; readonly message: string }

/** Their pods always run the real program: a tag without one cannot be pulled, which is what makes a failing upgrade real. */
const neverStandIns: ReadonlySet<string> = new Set([
  'flux-operator',
  'source-controller',
  'kustomize-controller',
  'helm-controller',
  ownImageName,
])

/** The last path component of an image's name, and its tag; the registry and the digest do not matter to the lab. */
export function parseImage(image: string): { name: string; tag: string } {
  const [reference = ''] = image.split('@')
  const last = reference.slice(reference.lastIndexOf('/') + 1)
  const [name = '', tag] = last.split(':')
  return { name, tag: tag ?? (image.includes('@') ? '' : 'latest') }
}

/** Whether a Flux program, or this project's own, belongs to the image, whatever its tag: its pods are never held Ready by a stand-in. */
export function isReal(image: string, executables: readonly Executable[]): boolean {
  const { name, tag } = parseImage(image)
  return neverStandIns.has(name) || executables.some((one) => one.image === name && one.tag === tag)
}

/**
 * Looks an image up.
 * @param unreachable images (`NAME:TAG`) that a fault keeps from being pulled
 */
export function findImage(image: string, executables: readonly Executable[], unreachable: readonly string[]): FoundImage {
  const { name, tag } = parseImage(image)
  if (unreachable.includes(`${name}:${tag}`)) return absent(image, `the lab's fault image=${name}:${tag} is set`)
  const executable = executables.find((one) => one.image === name && one.tag === tag)
  if (executable !== undefined) return { is: 'real', name, path: executable.path }
  if (!neverStandIns.has(name)) return { is: 'stand-in' }
  const tags = executables.filter((one) => one.image === name).map((one) => one.tag)
  return absent(image, `the lab has ${tags.length === 0 ? 'no program for it' : `programs for ${tags.join(', ')} only`}`)
}

function absent(image: string, why: string): FoundImage {
  const failed = `failed to pull and unpack image "${image}": failed to resolve reference "${image}"`
  return { is: 'absent', message: `rpc error: code = NotFound desc = ${failed}: ${image}: not found (${why})` }
}
