import { describe, expect, test } from 'vitest'
import { judgeStackSecrets, usualSecrets } from '../../lib/preflight/pulumi-stack.ts'
import { describeChanges } from '../../lib/steps/pulumi-up.ts'

describe('the secrets of a stack', () => {
  const stack = { name: 'infra', folder: '/fleet' }
  const judged = (config: Record<string, boolean>, names = usualSecrets.split(',')): string[] =>
    judgeStackSecrets(stack, Object.fromEntries(Object.entries(config).map(([key, isSecret]) => [key, { isSecret }])), names).map(
      ({ what, remedy }) => `${what} → ${remedy}`,
    )

  test.each([
    ['keys of a group', { 'flux:ssh_private_key': true, 'github:token': true }],
    ['keys of the project', { 'fleet:flux.ssh_private_key': true, 'fleet:github.token': true }],
    ['fields of secret objects', { 'fleet:flux': true, 'fleet:github': true }],
  ])('are found as %s', (_form, config) => {
    expect(judged(config)).toEqual([])
  })

  test('are told where they are missing or in plain text, with the command that sets them', () => {
    expect(judged({ 'flux:ssh_private_key': false })).toEqual([
      'flux:ssh_private_key of the Pulumi stack infra is in plain text → change the secret, then: cd /fleet && pulumi config set --secret flux:ssh_private_key --stack infra <FILE',
      'the Pulumi stack infra has no config github.token, which its Flux needs → cd /fleet && pulumi config set --secret github:token --stack infra <FILE',
    ])
  })

  test('have other names where a person says so', () => {
    expect(judged({ 'git:key': true }, ['git.key'])).toEqual([])
  })
})

test('what a preview would change is told without what stays', () => {
  expect(describeChanges({ create: 12, same: 3, update: 1, delete: 0, read: 2 })).toBe('12 to create, 1 to update')
  expect(describeChanges({ same: 3 })).toBe('')
})
