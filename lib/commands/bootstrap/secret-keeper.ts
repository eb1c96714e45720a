import * as v from 'valibot'
import { writerOf } from '../../capture/makers.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { appliedBy } from '../../flux/labels.ts'
import type { Kind, KubeObject } from '../../kubernetes/objects.ts'

const dataSchema = v.object({ data: v.optional(v.record(v.string(), v.unknown()), {}) })
/** source-controller logs in as a GitHub App where a Secret has this, whatever else is in there (fluxcd/pkg git/github, KeyAppID). */
const appId = 'githubAppID'

/** Who keeps a Secret as it is, so that no script may write to it: what made, applied or owns it, or the login of a GitHub App. */
export function keeperOf(secret: KubeObject): string | undefined {
  const { labels } = secret.metadata
  const applier = ({ kind }: Kind, by: { readonly name: string; readonly namespace: string }): string | undefined =>
    labels[by.name] === undefined ? undefined : `${kind} ${labels[by.namespace] ?? ''}/${labels[by.name]}`
  const applied = applier(fluxKinds.kustomization, appliedBy.kustomization) ?? applier(fluxKinds.helmRelease, appliedBy.helmRelease)
  const maker = applied ?? writerOf(secret)
  if (maker !== undefined) return `is made by ${maker}`
  return appId in v.parse(dataSchema, secret).data ? 'holds the login of a GitHub App' : undefined
}
