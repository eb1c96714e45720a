import { ChildProcess, spawn } from 'node:child_process'
import { $, ProcessOutput, quote, type Shell } from 'zx/core'
import { verifyWhole, write } from './child-process.ts'
import { lastWordsOf } from './program-output.ts'

/**
 * What a process has started, of what `ps` lists: its descendants, and what is left of its session where one between has died. In awk, where
 * `root` is the process and `self` is left out.
 */
const descendants = `{ parent[$1] = $2; session[$1] = $3 } END { for (pid in parent) { at = pid; while (at in parent && at != root) at = parent[at]
if ((at == root || session[pid] == root) && pid != root && pid != self) print pid } }`

/**
 * Stands before every command: a watcher that reads a pipe which only this process holds open. When this process dies, kill -9
 * included, the pipe closes and the watcher ends the command with all its children, those in a process group of their own too, as Pulumi's
 * plugins are. A line on the pipe says that it ended by itself.
 */
const tie = `(trap '' TERM INT HUP
if ! read -r _ <&3; then
  self=$BASHPID
  family=$(ps -A -o pid=,ppid=,sess= | awk -v root=$$ -v self=$self '${descendants}')
  kill -TERM -$$
  for second in 1 2 3; do sleep 1; done
  kill -KILL $family
  kill -KILL -$$
fi) >/dev/null 2>&1 4<&- &
exec 3<&-
set -euo pipefail; `

/** A first-level bash whose stdin is a socket, as Node's pipes are, takes itself for a remote login and runs ~/.bashrc (250 ms, measured). */
const nestedShell = { SHLVL: '1' }

/**
 * zx's `$` with the given environment and nothing else: quiet, and apart from the terminal's process group, so that Ctrl-C reaches only
 * the script, which then ends its children itself. No command outlives the script. Read `.stdout`: zx's `.text()` and `.json()` mix
 * stderr in.
 * @param options.handover what the command may read from descriptor 4, as a password that no argument, variable or file may hold
 */
export function shell(
  env: Record<string, string>,
  options: { cwd?: string; signal?: AbortSignal; input?: string; handover?: string } = {},
): Shell {
  const { handover = '', ...others } = options
  return $({
    env: { ...env, ...nestedShell },
    quiet: true,
    verbose: false,
    detached: true,
    quote: quoteWhole,
    prefix: tie,
    spawn: withPipes(handover),
    ...others,
  })
}

function quoteWhole(word: string): string {
  verifyWhole(word)
  return quote(word)
}

/** Node's spawn with two descriptors more: 3 for the tie, 4 for what is handed over. */
function withPipes(handover: string): typeof spawn {
  return new Proxy(spawn, {
    apply(target, self, [command, args, options]: [string, readonly string[], object]) {
      const child: unknown = Reflect.apply(target, self, [command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] }])
      if (!(child instanceof ChildProcess)) throw new TypeError('spawn made no child')
      child.stdin?.on('error', () => undefined) // zx writes there what the command is given; one that reads none of it ends the script else
      write(child, 4, handover)
      child.once('exit', () => write(child, 3, 'ended\n'))
      return child
    },
  })
}

/** The last lines that a failed command wrote to stderr (else stdout), without its stack. */
export function complaintOf(thrown: unknown): string {
  if (!(thrown instanceof ProcessOutput)) return thrown instanceof Error ? thrown.message : String(thrown)
  return lastWordsOf(thrown)
}
