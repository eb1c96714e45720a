import { Buffer } from 'node:buffer'
import { ownAt } from '../../base/json-object.ts'
import { kinds } from '../../kubernetes/objects.ts'
import { BadSubstitution, evaluate, isVariableName } from '../../desired-state/substitution.ts'
import { substituteAnnotation } from '../../flux/annotations.ts'
import { at, isFields, listAt, textAt } from './at.ts'
import { type Build, placesOf } from './builds.ts'
import type { Diagnostic, Location } from './diagnostic.ts'
import type { GivenValues } from './given-values.ts'
import type { Rules } from './rules.ts'
import type { ManifestObject } from './cluster-tree.ts'
import type { Path } from './source.ts'

/** Stands for a value that only the cluster has, or that is encrypted. */
export const unknownValue = 'UNKNOWN_TO_VALIDATE'

/** A variable's value, and where it is set; nowhere in Git where a person gave it. */
export interface PostBuildVariable {
  readonly value: string
  readonly place: Location | undefined
}
export type Variables = Readonly<Record<string, PostBuildVariable>>

/** What a Kustomization substitutes. */
export interface KustomizationVariables {
  readonly variables: Variables
  /** The ConfigMaps and Secrets that it takes some from, and that are nowhere: `ConfigMap cluster-settings`. */
  readonly absent: readonly string[]
}

export const textsOf = (variables: Variables): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).map(([name, { value }]) => [name, value]))

/** The variables of a Kustomization; undefined where it substitutes nothing. Its own win over those of its ConfigMaps, the later over the earlier. */
export function variablesOf(
  kustomization: ManifestObject,
  placed: readonly ManifestObject[],
  given: GivenValues,
): KustomizationVariables | undefined {
  const postBuild = at(kustomization.object, 'spec', 'postBuild')
  if (postBuild === undefined) return undefined
  const absent: string[] = []
  const from = listAt(postBuild, 'substituteFrom').flatMap((source): [string, PostBuildVariable][] => {
    const found = sourceOf(source, kustomization, placed, given)
    if (found.length > 0) return found.flatMap((one) => one)
    absent.push(`${textAt(source, 'kind')} ${textAt(source, 'name')}`)
    return Object.entries(given.variables).map(([name, value]) => [name, { value, place: undefined }])
  })
  const own = variablesIn(kustomization.object, ['spec', 'postBuild', 'substitute'], kustomization.place)
  const known = [...from, ...own].map(([name, one]): [string, PostBuildVariable] => {
    const value = one.value === unknownValue ? (ownAt(given.variables, name) ?? unknownValue) : one.value
    return [name, { ...one, value }]
  })
  return { variables: Object.fromEntries(known), absent }
}

/** Whether each object that a Kustomization takes variables from is there. */
export function hasVariables(kustomization: ManifestObject, placed: readonly ManifestObject[], given: GivenValues): boolean {
  return listAt(kustomization.object, 'spec', 'postBuild', 'substituteFrom').every(
    (source) => sourceOf(source, kustomization, placed, given).length > 0,
  )
}

function sourceOf(
  source: unknown,
  kustomization: ManifestObject,
  placed: readonly ManifestObject[],
  given: GivenValues,
): [string, PostBuildVariable][][] {
  const [kind, name] = [textAt(source, 'kind'), textAt(source, 'name')]
  const inTree = placed.filter((one) => one.kind === kind && one.name === name && one.namespace === kustomization.namespace)
  if (inTree.length > 0) return inTree.map((one) => valuesIn(one.object, one.place))
  const made = given.objects.filter((object) => {
    const namespace = textAt(object, 'metadata', 'namespace')
    return (
      textAt(object, 'kind') === kind &&
      textAt(object, 'metadata', 'name') === name &&
      (namespace === '' || namespace === kustomization.namespace)
    )
  })
  return made.map((object) => valuesIn(object, () => undefined))
}

