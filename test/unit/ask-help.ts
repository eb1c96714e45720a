import type { TestProject } from 'vitest/node'
import { readHelpPages } from '../own-calls.ts'

/** What the scripts say of their flags, asked once for all tests. */
export default async function askHelp(project: TestProject): Promise<void> {
  project.provide('helpPages', await readHelpPages())
}
