/** The engine on a device: real child processes over a real plugin, on the CPU. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stepsOfCall } from '../../src/engine/device-programs.ts'
import { startEngine, type Engine } from '../../src/engine/engine.ts'
import type { TrainingEvent, TrainingJob, TrainingResult } from '../../src/engine/protocol.ts'
import type { Pjrt } from '../../src/setup/pjrt.ts'
import { writeKept } from '../../src/xla/kept-file.ts'
import { smallNetwork } from '../graph/small-training.ts'
import { cpuPlugin, pluginOnCpu, skipWord } from '../xla/plugin.ts'
import { committedOf, epochsOf, finished, makeJob, metricsOf } from './small-job.ts'

const { PATH, HOME } = process.env
const environment = { PATH, HOME, TF_CPP_MIN_LOG_LEVEL: '3', TF_NUM_INTRAOP_THREADS: '2' }

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

interface SmallDevice {
  readonly pjrt: Pjrt
  readonly job: TrainingJob
  readonly folder: string
}

/** What most of these trainings are compiled to, so that it is once. */
let shared = ''
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'runner-programs-'))
})
afterAll(() => rm(shared, { recursive: true, force: true }))

/** A job of enough steps for calls of several; what is compiled is kept in a folder of its own where that is asked about. */
async function smallDevice(changes: Partial<TrainingJob> = {}, kept: 'shared' | 'own' = 'shared'): Promise<SmallDevice> {
  const { job, folder, remove } = await makeJob(changes)
  open.push(remove)
  const { train, ...splits } = job.splits
  const again = Int32Array.from({ length: 300 }, (_, index) => train[index % train.length] ?? 0)
  const pjrt = { ...(await pluginOnCpu()), programs: kept === 'own' ? join(folder, 'programs') : shared }
  return { pjrt, folder, job: { ...job, splits: { ...splits, train: again } } }
}

async function start(pjrt: Pjrt, device: 'auto' | 'gpu' | 'cpu' = 'auto'): Promise<Engine> {
  const engine = await startEngine({ environment: { ...environment, RUNNER_PJRT: JSON.stringify(pjrt) }, device })
  open.unshift(() => engine.stop())
  return engine
}

interface Trained {
  readonly result: TrainingResult
  readonly events: readonly TrainingEvent[]
  readonly probabilities: Float32Array
  /** Whether TensorFlow's library is in the process. */
  readonly hasTensorflow: boolean
}

async function train(pjrt: Pjrt, job: TrainingJob): Promise<Trained> {
  const engine = await start(pjrt)
  const events: TrainingEvent[] = []
  const result = finished(await engine.train(job, (event) => events.push(event)))
  const probabilities = await engine.predict('last', 'test')
  const hasTensorflow = (await readFile(`/proc/${engine.started.pid}/maps`, 'utf8')).includes('libtensorflow')
  return { result, events, probabilities, hasTensorflow }
}

/** In a folder of its own, as of a second run. */
const elsewhere = (job: TrainingJob, name: string): TrainingJob => ({
  ...job,
  checkpoints: `${job.checkpoints}-${name}`,
  executables: `${job.executables}-${name}`,
})

