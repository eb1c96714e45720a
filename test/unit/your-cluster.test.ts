import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chooseScenarios } from '../../lib/commands/drill/faults/scenarios.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { scriptsWithoutFolder } from '../../lib/connection/target.ts'
import { judgeInstallation } from '../../lib/flux/installation.ts'
import type { FluxThere } from '../../lib/flux/installations.ts'
import { readReinstallation } from '../../lib/flux/reinstall.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { kinds, type KubeObject, parseObject } from '../../lib/kubernetes/objects.ts'

const document = readFileSync(join(projectRoot, 'docs', 'your-cluster.md'), 'utf8')

/** The rows of the table under this heading, cell by cell. */
function rowsUnder(heading: string): string[][] {
  const [, section = ''] = document.split(`\n## ${heading}\n`)
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((row) => row.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')))
}

function controller(
  manager: string,
  more: { annotations?: Record<string, string>; namespace?: string; containers?: string[] } = {},
): KubeObject {
  const { annotations = {}, namespace = 'flux-system', containers = ['manager'] } = more
  return parseObject({
    ...kinds.deployment,
    metadata: { name: 'source-controller', namespace, annotations, managedFields: [{ manager, operation: 'Apply' }] },
    spec: {
      template: { spec: { containers: containers.map((name) => ({ name, image: 'registry.example.com/flux/source-controller:v1.9.5' })) } },
    },
  })
}

const release = { 'meta.helm.sh/release-name': 'flux', 'meta.helm.sh/release-namespace': 'flux-system' }
const instance = parseObject({
  ...fluxKinds.fluxInstance,
  metadata: { name: 'flux', namespace: 'flux-system' },
  spec: { distribution: { version: '2.9.5' } },
})
const clusters: Readonly<Record<string, Partial<FluxThere>>> = {
  operator: { instances: [instance] },
  cli: { controllers: [controller('flux')] },
  helm: { controllers: [controller('helm', { annotations: release })] },
  terraform: { controllers: [controller('Terraform')] },
  pulumi: { controllers: [controller('pulumi-kubernetes')] },
  aio: { controllers: [controller('timoni', { containers: ['source-controller', 'kustomize-controller'] })] },
  several: { controllers: [controller('flux'), controller('flux', { namespace: 'other' })] },
  none: {},
}

/** The row that the code makes for this kind of installation; how it is known is prose. */
async function rowOf(kind: string): Promise<string[]> {
  const there = { instances: [], controllers: [], operators: [], ...clusters[kind] }
  const installation = { ...judgeInstallation({ ...there, crds: [] }), follows: undefined }
  expect(installation.installedBy).toBe(kind)
  const cluster = { get: () => Promise.resolve(undefined), list: () => Promise.resolve([]) }
  const { commands } = await readReinstallation(cluster, installation, there, { context: 'prod', kubeconfig: undefined })
  const environment = {
    isLab: false,
    hasFolder: false,
    isOperators: installation.expectsOperator,
    hasInstaller: installation.expectsOperator || installation.installedBy === 'cli',
  }
  const names = environment.hasInstaller ? chooseScenarios('all', () => '', environment).map(({ name }) => `\`${name}\``) : []
  if (!environment.hasInstaller) expect(() => chooseScenarios('all', () => '', environment)).toThrow('no disaster can be rehearsed')
  const words = commands[0]?.split(' ').slice(0, 2).join(' ')
  return [
    `\`${kind}\``,
    installation.expectsOperator ? 'apply' : 'do not apply',
    words === undefined ? 'none' : `\`${words}\``,
    names.length === 0 ? 'none' : names.join(', '),
  ]
}

test('the kinds of installation, and what each script does with them, are as the code has them', async () => {
  const listed = rowsUnder('What each script does').map(([kind, , ...cells]) => [kind, ...cells])
  expect(listed).toEqual(await Promise.all(Object.keys(clusters).map(rowOf)))
})

test('the scripts that need a folder say so, all others of a cluster do not', () => {
  const listed = rowsUnder('With a folder, and without').map(([script = '', how = '']) => [script.replaceAll('`', ''), how])
  const needing = readdirSync('scripts').filter((file) => readFileSync(join('scripts', file), 'utf8').includes('needsFolder: true'))
  const refused = listed.filter(([, how]) => how?.startsWith('usage error')).map(([script]) => `${script}.ts`)
  expect(refused.sort()).toEqual(needing.sort())
  expect(listed.filter(([, how]) => how?.startsWith('works')).map(([script]) => script)).toEqual([...scriptsWithoutFolder])
})
