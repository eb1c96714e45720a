import { inParallel } from '../../base/parallel.ts'
import { kinds, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import { certificateEnds } from '../../base/certificates.ts'
import { asksAbout, isCertain } from '../../preflight/webhook-rules.ts'
import { namespaceLabels } from '../../preflight/webhooks.ts'
import { type Ending, endingOf, endingsIn, soon } from '../expiry.ts'
import { fluxWrites } from '../flux-writes.ts'
import { type DamageKind, foundAmong, type Probe, type Trouble } from '../probe.ts'
import type { Snapshot } from '../snapshot.ts'

/** Certificates and tokens that Flux uses are valid, and will be for two weeks: webhooks' authorities, and those in Flux's Secrets. */
export const certificates: Probe = {
  id: 'certificates',
  title: 'Certificates and tokens',
  async check(snapshot) {
    const found = [...(await inWebhooks(snapshot)), ...(await inSecrets(snapshot))]
    const fails = found.filter(({ end, matters }) => matters && end <= snapshot.now)
    const near = found.filter(({ end, matters }) => (matters ? end > snapshot.now : true) && end <= snapshot.now + soon)
    const detail =
      fails.length + near.length === 0
        ? found.length === 0
          ? 'none to check'
          : `${found.length} checked, none expires within 14 days`
        : `${fails.length} expired, ${near.length} with a warning, of ${found.length}`
    return foundAmong(
      detail,
      fails.map((one) => troubleOf(one, snapshot.now)),
      near.map((one) => troubleOf(one, snapshot.now)),
    )
  },
}

interface CertificateEnding extends Ending {
  readonly ref: Ref
  /** Why it is checked: what names it, or what it is asked about. */
  readonly by: string
  readonly next: string
  /** Flux does not get on without it. */
  readonly matters: boolean
  readonly damage?: DamageKind
}

/** An API server trusts a webhook by its bundle alone; without one by its own authorities, which are not to be seen from here. */
async function inWebhooks(snapshot: Snapshot): Promise<CertificateEnding[]> {
  const required = await snapshot.webhooks()
  const bundled = required.filter(({ webhook }) => webhook.clientConfig.caBundle !== undefined)
  if (bundled.length === 0) return []
  const own = await fluxWrites(snapshot)
  const labels = await namespaceLabels(snapshot.cluster, own)
  return bundled.flatMap(({ configuration, webhook }) => {
    const text = Buffer.from(webhook.clientConfig.caBundle ?? '', 'base64').toString()
    const isAsked = own.some((object) => asksAbout(webhook, object, labels))
    const matters = isAsked && isCertain(webhook)
    const ref = refOf(configuration)
    const next = `renew it at its issuer; until then every write that the webhook checks fails: ${snapshot.kubectl} get ${ref.kind.toLowerCase()} ${ref.name} --output yaml`
    const unsure = isAsked
      ? 'its matchConditions decide whether it is asked about what Flux writes'
      : 'its rules match nothing that Flux writes'
    const by = matters ? 'its rules match what Flux writes' : unsure
    return endingOf(`the CA bundle of its webhook ${webhook.name}`, certificateEnds(text), true).map((ending) => ({
      ...ending,
      ref,
      by,
      next,
      matters,
      ...(matters ? { damage: 'webhook-expired' as const } : {}),
    }))
  })
}

/** Fields that name a login or certificates; values for builds may hold whatever people want. */
const logins = /: \S*(secretRef|certSecretRef|proxySecretRef|trustedRootSecretRef|pullSecret|imagePullSecret|artifactPullSecret)$/i

/** The Secrets with a login or certificates that Flux's objects name; one that is missing is for another probe to tell. */
async function inSecrets(snapshot: Snapshot): Promise<CertificateEnding[]> {
  const { cluster, kubectl } = snapshot
  const { all } = await snapshot.objects()
  const named = new Map<string, { ref: Ref; by: string }>()
  for (const { ref, by } of all.flatMap(({ secrets }) => secrets)) {
    if (ref.kind === kinds.secret.kind && logins.test(by) && !named.has(nameOf(ref))) named.set(nameOf(ref), { ref, by })
  }
  const found = await inParallel([...named.values()], 16, async ({ ref, by }): Promise<CertificateEnding[]> => {
    const secret = await cluster.get(ref)
    if (secret === undefined) return []
    const next = `${kubectl} --namespace ${ref.namespace} get secret ${ref.name}   # and renew it at its issuer`
    return endingsIn(secret).map((ending) => ({ ...ending, ref, by: `${by} names it`, next, matters: true }))
  })
  return found.flat()
}

function troubleOf({ ref, what, end, by, next, damage }: CertificateEnding, now: number): Trouble {
  const verb = end <= now ? 'expired' : 'ends'
  const about = { object: nameOf(ref), reason: `${what} ${verb} on ${new Date(end).toISOString()}; ${by}`, next }
  return damage === undefined || end > now ? about : { ...about, damage }
}