describe('an engine with a device', () => {
  beforeEach(({ skip }) => skip(cpuPlugin === null, skipWord))
  it('says what it runs on', async () => {
    const { pjrt } = await smallDevice()
    const { started } = await start(pjrt)
    expect(started).toMatchObject({ device: 'cpu', backend: 'xla', tensorflow: null, accelerator: { platform: 'cpu', driver: null } })
    expect(started.accelerator).toMatchObject({ plugin: pjrt.name, pluginVersion: pjrt.version })
  })

  it('gives the same bits in two processes, of which the second needs no TensorFlow', async () => {
    const { pjrt, job } = await smallDevice({}, 'own')
    const [first, second] = [await train(pjrt, job), await train(pjrt, elsewhere(job, 'second'))]
    expect([first.hasTensorflow, second.hasTensorflow]).toEqual([true, false])
    expect(metricsOf(first.events)).toHaveLength(3)
    expect(metricsOf(second.events)).toEqual(metricsOf(first.events))
    expect(second.result.weightsHash).toBe(first.result.weightsHash)
    expect(second.probabilities).toEqual(first.probabilities)
    expect(first.result.tensorsAfterLastEpoch).toBe(first.result.tensorsAfterFirstEpoch)
  })

  it('trains as TensorFlow does on the CPU: near in the first epochs, and with the same order, warps and dropout', async () => {
    const { pjrt, job } = await smallDevice()
    const device = await train(pjrt, job)
    const engine = await startEngine({ environment, device: 'cpu' })
    open.unshift(() => engine.stop())
    const events: TrainingEvent[] = []
    await engine.train(elsewhere(job, 'tensorflow'), (event) => events.push(event))
    const losses = (all: readonly TrainingEvent[]): number[] => epochsOf(all).map(({ metrics }) => metrics['train/loss'] ?? NaN)
    const [expected, actual] = [losses(events), losses(device.events)]
    for (const [epoch, loss] of expected.entries()) expect(Math.abs((actual[epoch] ?? NaN) - loss) / loss).toBeLessThan(0.01)
  })

  it('gives the same weights where its images are read ahead', async () => {
    const { pjrt, job } = await smallDevice()
    const [resident, fed] = [await train(pjrt, job), await train(pjrt, elsewhere({ ...job, imageBudget: 0 }, 'fed'))]
    expect(metricsOf(fed.events)).toEqual(metricsOf(resident.events))
    expect(fed.result.weightsHash).toBe(resident.result.weightsHash)
  })

  it('goes on after kill -9 with the weights of a training that nobody disturbed, though what all runs share is gone', async () => {
    const { pjrt, job } = await smallDevice(
      {
        training: { epochs: 60, batchSize: 8, select: null, earlyStopping: null, onNonFinite: 'stop' },
      },
      'own',
    )
    const calm = await train(pjrt, elsewhere(job, 'calm'))
    const engine = await start(pjrt)
    const events: TrainingEvent[] = []
    const killed = engine.train(job, (event) => {
      events.push(event)
      if (event.type === 'committed' && event.epoch === 5) process.kill(engine.started.pid, 'SIGKILL')
    })
    await expect(killed).rejects.toMatchObject({ failure: { code: 'killed' } })
    const epoch = committedOf(events).at(-1)?.epoch ?? 0
    expect(epoch).toBeGreaterThanOrEqual(5)
    expect(epoch).toBeLessThan(60)
    await rm(join(pjrt.programs, 'executables'), { recursive: true })
    const resumed = await train(pjrt, { ...job, resumeAfter: epoch })
    expect(resumed.result.weightsHash).toBe(calm.result.weightsHash)
    expect(metricsOf(resumed.events)).toEqual(metricsOf(calm.events).slice(epoch))
    expect((await readdir(join(pjrt.programs, 'executables'))).sort()).toEqual((await readdir(job.executables)).sort())
  })

  it('takes nothing that was kept and altered since', async () => {
    const { pjrt, job } = await smallDevice({}, 'own')
    const first = await train(pjrt, job)
    for (const folder of [job.executables, join(pjrt.programs, 'executables'), join(pjrt.programs, 'lowered')])
      for (const name of await readdir(folder)) {
        const bytes = await readFile(join(folder, name))
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
        await writeFile(join(folder, name), bytes)
      }
    const second = await train(pjrt, elsewhere(job, 'second'))
    expect(second.hasTensorflow).toBe(true)
    expect(second.result.weightsHash).toBe(first.result.weightsHash)
  })

  it('says where it had to compile anew what a resumed run was trained with', async () => {
    const { pjrt, job } = await smallDevice({}, 'own')
    const whole = await train(pjrt, job)
    const anew = (events: readonly TrainingEvent[]): readonly TrainingEvent[] =>
      events.filter((event) => event.type === 'warning' && event.code === 'compiled-anew')
    expect(anew((await train(pjrt, { ...job, resumeAfter: 2 })).events)).toEqual([])
    for (const folder of [job.executables, join(pjrt.programs, 'executables')]) await rm(folder, { recursive: true })
    const resumed = await train(pjrt, { ...job, resumeAfter: 2 })
    expect(anew(resumed.events)).toHaveLength(1)
    expect(metricsOf(whole.events)).toHaveLength(3)
  })

  it('compiles where a kept file is whole and cannot be loaded', async () => {
    const { pjrt, job } = await smallDevice({}, 'own')
    await train(pjrt, job)
    for (const folder of [job.executables, join(pjrt.programs, 'executables')])
      for (const name of await readdir(folder)) await writeKept(join(folder, name), Buffer.from('no executable'))
    expect((await train(pjrt, elsewhere(job, 'second'))).result.status).toBe('finished')
  })

  it('trains and predicts where nothing can be kept', async () => {
    const { pjrt, job } = await smallDevice()
    // Below a file no folder can be made.
    const nowhere = join(job.pack.path, 'nowhere')
    const { result } = await train({ ...pjrt, programs: nowhere }, { ...job, executables: nowhere })
    const kept = await train(pjrt, elsewhere(job, 'kept'))
    expect(result.weightsHash).toBe(kept.result.weightsHash)
  })

  it('leaves what it was compiled to with every training on one program', async () => {
    const { pjrt, job } = await smallDevice()
    const engine = await start(pjrt)
    await engine.train(job, () => undefined)
    const next = { ...elsewhere(job, 'next'), seed: 8 }
    await engine.train(next, () => undefined)
    expect((await readdir(next.executables)).sort()).toEqual((await readdir(job.executables)).sort())
    expect((await readdir(next.executables)).length).toBeGreaterThan(2)
  })

  it('computes as the experiment says, whatever XLA_FLAGS says', async () => {
    const { pjrt, job, folder } = await smallDevice()
    const plain = await train(pjrt, job)
    const flags = { XLA_FLAGS: '--xla_cpu_enable_fast_math=true --xla_backend_optimization_level=0' }
    const engine = await startEngine({
      environment: { ...environment, ...flags, RUNNER_PJRT: JSON.stringify({ ...pjrt, programs: join(folder, 'programs') }) },
      device: 'auto',
    })
    open.unshift(() => engine.stop())
    const result = finished(await engine.train(elsewhere(job, 'flags'), () => undefined))
    expect(result.weightsHash).toBe(plain.result.weightsHash)
  })

  it('stops in the call in which it is interrupted', async () => {
    const { pjrt, job } = await smallDevice({
      training: { epochs: 4000, batchSize: 8, select: null, earlyStopping: null, onNonFinite: 'stop' },
    })
    const engine = await start(pjrt)
    const events: TrainingEvent[] = []
    const result = await engine.train(job, (event) => {
      events.push(event)
      if (event.type === 'committed') engine.interrupt()
    })
    expect(result).toMatchObject({ status: 'interrupted', epochs: epochsOf(events).length })
  })

  it('gives up with a way out when the loss is no longer a number', async () => {
    const learningRate = { initial: 1e30, warmupEpochs: 0, curve: { kind: 'constant' } } as const
    const { pjrt, job } = await smallDevice({ optimizer: { kind: 'sgd', learningRate, momentum: 0, nesterov: false } })
    const engine = await start(pjrt)
    await expect(engine.train(job, () => undefined)).rejects.toMatchObject({ failure: { code: 'non-finite' } })
  })

  it.each(['tf32', 'bfloat16'] as const)('trains in %s', async (precision) => {
    const { pjrt, job } = await smallDevice({ precision })
    const { result } = await train(pjrt, job)
    expect(result).toMatchObject({ status: 'finished', epochs: 3 })
  })
})

