import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../../lib/base/paths.ts'
import { labSettings, withSettings } from '../../../lab/settings.ts'

const values = labSettings({ registry: '127.0.0.1:5000', gitUrl: 'http://127.0.0.1:3000/private/fleet.git', operatorVersion: '0.59.0' })

test.each(['infra', 'apps'])("the lab's addresses are put into the settings of %s; all else stays as it was", (cluster) => {
  const file = join('kubernetes', 'clusters', cluster, 'settings.yaml')
  const text = readFileSync(join(packageRoot, file), 'utf8')
  const changed = withSettings(text, file, values)
  const own: unknown = parse(text)
  expect(parse(changed)).toMatchObject({ data: values })
  expect(own).not.toMatchObject({ data: values })
  const differing = changed.split('\n').filter((line, at) => line !== text.split('\n')[at])
  expect(differing).toHaveLength(Object.keys(values).length - 1) // git_ref is main already
  expect(changed.split('\n')).toHaveLength(text.split('\n').length)
})

const minimal = Object.keys(values)
  .map((key) => `  ${key}: "x"\n`)
  .join('')

test('a cluster that takes the manifests inside its operator keeps doing so', () => {
  const text = `data:\n${minimal.replace('distribution_artifact: "x"', 'distribution_artifact: ""')}`
  expect(parse(withSettings(text, 'settings.yaml', values))).toMatchObject({ data: { ...values, distribution_artifact: '' } })
})

test('a file without one of them is refused by name', () => {
  const text = `data:\n${minimal.replace('  git_url: "x"\n', '')}`
  expect(() => withSettings(text, 'kubernetes/clusters/infra/settings.yaml', values)).toThrow(
    'kubernetes/clusters/infra/settings.yaml has no text at data.git_url, so the lab cannot put its own there',
  )
  expect(() => withSettings('data: [', 'broken.yaml', values)).toThrow('broken.yaml is not YAML')
})