/** The values of a ConfigMap or Secret. What SOPS has encrypted is not known, only that it is there. */
function valuesIn(object: unknown, place: (...path: Path) => Location | undefined): [string, PostBuildVariable][] {
  const isSecret = textAt(object, 'kind') === kinds.secret.kind
  const decoded = variablesIn(object, ['data'], place).map(([name, one]): [string, PostBuildVariable] => {
    if (!isSecret || one.value === unknownValue) return [name, one]
    return [name, { ...one, value: Buffer.from(one.value, 'base64').toString() }]
  })
  return [...decoded, ...variablesIn(object, ['stringData'], place)]
}

function variablesIn(object: unknown, path: Path, place: (...path: Path) => Location | undefined): [string, PostBuildVariable][] {
  const values = at(object, ...path)
  if (!isFields(values)) return []
  return Object.entries(values).map(([name, value]) => {
    const text = String(value)
    return [name, { value: text.startsWith('ENC[') ? unknownValue : text, place: place(...path, name) }]
  })
}

/** An object of which Flux leaves the variables alone, such as a script of its own variables. */
const isLeftAlone = (document: string): boolean => document.split('\n').some((line) => line === `    ${substituteAnnotation}: disabled`)

/** Where the values of a cluster are set, as shown to people. */
export interface SettingsOf {
  readonly cluster: string
  readonly where: string
}

/** The build with its variables put in; each that has no value is found, and left empty, as Flux would. */
export function substituted(
  build: Build,
  { variables, absent, isCertain }: KustomizationVariables & { readonly isCertain: boolean },
  settings: SettingsOf,
  { rules, findings }: { readonly rules: Rules; readonly findings: Diagnostic[] },
): string {
  const texts = textsOf(variables)
  if (Object.keys(texts).length === 0 && absent.length === 0) return build.text // Flux then substitutes no variable at all
  for (const [name, { place }] of Object.entries(variables)) {
    if (isVariableName(name) || place === undefined || rules === 'project') continue // flux build says it
    const message = `${name} cannot be the name of a variable: Flux refuses all variables of it`
    findings.push({ ...place, rule: 'variables', message, remedy: 'use letters, digits and _ only' })
  }
  return build.text
    .split(/^---$/m)
    .map((document) =>
      isLeftAlone(document)
        ? document
        : substitutedDocument(document, build, { texts, isCertain: isCertain && absent.length === 0 }, settings, findings),
    )
    .join('---')
}

function substitutedDocument(
  document: string,
  build: Build,
  { texts, isCertain }: { texts: Readonly<Record<string, string>>; isCertain: boolean },
  { cluster, where }: SettingsOf,
  findings: Diagnostic[],
): string {
  try {
    const { text, missing } = evaluate(document, texts)
    if (missing.length === 0) return text
    if (!isCertain) return evaluate(document, { ...texts, ...Object.fromEntries(missing.map((name) => [name, unknownValue])) }).text
    for (const name of missing) {
      for (const place of placesOfVariable(build, name)) {
        const message = `\${${name}} has no value in cluster ${cluster}: Flux would substitute an empty string`
        findings.push({ ...place, rule: 'variables', message, remedy: `set ${name} in ${where}, or give a default: \${${name}:=VALUE}` })
      }
    }
    return text
  } catch (error) {
    if (!(error instanceof BadSubstitution)) throw error
    for (const place of placesOf(build, error.form)) {
      const message = `${error.form} is not a form of substitution that Flux has: it refuses the whole Kustomization`
      findings.push({ ...place, rule: 'variables', message, remedy: 'write ${name} or ${name:=default}; or $${ where a ${ is meant' })
    }
    return document.replaceAll(/\$\{[^}\n]*\}?/g, unknownValue)
  }
}

/** Where a variable stands: plainly, else with an operator. */
function placesOfVariable(build: Build, name: string): Location[] {
  const plain = placesOf(build, `\${${name}}`, [])
  return plain.length > 0 ? plain : placesOf(build, `\${${name}`)
}
