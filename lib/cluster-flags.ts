import type { Flags } from './flags.ts'

/** The flags of every script that touches a cluster. */
export const clusterFlags = {
  context: { type: 'string', value: 'NAME', help: 'the kubeconfig context; mandatory unless --lab' },
  cluster: { type: 'string', value: 'NAME', help: 'the folder below kubernetes/clusters, if it is not named as the context' },
  lab: { type: 'boolean', help: 'use the lab on this machine, starting it if need be (lab-infra, or --context lab-apps)' },
  kubeconfig: { type: 'string', value: 'FILE', help: 'the kubeconfig; else KUBECONFIG, else the usual place' },
  yes: { type: 'boolean', help: 'consent to every step that changes; not to those that destroy' },
  destroy: { type: 'string', value: 'NAME', help: 'consent to the steps that destroy, on the context of this name' },
  'dry-run': { type: 'boolean', help: 'print the plan and change nothing' },
  resume: { type: 'string', value: 'RUN', help: 'go on with an interrupted run, the last one if none is named', optional: true },
  fresh: { type: 'boolean', help: 'start anew, although a run was interrupted' },
  json: { type: 'boolean', help: 'the result on stdout as one JSON document' },
  timeout: { type: 'string', value: '10m', help: 'the longest any one wait may take', format: 'duration' },
  verbose: { type: 'boolean', help: 'tell more, stacks of errors too' },
  help: { type: 'boolean', help: 'show this' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags
