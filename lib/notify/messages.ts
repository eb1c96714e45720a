import { showDuration } from '../base/duration.ts'
import { inOneLine } from '../base/outside-text.ts'

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
  return `◎ ${about(subject)}, after ${showDuration(milliseconds)}: ${inOneLine(milestone)}`
}

/** How a run ended; and what is to be done next where it failed. A condition's message in it begins no line, which could pass for one of ours. */
export function ended(
  subject: MessageSubject,
  outcome: string,
  milliseconds: number,
  failure?: { readonly message: string; readonly remedy?: string | undefined },
): string {
  const sign = failure === undefined ? '✔' : outcome === 'failed' ? '✗' : '⚠'
  const why = failure === undefined ? '' : `: ${inOneLine(failure.message)}`
  const steps = failure?.remedy?.split('\n').map((line) => `\n→ ${line.trim()}`) ?? []
  return `${sign} ${about(subject)} ended ${outcome} after ${showDuration(milliseconds)}${why}${steps.join('')}`
}

/** A text in the form of Slack's incoming webhooks, which Mattermost, Rocket.Chat and others take too. `<!here>` in it calls nobody, nor does `@all`. */
export function webhookBody(text: string): string {
  const callingNobody = text.replaceAll(/(?<!\w)@(?=\w)/g, '@\u200b')
  return JSON.stringify({ text: callingNobody.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') })
}
