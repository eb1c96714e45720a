import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import * as v from 'valibot'
import { identitiesIn, openSops, recipientsOf, type SopsMetadata, sopsMetadataOf } from '../sops.ts'
import type { Tree } from '../tree.ts'
import { blocks, type Finding, notice } from './finding.ts'

const pathSchema = v.object({ spec: v.object({ path: v.string(), decryption: v.optional(v.unknown()) }) })

/**
 * Whether the age key opens what SOPS encrypted below the paths that the cluster follows: one file for each set of recipients. A key that
 * does not stalls everything from Git on (onedr0p/cluster-template#156).
 * @param key what Flux has, or will have, for a key; undefined where there is none
 */
export async function checkSopsKey(
  tree: Pick<Tree, 'sync' | 'kustomizations'>,
  checkout: string,
  key: string | undefined,
): Promise<Finding[]> {
  const files = await encryptedFiles(tree, checkout)
  const distinct = new Map(files.map((file) => [recipientsIn(file.metadata).toSorted().join(), file]))
  const opening = [...distinct.values()].map((file) => judge(file, key))
  return (await Promise.all(opening)).flat()
}

interface Encrypted {
  readonly path: string
  readonly metadata: SopsMetadata
}

async function judge({ path, metadata }: Encrypted, key: string | undefined): Promise<Finding[]> {
  if (recipientsIn(metadata).length === 0)
    return [notice(`${path} is encrypted with SOPS for no age key: whether Flux can open it was not looked at`)]
  const remedy = 'name the file with the right age key in SOPS_AGE_KEY_FILE (.env.example)'
  if (key === undefined) {
    return [
      blocks(
        `${path} is encrypted with SOPS, but there is no age key to open it with: neither SOPS_AGE_KEY_FILE nor Secret sops-age`,
        remedy,
      ),
    ]
  }
  const identities = identitiesIn(key)
  if (identities.length === 0) return [blocks(`the age key holds no line AGE-SECRET-KEY-…: nothing can open ${path}`, remedy)]
  const own = await recipientsOf(identities)
  if (own === undefined) return [blocks(`the age key is malformed: nothing can open ${path}`, remedy)]
  const opened = await openSops(metadata, identities)
  if (opened.is === 'opened') return []
  if (opened.is === 'broken') return [blocks(`${path} is damaged: its data key does not open its checksum`, `sops --decrypt ${path}`)]
  return [
    blocks(
      `the age key cannot open ${path}: the file is for ${opened.recipients.join(', ')}, the key is ${own.join(', ')}`,
      `${remedy}, or encrypt for this key too: sops updatekeys ${path}`,
    ),
  ]
}

function recipientsIn({ age }: SopsMetadata): string[] {
  return (age ?? []).map(({ recipient }) => recipient)
}

/** The files that Flux would have to decrypt, from the cluster's own folder and those of its Kustomizations. */
async function encryptedFiles({ sync, kustomizations }: Pick<Tree, 'sync' | 'kustomizations'>, checkout: string): Promise<Encrypted[]> {
  const folders = [sync.path, ...kustomizations.map((kustomization) => v.parse(pathSchema, kustomization).spec.path)]
  const paths = new Set((await Promise.all(folders.map((folder) => yamlFiles(join(checkout, folder))))).flat())
  const read = await Promise.all(
    [...paths].map(async (path): Promise<Encrypted[]> => {
      const metadata = sopsMetadataOf(await readFile(path, 'utf8'))
      return metadata === undefined ? [] : [{ path: relative(checkout, path), metadata }]
    }),
  )
  return read.flat()
}

/** A folder that is not there is told of elsewhere. */
async function yamlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name))
}
