import type { Announcer } from '../../../notify/notifier.ts'
import { hostname, userInfo } from 'node:os'
import { started } from '../../../notify/messages.ts'
import type { Step } from '../../../runner/step.ts'

/** Tells people that a run begins, and keeps still the alerts that it causes. A resumed run does it again. */
export function announceStart(announcer: Announcer, hold: (silence: { end: () => Promise<void> }) => void): Step {
  let isAnnounced = false
  return {
    id: 'announce',
    title: 'Notify people, and silence the alerts that this causes',
    risk: 'safe',
    check() {
      if (announcer.intent.length === 0)
        return Promise.resolve({ is: 'done', detail: 'nobody to notify: neither SLACK_WEBHOOK_URL nor ALERTMANAGER_URL is set' })
      if (isAnnounced) return Promise.resolve({ is: 'done', detail: 'reported' })
      return Promise.resolve({ is: 'todo', change: announcer.intent.join('; '), commands: [] })
    },
    async apply({ id, script, context, memory }) {
      isAnnounced = true
      const operator = `${userInfo().username}@${hostname()}`
      await announcer.say(started({ script, context }, { id, operator, silenced: announcer.silenced }))
      hold(await announcer.silence(memory, `${script} of ${context}, run ${id}`))
    },
  }
}
