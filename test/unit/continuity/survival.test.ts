import { expect, test } from 'vitest'
import type { TrackedObject } from '../../../lib/continuity/fingerprint.ts'
import { compareSurvival } from '../../../lib/continuity/compare.ts'

const tracked = (name: string, more: Partial<TrackedObject> = {}): TrackedObject => ({
  name,
  uid: `${name}-1`,
  generation: 1,
  isOwned: false,
  isPassing: false,
  restarts: 0,
  ...more,
})

test('the same objects, each with the same UID', () => {
  const before = [tracked('Deployment shop/web'), tracked('Service shop/web')]
  expect(compareSurvival(before, [...before, tracked('Deployment shop/new')])).toEqual({
    checked: 2,
    changed: [],
    missing: [],
    reported: [],
  })
})

test('what is gone, and what is there but recreated, is named', () => {
  const before = [tracked('Deployment shop/web'), tracked('PersistentVolumeClaim shop/data')]
  const survival = compareSurvival(before, [tracked('PersistentVolumeClaim shop/data', { uid: 'another' })])
  expect(survival).toMatchObject({ checked: 2, changed: ['PersistentVolumeClaim shop/data'], missing: ['Deployment shop/web'] })
})

test('generations, restarts, Jobs that had ended and objects of others are reported, and are not failures', () => {
  const before = [
    tracked('Deployment shop/web'),
    tracked('Pod shop/web-1', { isOwned: true }),
    tracked('Pod shop/web-2', { isOwned: true }),
    tracked('Job shop/import', { isPassing: true }),
  ]
  const after = [tracked('Deployment shop/web', { generation: 2 }), tracked('Pod shop/web-1', { isOwned: true, restarts: 3 })]
  expect(compareSurvival(before, after)).toEqual({
    checked: 1,
    changed: [],
    missing: [],
    reported: [
      'changed their spec meanwhile: Deployment shop/web',
      'restarted containers meanwhile: Pod shop/web-1',
      'Jobs that had finished, or were due for deletion, are gone: Job shop/import',
      '1 owned objects were replaced by their owners',
    ],
  })
})
