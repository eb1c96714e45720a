import { inOneLine } from '../../base/outside-text.ts'
import { printable, shellQuote } from '../../base/shell-line.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { kubectlCall, nameOf } from '../../kubernetes/objects.ts'
import type { Trouble } from '../../health/probe.ts'
import type { Evidence } from './evidence.ts'
import type { FailureMode } from './failures.ts'
import type { Remedies } from './remedies.ts'
import { deniedByAdmission } from './denied.ts'
import { RemedyNeeds } from './remedy-needs.ts'
import { troubles } from './stuck-releases.ts'

/*
 * What is lost outside the cluster: recover names it and says what brings it back, and does not touch it. Each is known by the words of git
 * servers, registries and admission, which Flux passes on in the conditions of its objects.
 */

/** One loss outside: by which words it is known, and what is to be done about it. */
interface OutsideProblem {
  readonly id: string
  readonly title: string
  readonly probes: readonly string[]
  readonly words: RegExp
  readonly why: string
  readonly remedy: (trouble: Trouble, evidence: Evidence) => string
}

const kinds: readonly OutsideProblem[] = [
  {
    id: 'git-branch-gone',
    title: 'The branch, or the commit, that Flux follows gone from Git',
    probes: ['sources', 'revision'],
    words:
      /couldn't find remote ref|reference not found|could ?n.t find remote|remote repository is empty|unable to resolve ref '[^']*' to a specific commit|Remote branch .* not found|object not found/i,
    why: 'only Git can restore it; Flux keeps what it has applied',
    remedy: pushAgain,
  },
  {
    id: 'git-certificate',
    title: "Git's certificate expired, or signed by an authority that Flux does not know",
    probes: ['sources', 'revision'],
    words: /x509: |certificate (has expired|signed by unknown authority|verify failed)|tls: failed to verify/i,
    why: 'the server needs a valid certificate, or Flux needs its certificate authority',
    remedy: () =>
      'renew the certificate at the Git server; if the authority is new, add it as ca.crt to the Secret with the login (docs/private-networks.md)',
  },
  {
    id: 'artifact-gone',
    title: 'The pinned chart or artifact gone from the registry',
    probes: ['sources', 'instance'],
    words:
      /manifest unknown|MANIFEST_UNKNOWN|NAME_UNKNOWN|failed to determine artifact digest.{0,200}(not found|404)|(tag|digest|manifest).{0,200}not found/i,
    why: 'only the registry can restore it, or Git can name another version; what runs keeps running',
    remedy: () => 'push the version to the registry again, or name an existing one in settings.yaml (kubernetes/clusters)',
  },
  {
    id: 'admission-refuses',
    title: 'Admission refuses what Flux writes',
    probes: ['instance', 'controllers', 'operator', 'kustomizations', 'helmreleases'],
    words: deniedByAdmission,
    why: 'recover does not remove a policy, because people decided it',
    remedy: ({ reason }) => `exclude Flux's namespace from it, or change Git to what it allows: ${policyIn(reason)}`,
  },
]

/** To where the troubled source fetches from, which need not be what Flux itself follows. */
function pushAgain({ object }: Trouble, { installation: { follows }, objects }: Evidence): string {
  const ref = objects.get(object)?.ref
  if (ref === undefined || ref.kind !== fluxKinds.gitRepository.kind || (follows !== undefined && object === nameOf(follows.source)))
    return `git push ${shellQuote(follows?.url ?? 'URL')} ${shellQuote(`COMMIT:${follows?.ref ?? 'refs/heads/main'}`)}   # COMMIT: what the root Kustomization applied last, from any clone`
  return `git push URL COMMIT:refs/heads/BRANCH   # as in: ${kubectlCall('get', ref, '--output', 'yaml')}`
}

function policyIn(reason: string): string {
  const [, webhook] = /admission webhook "([^"]+)"/.exec(reason) ?? []
  if (webhook !== undefined)
    return `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations   # the webhook ${inOneLine(webhook)}`
  const [, policy] = /ValidatingAdmissionPolicy '([^']+)'/.exec(reason) ?? []
  return policy === undefined
    ? 'kubectl get namespaces --show-labels'
    : printable(['kubectl', 'get', 'validatingadmissionpolicy', policy, '--output', 'yaml'])
}

/** The losses outside, as failure modes. */
export const outside: readonly FailureMode[] = kinds.map(({ id, title, probes, words, why, remedy }) => {
  const find = ({ probed }: Evidence): Trouble | undefined =>
    probes.flatMap((probe) => troubles(probed, probe)).find(({ reason }) => words.test(reason))
  return {
    id,
    title,
    recognise(evidence) {
      const found = find(evidence)
      return found === undefined ? undefined : `${found.object}: ${found.reason}`
    },
    remedy({ evidence }: Remedies) {
      const found = find(evidence)
      throw new RemedyNeeds(why, found === undefined ? '' : remedy(found, evidence))
    },
  }
})
