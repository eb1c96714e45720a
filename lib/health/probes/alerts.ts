import * as v from 'valibot'
import { shellQuote } from '../../base/shell-line.ts'
import { beginningOf } from '../../base/outside-text.ts'
import { doesNotApply, foundAmong, type Probe, type Trouble } from '../probe.ts'

const alertsSchema = v.object({
  data: v.object({
    alerts: v.array(
      v.object({
        labels: v.record(v.string(), v.string()),
        annotations: v.optional(v.record(v.string(), v.string()), {}),
        state: v.string(),
        activeAt: v.optional(v.string()),
      }),
    ),
  }),
})

/** The address of a runbook, as one word, and no other text: anyone who may make an alert would say what is to be done next. */
function addressIn(text: string | undefined): string | undefined {
  const address = /^https?:\/\/[^\s\p{Cc}]+$/iu.exec(text ?? '')?.[0]
  return address === undefined ? undefined : shellQuote(address)
}

/** Alerts that always fire, to show that alerting works. */
const always = ['Watchdog', 'InfoInhibitor']

/** Nothing of Flux alerts, where a Prometheus or VictoriaMetrics is configured that would know. */
export const alerts: Probe = {
  id: 'alerts',
  title: 'Alerts',
  async check({ monitoring, namespace, cluster }) {
    if (monitoring === undefined) return doesNotApply('not checked: no PROMETHEUS_URL (.env.example)')
    const { askWeb } = await import('../../tools/http-client.ts') // undici takes longer to load than all other probes together
    const url = new URL('api/v1/alerts', monitoring.endsWith('/') ? monitoring : `${monitoring}/`)
    const { status, body } = await askWeb(url, { signal: cluster.signal, deadline: 10_000 })
    const answer = body.toString()
    if (status !== 200) throw new Error(`${url.href} answers ${status}: ${beginningOf(answer, 200)}`)
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), alertsSchema), answer)
    if (!read.success) throw new Error(`${url.href} does not answer with alerts`)
    const firing = read.output.data.alerts.filter(({ state, labels }) => state === 'firing' && !always.includes(labels.alertname ?? ''))
    const home = await namespace()
    const isFluxs = (labels: Readonly<Record<string, string>>): boolean =>
      /flux|gotk/i.test(labels.alertname ?? '') || labels.namespace === home
    const troubles = firing.map(({ labels, annotations, activeAt }): { isOurs: boolean; trouble: Trouble } => {
      const { alertname = 'an alert without a name', ...others } = labels
      const which = Object.entries(others)
        .map(([name, value]) => `${name}=${value}`)
        .join(', ')
      const reason = `firing: ${annotations.summary ?? annotations.description ?? which}`
      return {
        isOurs: isFluxs(labels),
        trouble: {
          object: `alert ${alertname}`,
          reason,
          ...(activeAt === undefined ? {} : { since: activeAt }),
          next: addressIn(annotations.runbook_url) ?? url.href,
        },
      }
    })
    const of = (ours: boolean): Trouble[] => troubles.filter(({ isOurs }) => isOurs === ours).map(({ trouble }) => trouble)
    return foundAmong(firing.length === 0 ? 'none firing' : `${firing.length} firing`, of(true), of(false))
  },
}
