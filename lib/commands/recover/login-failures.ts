import { fluxKinds } from '../../flux/kinds.ts'
import { nameOf, type Ref } from '../../kubernetes/objects.ts'
import type { Evidence } from './evidence.ts'
import type { FailureMode } from './failures.ts'
import type { Remedy } from './layers.ts'
import type { Remedies } from './remedies.ts'
import { ensureFetching } from './steps/fetching.ts'
import { troubles } from './stuck-releases.ts'

/** What keeps Flux from logging in where it fetches from. */
export const loginFailures: readonly FailureMode[] = [
  {
    id: 'git-credentials-gone',
    title: "Flux's login for Git gone",
    recognise: ({ probed, objects, installation }) => {
      const secrets = objects.get(sourceOf(installation))?.secrets.map(({ ref }) => `Secret ${ref.namespace}/${ref.name}`) ?? []
      const missing = troubles(probed, 'secrets').find(({ object }) => secrets.includes(object))
      return missing === undefined ? undefined : `${missing.object} ${missing.reason}`
    },
    remedy: gitLogin,
  },
  {
    id: 'git-host-key',
    title: "The Git server's host key is not the one that Flux knows",
    recognise: (evidence) => reasonOfSource(evidence, (reason) => hostKey.test(reason)),
    remedy: gitLogin,
  },
  {
    id: 'git-credentials-wrong',
    title: "Flux's login for Git wrong",
    recognise(evidence) {
      // Hosts that keep their list of repositories private answer a revoked token so.
      const hasLogin = (evidence.objects.get(sourceOf(evidence.installation))?.secrets.length ?? 0) > 0
      return reasonOfSource(evidence, (reason) => !hostKey.test(reason) && (refused.test(reason) || (hasLogin && hidden.test(reason))))
    },
    remedy: gitLogin,
  },
]

async function gitLogin(remedies: Remedies): Promise<Remedy> {
  return { logins: await remedies.gitLogin(), fetch: [ensureFetching(sourceRef(remedies.evidence))] }
}

/** What Flux follows; the operator makes the one of the usual name, where it is gone. */
function sourceRef({ installation: { follows }, namespace }: Evidence): Ref & { readonly namespace: string } {
  return follows?.source ?? { ...fluxKinds.gitRepository, namespace, name: namespace }
}

/** What git servers, and Flux of them, say to a login that they do not take. */
const refused =
  /authentication required|authorization failed|invalid (auth|credentials)|unable to authenticate|unauthorized|permission denied|\b40[13]\b|handshake failed|no key found|failed to parse CA certificate/i

/** What ssh says to a server whose key it does not know, or knows as another's (golang.org/x/crypto/ssh/knownhosts). */
const hostKey = /knownhosts|host key/i

const hidden = /repository not found|\b404\b/i

/** Why Flux cannot fetch what it follows, if it is for such a reason. */
function reasonOfSource({ probed, installation }: Evidence, isSuch: (reason: string) => boolean): string | undefined {
  return troubles(probed, 'sources').find(({ object, reason }) => object === sourceOf(installation) && isSuch(reason))?.reason
}

function sourceOf({ follows }: Evidence['installation']): string {
  return follows === undefined ? '' : nameOf(follows.source)
}
