import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ReadEntries } from '../../../lab/node/environment.ts'
import { type Mount, mountVolumes, withMounts } from '../../../lab/node/mounts.ts'
import { podOf } from '../node-pod.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flux-runbook-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const objects: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'Secret infra-kubeconfig': { value: 'a kubeconfig' },
  'ConfigMap work': { 'work.json': '{}' },
  'ConfigMap kube-root-ca.crt': { 'ca.crt': 'a certificate' },
}
const read: ReadEntries = (kind, name) => Promise.resolve(objects[`${kind} ${name}`])

/** What a pod with these volumes mounts, by their names below /mnt. */
function mountsOf(volumes: readonly { readonly name: string; readonly [kind: string]: unknown }[]): Promise<Mount[]> {
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/mnt/${name}` }))
  const pod = podOf({ metadata: { namespace: 'ns' }, spec: { containers: [{ name: 'worker', image: 'x', volumeMounts }], volumes } })
  const [container] = pod.spec.containers
  if (container === undefined) throw new Error('the pod has a container')
  return mountVolumes(container, pod, { folder, claims: join(folder, 'claims'), read, token: 'a token' })
}

test('volumes hold what a kubelet would put there', async () => {
  const items = [{ key: 'value', path: 'infra' }]
  const mounts = await mountsOf([
    { name: 'work', configMap: { name: 'work' } },
    {
      name: 'kubeconfigs',
      projected: {
        sources: [
          { secret: { name: 'infra-kubeconfig', items } },
          { secret: { name: 'gone', items, optional: true } },
          { serviceAccountToken: { path: 'token' } },
          { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
        ],
      },
    },
    { name: 'state', persistentVolumeClaim: { claimName: 'runs' } },
  ] as const)
  const at = (path: string): string => mounts.find((mount) => mount.path === path)?.at ?? ''
  expect(readFileSync(join(at('/mnt/work'), 'work.json'), 'utf8')).toBe('{}')
  expect(['infra', 'token', 'namespace'].map((name) => readFileSync(join(at('/mnt/kubeconfigs'), name), 'utf8'))).toEqual([
    'a kubeconfig',
    'a token',
    'ns',
  ])
  expect(at('/mnt/state')).toBe(join(folder, 'claims', 'ns', 'runs'))
})

test('a claim is the same folder for every pod; what else a pod mounts is recreated', async () => {
  const volumes = [
    { name: 'state', persistentVolumeClaim: { claimName: 'runs' } },
    { name: 'work', configMap: { name: 'work' } },
  ]
  for (const { at } of await mountsOf(volumes)) writeFileSync(join(at, 'left'), 'by an earlier pod')
  const [state, work] = (await mountsOf(volumes)).sort((one, other) => one.path.localeCompare(other.path))
  expect(readFileSync(join(state?.at ?? '', 'left'), 'utf8')).toBe('by an earlier pod')
  expect(() => readFileSync(join(work?.at ?? '', 'left'))).toThrow('ENOENT')
})

test.each([
  [{ name: 'a', secret: { secretName: 'gone' } }, 'secret "gone" not found'],
  [
    { name: 'a', secret: { secretName: 'infra-kubeconfig', items: [{ key: 'kubeconfig', path: 'x' }] } },
    'references non-existent secret key: infra-kubeconfig/kubeconfig',
  ],
  [{ name: 'a', hostPath: { path: '/' } }, 'volume "a" is of a kind that the lab\'s node does not know'],
])('what a volume is made of is missing: %o', async (volume, message) => {
  await expect(mountsOf([volume])).rejects.toThrow(message)
})

test.each([
  ['/state', '/pod/claim'],
  ['/state/runs', '/pod/claim/runs'],
  ['--out=/state/x', '--out=/pod/claim/x'],
  ['/statement', '/statement'],
  ['/state/inner/x', '/pod/inner/x'],
])('a path of the container is one of the process: %s', (text, expected) => {
  const mounts = [
    { path: '/state/inner', at: '/pod/inner' },
    { path: '/state', at: '/pod/claim' },
  ]
  expect(withMounts(text, mounts)).toBe(expected)
})
