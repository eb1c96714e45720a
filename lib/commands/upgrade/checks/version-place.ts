import type { Remote } from '../../../tools/git.ts'
import { isForOther, originOf, whyNoLogin } from '../../../tools/git-login.ts'
import type { VersionPlace } from '../../../desired-state/version-places.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

/** What people should know of a place before its version is changed. */
export function checkPlace(
  { file, line, says, of }: VersionPlace,
  artifact: string,
  { from, to }: { readonly from: { readonly operator: string }; readonly to: { readonly operator: string } },
): Finding[] {
  const isRange = !/^\d+\.\d+\.\d+([-@]|$)/.test(says)
  const stays = of === 'operator' && to.operator !== from.operator && artifact !== ''
  return [
    ...(isRange ? [notice(`${file}:${line} says ${says}, a range: it is pinned to one version`)] : []),
    ...(stays ? [notice(`the distribution artifact stays at ${artifact}`)] : []),
  ]
}

/** Whether there is a login that a commit can be pushed with: a public repository can be read without one. */
export function checkCanPush({ url, login }: Pick<Remote, 'url' | 'login'>): Finding[] {
  const isServer = /^(https|ssh):/.test(originOf(url) ?? '')
  if (!isServer || (login.kind !== 'none' && !isForOther(login, url))) return []
  return [
    blocks(
      `nothing can be pushed to ${url}: ${whyNoLogin(login, url)}`,
      'set GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE, and GIT_ORIGIN (.env.example)',
    ),
  ]
}
