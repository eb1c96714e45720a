import type { Changes, Stack } from '../pulumi.ts'
import type { Step } from '../step.ts'

/** Carries out a stack's program. Without a refresh its state would still list what a teardown has removed, and nothing would be made. */
export function pulumiUp(stack: Stack): Step {
  const command = `cd ${stack.folder} && pulumi up --refresh --stack ${stack.name}`
  return {
    id: 'pulumi-up',
    title: `Deploy Flux with Pulumi: stack ${stack.name}`,
    risk: 'change',
    async look() {
      const changes = describeChanges(await stack.preview())
      if (changes === '') return { is: 'done', detail: `pulumi would change nothing in stack ${stack.name}` }
      return { is: 'todo', change: `pulumi up on stack ${stack.name}: ${changes}`, commands: [command] }
    },
    act: (_run, progress) => stack.up(progress),
  }
}

/** `12 to create, 1 to update`; "" where all stays as it is. */
export function describeChanges(changes: Changes): string {
  return Object.entries(changes)
    .filter(([operation, count]) => count > 0 && !['same', 'read', 'refresh'].includes(operation))
    .map(([operation, count]) => `${count} to ${operation}`)
    .join(', ')
}
