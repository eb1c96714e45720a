import type { Step, StepContext } from '../../../runner/step.ts'
import type { Stack } from '../../bootstrap/pulumi-stack.ts'
import { versionKey } from '../stack/charts.ts'

/**
 * Sets the chart's version in a stack's configuration, which `pulumi up` takes it from.
 * @param before what must be done, or must hold, first
 */
export function ensureChartVersion(stack: Stack, version: string, before?: (run: StepContext) => Promise<void>): Step {
  return {
    id: 'chart-version',
    title: `Set the chart's version of the stack ${stack.name} to ${version}`,
    risk: 'change',
    async check() {
      const now = (await stack.readConfig())[versionKey]?.value ?? 'not set'
      if (now === version) return { is: 'done', detail: `${versionKey} is ${version}` }
      return {
        is: 'todo',
        change: `${versionKey}: ${now} → ${version}`,
        commands: [stack.typed(`config set ${versionKey} ${version}`)],
      }
    },
    async apply(run) {
      await before?.(run)
      await stack.setConfig(versionKey, version)
    },
  }
}
