/** The engine as its parent sees it: real child processes, and how they end. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { serialize } from 'node:v8'
import { execa } from 'execa'
import { afterEach, describe, expect, it } from 'vitest'
import { EngineError, startEngine, type Engine, type EngineOptions } from '../../src/engine/engine.ts'
import type { TrainingEvent, TrainingInterrupted, TrainingJob, TrainingResult } from '../../src/engine/protocol.ts'
import { projectRoot } from '../runner.ts'
import { committedOf, epochsOf, finished, makeJob, metricsOf } from './small-job.ts'

const { PATH, HOME } = process.env
const environment = { PATH, HOME, TF_CPP_MIN_LOG_LEVEL: '3', TF_NUM_INTRAOP_THREADS: '2' }

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function start(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const engine = await startEngine({ environment, device: 'cpu', ...options })
  open.unshift(() => engine.stop())
  return engine
}

async function jobWith(changes: Partial<TrainingJob>): Promise<TrainingJob> {
  const { job, remove } = await makeJob(changes)
  open.push(remove)
  return job
}

interface Trained {
  readonly result: TrainingResult | TrainingInterrupted
  readonly events: readonly TrainingEvent[]
  readonly probabilities: Float32Array
}

async function trainInChild(changes: Partial<TrainingJob>): Promise<Trained> {
  const engine = await start()
  const events: TrainingEvent[] = []
  const result = await engine.train(await jobWith(changes), (event) => events.push(event))
  const probabilities = await engine.predict('last', 'test')
  return { result, events, probabilities }
}

/** Long enough to be ended from outside, quick enough to end by itself. */
const long = { epochs: 4000, batchSize: 8, select: null, earlyStopping: null, onNonFinite: 'stop' } as const

/** Settles when the training's first epoch is committed. */
function trainUntilCommitted(
  engine: Engine,
  job: TrainingJob,
): { committed: Promise<void>; events: TrainingEvent[]; end: Promise<TrainingResult | TrainingInterrupted> } {
  const events: TrainingEvent[] = []
  let end: Promise<TrainingResult | TrainingInterrupted> = Promise.reject(new Error('not begun'))
  end.catch(() => undefined)
  const committed = new Promise<void>((resolve, reject) => {
    end = engine.train(job, (event) => {
      events.push(event)
      if (event.type === 'committed') resolve()
    })
    end.catch(reject)
  })
  return { committed, events, end }
}

describe('two processes', () => {
  it('end with the same metrics, weights and predictions under one seed, with oneDNN and two threads', async () => {
    const first = await trainInChild({})
    const second = await trainInChild({})
    expect(metricsOf(first.events)).toHaveLength(3)
    expect(metricsOf(second.events)).toEqual(metricsOf(first.events))
    expect(finished(second.result).weightsHash).toBe(finished(first.result).weightsHash)
    expect(second.probabilities).toEqual(first.probabilities)
    expect(first.probabilities).toHaveLength(7 * 2)
  })

  it('end with other metrics and weights under two', async () => {
    const [first, second] = [await trainInChild({}), await trainInChild({ seed: 8 })]
    expect(finished(second.result).weightsHash).not.toBe(finished(first.result).weightsHash)
    expect(metricsOf(second.events)).not.toEqual(metricsOf(first.events))
  })
})

it('says what it runs on', async () => {
  const { started } = await start()
  expect(started).toMatchObject({ type: 'engine-started', device: 'cpu', backend: 'tensorflow', threads: 2, onednn: true })
  expect(started.tensorflow).toMatch(/^2\./)
  expect(started.pid).not.toBe(process.pid)
})

it('stops in the step in which it is interrupted, answers with the committed epochs, and can still predict', async () => {
  const engine = await start()
  const { committed, events, end } = trainUntilCommitted(engine, await jobWith({ training: long }))
  await committed
  engine.interrupt()
  const result = await end
  expect(result.status).toBe('interrupted')
  expect(result.epochs).toBe(epochsOf(events).length)
  expect(result.epochs).toBeLessThan(long.epochs)
  expect(await engine.predict('last', 'validation')).toHaveLength(18 * 2)
})

it('leaves Ctrl-C to its parent', async () => {
  const engine = await start()
  const { committed, end } = trainUntilCommitted(engine, await jobWith({ training: { ...long, epochs: 40 } }))
  await committed
  process.kill(engine.started.pid, 'SIGINT')
  expect((await end).status).toBe('finished')
})

