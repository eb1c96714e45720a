import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { packageRoot } from '../../lib/base/paths.ts'
import { readModuleRecipe, type Recipe } from './recipe.ts'

/** The recipe of Pulumi's engine. Only who asks for Pulumi wants it. */
export function readPulumiEngineRecipe(): Promise<Recipe> {
  const module = 'github.com/pulumi/pulumi/pkg/v3'
  return readModuleRecipe('pulumi/engine', (versionOf) => {
    const version = versionOf(module)
    return {
      name: 'pulumi-engine',
      title: "Pulumi's engine (about 120 MB)",
      usually: 'some six minutes, once',
      programs: [
        {
          name: 'pulumi',
          package: `${module}/cmd/pulumi`,
          version,
          variables: { 'github.com/pulumi/pulumi/sdk/v3/go/common/version.Version': version },
        },
      ],
    }
  })
}

/**
 * The recipe of Pulumi's provider for Kubernetes. Its newest releases are not Go modules: what is built is a commit of January 2026, which says
 * that it is the version that the SDK in pulumi/ asks for, because the engine starts no other.
 */
export async function readPulumiProviderRecipe(): Promise<Recipe> {
  const module = 'github.com/pulumi/pulumi-kubernetes/provider/v4'
  const sdkVersion = await readSdkVersion()
  return readModuleRecipe('pulumi/provider', (versionOf) => ({
    name: 'pulumi-provider',
    title: "Pulumi's provider for Kubernetes (about 160 MB)",
    usually: 'some fifteen minutes, once',
    files: ['go.mod', 'go.sum', 'main.go'],
    programs: [
      {
        name: 'pulumi-resource-kubernetes',
        package: 'flux-runbook.lab/pulumi-kubernetes',
        version: versionOf(module),
        variables: { 'main.version': sdkVersion },
      },
    ],
    embedded: [{ module, folder: 'cmd/pulumi-resource-kubernetes', to: '../upstream' }],
  }))
}

const packageSchema = v.pipe(v.string(), v.parseJson(), v.object({ dependencies: v.object({ '@pulumi/kubernetes': v.string() }) }))

/** The version of the provider that the programs of pulumi/ ask for. */
export async function readSdkVersion(): Promise<string> {
  const { dependencies } = v.parse(packageSchema, await readFile(join(packageRoot, 'pulumi', 'package.json'), 'utf8'))
  return dependencies['@pulumi/kubernetes']
}
