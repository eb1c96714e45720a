import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { controlSocket, labEnvironment, layoutOf, makeFolders, makeSocketFolder, removeState, socketFolder } from '../../../lab/layout.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layout-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('the sockets of a home with a short path are in it', () => {
  const layout = layoutOf(join(folder, 'lab'))
  makeFolders(layout)
  expect(controlSocket(layout)).toBeUndefined()
  expect(makeSocketFolder(layout)).toBe(join(layout.home, 'sockets'))
  expect(controlSocket(layout)).toBe(join(layout.home, 'sockets', 'control'))
})

test('those of one with a long path are elsewhere, always the same, closed to others, and go with its state', () => {
  const layout = layoutOf(join(folder, 'deep'.repeat(30), 'lab'))
  makeFolders(layout)
  const sockets = makeSocketFolder(layout)
  expect(Buffer.byteLength(join(sockets, 'infra-etcd'))).toBeLessThan(104)
  expect(statSync(sockets).mode & 0o777).toBe(0o700)
  expect([makeSocketFolder(layout), socketFolder(layout)]).toEqual([sockets, sockets])
  removeState(layout)
  expect(existsSync(sockets)).toBe(false)
  expect(socketFolder(layout)).toBeUndefined()
})

test('the home is closed to others, and the logs outlive its state', () => {
  const layout = layoutOf(join(folder, 'lab'))
  makeFolders(layout)
  expect(statSync(layout.home).mode & 0o777).toBe(0o700)
  removeState(layout)
  expect(existsSync(layout.logs)).toBe(true)
  expect(existsSync(layout.clusters)).toBe(false)
})

test('processes of the lab get nothing of the environment but the path to programs', () => {
  expect(Object.keys(labEnvironment(layoutOf(folder))).sort()).toEqual(['HOME', 'PATH', 'TMPDIR'])
})

test("a folder with someone's things in it is not made a home, and nothing in it is removed", () => {
  const layout = layoutOf(folder)
  mkdirSync(join(folder, 'git'))
  expect(() => makeFolders(layout)).toThrow('it holds other things')
  removeState(layout)
  expect(readdirSync(folder)).toEqual(['git'])
})
