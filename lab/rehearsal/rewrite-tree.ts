import { lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type SettingValues, withSettings } from '../settings.ts'
import { rewriteLines, rewriteManifests, type Rewriting } from './rewrite.ts'
import type { StandIn } from './stand-in.ts'

/** Rewrites every file of a copy of a repository that Flux could not follow in the lab as it is. Links are left alone. */
export async function rewriteTree(root: string, rewriting: Rewriting, settings: SettingValues): Promise<StandIn[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)))
  return files.sort().flatMap((file) => rewriteFile(root, file, rewriting, settings))
}

function rewriteFile(root: string, file: string, rewriting: Rewriting, settings: SettingValues): StandIn[] {
  const path = join(root, file)
  if (lstatSync(path).size > largest) return []
  const text = readFileSync(path, 'utf8')
  if (/^kubernetes\/clusters\/[^/]+\/settings\.yaml$/.test(file) && text.includes('name: flux-settings')) {
    writeFileSync(path, withSettings(text, file, settings))
    return [{ kind: 'source', name: file, inPlaceOf: 'the addresses that it sets' }]
  }
  const isYaml = /\.(ya?ml|json)$/.test(file) || /(^|\/)Kustomization$/.test(file)
  const rewritten = isYaml ? rewriteManifests(text, file, rewriting) : rewriteLines(text, file, rewriting)
  if (rewritten === undefined) return []
  writeFileSync(path, rewritten.text)
  return [...rewritten.standIns]
}

/** Nothing that a person writes; a bundle of CRDs is smaller. */
const largest = 8_000_000
