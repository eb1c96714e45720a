import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { shell } from '../process/command.ts'
import { childEnvironment } from '../process/environment.ts'
import { findOutside, refused } from './kustomize-references.ts'

/** Where no proxy can be. */
const nowhere = 'http://127.0.0.1:0'

/**
 * The environment of whatever builds kustomizations. They come from Git, and kustomize fetches what they name with git and over HTTP. A ref
 * such as `file:///x?ref=--upload-pack=COMMAND` has git run the command (seen with kustomize 5.5). git may use no protocol at all, so it
 * ends before it runs anything; HTTP goes to a proxy that cannot be there. What is refused in words (kustomize-references.ts) is so also
 * where those words don't know a way.
 */
function sealedEnvironment(): Record<string, string> {
  return childEnvironment({
    GIT_ALLOW_PROTOCOL: 'none',
    ...Object.fromEntries(
      ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].map((name) => [name, nowhere]),
    ),
    NO_PROXY: '',
    no_proxy: '',
  })
}

/**
 * Runs `kubectl kustomize` on a folder that was looked through for what leads out of its repository, which is all that kustomize-controller
 * restricts (fluxcd/pkg kustomize, SecureBuild). Rejects with what kubectl says.
 */
export async function runKustomize(kubectl: string, folder: string, signal?: AbortSignal): Promise<string> {
  return (
    await shell(
      sealedEnvironment(),
      signal === undefined ? {} : { signal },
    )`${kubectl} kustomize --load-restrictor=LoadRestrictionsNone ${folder}`
  ).stdout
}

/** Runs `flux build kustomization` with these flags, in a folder. Rejects with what flux says. */
export async function runFluxBuild(flux: string, name: string, flags: readonly string[], cwd: string): Promise<string> {
  return (await shell(sealedEnvironment(), { cwd })`${flux} build kustomization ${flags} -- ${name}`).stdout
}

/**
 * Builds a folder of a repository.
 * @throws OperatorError `blocked` where it would take something from outside the repository; else rejects with what kubectl says
 */
export async function kustomize(kubectl: string, root: string, folder: string, signal?: AbortSignal): Promise<string> {
  const [first] = await findOutside(root, folder)
  if (first !== undefined) throw refused(first)
  return runKustomize(kubectl, join(root, folder), signal)
}

/**
 * Lays patches over a stream of YAML objects, as `patches` of a kustomization.yaml do. Rejects with what kubectl says of them.
 * @param within where the objects may be written meanwhile: with values of Secrets among them, a folder that goes with the process
 */
export async function patched(
  kubectl: string,
  objects: string,
  patches: readonly unknown[],
  { within = tmpdir(), signal }: { within?: string; signal?: AbortSignal } = {},
): Promise<string> {
  const folder = await mkdtemp(join(within, 'flux-runbook-patched-'))
  try {
    await writeFile(join(folder, 'objects.yaml'), objects)
    await writeFile(join(folder, 'kustomization.yaml'), stringify({ resources: ['objects.yaml'], patches }))
    return await kustomize(kubectl, folder, '.', signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
