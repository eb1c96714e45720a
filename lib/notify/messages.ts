import { showDuration } from '../base/duration.ts'

/** What a message is about: `rebuild` of `infra`. */
export interface MessageSubject {
  readonly script: string
  readonly context: string
}

const about = ({ script, context }: MessageSubject): string => `${script} of ${context}`

/** That a run begins: who runs it, its name, and which alerts keep still meanwhile. */
export function started(subject: MessageSubject, run: { id: string; operator: string; silenced: string | undefined }): string {
  const quiet = run.silenced === undefined ? '' : ` Alerts with ${run.silenced} are silenced until it ends or dies.`
  return `► ${about(subject)} has started, by ${run.operator} (run ${run.id}).${quiet}`
}

/** That something worth knowing has been reached. */
export function reached(subject: MessageSubject, milestone: string, milliseconds: number): string {
  return `◎ ${about(subject)}, after ${showDuration(milliseconds)}: ${milestone}`
}

/** How a run ended; and what is to be done next where it failed. */
export function ended(
  subject: MessageSubject,
  outcome: string,
  milliseconds: number,
  failure?: { readonly message: string; readonly remedy?: string | undefined },
): string {
  const sign = failure === undefined ? '✔' : outcome === 'failed' ? '✗' : '⚠'
  const why = failure === undefined ? '' : `: ${failure.message}`
  const next = failure?.remedy === undefined ? '' : `\n→ ${failure.remedy}`
  return `${sign} ${about(subject)} ended ${outcome} after ${showDuration(milliseconds)}${why}${next}`
}

/** A text in the form of Slack's incoming webhooks, which Mattermost, Rocket.Chat and others take too. `<!here>` in it calls nobody. */
export function webhookBody(text: string): string {
  return JSON.stringify({ text: text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') })
}
