import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { FleetRun } from '../../../../lib/commands/fleet/fleet-run.ts'
import { keptFile, readFleetFile } from '../../../../lib/commands/fleet/open-fleet.ts'

test('a resumed run works on the clusters that it began with, and on no others that its copy of FILE names since', () => {
  const folder = mkdtempSync(join(tmpdir(), 'frb-kept-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const copy = join(folder, 'fleet.yaml')
  writeFileSync(copy, 'clusters: []\nwaves: []\n')
  const run: FleetRun = {
    schemaVersion: 1,
    command: 'upgrade',
    engine: 'local',
    file: '/ops/fleet.yaml',
    digest: readFleetFile(copy).digest,
    waves: [],
    own: {},
    shared: {},
    operator: 'ann',
    host: 'here',
    pid: 1,
    started: '',
    startedAt: '',
    clusters: {},
    passed: {},
  }
  const kept = { runId: 'R', folder, run }
  expect(keptFile(kept)).toEqual({ path: '/ops/fleet.yaml', content: 'clusters: []\nwaves: []\n', digest: run.digest })
  writeFileSync(copy, 'clusters: [{ name: production }]\nwaves: []\n')
  expect(() => keptFile(kept)).toThrow(`${copy} was changed since the run R began`)
})
