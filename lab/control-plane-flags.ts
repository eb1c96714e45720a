import type { ClusterKeys } from './cluster-keys.ts'

type ProgramFlags = Readonly<Record<string, string>>

/** etcd on a unix socket, which the file system keeps from other users; nobody needs to log in there. */
export function etcdFlags(cluster: string, data: string, socket: string): ProgramFlags {
  return {
    name: cluster,
    'data-dir': data,
    'unsafe-no-fsync': 'true', // a lab loses nothing but itself when the machine goes down
    'listen-client-urls': `unix://${socket}`,
    'listen-peer-urls': `unix://${socket}-peer`,
    // Nobody ever calls these, but they must look like addresses.
    'advertise-client-urls': 'http://localhost:2379',
    'initial-advertise-peer-urls': 'http://localhost:2380',
    'initial-cluster': `${cluster}=http://localhost:2380`,
    'log-level': 'warn',
  }
}

/** Who wrote what and when, for tests and curious people: `lab logs audit`. Reads, events about objects and the server's own leases are left out. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', users: ['system:apiserver'] },
    { level: 'None', resources: [{ group: '', resources: ['events'] }, { group: 'events.k8s.io' }] },
    { level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
  ],
} as const

/** kube-apiserver on loopback, for anyone who holds a token; roles decide what they may do. */
export function apiserverFlags(
  keys: ClusterKeys,
  etcdSocket: string,
  port: number,
  audit: { readonly policy: string; readonly log: string },
): ProgramFlags {
  return {
    'etcd-servers': `unix://${etcdSocket}`,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'endpoint-reconciler-type': 'none', // the Service kubernetes may not have a loopback address for its endpoint
    'secure-port': String(port),
    'tls-cert-file': keys.certificateFile,
    'tls-private-key-file': keys.keyFile,
    'token-auth-file': keys.tokensFile,
    'anonymous-auth': 'false',
    'authorization-mode': 'RBAC',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-signing-key-file': keys.serviceAccountKeyFile,
    'service-account-key-file': keys.serviceAccountKeyFile,
    'service-cluster-ip-range': '10.96.0.0/16',
    // The lab's node shows the same certificate, and wants to be shown it, when it is asked for logs.
    'kubelet-certificate-authority': keys.certificateFile,
    'kubelet-client-certificate': keys.certificateFile,
    'kubelet-client-key': keys.keyFile,
    'kubelet-preferred-address-types': 'InternalIP',
    'audit-policy-file': audit.policy,
    'audit-log-path': audit.log,
    'audit-log-maxsize': '50',
    'audit-log-maxbackup': '1',
    'allow-privileged': 'true',
    profiling: 'false',
  }
}

/** kube-controller-manager without a port of its own. */
export function controllerManagerFlags(keys: ClusterKeys, kubeconfig: string): ProgramFlags {
  return {
    kubeconfig,
    'service-account-private-key-file': keys.serviceAccountKeyFile,
    'root-ca-file': keys.certificateFile,
    'leader-elect': 'false',
    'secure-port': '0',
    // A lab's node that is away is being restarted; its pods must be there when it is back.
    controllers: '*,-node-lifecycle-controller,-taint-eviction-controller',
    profiling: 'false',
  }
}
