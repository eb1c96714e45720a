import { findExecutables } from '../lab/build/executables.ts'
import { readDefaultRecipe } from '../lab/build/recipe.ts'
import { isInstalled } from '../lib/command.ts'
import { createConsole } from '../lib/console.ts'
import { childEnvironment } from '../lib/environment.ts'
import { exitCodes, OperatorError } from '../lib/errors.ts'
import { type Flags, parseFlags } from '../lib/flags.ts'
import { showHelp, showVersion } from '../lib/help.ts'
import { newRunId } from '../lib/record.ts'
import { argumentsOf, main } from '../lib/script.ts'
import { projectRoot } from '../lib/settings.ts'
import { showFinding } from '../lib/validate/finding.ts'
import { scopeOf } from '../lib/validate/paths.ts'
import { type Means, validate } from '../lib/validate/validate.ts'

const flags = {
  json: { type: 'boolean', help: 'the findings on stdout as one JSON document' },
  verbose: { type: 'boolean', help: 'tell more, stacks of errors too' },
  help: { type: 'boolean', help: 'show this' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags

/** kubectl and flux from PATH, else the lab's own, which also has the CRDs; nothing is built for it. */
async function findMeans(): Promise<Means> {
  const [lab, { operatorVersion }] = await Promise.all([findExecutables(), readDefaultRecipe()])
  const find = async (program: 'kubectl' | 'flux'): Promise<string | undefined> =>
    (await isInstalled(program, childEnvironment())) ? program : lab?.[program]
  const [kubectl, flux] = await Promise.all([find('kubectl'), find('flux')])
  if (kubectl === undefined) {
    const remedy = 'install kubectl (kubernetes.io/docs/tasks/tools), or: npx zx scripts/lab.ts build'
    throw new OperatorError('nothing was checked: kubectl, which builds the tree, is not on PATH', { kind: 'blocked', remedy })
  }
  const release = lab === undefined ? undefined : { folder: lab.operatorConfig, version: operatorVersion }
  return { kubectl, flux, release, charts: { folder: `${projectRoot}/lab/charts`, version: operatorVersion } }
}

await main(async () => {
  const started = new Date()
  const { values, words } = parseFlags('validate', flags, argumentsOf('validate'), Infinity)
  const summary = 'Checks everything that can be known without a cluster about kubernetes/ and docs/. Paths after the flags narrow it.'
  if (values.help === true) return showHelp('validate', summary, flags)
  if (values.version === true) return showVersion()
  const console = createConsole({ clean: (text) => text })
  const scope = scopeOf(projectRoot, process.cwd(), words)
  const { findings, notChecked, checked } = await validate(projectRoot, scope, findMeans)
  const exitCode = findings.length === 0 ? exitCodes.done : exitCodes.failed
  for (const what of notChecked) console.warning(`not checked: ${what}`)
  const seconds = `${((Date.now() - started.getTime()) / 1000).toFixed(1)}s`
  if (findings.length === 0) console.success(`nothing to mend in ${checked} (${seconds})`)
  else console.failure(`${findings.length === 1 ? 'one mistake' : `${findings.length} mistakes`} in ${checked} (${seconds})`)
  if (values.json !== true) process.stdout.write(findings.map((finding) => `${showFinding(finding)}\n`).join(''))
  else {
    const outcome = findings.length === 0 ? 'done' : 'failed'
    const document = {
      schemaVersion: 1,
      script: 'validate',
      context: '', // no cluster
      runId: newRunId('validate', started),
      startedAt: started.toISOString(),
      finishedAt: new Date().toISOString(),
      outcome,
      exitCode,
      findings,
      notChecked,
    }
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`)
  }
  return exitCode
})
