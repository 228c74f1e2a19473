/** Checkpoints: whole or not there, and never read for what they are not. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hashTensors, readCheckpoint, writeCheckpoint, type CheckpointState } from '../../src/engine/checkpoint.ts'

let folder = ''
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'runner-checkpoints-')), 'checkpoints')
})
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }))

const tensors = new Map([
  ['dense_1/kernel', Float32Array.of(1.5, -2, 1e-30, 3)],
  ['dense_1/bias', Float32Array.of()],
  ['metrics/loss', Float32Array.of(0.25)],
])

function stateOf(epoch: number): CheckpointState {
  return { version: 1, epoch, step: epoch * 7, best: { epoch: 1, value: 0.8 }, patience: null }
}

function writeEpochs(count: number, best: number): void {
  for (let epoch = 1; epoch <= count; epoch++) writeCheckpoint(folder, epoch, tensors, stateOf(epoch), epoch === best)
}

it('gives back what was written, by number and by pointer', async () => {
  writeEpochs(2, 1)
  expect(await readCheckpoint(folder, 'last')).toEqual({ state: stateOf(2), tensors })
  expect(await readCheckpoint(folder, 'best')).toEqual({ state: stateOf(1), tensors })
  expect(await readCheckpoint(folder, 1)).toEqual({ state: stateOf(1), tensors })
})

it('keeps the two newest and the best, and nothing half-written', async () => {
  writeEpochs(6, 2)
  expect((await readdir(folder)).sort()).toEqual(['000002', '000005', '000006', 'best', 'last'])
  expect(await readFile(join(folder, 'last'), 'utf8')).toBe('000006\n')
  expect(await readFile(join(folder, 'best'), 'utf8')).toBe('000002\n')
})

it('leaves the last one standing when the next was cut off while it was written, and can write it again', async () => {
  writeEpochs(2, 2)
  await mkdir(join(folder, '.000003.partial'))
  await writeFile(join(folder, '.000003.partial', 'tensors.bin'), 'half')
  expect((await readCheckpoint(folder, 'last')).state.epoch).toBe(2)
  writeCheckpoint(folder, 3, tensors, stateOf(3), false)
  expect((await readCheckpoint(folder, 'last')).state.epoch).toBe(3)
  expect(await readdir(folder)).not.toContain('.000003.partial')
})

it.each([
  ['changed', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 2), Buffer.of((bytes[2] ?? 0) ^ 1), bytes.subarray(3)])],
  ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
  ['grown', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0, 0, 0, 0)])],
])('refuses tensors whose bytes were %s', async (_, damage) => {
  writeEpochs(1, 1)
  const path = join(folder, '000001', 'tensors.bin')
  await writeFile(path, damage(await readFile(path)))
  await expect(readCheckpoint(folder, 'last')).rejects.toThrow('checkpoint 000001 is damaged')
})

it('refuses a pointer to what is not there', async () => {
  writeEpochs(1, 1)
  await writeFile(join(folder, 'last'), '000009\n')
  await expect(readCheckpoint(folder, 'last')).rejects.toThrow('000009')
})

it('hashes weights by name, so that order in the file does not matter and a changed bit does', () => {
  const names = ['dense_1/kernel', 'metrics/loss']
  const hash = hashTensors(tensors, names)
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(hashTensors(new Map([...tensors].reverse()), names)).toBe(hash)
  expect(hashTensors(new Map([...tensors, ['metrics/loss', Float32Array.of(0.25000003)]]), names)).not.toBe(hash)
})

it('names the folder that it cannot write to, and is an engine failure of its own', () => {
  writeEpochs(1, 1)
  const inFile = join(folder, 'last', 'checkpoints')
  expect(() => writeCheckpoint(inFile, 1, tensors, stateOf(1), true)).toThrow(
    expect.objectContaining({
      failure: { code: 'checkpoint', message: expect.stringMatching(`could not be written under ${inFile}.*ENOTDIR`) as string },
    }) as Error,
  )
})
