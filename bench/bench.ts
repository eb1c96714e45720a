/**
 * Measures ours against the flux CLI, kubectl, helm and bare scripts, side by side, whole processes, on labs of its own; each part writes its
 * section of docs/performance.md, those of fleets of docs/fleet.md. By the Node that runs it: run it again with another, and both are on the page.
 * Wants a quiet machine.
 *
 *   npm run bench [-- PART …]      start, health, health-most (of 50,000 objects), capture, teardown, bootstrap, fleet, fleet-simulation
 */
import { measureBootstrap } from './bootstrap.ts'
import { measureCaptureAndPlan } from './capture-and-plan.ts'
import { measureFleet } from './fleet.ts'
import { simulateFleets } from './fleet-simulation.ts'
import { measureHealth } from './health.ts'
import { putSection } from './performance-page.ts'
import { measureStarts } from './starts.ts'
import { measureTeardown } from './teardown.ts'
import { buildInstalled } from './ways-to-call.ts'

const [major = ''] = process.versions.node.split('.')
const parts: Readonly<Record<string, () => Promise<void>>> = {
  start: async () => putSection(await measureStarts(major)),
  health: () => measureHealth(major, [100, 1000, 10_000], putSection),
  'health-most': () => measureHealth(major, [50_000], putSection),
  capture: () => measureCaptureAndPlan(major, putSection),
  teardown: async () => putSection(await measureTeardown(major)),
  bootstrap: async () => putSection(await measureBootstrap(major)),
  fleet: async () => putSection(await measureFleet(major), 'fleet.md'),
  'fleet-simulation': async () => putSection(await simulateFleets(), 'fleet.md'),
}

const words = process.argv.slice(2).filter((word) => word in parts)
await buildInstalled()
for (const name of words.length === 0 ? ['start', 'health', 'health-most', 'capture', 'teardown', 'bootstrap'] : words)
  await parts[name]?.()
