import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureExecutables, type Executables } from '../../lab/build/executables.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { showFinding } from '../../lib/commands/validate/diagnostic.ts'
import { nothingGiven, readGivenValues } from '../../lib/commands/validate/given-values.ts'
import { validateRepository } from '../../lib/commands/validate/repository.ts'
import type { Validation } from '../../lib/commands/validate/validate.ts'

// Wants the lab's executables and the CRDs beside them, but no cluster.
const trees = join(projectRoot, 'test/fixtures/trees')
const root = mkdtempSync(join(tmpdir(), 'frb-trees-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let lab: Executables
beforeAll(async () => {
  lab = await ensureExecutables(createConsole({ clean: (text) => text }))
})

async function validated(folder: string, values?: string): Promise<Validation> {
  const { kubectl, flux, operatorConfig, operatorVersion: version } = lab
  const tools = {
    kubectl,
    flux,
    release: { folder: operatorConfig, version },
    charts: { folder: join(projectRoot, 'lab/charts'), version },
  }
  const given = values === undefined ? nothingGiven : await readGivenValues(values)
  return validateRepository(folder, tools, { rules: 'flux', given, name: folder })
}

const shown = ({ findings }: Validation): string[] => findings.map(showFinding)

describe.each(['home', 'bootstrap', 'fleet'] as const)('a tree in a public layout, %s', (name) => {
  test('is clean as it is', async () => {
    expect(shown(await validated(join(trees, name)))).toEqual([])
  })
})

test('values that only the cluster has are given in a file, and one that is left out is missing then', async () => {
  const fleet = join(trees, 'fleet')
  expect(shown(await validated(fleet, join(fleet, 'values.yaml')))).toEqual([])
  const values = join(root, 'values.yaml')
  writeFileSync(values, 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: flux-runtime-info }\ndata: { ENVIRONMENT: staging }\n')
  expect(shown(await validated(fleet, values))[0]).toBe(
    'tenants/apps.yaml:17: variables: ${ARTIFACT_TAG} has no value in cluster clusters/prod: Flux would substitute an empty string; set ARTIFACT_TAG in a ConfigMap that the Kustomization names in substituteFrom, or give a default: ${ARTIFACT_TAG:=VALUE}',
  )
})
