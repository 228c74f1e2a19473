/** The engine's process: opens a device or loads TensorFlow, does what its parent asks, and ends when the parent is gone. */
import type { SplitName } from '../dataset/manifest.ts'
import type { EngineFailure, Reply, Request, TrainingEvent, TrainingJob, WeightsName } from './protocol.ts'
import type { Prepared } from './prepared.ts'
import type { Programs } from './programs.ts'
import type { Accelerator, EngineStarted } from '../journal/events.ts'

const device = process.argv[2] ?? 'auto'
let programs: Programs | null = null
let prepared: Prepared | null = null
let interrupted = false
/** Ends a pause. */
let goOn: () => void = () => undefined

function say(reply: Reply): void {
  if (process.connected) process.send?.(reply)
}

/** Ctrl-C reaches the whole terminal group; the parent decides what it means. */
process.on('SIGINT', () => undefined)
/** So does the SIGTERM with which a cluster ends a job. */
process.on('SIGTERM', () => undefined)
/** A file that may not grow any more is the fault of its write, which says so itself. */
process.on('SIGXFSZ', () => undefined)
process.on('disconnect', () => process.exit(0))

process.on('message', (request: Request) => {
  void obey(request).catch((error: unknown) => say({ reply: 'failed', failure: explain(error) }))
})

async function obey(request: Request): Promise<void> {
  switch (request.type) {
    case 'train':
      return trainJob(request.job)
    case 'predict': {
      if (!prepared) throw new Error('Internal error: asked to predict before training')
      const known = request.split === 'validation' ? prepared.validation.get(request.weights) : undefined
      say({ reply: 'predicted', probabilities: known ?? (await probabilitiesOf(prepared, request.weights, request.split)) })
      return
    }
    case 'predict-pack': {
      const { predictPack } = await import('./predict.ts')
      say({ reply: 'predicted', probabilities: await predictPack(request.job, computing(), (done) => say({ reply: 'predicting', done })) })
      return
    }
    case 'describe-graph': {
      await (await import('./load-tensorflow.ts')).loadTensorflow()
      const { describeGraph } = await import('./describe-graph.ts')
      say({ reply: 'described-graph', text: describeGraph(request.job, request.form) })
      return
    }
    case 'write-saved-model': {
      await (await import('./load-tensorflow.ts')).loadTensorflow()
      const { writeSavedModel } = await import('./saved-model.ts')
      await writeSavedModel(request.job)
      say({ reply: 'wrote-saved-model' })
      return
    }
    case 'interrupt':
      interrupted = true
      goOn()
      return
    case 'go-on':
      goOn()
      return
    case 'stop':
      process.exit(0)
  }
}

async function probabilitiesOf(trained: Prepared, weights: WeightsName, split: SplitName): Promise<Float32Array> {
  const { predict, useWeights } = await import('./predict.ts')
  await useWeights(trained, weights)
  return (await predict(trained, trained.job.splits[split])).probabilities
}

async function trainJob(job: TrainingJob): Promise<void> {
  const [{ prepare }, { train }] = await Promise.all([import('./prepared.ts'), import('./train.ts')])
  interrupted = false
  const emit = (event: TrainingEvent): void => say({ reply: 'event', event })
  emit({ type: 'preparing', what: computing().preparing })
  const seen = { isCompiled: false }
  prepared = await prepare(job, computing(), prepared, () => (seen.isCompiled = true))
  if (seen.isCompiled && job.resumeAfter !== null) emit({ type: 'warning', code: 'compiled-anew', message: compiledAnew })
  say({ reply: 'trained', result: await train(prepared, emit, { isInterrupted: () => interrupted, answer }) })
}

const compiledAnew =
  'the executables of this run are missing or do not load, so it was compiled again: its weights may differ in the last bits'

function computing(): Programs {
  if (!programs) throw new Error('Internal error: the engine was asked before it was ready')
  return programs
}

/** An interruption that came before is an answer too. */
function answer(): Promise<void> {
  return new Promise((resolve) => {
    goOn = resolve
    if (interrupted) resolve()
  })
}

function explain(error: unknown): EngineFailure {
  const failure = (error as { failure?: EngineFailure } | null)?.failure
  if (failure) return failure
  const message = error instanceof Error ? error.message : String(error)
  const isExhausted = (error as { code?: unknown } | null)?.code === 'RESOURCE_EXHAUSTED'
  if (isExhausted || /RESOURCE_EXHAUSTED|OOM|bad_alloc|out of memory/i.test(message)) {
    const deviceBytes = programs?.memory() ?? null
    return { code: 'out-of-memory', message, ...(deviceBytes === null ? {} : { deviceBytes }) }
  }
  return { code: 'internal', message: error instanceof Error ? (error.stack ?? message) : message }
}

async function start(): Promise<void> {
  const { openDevice } = await import('./open-device.ts')
  const opened = device === 'cpu' ? null : await openDevice(process.env)
  if (opened && 'programs' in opened) {
    programs = opened.programs
    say({ reply: 'ready', started: { ...(await startedOn(opened.accelerator)), pid: process.pid } })
    return
  }
  if (opened?.isNamed) {
    const message = `the plugin that RUNNER_PJRT_PLUGIN names finds no device: ${opened.refusal}; run \`runner doctor\`, or unset it`
    say({ reply: 'failed', failure: { code: 'no-gpu', message } })
    return
  }
  const withoutGpu = opened?.refusal ?? process.env['RUNNER_WITHOUT_GPU'] ?? null
  const { loadTensorflow } = await import('./load-tensorflow.ts')
  await loadTensorflow()
  const { operations, tensorflow } = await import('../kernels/tensorflow.ts')
  const { tensorflowPrograms } = await import('./tensorflow-programs.ts')
  const { binding } = tensorflow()
  const usesGpu = binding.isUsingGpuDevice()
  if (device === 'gpu' && !usesGpu) {
    const why = withoutGpu === null ? 'no GPU was found' : `the GPU cannot be used: ${withoutGpu}`
    const message = `runtime.device is gpu, and ${why}; run \`runner doctor\`, or set runtime.device: auto`
    say({ reply: 'failed', failure: { code: 'no-gpu', message } })
    return
  }
  programs = tensorflowPrograms
  say({
    reply: 'ready',
    started: {
      type: 'engine-started',
      pid: process.pid,
      device: usesGpu ? 'gpu' : 'cpu',
      backend: 'tensorflow',
      tensorflow: binding.TF_Version,
      threads: await threadCount(),
      operations: operations(),
      onednn: process.env['TF_ENABLE_ONEDNN_OPTS'] !== '0',
      ...(withoutGpu === null ? {} : { withoutGpu }),
    },
  })
}

async function startedOn(accelerator: Accelerator): Promise<Omit<EngineStarted, 'pid'>> {
  return {
    type: 'engine-started',
    device: accelerator.platform === 'cpu' ? 'cpu' : 'gpu',
    backend: 'xla',
    tensorflow: null,
    threads: await threadCount(),
    onednn: false,
    accelerator,
  }
}

async function threadCount(): Promise<number> {
  return Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? 0) || (await import('node:os')).availableParallelism()
}

start().catch((error: unknown) => say({ reply: 'failed', failure: explain(error) }))