it('tells a kill by somebody from one for want of memory, also to whoever asks later', async () => {
  const engine = await start()
  const { committed, end } = trainUntilCommitted(engine, await jobWith({ training: long }))
  await committed
  process.kill(engine.started.pid, 'SIGKILL')
  const failure = { code: 'killed', message: expect.stringContaining('not for want of memory') as string }
  await expect(end).rejects.toBeInstanceOf(EngineError)
  await expect(end).rejects.toMatchObject({ failure })
  await expect(engine.predict('last', 'test')).rejects.toMatchObject({ failure })
})

it('hands over why a training could not go on', async () => {
  const engine = await start()
  const learningRate = { initial: 1e30, warmupEpochs: 0, curve: { kind: 'constant' } } as const
  const job = await jobWith({ optimizer: { kind: 'sgd', learningRate, momentum: 0, nesterov: false } })
  await expect(engine.train(job, () => undefined)).rejects.toMatchObject({ failure: { code: 'non-finite' } })
})

it('says that checkpoints cannot be written', async () => {
  const engine = await start()
  const job = await jobWith({})
  const failing = engine.train({ ...job, checkpoints: `${job.pack.path}/checkpoints` }, () => undefined)
  await expect(failing).rejects.toMatchObject({ failure: { code: 'checkpoint', message: expect.stringContaining('ENOTDIR') as string } })
})

it('trains on where the disk is full, and writes the checkpoint that waits once there is room', { timeout: 60_000 }, async () => {
  const some = { ...long, epochs: 40, select: { metric: 'val/loss', goal: 'minimize' } } as const
  const calm = await trainInChild({ training: some })
  const engine = await start()
  // Of a process whose files may not grow beyond this, every write is one to a full disk.
  const allowFiles = (bytes: string): Promise<unknown> => execa('prlimit', ['--pid', String(engine.started.pid), `--fsize=${bytes}:`])
  const events: TrainingEvent[] = []
  let changing: Promise<unknown> = Promise.resolve()
  const result = await engine.train(await jobWith({ training: some }), (event) => {
    events.push(event)
    if (event.type === 'committed' && event.epoch === 3) changing = allowFiles('100')
    if (event.type === 'epoch' && event.epoch === 25) changing = changing.then(() => allowFiles('unlimited'))
  })
  await changing
  const warnings = events.filter((event) => event.type === 'warning')
  expect(warnings.map(({ code }) => code)).toContain('checkpoints-paused')
  expect(committedOf(events).length).toBeLessThan(40)
  expect(committedOf(events).at(-1)?.epoch).toBe(40)
  expect(finished(result)).toMatchObject({
    weightsHash: finished(calm.result).weightsHash,
    selectedEpoch: finished(calm.result).selectedEpoch,
  })
  expect(metricsOf(events)).toEqual(metricsOf(calm.events))
  await engine.predict('selected', 'test')
})

it('refuses to go on without the GPU that the experiment asks for', async () => {
  const failing = start({ device: 'gpu', environment: { ...environment, CUDA_VISIBLE_DEVICES: '-1' } })
  await expect(failing).rejects.toMatchObject({ failure: { code: 'no-gpu', message: expect.stringContaining('runner doctor') as string } })
})

it('ends when its parent is gone, in the midst of a training', async () => {
  const { folder, job, remove } = await makeJob({ training: long })
  open.push(remove)
  const [script, input] = [join(folder, 'parent.mjs'), join(folder, 'job')]
  await writeFile(input, serialize(job))
  await writeFile(
    script,
    `import { readFileSync } from 'node:fs'
     import { deserialize } from 'node:v8'
     import { startEngine } from '${projectRoot}/dist/engine/engine.js'
     const engine = await startEngine({ environment: process.env, device: 'cpu' })
     await engine.train(deserialize(readFileSync('${input}')), ({ type }) => type === 'committed' && console.log(engine.started.pid))`,
  )
  const parent = execa('node', [script], { env: environment, extendEnv: false, reject: false, timeout: 60_000 })
  const engine = await new Promise<number>((resolve, reject) => {
    parent.stdout.once('data', (chunk: Buffer) => resolve(Number.parseInt(chunk.toString(), 10)))
    void parent.then(({ stderr }) => reject(new Error(stderr)))
  })
  expect(isAlive(engine)).toBe(true)
  parent.kill('SIGKILL')
  await parent
  for (let waited = 0; isAlive(engine) && waited < 10_000; waited += 50) await setTimeout(50)
  expect(isAlive(engine)).toBe(false)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
