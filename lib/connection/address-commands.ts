import type { Target } from './target.ts'
import { printable } from '../base/shell-line.ts'

type Place = Pick<Target, 'context' | 'kubectl' | 'kubeconfig' | 'tools' | 'isLab'>

/** A program that is called, and not only spoken of: a flag follows, or one of its verbs. */
const calls = {
  kubectl:
    /(?<![\w./-]|lab\.ts |flux-runbook lab )kubectl (?=--?\w|(?:annotate|api-resources|apply|auth|create|delete|describe|edit|events|exec|get|label|logs|patch|replace|rollout|scale|set|version|wait)\b)/g,
  flux: /(?<![\w./-])flux (?=(?:--namespace \S+ )?(?:check|create|delete|events|export|get|install|logs|migrate|reconcile|resume|suspend|trace|tree|uninstall|version)\b)/g,
  helm: /(?<![\w./-])helm (?=(?:get|history|list|rollback|status|template|uninstall)\b)/g,
} as const

/** That the call already names a cluster, as the health probes' do. */
const named = /^(?:--context|--kube-context|--kubeconfig)\b/

/**
 * A command line, or the advice that ends in one, with the cluster named in every call of kubectl, flux and helm: pasted, it goes to the
 * cluster of the run, whatever context the kubeconfig is at; in the lab it goes to the lab.
 */
export function addressed(text: string, { context, kubectl, kubeconfig, tools, isLab }: Place): string {
  const file = kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]
  const words = {
    kubectl,
    flux: printable([isLab ? (tools.flux ?? 'flux') : 'flux', ...file, '--context', context]),
    helm: printable([isLab ? tools.helm : 'helm', ...file, '--kube-context', context]),
  }
  const once = (name: keyof typeof calls, line: string): string =>
    line.replaceAll(calls[name], (call, at: number) => (named.test(line.slice(at + call.length)) ? call : `${words[name]} `))
  return once('helm', once('flux', once('kubectl', text)))
}

/** A text of several lines, with what `show` makes of those that are advice, behind an arrow. */
export function inAdvice(text: string, show: (advice: string) => string): string {
  return text
    .split('\n')
    .map((line) => (/^\s*→ /.test(line) ? show(line) : line))
    .join('\n')
}
