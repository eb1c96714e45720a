import { dirname } from 'node:path'
import { shellQuote } from '../lib/base/shell-line.ts'
import { labAccess } from './client.ts'
import { done, type LabCommand, print } from './command.ts'
import { layoutOf } from './layout.ts'
import { registryLoginVariables } from './registry-login.ts'
import { pulumiVariables } from './pulumi/tools.ts'

/** `lab env`. */
export const envCommand: LabCommand = {
  summary: 'prints the environment of the lab for your shell: eval "$(npx zx scripts/lab.ts env)"',
  usage: '',
  words: { least: 0, most: 0 },
  flags: {},
  async run() {
    const { kubeconfig, git, registry, bin, helm: chosen, kubectl: chosenKubectl, home } = await labAccess()
    const pulumiHere = pulumiVariables(layoutOf(home))
    const variables = {
      KUBECONFIG: kubeconfig,
      FLUX_LAB_GIT_URL: git.anonymousUrl,
      FLUX_LAB_GIT_PRIVATE_URL: git.url,
      FLUX_LAB_GIT_USERNAME: git.username,
      FLUX_LAB_GIT_PASSWORD_FILE: layoutOf(home).gitPassword,
      FLUX_LAB_REGISTRY: registry,
      ...registryLoginVariables(layoutOf(home)),
      ...pulumiHere?.variables,
    }
    const folders = new Set([dirname(chosen), dirname(chosenKubectl), bin, ...(pulumiHere === undefined ? [] : [pulumiHere.bin])])
    const path = [...folders].map((folder) => `${shellQuote(folder)}:`).join('')
    print([...Object.entries(variables).map(([name, value]) => `export ${name}=${shellQuote(value)}`), `export PATH=${path}"$PATH"`])
    return done
  },
}
