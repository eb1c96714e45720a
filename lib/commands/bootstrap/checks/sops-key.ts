import { shellQuote } from '../../../base/shell-line.ts'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import * as v from 'valibot'
import { hasOtherKeys, identitiesIn, openSops, recipientsOf, type SopsMetadata, sopsMetadataOf } from '../../../tools/sops.ts'
import { ageKeyEntry } from '../../../flux/sops.ts'
import { type AgeKey, ageSecretOf } from '../age-keys.ts'
import { foundWithin } from '../../../desired-state/found-within.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

const pathSchema = v.object({ spec: v.object({ path: v.string() }) })

/** What is known of an age key by the name of its Secret; undefined where there is none, `later` where a capture brings it back. */
export type KeyOf = (secret: string) => Promise<AgeKey | 'later' | undefined>

/**
 * Whether the age keys open what SOPS encrypted below the paths that the cluster follows, each the files of the Kustomizations that name
 * its Secret: one file for each set of recipients. A key that does not stalls everything from Git on (onedr0p/cluster-template#156).
 */
export async function checkSopsKey(
  tree: Pick<Tree, 'sync' | 'kustomizations' | 'instance'>,
  checkout: string,
  keyOf: KeyOf,
): Promise<Finding[]> {
  const files = await encryptedFiles(tree, checkout)
  const distinct = new Map(files.map((file) => [`${file.secret} ${recipientsIn(file.metadata).toSorted().join()}`, file]))
  const secrets = [...new Set(files.map(({ secret }) => secret))]
  const keys = new Map(await Promise.all(secrets.map(async (secret) => [secret, await keyOf(secret)] as const)))
  const opening = [...distinct.values()].map((file) => judge(file, keys.get(file.secret)))
  return (await Promise.all(opening)).flat()
}

interface EncryptedFile {
  readonly path: string
  readonly metadata: SopsMetadata
  /** The Secret that its Kustomization takes the key from. */
  readonly secret: string
}

async function judge({ path, metadata, secret }: EncryptedFile, found: AgeKey | 'later' | undefined): Promise<Finding[]> {
  if (recipientsIn(metadata).length === 0)
    return [notice(`${path} is encrypted with SOPS, but not for an age key: not checked whether Flux can decrypt it`)]
  if (found === 'later') return []
  // Its people may have age keys of their own, beside a cloud's for the clusters, which needs no Secret.
  const blocking = (what: string, remedy: string): Finding =>
    hasOtherKeys(metadata)
      ? notice(`${path} is encrypted with SOPS for age keys and for others: not checked whether Flux can decrypt it with those`)
      : blocks(what, remedy)
  const remedy = 'name the file with the right age key in SOPS_AGE_KEY_FILE (.env.example)'
  if (found === undefined) {
    return [
      blocking(
        `${path} is encrypted with SOPS, but there is no age key to decrypt it: neither SOPS_AGE_KEY_FILE nor Secret ${secret}`,
        remedy,
      ),
    ]
  }
  const { text: key, unread } = found
  if (identitiesIn(key).length === 0 && unread.length > 0) {
    const entry = unread[0] ?? ''
    return [
      blocking(
        `nothing can decrypt ${path}: Secret ${secret} holds an age key as ${entry}, but Flux reads only entries whose names end in .agekey`,
        `give it that name: kubectl create secret generic ${shellQuote(secret)} --from-file=${ageKeyEntry}=FILE, in Flux's namespace, to replace the existing one`,
      ),
    ]
  }
  const identities = identitiesIn(key)
  if (identities.length === 0) return [blocking(`the age key has no line AGE-SECRET-KEY-…: nothing can decrypt ${path}`, remedy)]
  const own = await recipientsOf(identities)
  if (own === undefined) return [blocking(`the age key is malformed: nothing can decrypt ${path}`, remedy)]
  const opened = await openSops(metadata, identities)
  if (opened.is === 'opened') return []
  if (opened.is === 'broken')
    return [blocks(`${path} is damaged: its data key cannot decrypt its checksum`, `sops --decrypt ${shellQuote(path)}`)]
  return [
    blocking(
      `the age key cannot decrypt ${path}: the file is for ${opened.recipients.join(', ')}, the key is ${own.join(', ')}`,
      `${remedy}, or encrypt for this key too: sops updatekeys ${shellQuote(path)}`,
    ),
  ]
}

function recipientsIn({ age }: SopsMetadata): string[] {
  return (age ?? []).map(({ recipient }) => recipient)
}

/** The files that Flux would have to decrypt, from the cluster's own folder and those of its Kustomizations. */
async function encryptedFiles(tree: Pick<Tree, 'sync' | 'kustomizations' | 'instance'>, checkout: string): Promise<EncryptedFile[]> {
  const folders = [
    { folder: tree.sync.path, secret: ageSecretOf(tree) },
    ...tree.kustomizations.map((one) => ({ folder: v.parse(pathSchema, one).spec.path, secret: ageSecretOf(tree, one) })),
  ]
  const found = await Promise.all(
    folders.map(async ({ folder, secret }) => {
      const paths = (await foundWithin(checkout, folder)) === 'folder' ? await yamlFiles(join(checkout, folder)) : []
      const read = paths.map(async (path) => ({
        path: relative(checkout, path),
        secret,
        metadata: sopsMetadataOf(await readFile(path, 'utf8')),
      }))
      return Promise.all(read)
    }),
  )
  return found.flat().flatMap(({ metadata, ...file }) => (metadata === undefined ? [] : [{ ...file, metadata }]))
}

/** A folder that does not exist is reported elsewhere. */
async function yamlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name))
}
