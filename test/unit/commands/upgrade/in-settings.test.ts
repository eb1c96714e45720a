import { expect, test } from 'vitest'
import { isInSettings } from '../../../../lib/commands/upgrade/in-settings.ts'
import { clusterAt } from '../../../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'

const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
const session = { folder: () => '/nowhere', cluster: clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal) }
const remote = { url: 'https://git.example/fleet', ref: 'refs/heads/main', login: { kind: 'none' as const } }

test('the versions of a tree of another layout, as the lab rehearses it, are not in a settings.yaml', async () => {
  const inGit = { folder: 'clusters/prod', path: 'clusters/prod', remote }
  expect(await isInSettings(session, { inGit }, { flux: '2.9.5', operator: undefined })).toBe(false)
})
