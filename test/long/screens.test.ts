import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapInfra, startLab, type TestLab, untilRunning } from '../lab/harness.ts'
import { personAt, type Person } from '../lab/person.ts'
import { keys } from '../lab/terminal.ts'

// What a person sees in a terminal of 80 columns, with Ctrl-C at each prompt; and every command on those screens, pasted.
let lab: TestLab
let person: Person

beforeAll(async () => {
  lab = await startLab(['infra'], { olderFlux: ['2.9.4'], start: { name: 'bootstrapped', make: bootstrapInfra } })
  person = personAt(lab)
})
afterAll(async () => {
  person.leaves()
  await lab.close()
})

const see = (line: string, code: number): Promise<string> => person.reads(person.types(line), code)

/** Goes on with a run step by step, each time to the next prompt and Ctrl-C there, to its end. */
async function stopAtEach(line: string): Promise<void> {
  await person.stopsAfter(line, 0)
  for (let resumed = ''; (await person.stopsAfter(line + resumed, 1)) !== undefined;) resumed = ' --resume'
}

async function reset(): Promise<void> {
  await lab.reset('bootstrapped-infra')
  await untilRunning(lab)
}

test('bootstrap', async () => {
  await lab.reset('empty-infra')
  await stopAtEach('bootstrap.ts --lab')
  await see('bootstrap.ts --lab --dry-run', 0)
})

test('health-check and recover', async () => {
  await reset()
  await see('health-check.ts --lab', 0)
  await lab.kubectl('--namespace=flux-system', 'delete', 'deployments', '--all')
  expect(await see('health-check.ts --lab', 1)).toMatch(/\n✗ lab-infra is not healthy[^]*\n {2}→ /)
  await stopAtEach('recover.ts --lab')
  await see('health-check.ts --lab', 0)
})

test('upgrade, and back', async () => {
  await reset()
  for (const call of ['rollback.ts --lab --to 2.9.4', 'upgrade.ts --lab --to 2.9.5']) {
    for (const steps of [0, 2]) await person.stopsAfter(call, steps)
    await see(`${call} --yes`, 0)
  }
})

test('rebuild', async () => {
  await reset()
  const asked = "type the context's name, lab-infra:"
  for (const [typed, code] of [
    [keys.ctrlC, 130],
    [keys.enter, 2],
    [`infra${keys.enter}`, 2],
  ] as const) {
    const session = person.types('rebuild.ts --lab')
    await session.said(asked)
    session.press(typed)
    await person.reads(session, code)
  }
  const session = person.types('rebuild.ts --lab')
  await session.said(asked)
  session.press(`lab-infra${keys.enter}`)
  for (const key of [keys.enter, keys.enter, keys.enter, keys.ctrlC]) {
    await session.said(/► Step \d+\//)
    await session.said('What now?')
    session.press(key)
  }
  expect(await person.reads(session, 130)).toContain('✗ stopped; everything is as it was')
  await see('rebuild.ts --lab --yes --destroy=lab-infra', 0)
})
