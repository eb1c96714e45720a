import * as v from 'valibot'
import type { PrepareContext } from '../../runner/run-change.ts'
import type { Step } from '../../runner/step.ts'
import { loginFor, whyNoLogin } from '../../tools/git-login.ts'
import { gitSecret } from '../bootstrap/secrets.ts'
import { ensureLogin, loginPlaceOf } from './steps/login.ts'
import type { Restore, restoreFlags } from '../restore/restore.ts'
import type { Evidence } from './evidence.ts'
import { RemedyNeeds } from './remedy-needs.ts'

const sourceSchema = v.object({ spec: v.object({ secretRef: v.optional(v.object({ name: v.string() })) }) })

/** Flux's login for Git where only the cluster says what it follows: from the capture, if one is given, and from the settings. */
export async function loginWithoutTree(
  { session, target, redactor }: PrepareContext<typeof restoreFlags>,
  { installation: { follows } }: Evidence,
  opened: Restore | undefined,
): Promise<readonly Step[]> {
  const source = follows === undefined ? undefined : await session.cluster.get(follows.source)
  const name = source === undefined ? undefined : v.parse(sourceSchema, source).spec.secretRef?.name
  const url = follows?.url ?? ''
  const wanted = { namespace: follows?.source.namespace ?? '', sync: { url, pullSecret: name ?? '' } }
  const secret = name === undefined ? undefined : await gitSecret(loginFor(target.login, url), redactor, wanted)
  if (opened === undefined && secret === undefined) {
    throw new RemedyNeeds(
      `Flux's login for Git must be recreated, and ${whyNoLogin(target.login, url)}`,
      `set GIT_ORIGIN and GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example); or --from a capture that contains Secret ${name ?? 'of the source'}`,
    )
  }
  const place = loginPlaceOf(url, target.login, session.folder)
  return [...(opened?.beforeFlux ?? []), ...(secret === undefined ? [] : [ensureLogin(secret, place, redactor)])]
}
