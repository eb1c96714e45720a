import { knownCommandsIn } from './trial.ts'

/** Kinds of Flux whose name another API group has too: Rancher's HelmChart, Crossplane's Provider, an older Flux's HelmRelease. */
const shared =
  /^(kustomization|helmrelease|helmchart|helmrepository|gitrepository|ocirepository|bucket|alert|provider|receiver)(s|es)?(\/|$)/i
const verbs = /^(get|describe|delete|patch|annotate|label|edit|scale|logs)$/
const clusterWide =
  /^(crds?|customresourcedefinitions?|namespaces?|nodes?|apiservices?|(validating|mutating)\S*|clusterroles?|clusterrolebindings?|events|[a-z]*polic(y|ies))(\.|,|\/|$)/

/** The printed calls of kubectl that may find another object than the one that is meant: of another kind, or in another namespace. */
export function ambiguousCalls(commands: readonly string[]): string[] {
  return commands.flatMap((command) =>
    knownCommandsIn(command).flatMap(({ program, words }) => {
      const at = words.findIndex((word) => verbs.test(word))
      const kind = words.slice(at + 1).find((word, index, all) => !word.startsWith('-') && !/^--[^=]*$/.test(all[index - 1] ?? '')) ?? ''
      if (program !== 'kubectl' || at === -1 || kind === '') return []
      if (shared.test(kind)) return [`${command}\n  names the kind ${kind} without its group`]
      const hasPlace = words.some((word) => /^(--namespace|-n|--all-namespaces|-A)\b/.test(word)) || clusterWide.test(kind)
      return hasPlace ? [] : [`${command}\n  names no namespace`]
    }),
  )
}
