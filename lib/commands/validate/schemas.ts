import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { yamlValue } from '../../base/yaml.ts'
import { compareVersions, parseVersion } from '../../base/version.ts'
import { at, isFields, listAt, textAt } from './at.ts'
import type { ClusterTree, ManifestObject } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import { type Breach, compile, fromCrd } from './json-schema.ts'
import { closestVersion, pinnedIn, type PinnedVersions } from './pinned-versions.ts'
import { isFlux, label } from './references.ts'
import type { Rules } from './rules.ts'
import { unknownValue } from './variables.ts'

/** A release of flux-operator as its own module carries it: CRDs, and the manifests of every Flux that it knows. */
export interface OperatorRelease {
  /** The module's folder `config`. */
  readonly folder: string
  /** Without `v`. */
  readonly version: string
}

/** What one run of schemas finds, and says that it could not check. */
export interface SchemaCheck {
  readonly findings: Diagnostic[]
  readonly notChecked: string[]
}

/** Checks objects of one kind; undefined where this Flux has no such kind. */
type Check = ((one: ManifestObject) => Diagnostic[]) | undefined

/** The CRDs of one release of the operator: each is parsed and compiled when it is first asked for, which takes most of the time. */
export interface Crds {
  readonly release: OperatorRelease
  readonly checkOf: (flux: string, groupKind: string) => Promise<Check>
}

/** The CRDs that a release's module carries. */
export function readCrds(release: OperatorRelease): Crds {
  const texts = new Map<string, Promise<string[]>>()
  const checks = new Map<string, Promise<Check>>()
  const textsOf = async (flux: string): Promise<string[]> => {
    const folders = [join(release.folder, 'crd', 'bases'), join(fluxFolder(release), `v${flux}`)]
    const files = (await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))))).flat()
    const read = await Promise.all(files.map((file) => readFile(file, 'utf8')))
    return read.flatMap((content) => content.split(/^---$/m)).filter((text) => /^kind: CustomResourceDefinition$/m.test(text))
  }
  const find = async (flux: string, groupKind: string): Promise<Check> => {
    const all = texts.get(flux) ?? textsOf(flux)
    texts.set(flux, all)
    const named = (text: string): string => `${/^ {2}group: (\S+)$/m.exec(text)?.[1]} ${/^ {4}kind: (\S+)$/m.exec(text)?.[1]}`
    const crd = (await all).find((text) => named(text) === groupKind)
    return crd === undefined ? undefined : checkOf(yamlValue(withoutDescriptions(crd)), flux)
  }
  return {
    release,
    checkOf(flux, groupKind) {
      const key = `${flux} ${groupKind}`
      const check = checks.get(key) ?? find(flux, groupKind)
      checks.set(key, check)
      return check
    },
  }
}

/** Checks every Flux object of a cluster against the CRDs of the versions that this very cluster pins. */
export async function checkSchemas(tree: ClusterTree, crds: Crds | undefined, rules: Rules): Promise<SchemaCheck> {
  const flux = tree.placed.filter((one) => isFlux(one) && one.isRaw !== true)
  const pinned = pinnedIn(tree)
  const not = (why: string): SchemaCheck => ({
    findings: [],
    notChecked: [`the schemas of ${flux.length} Flux objects of ${tree.cluster}: ${why}`],
  })
  if (flux.length === 0) return { findings: [], notChecked: [] }
  if (rules === 'project' && (pinned.operator === '' || pinned.flux === '')) return not('the tree does not say which versions it pins')
  if (crds === undefined) {
    const whose = pinned.operator === '' ? 'Flux' : `flux-operator ${pinned.operator}`
    return not(`the CRDs of ${whose} are not on this machine; npx zx scripts/lab.ts build installs them`)
  }
  const { release } = crds
  if (rules === 'project' && release.version !== pinned.operator) {
    return not(`the CRDs on this machine are of flux-operator ${release.version}, not ${pinned.operator}`)
  }
  const known = await knownVersions(release)
  const unknown = release.version === pinned.operator && !known.includes(pinned.flux) ? unknownVersion(pinned, known, rules) : []
  if (unknown.length > 0) return { findings: unknown, notChecked: [] }
  const version = closestVersion(pinned.flux, known)
  if (version === undefined) return not(`those on this machine are not of Flux ${pinned.flux}`)
  const checked = await Promise.all(flux.map((one) => checkOne(one, crds, version)))
  const isOther = /^v?\d+\.\d+\.\d+$/.test(pinned.flux) && version !== pinned.flux
  return {
    findings: checked.flat(),
    notChecked: isOther ? not(`those of Flux ${version} were used, not of ${pinned.flux}`).notChecked : [],
  }
}

