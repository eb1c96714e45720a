import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { objectsOfRelease } from '../../../lib/flux/helm-release.ts'
import { namingLines, plainRefIn } from '../../../lib/flux/manifest-head.ts'
import { parseObjects } from '../../../lib/kubernetes/manifest.ts'
import { nameOf, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'

const namesIn = (manifest: string): string[] => {
  const release = gzipSync(JSON.stringify({ name: 'web', namespace: 'apps', manifest })).toString('base64')
  const data = { release: Buffer.from(release).toString('base64') }
  return objectsOfRelease(parseObject({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web' }, data }), 'apps').map(nameOf)
}

/** Documents that say which object they are, each in another way that YAML allows. */
const documents = {
  'the order is another': 'kind: Service\nspec:\n  ports: [{port: 80}]\nmetadata:\n  name: web\n  labels:\n    app: web\napiVersion: v1\n',
  'comments and empty lines stand between':
    '# Source: web/templates/service.yaml\n\napiVersion: v1\n# here\nkind: Service\n\nmetadata:\n# and here\n  name: web\n',
  'a list is not indented': `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
subjects:
- kind: ServiceAccount
  name: other
roleRef:
  kind: ClusterRole
metadata:
  name: web
  finalizers:
  - example.com/one
`,
  'it is one line of JSON': '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}\n',
  'its keys are quoted': '"apiVersion": v1\n"kind": Service\n"metadata":\n  "name": web\n',
  'its metadata is an alias': 'apiVersion: v1\nspec: &named\n  name: web\nkind: Service\nmetadata: *named\n',
  'a text of it looks like another':
    'apiVersion: v1\nkind: ConfigMap\ndata:\n  text: |\n    kind: Secret\n    metadata:\n      name: no\nmetadata:\n  name: web\n',
  'its lines end as on Windows': 'apiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: web\r\n',
  'braces span lines': 'apiVersion: v1\nkind: Service\nmetadata: {\n  name: web\n}\n',
  'its names are quoted': 'apiVersion: "v1"\nkind: Service\nmetadata:\n  name: web\n  namespace: \'shop\'\n',
  'a text continues in the next line': 'apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\n    two\n',
  'a comment stands behind a name': 'apiVersion: v1\nkind: Service\nmetadata:\n  name: web # here\n  namespace: shop\n',
  'its metadata is four spaces in': 'apiVersion: v1\nkind: Service\nmetadata:\n    name: web\n    namespace: shop\n',
  'its metadata holds others of the same names':
    'apiVersion: v1\nkind: Service\nmetadata:\n  annotations:\n    name: no\n    note: |\n      namespace: no\n  finalizers:\n  - name\n  name: web\n',
  'a label spans lines of braces': 'apiVersion: v1\nkind: Service\nmetadata:\n  labels: {app: web,\n    name: no}\n  name: web\n',
  'a key of its metadata is written out': 'apiVersion: v1\nkind: Service\nmetadata:\n  ? namespace\n  : shop\n  name: web\n',
} as const

test.each(Object.entries(documents))("a release's object is found though %s", (_, document) => {
  const [whole] = parseObjects(document)
  if (whole === undefined) throw new Error('the document holds no object')
  expect(namesIn(`---\n${document}`)).toEqual([nameOf({ namespace: 'apps', ...refOf(whole) })])
})

test('what charts write is read without a parser, and nothing that could mean something else', () => {
  const head = (metadata: string): string =>
    namingLines(`# Source: web.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n${metadata}\nspec: {}\n`) ?? ''
  const web = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
  expect(plainRefIn(head('  name: web'))).toEqual(web)
  expect(plainRefIn(head('  name: web\n  namespace: shop\n  labels:\n    app.kubernetes.io/name: web'))).toEqual({
    ...web,
    namespace: 'shop',
  })
  for (const other of [
    '  name: 1e3',
    '  name: null',
    '  name: web\n  namespace:',
    '  name: web\n  name: app',
    '  name: web\n  <<: *base',
    '',
  ])
    expect(plainRefIn(head(other))).toBeUndefined()
})
