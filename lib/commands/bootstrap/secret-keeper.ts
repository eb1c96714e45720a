import * as v from 'valibot'
import { writerOf } from '../../capture/makers.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { appliedBy } from '../../flux/labels.ts'
import type { Kind, KubeObject } from '../../kubernetes/objects.ts'

const dataSchema = v.object({ data: v.optional(v.record(v.string(), v.unknown()), {}) })
/**
 * By what source-controller logs in, whatever else a Secret has: as a GitHub App (fluxcd/pkg git/github, KeyAppID), or with a bearer token
 * (fluxcd/pkg git, NewAuthOptions). A user and a password written beside that are never used.
 */
const logins: Readonly<Record<string, string>> = {
  githubAppID: 'holds the login of a GitHub App',
  bearerToken: 'holds a bearer token',
}

/** Who keeps a Secret as it is, so that no script may write to it: what made, applied or owns it, or a login of another kind than a person's. */
export function keeperOf(secret: KubeObject): string | undefined {
  const { labels } = secret.metadata
  const applier = ({ kind }: Kind, by: { readonly name: string; readonly namespace: string }): string | undefined =>
    labels[by.name] === undefined ? undefined : `${kind} ${labels[by.namespace] ?? ''}/${labels[by.name]}`
  const applied = applier(fluxKinds.kustomization, appliedBy.kustomization) ?? applier(fluxKinds.helmRelease, appliedBy.helmRelease)
  const maker = applied ?? writerOf(secret)
  if (maker !== undefined) return `is made by ${maker}`
  return Object.keys(v.parse(dataSchema, secret).data).flatMap((key) => logins[key] ?? [])[0]
}