async function checkOne(one: ManifestObject, crds: Crds, version: string): Promise<Diagnostic[]> {
  const check = await crds.checkOf(version, groupKind(one.object))
  // What only the cluster has may be of any form.
  if (check !== undefined) return check(one).filter(({ message }) => !message.includes(unknownValue))
  const message = `${label(one)}: Flux ${version} has no kind ${one.kind} in ${textAt(one.object, 'apiVersion')}`
  return [{ ...one.place('kind'), rule: 'schema', message, remedy: 'fix apiVersion and kind' }]
}

/** Half of a CRD is descriptions, and YAML takes long to parse. */
function withoutDescriptions(crd: string): string {
  let skipped = Infinity
  const lines = crd.split('\n').filter((line) => {
    const indent = line.length - line.trimStart().length
    if (indent > skipped || line === '') return false
    skipped = /^\s*description: \S/.test(line) ? indent : Infinity // a field of that name has no value beside it
    return skipped === Infinity
  })
  return lines.join('\n')
}

const fluxFolder = ({ folder }: OperatorRelease): string => join(folder, 'data', 'flux')

async function knownVersions(release: OperatorRelease): Promise<string[]> {
  const known = (await readdir(fluxFolder(release))).flatMap((name) => parseVersion(name) ?? []).sort(compareVersions)
  return known.map(({ major, minor, patch }) => `${major}.${minor}.${patch}`)
}

/** An operator knows the Flux versions that came with it and no other: it would stall on any other, and not try again. */
function unknownVersion({ flux, operator, instance }: PinnedVersions, known: readonly string[], rules: Rules): Diagnostic[] {
  const isRange = !/^v?\d+\.\d+\.\d+$/.test(flux) // of which the operator takes the newest that it knows
  if (instance === undefined || (rules === 'flux' && isRange)) return []
  const message = `flux-operator ${operator} does not support Flux ${flux}: its newest is ${known.at(-1)}`
  return [{ ...instance.version(), rule: 'version', message, remedy: `name a version that it knows, or raise operator_version first` }]
}

function groupKind(object: unknown): string {
  return `${textAt(object, 'apiVersion').split('/')[0]} ${textAt(object, 'kind')}`
}

function checkOf(crd: unknown, flux: string): NonNullable<Check> {
  const versions = listAt(crd, 'spec', 'versions').filter((version) => at(version, 'served') === true)
  const checks = new Map<string, (value: unknown) => Breach[]>()
  return (one) => {
    const name = textAt(one.object, 'apiVersion').split('/')[1] ?? ''
    const version = versions.find((candidate) => textAt(candidate, 'name') === name)
    if (version === undefined) {
      const message = `${label(one)}: Flux ${flux} serves no ${one.kind} in version ${name}`
      const served = versions.map((candidate) => textAt(candidate, 'name')).join(' or ')
      return [{ ...one.place('apiVersion'), rule: 'schema', message, remedy: `write it in ${served}` }]
    }
    const check = checks.get(name) ?? compile(specOnly(at(version, 'schema', 'openAPIV3Schema')))
    checks.set(name, check)
    return check(one.object).map(({ path, message, remedy }) => ({
      ...one.place(...path),
      rule: 'schema',
      message: `${label(one)}: ${message}`,
      remedy,
    }))
  }
}

/** What a person writes: metadata is the same for every kind, and status is the controllers' own. */
function specOnly(schema: unknown): Record<string, unknown> {
  const { properties, ...rest } = fromCrd(schema)
  return { ...rest, properties: { ...(isFields(properties) ? properties : {}), metadata: { type: 'object' } } }
}
