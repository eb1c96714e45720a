import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { packageRoot } from '../../lib/base/paths.ts'
import { type Recipe, requiredVersion, requirements } from './recipe.ts'

/** The recipe of Pulumi's engine. Only who asks for Pulumi wants it. */
export async function readPulumiEngineRecipe(): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', 'pulumi', 'engine')
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  const module = 'github.com/pulumi/pulumi/pkg/v3'
  const version = requiredVersion(goMod, module)
  return {
    name: 'pulumi-engine',
    title: "Pulumi's engine (about 120 MB)",
    usually: 'some six minutes, once',
    folder,
    files: ['go.mod', 'go.sum'],
    modules: requirements(goMod),
    programs: [
      {
        name: 'pulumi',
        package: `${module}/cmd/pulumi`,
        version,
        variables: { 'github.com/pulumi/pulumi/sdk/v3/go/common/version.Version': version },
      },
    ],
    embedded: [],
    beside: [],
  }
}

/**
 * The recipe of Pulumi's provider for Kubernetes. Its newest releases are no Go module: what is built is a commit of January 2026, which says
 * that it is the version that the SDK in pulumi/ asks for, because the engine starts no other.
 */
export async function readPulumiProviderRecipe(): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', 'pulumi', 'provider')
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  const module = 'github.com/pulumi/pulumi-kubernetes/provider/v4'
  const name = 'flux-runbook.lab/pulumi-kubernetes'
  return {
    name: 'pulumi-provider',
    title: "Pulumi's provider for Kubernetes (about 160 MB)",
    usually: 'some fifteen minutes, once',
    folder,
    files: ['go.mod', 'go.sum', 'main.go'],
    modules: requirements(goMod),
    programs: [
      {
        name: 'pulumi-resource-kubernetes',
        package: name,
        version: requiredVersion(goMod, module),
        variables: { 'main.version': await readSdkVersion() },
      },
    ],
    embedded: [{ module, folder: 'cmd/pulumi-resource-kubernetes', to: '../upstream' }],
    beside: [],
  }
}

const packageSchema = v.pipe(v.string(), v.parseJson(), v.object({ dependencies: v.object({ '@pulumi/kubernetes': v.string() }) }))

/** The version of the provider that the programs of pulumi/ ask for. */
export async function readSdkVersion(): Promise<string> {
  const { dependencies } = v.parse(packageSchema, await readFile(join(packageRoot, 'pulumi', 'package.json'), 'utf8'))
  return dependencies['@pulumi/kubernetes']
}
