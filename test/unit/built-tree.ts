import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import * as v from 'valibot'
import { parse, parseAllDocuments } from 'yaml'
import { projectRoot } from '../../lib/base/paths.ts'

const objectSchema = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string(), namespace: v.optional(v.string()) }),
})
const kustomizationSchema = v.strictObject({
  apiVersion: v.literal('kustomize.config.k8s.io/v1beta1'),
  kind: v.literal('Kustomization'),
  resources: v.array(v.string()),
  patches: v.optional(v.array(v.strictObject({ path: v.string() })), []),
})

export type BuiltObject = v.InferOutput<typeof objectSchema>

const kubernetes = join(projectRoot, 'kubernetes')

/** Every folder below `kubernetes/` that kustomize can build. */
export const buildable = readdirSync(kubernetes, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('kustomization.yaml'))
  .map(dirname)
  .sort()

/**
 * What `kubectl kustomize` makes of a folder below `kubernetes/`, as far as our tree goes: resources and patches in files. As there, a
 * folder may not refer to one that it is in, and variables are still to be put in.
 */
export function build(folder: string): BuiltObject[] {
  const path = join(kubernetes, folder)
  const { resources, patches } = v.parse(kustomizationSchema, parse(readFileSync(join(path, 'kustomization.yaml'), 'utf8')))
  const objects = resources.flatMap((resource) => {
    const target = resolve(path, resource)
    if (path === target || path.startsWith(target + sep)) throw new Error(`${folder} refers to ${resource}, which it is in`)
    return existsSync(join(target, 'kustomization.yaml')) ? build(target.slice(kubernetes.length + 1)) : readObjects(target)
  })
  for (const patch of patches.flatMap((entry) => readObjects(join(path, entry.path)))) {
    const index = objects.findIndex((object) => nameOf(object) === nameOf(patch))
    if (index === -1) throw new Error(`${folder} patches ${nameOf(patch)}, which it does not hold`)
    objects[index] = v.parse(objectSchema, merge(objects[index], patch))
  }
  return objects
}

export function readObjects(file: string): BuiltObject[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => v.parse(objectSchema, document.toJS({ maxAliasCount: 0 })))
}

export function nameOf({ kind, metadata }: BuiltObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

/** The one object of this kind and name. */
export function find(objects: readonly BuiltObject[], kind: string, name: string): BuiltObject {
  const [found, second] = objects.filter((object) => object.kind === kind && object.metadata.name === name)
  if (found === undefined || second !== undefined) throw new Error(`not one ${kind} ${name} among ${objects.map(nameOf).join(', ')}`)
  return found
}

const map = v.record(v.string(), v.unknown())

function merge(below: unknown, above: unknown): unknown {
  if (!v.is(map, below) || !v.is(map, above) || Array.isArray(above)) return above
  return { ...below, ...Object.fromEntries(Object.entries(above).map(([key, value]) => [key, merge(below[key], value)])) }
}
