/** How the project's own texts call a script, its name spelled out or put in. */
const call = /npx zx scripts\/([\w-]+|\$\{[^}]*\})\.ts/g

/** The source of a module whose texts call the scripts, with the installed command called in each: `flux-runbook health-check`. */
export function withInstalledCalls(source: string): string {
  return source.replaceAll(call, 'flux-runbook $1')
}
