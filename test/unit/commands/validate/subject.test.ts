import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readGivenValues } from '../../../../lib/commands/validate/given-values.ts'
import { subjectOf } from '../../../../lib/commands/validate/paths.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'frb-subject-')))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const checkout = join(root, 'checkout')
const fleet = join(root, 'fleet')
for (const folder of [join(checkout, 'kubernetes'), join(checkout, 'lib'), join(fleet, '.git'), join(fleet, 'clusters/a')])
  mkdirSync(folder, { recursive: true })
for (const file of ['clusters/a/ks.yaml', 'README.md']) writeFileSync(join(fleet, file), '')

test('nothing, and a part of the checkout, are the checkout', () => {
  expect(subjectOf(checkout, checkout, [])).toMatchObject({ is: 'checkout', scope: { hasTree: true, hasDocuments: true } })
  expect(subjectOf(checkout, checkout, ['kubernetes'])).toMatchObject({ is: 'checkout', scope: { hasDocuments: false } })
})

test('what is not a part of it is refused, and so is what does not exist', () => {
  expect(() => subjectOf(checkout, checkout, ['lib'])).toThrow('lib is not part of what validate checks')
  expect(() => subjectOf(checkout, checkout, ['../nowhere'])).toThrow('there is no ../nowhere')
})

test('a folder elsewhere is of the repository that it is in, and narrows what is reported', () => {
  const subject = subjectOf(checkout, checkout, ['../fleet/clusters/a'])
  if (subject.is !== 'folder') throw new Error(subject.is)
  expect(subject.root).toBe(fleet)
  expect([subject.covers('clusters/a/ks.yaml'), subject.covers('clusters/ab/ks.yaml')]).toEqual([true, false])
})

test('a URL may name a branch or tag', () => {
  const url = 'https://git.example/fleet.git'
  expect(subjectOf(checkout, checkout, [`${url}#v1`])).toEqual({ is: 'remote', url, ref: 'v1', name: `${url}#v1` })
  expect(subjectOf(checkout, checkout, ['git@git.example:fleet'])).toMatchObject({ is: 'remote', ref: 'HEAD' })
})

test('several repositories at once are refused', () => {
  expect(() => subjectOf(checkout, checkout, ['../fleet', 'https://git.example/x'])).toThrow('these are of several repositories')
})

test('values that only the cluster has are names and values, or objects', async () => {
  const file = join(root, 'values.yaml')
  writeFileSync(file, 'domain: home.example\nport: 8443\n---\nkind: Secret\nmetadata: { name: x }\nstringData: { a: b }\n')
  expect(await readGivenValues(file)).toMatchObject({ variables: { domain: 'home.example', port: '8443' }, objects: [{ kind: 'Secret' }] })
  writeFileSync(file, 'domain: [a, b]\n')
  await expect(readGivenValues(file)).rejects.toThrow(`--values ${file}: domain is not one value`)
  writeFileSync(file, 'kind: Deployment\napiVersion: apps/v1\n')
  await expect(readGivenValues(file)).rejects.toThrow('holds something that is neither values nor a ConfigMap or Secret')
})
