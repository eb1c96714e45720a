import * as v from 'valibot'
import { fallbackAgeSecretIn, isAgeKeyEntry, usualAgeSecret } from '../../flux/sops.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import type { Redactor } from '../../base/redactor.ts'
import type { Tree } from '../../desired-state/tree.ts'
import type { WantedSecret } from './secrets.ts'

const decryptionSchema = v.object({
  spec: v.object({ decryption: v.nullish(v.object({ secretRef: v.nullish(v.object({ name: v.string() })) })) }),
})

/** The Secret that a Kustomization takes its keys from, where it names one. */
export function decryptionSecretOf(kustomization: KubeObject): string | undefined {
  return v.parse(decryptionSchema, kustomization).spec.decryption?.secretRef?.name
}

/** Which Secret holds the key for the SOPS files of a Kustomization; without one, of those that name none. */
export function ageSecretOf(tree: Pick<Tree, 'instance'>, kustomization?: KubeObject): string {
  const named = kustomization === undefined ? undefined : decryptionSecretOf(kustomization)
  return named ?? fallbackAgeSecretIn(JSON.stringify(tree.instance.values)) ?? usualAgeSecret
}

/** The Secret that a key which a person brings along goes into: the one that the Kustomizations name, where they all name the same. */
export function givenSecretOf(tree: Pick<Tree, 'instance' | 'kustomizations'>): string {
  const named = new Set(tree.kustomizations.flatMap((kustomization) => decryptionSecretOf(kustomization) ?? []))
  const [only] = named
  return only === undefined || named.size > 1 ? ageSecretOf(tree) : only
}

/** An age key as a Secret holds it. */
export interface AgeKey {
  /** Of all its entries that Flux reads. */
  readonly text: string
  /** Entries with an age identity in them that Flux does not read, for their name. */
  readonly unread: readonly string[]
}

const dataSchema = v.object({ data: v.nullish(v.record(v.string(), v.string()), {}) })

/** The age key that Flux will find in a Secret: the one brought along, else the one that is there; undefined where there is none. */
export async function findAgeKey(
  cluster: Pick<Cluster, 'get'>,
  { namespace }: Pick<Tree, 'namespace'>,
  name: string,
  brought: readonly WantedSecret[],
  redactor: Redactor,
): Promise<AgeKey | undefined> {
  const own = brought.find((secret) => secret.name === name)?.values
  if (own !== undefined) return keyIn(own)
  const secret = await cluster.get({ ...kinds.secret, namespace, name })
  if (secret === undefined) return undefined
  const entries = Object.entries(v.parse(dataSchema, secret).data ?? {}).map(([entry, value]) => [
    entry,
    Buffer.from(value, 'base64').toString(),
  ])
  const key = keyIn(Object.fromEntries(entries))
  if (key.text !== '') redactor.hide(key.text)
  return key
}

function keyIn(values: Readonly<Record<string, string>>): AgeKey {
  const entries = Object.entries(values)
  return {
    text: entries.flatMap(([name, value]) => (isAgeKeyEntry(name) ? [value] : [])).join('\n'),
    unread: entries.flatMap(([name, value]) => (!isAgeKeyEntry(name) && value.includes('AGE-SECRET-KEY-') ? [name] : [])),
  }
}
