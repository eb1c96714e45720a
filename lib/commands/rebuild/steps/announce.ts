import type { Announcer, Delivery, Silence } from '../../../notify/notifier.ts'
import { hostname, userInfo } from 'node:os'
import { started } from '../../../notify/messages.ts'
import type { Step, StepStatus } from '../../../runner/step.ts'

/** Tells people that a run begins, and keeps still the alerts that it causes. A resumed run does it again. */
export function announceStart(announcer: Announcer, hold: (silence: Silence) => void): Step {
  let announced: StepStatus | undefined
  return {
    id: 'announce',
    title: 'Notify people, and silence the alerts that this causes',
    risk: 'safe',
    check() {
      if (announced !== undefined) return Promise.resolve(announced)
      if (announcer.intent.length > 0) return Promise.resolve({ is: 'todo', change: announcer.intent.join('; '), commands: [] })
      const detail = 'nobody to notify: neither SLACK_WEBHOOK_URL nor ALERTMANAGER_URL is set'
      return Promise.resolve({ is: 'done', isSkipped: true, detail })
    },
    async apply({ id, script, context, memory }) {
      const operator = `${userInfo().username}@${hostname()}`
      const silence = await announcer.silence(memory, `${script} of ${context}, run ${id}`)
      hold(silence)
      const silenced = silence.begun === 'done' ? announcer.silenced : undefined
      const said = await announcer.say(started({ script, context }, { id, operator, silenced }))
      announced = statusOf(said, silence.begun)
    },
  }
}

/** What was sent, and what could not be: a failure is a warning by then, and ends no run. */
function statusOf(said: Delivery, silenced: Delivery): StepStatus {
  const outcomes = [
    ...(said === 'nobody' ? [] : [said === 'done' ? 'posted to the webhook' : 'the webhook did not get it']),
    ...(silenced === 'nobody' ? [] : [silenced === 'done' ? 'alerts are silenced' : 'alerts are not silenced']),
  ]
  const isFailed = said === 'failed' || silenced === 'failed'
  return { is: 'done', detail: outcomes.join('; '), ...(isFailed ? { isSkipped: true } : {}) }
}
