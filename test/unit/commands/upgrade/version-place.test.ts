import { describe, expect, test } from 'vitest'
import { checkVersionPlaces } from '../../../../lib/commands/upgrade/checks/version-place.ts'

const instance = (file: string) => ({ file, text: 'kind: FluxInstance\nspec:\n  distribution:\n    version: "2.9.4" # pinned\n' })
const settings = 'kubernetes/clusters/infra/settings.yaml'
const found = (files: Parameters<typeof checkVersionPlaces>[0], values: Record<string, string> = {}) =>
  checkVersionPlaces(files, settings, values, { flux_version: '2.9.5' })

describe('an upgrade whose version is not in settings.yaml is refused before anything is changed', () => {
  test('not where settings.yaml has it', () => {
    expect(found([instance('a.yaml')], { flux_version: '2.9.4' })).toEqual([])
  })

  test('naming the one place that has it, and what is to stand there', () => {
    expect(found([instance('a.yaml')])).toEqual([
      {
        is: 'blocks',
        what: `${settings} does not say flux_version; the version stands at a.yaml:4 (2.9.4)`,
        remedy: 'have it say "version: "2.9.5" # pinned", commit and push it; Flux follows',
      },
    ])
  })

  test('naming several, of which none is changed', () => {
    expect(found([instance('a.yaml'), instance('b.yaml')])).toMatchObject([
      { what: `${settings} does not say flux_version; 2 places name one, and none was changed: a.yaml:4 (2.9.4), b.yaml:4 (2.9.4)` },
    ])
  })

  test('saying that there is none', () => {
    expect(found([])).toMatchObject([
      { what: `${settings} does not say flux_version, and nothing else in the repository names a version of Flux` },
    ])
  })
})
