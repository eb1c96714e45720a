/** A kubeconfig that checks the servers' certificates. The first context is the current one. */
export function kubeconfigOf(contexts: readonly { context: string; server: string; ca: string; token: string }[]): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': contexts[0]?.context ?? '',
    clusters: contexts.map(({ context, server, ca }) => ({
      name: context,
      cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
    })),
    users: contexts.map(({ context, token }) => ({ name: context, user: { token } })),
    contexts: contexts.map(({ context }) => ({ name: context, context: { cluster: context, user: context } })),
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}
