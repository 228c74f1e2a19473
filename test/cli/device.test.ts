/** The whole command on a device: a real plugin that computes on the CPU. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { foldRun } from '../../src/journal/run-state.ts'
import { makeHome, untracked, type Home } from '../runner.ts'
import { cpuPlugin, skipWord } from '../xla/plugin.ts'
import { endingOf } from './ending.ts'

const experiment = ['experiments/smoke.yaml', ...untracked, '--set', 'training.epochs=60'] as const
const plugin = { RUNNER_PJRT_PLUGIN: cpuPlugin ?? '' }

let home: Home
beforeEach(async () => {
  home = await makeHome()
})
afterEach(() => home.remove())

it('trains, is killed, goes on to the weights of a run that was not, and goes on nowhere else', { timeout: 240_000 }, async ({ skip }) => {
  skip(cpuPlugin === null, skipWord)
  const { exitCode, stderr } = await home.runner(experiment, plugin)
  expect(exitCode, stderr).toBe(0)
  expect(stderr).toMatch(/device +cpu, float32; XLA by pjrt_c_api_cpu_plugin.so\n/)
  const calm = await home.lastRun()
  expect(calm.events.find((event) => event.type === 'engine-started')).toMatchObject({ backend: 'xla', accelerator: { platform: 'cpu' } })

  const child = home.start(experiment, plugin)
  const committed = async (): Promise<number> => {
    const { folder, events } = await home.lastRun()
    return folder.id === calm.folder.id ? 0 : events.filter(({ type }) => type === 'committed').length
  }
  while ((await committed()) < 3) await delay(20)
  child.kill('SIGKILL')
  await child.catch(() => undefined)
  const { folder, events } = await home.lastRun()
  expect(foldRun(events).committed.length).toBeLessThan(60)

  const elsewhere = await home.runner(['resume', folder.id])
  expect(elsewhere.exitCode).not.toBe(0)
  expect(elsewhere.stderr).toContain('what computes is not what it was when the run began: expected cpu by XLA, received CPU by TensorFlow')
  expect((await home.runner(['resume', folder.id], plugin)).exitCode).toBe(0)
  expect(endingOf((await home.lastRun()).events)).toEqual(endingOf(calm.events))
})

it('says that the CPU computes in float32 only: at once where the file asks for the CPU, else where there is no GPU', async () => {
  const precision = ['--set', 'runtime.precision=bfloat16'] as const
  const { exitCode, stderr } = await home.runner([...experiment, ...precision, '--set', 'runtime.device=cpu'])
  expect([exitCode, await home.runs()]).toEqual([1, []])
  expect(stderr).toContain('precision-on-cpu')
  const auto = await home.runner([...experiment, ...precision], { CUDA_VISIBLE_DEVICES: '-1' })
  expect(auto.exitCode).toBe(3)
  expect(auto.stderr).toContain('runtime.precision is bfloat16, and the CPU computes in float32 only; set runtime.precision: float32')
})

it('trains on the CPU where the card has a driver that no plugin knows, and says so; ends where the card is asked for', async () => {
  const folder = join(home.path, 'programs')
  await mkdir(folder)
  await writeFile(join(folder, 'nvidia-smi'), "#!/bin/sh\necho 'Tesla K80, 470.82.01, 3.7'\n", { mode: 0o755 })
  const machine = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, CUDA_VISIBLE_DEVICES: '0' }
  const short = ['experiments/smoke.yaml', ...untracked, '--set', 'training.epochs=1'] as const
  const { exitCode, stderr } = await home.runner(short, machine)
  expect(exitCode, stderr).toBe(0)
  expect(stderr).toMatch(/no GPU +the driver of Tesla K80 is too old to train on it: 470.82.01, 525 or newer is wanted\n/)
  const asked = await home.runner([...short, '--set', 'runtime.device=gpu'], machine)
  expect(asked.exitCode).toBe(3)
  expect(asked.stderr).toContain('driver-too-old')
})
