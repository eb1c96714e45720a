import type { RegistryLogin } from '../tools/registry-login.ts'
import { findArtifact, parseArtifact } from '../tools/registry.ts'
import type { Tree } from '../desired-state/tree.ts'
import type { Chart } from '../desired-state/chart.ts'
import { blocks, type Finding, notice } from './preflight.ts'

type DistributionSettings = Pick<Tree, 'distribution' | 'cluster' | 'isOther'> & { readonly operator: Pick<Chart, 'url'> }

/** Whether the artifact with Flux' manifests is where Git says. An empty one means those in the operator's image: nothing to look for. */
export async function checkDistribution(
  { distribution, operator, cluster, isOther }: DistributionSettings,
  login: RegistryLogin,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { artifact: url, artifactPullSecret } = distribution
  if (url === '') return []
  const settings =
    isOther === true ? `distribution.artifact of the FluxInstance` : `distribution_artifact in kubernetes/clusters/${cluster}/settings.yaml`
  const artifact = parseArtifact(url)
  if (artifact === undefined) return [blocks(`the distribution artifact ${url} is not an oci://HOST/NAME:TAG`, `fix ${settings}, and push`)]
  // The login is shown to nobody but the registries it is meant for.
  const isMeant = artifactPullSecret !== '' || operator.url.startsWith(`oci://${artifact.host}/`)
  switch (await findArtifact(artifact, isMeant ? login : {}, signal)) {
    case 'there':
      return []
    case 'missing':
      return [blocks(`the distribution artifact ${url} does not exist`, `fix ${settings}, and push`)]
    case 'refused':
      return artifactPullSecret === ''
        ? [
            blocks(
              `the registry requires a login for the distribution artifact ${url}, and Git names no Secret with one`,
              isOther === true ? 'set artifactPullSecret beside it, and push' : `set registry_pull_secret beside ${settings}, and push`,
            ),
          ]
        : [
            notice(
              `whether the distribution artifact ${url} exists is not known: the registry requires the login in Secret ${artifactPullSecret}`,
            ),
          ]
  }
}
