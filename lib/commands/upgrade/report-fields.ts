import type { RunState } from '../../runner/run-state.ts'
import type { DocumentFields } from '../../runner/report.ts'
import { commitOf, readUpgradeState, type UpgradeState } from './state.ts'

/** What the document and the report say of an upgrade or a rollback. */
export function reportUpgrade(memory: RunState, notes: UpgradeState): DocumentFields {
  const { pauses = {} } = readUpgradeState(memory) ?? {}
  const evidence = reportEvidence(memory)
  const measured = new Map(Object.entries(pauses))
  const images = new Map(Object.entries(notes.newImages))
  const controllers = Object.entries(notes.images).map(([name, from]) => {
    const pauseMs = measured.get(name)
    return { name, from, to: images.get(name) ?? 'unknown', pauseMs: pauseMs ?? null }
  })
  const lines = controllers.map(({ name, from, to, pauseMs }) => {
    const pause = pauseMs === null ? 'its downtime was not measured' : `unavailable for ${(pauseMs / 1000).toFixed(1)} s`
    return `- ${name} ${from} → ${to}: ${pause}`
  })
  const { from, to, chart } = notes
  const commit = commitOf(memory)
  const versions = [
    `- Flux ${from.flux} → ${to.flux}`,
    ...(from.operator === to.operator ? [] : [`- flux-operator ${from.operator} → ${to.operator}`]),
    ...(chart === undefined ? [] : [`- chart ${chart.from} → ${chart.to}, in the configuration of the Pulumi stack`]),
    ...(commit === '' ? [] : [`- in Git: commit ${commit}`]),
  ]
  return {
    fields: { from: from.flux, to: to.flux, controllers, ...evidence.fields },
    sections: [{ title: 'Versions', lines: versions }, { title: 'Controllers', lines }, ...evidence.sections],
  }
}

/** The file with what a rollback has removed; nothing where there was none. */
export function reportEvidence(memory: RunState): Required<DocumentFields> {
  const { evidence = '' } = readUpgradeState(memory) ?? {}
  if (evidence === '') return { fields: {}, sections: [] }
  return { fields: { evidence }, sections: [{ title: 'Evidence', lines: [`What the rollback removed, as it was before: ${evidence}`] }] }
}