describe('an engine whose plugin finds no device', () => {
  /** A library, and no plugin, in the place of the one that the set-up chooses. */
  const noPlugin = async (): Promise<Pjrt> => ({ ...(await pluginOnCpu()), name: 'cuda13', plugin: '/lib/x86_64-linux-gnu/libc.so.6' })

  it('trains on the CPU where the experiment leaves it the choice, and says why', async ({ skip }) => {
    skip(cpuPlugin === null, skipWord)
    const { started } = await start(await noPlugin())
    expect(started).toMatchObject({ device: 'cpu', backend: 'tensorflow' })
    expect(started.withoutGpu).toContain('GetPjrtApi')
  })

  it('ends where the experiment wants a GPU, in the words of the plugin', async ({ skip }) => {
    skip(cpuPlugin === null, skipWord)
    const failing = start(await noPlugin(), 'gpu')
    await expect(failing).rejects.toMatchObject({ failure: { code: 'no-gpu', message: expect.stringContaining('GetPjrtApi') as string } })
  })

  it('ends where the user named the plugin', async ({ skip }) => {
    skip(cpuPlugin === null, skipWord)
    const failing = start({ ...(await noPlugin()), name: 'libc.so.6' })
    const message = expect.stringContaining('the plugin that RUNNER_PJRT_PLUGIN names finds no device') as string
    await expect(failing).rejects.toMatchObject({ failure: { code: 'no-gpu', message } })
  })

  it('does not compute less exactly than the CPU does', async () => {
    const { job, remove } = await makeJob({ precision: 'bfloat16' })
    open.push(remove)
    const engine = await startEngine({ environment, device: 'cpu' })
    open.unshift(() => engine.stop())
    const failing = engine.train(job, () => undefined)
    await expect(failing).rejects.toMatchObject({ failure: { code: 'no-gpu', message: expect.stringContaining('float32') as string } })
  })
})

it('takes more steps in a call the less there is to compute in each, by the plan alone', () => {
  const network = smallNetwork()
  expect(stepsOfCall({ network, batchSizes: [8] }, 'cuda')).toBe(16)
  const layers = network.layers.map((layer) => ({ ...layer, multiplyAdds: layer.multiplyAdds * 1e6 }))
  expect(stepsOfCall({ network: { ...network, layers }, batchSizes: [8] }, 'cuda')).toBe(1)
})
