/**
 * The parent's side of the engine: a child process that owns TensorFlow, or a device. Its environment is set before it starts, its native
 * crashes and out-of-memory kills are answers here instead of the end of the story.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { SplitName } from '../dataset/manifest.ts'
import type { EngineStarted } from '../journal/events.ts'
import type {
  EngineFailure,
  GraphForm,
  GraphJob,
  PredictionJob,
  Reply,
  Request,
  SavedModelJob,
  TrainingEvent,
  TrainingInterrupted,
  TrainingJob,
  TrainingResult,
  WeightsName,
} from './protocol.ts'
import { countMemoryKills } from './out-of-memory.ts'

export interface Engine {
  /** What answered: device, TensorFlow's version, threads. */
  readonly started: EngineStarted
  /** Trains to the end, or to the step in which `interrupt` is said. Rejects with `EngineError`. */
  train(job: TrainingJob, onEvent: (event: TrainingEvent) => void): Promise<TrainingResult | TrainingInterrupted>
  /** Probabilities [rows of the split, classes] of the job that was trained, row after row. */
  predict(weights: WeightsName, split: SplitName): Promise<Float32Array>
  /** Probabilities [rows, classes] of the selected weights of a training that has ended, which need not have been here. */
  predictPack(job: PredictionJob, onDone?: (images: number) => void): Promise<Float32Array>
  /** The steps of such a training as they are compiled, for people. Nothing is trained. */
  describeGraph(job: GraphJob, form: GraphForm): Promise<string>
  /** The selected weights of a finished training; nothing need be trained here. */
  writeSavedModel(job: SavedModelJob): Promise<void>
  interrupt(): void
  /** Whether it is gone, or what it holds is not to be trusted any more. */
  hasFailed(): boolean
  /** Ends a pause of the training. */
  goOn(): void
  stop(): Promise<void>
}

/** The engine could not do what it was asked, or died; `failure.message` says why in the user's words. */
export class EngineError extends Error {
  readonly failure: EngineFailure
  constructor(failure: EngineFailure) {
    super(failure.message)
    this.name = 'EngineError'
    this.failure = failure
  }
}

export interface EngineOptions {
  /** The whole environment of the child, made by setup's `engineEnvironment`. */
  readonly environment: NodeJS.ProcessEnv
  readonly device: 'auto' | 'cpu' | 'gpu'
}

/** The compiled child; when the tests run from sources, the one that was built before them. */
function childPath(): string {
  const beside = fileURLToPath(new URL('./child.js', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/engine/child.js', import.meta.url))
}

/** Starts the child and waits until it is ready: TensorFlow has loaded, or a device is open. Rejects with `EngineError`. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const child = fork(childPath(), [options.device], {
    env: options.environment,
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Options of the parent's own Node, such as a debugger's port, are not the engine's.
    execArgv: [],
    detached: true,
  })
  const said = collectOutput(child)
  const conversation = new Conversation(child, said)
  const ready = await conversation
    .ask(null, (reply) => reply.reply === 'ready')
    .catch(async (error: unknown) => {
      await conversation.end()
      throw error
    })
  if (ready.reply !== 'ready') throw new Error('Internal error: the engine did not say that it was ready')
  return {
    started: ready.started,
    async train(job, onEvent) {
      conversation.onEvent = onEvent
      const answer = await conversation.ask({ type: 'train', job }, (reply) => reply.reply === 'trained')
      if (answer.reply !== 'trained') throw new Error('Internal error: the engine gave no result')
      return answer.result
    },
    async predict(weights, split) {
      const answer = await conversation.ask({ type: 'predict', weights, split }, (reply) => reply.reply === 'predicted')
      if (answer.reply !== 'predicted') throw new Error('Internal error: the engine gave no predictions')
      return answer.probabilities
    },
    async predictPack(job, onDone = () => undefined) {
      conversation.onDone = onDone
      const answer = await conversation.ask({ type: 'predict-pack', job }, (reply) => reply.reply === 'predicted')
      if (answer.reply !== 'predicted') throw new Error('Internal error: the engine gave no predictions')
      return answer.probabilities
    },
    async describeGraph(job, form) {
      const answer = await conversation.ask({ type: 'describe-graph', job, form }, (reply) => reply.reply === 'described-graph')
      if (answer.reply !== 'described-graph') throw new Error('Internal error: the engine gave no graph')
      return answer.text
    },
    async writeSavedModel(job) {
      await conversation.ask({ type: 'write-saved-model', job }, (reply) => reply.reply === 'wrote-saved-model')
    },
    interrupt: () => conversation.tell({ type: 'interrupt' }),
    hasFailed: () => conversation.hasFailed,
    goOn: () => conversation.tell({ type: 'go-on' }),
    stop: () => conversation.end(),
  }
}

/** The last of what the child wrote to its own output: the explanation of a native crash. */
function collectOutput(child: ChildProcess): () => string {
  let text = ''
  const add = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-4000)
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text.trim()
}

/** One question at a time; the child's end answers whatever is open. */
class Conversation {
  onEvent: (event: TrainingEvent) => void = () => undefined
  onDone: (images: number) => void = () => undefined
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #open: { isAnswer: (reply: Reply) => boolean; resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null
  #failure: EngineError | null = null

  constructor(child: ChildProcess, said: () => string) {
    const memoryKills = countMemoryKills()
    this.#child = child
    child.on('message', (reply: Reply) => this.#receive(reply))
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#fail({ code: 'internal', message: `the engine could not be started: ${error.message}` })
        resolve()
      })
      child.once('exit', (code, signal) => {
        this.#fail(explainExit(code, signal, said(), memoryKills))
        resolve()
      })
    })
  }

  get hasFailed(): boolean {
    return this.#failure !== null
  }

  ask(request: Request | null, isAnswer: (reply: Reply) => boolean): Promise<Reply> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#open) throw new Error('Internal error: the engine was asked twice at once')
    return new Promise((resolve, reject) => {
      this.#open = { isAnswer, resolve, reject }
      if (request) this.tell(request)
    })
  }

  tell(request: Request): void {
    if (this.#child.connected) this.#child.send(request)
  }

  async end(): Promise<void> {
    this.tell({ type: 'stop' })
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
    await this.#ended
    clearTimeout(kill)
  }

  #receive(reply: Reply): void {
    if (reply.reply === 'event') this.onEvent(reply.event)
    else if (reply.reply === 'predicting') this.onDone(reply.done)
    else if (reply.reply === 'failed') this.#fail(reply.failure)
    else if (this.#open?.isAnswer(reply)) {
      const { resolve } = this.#open
      this.#open = null
      resolve(reply)
    }
  }

  #fail(failure: EngineFailure): void {
    this.#failure ??= new EngineError(failure)
    this.#open?.reject(this.#failure)
    this.#open = null
  }
}

/** `memoryKills`: how many processes the kernel had killed for want of memory when the engine started. */
function explainExit(code: number | null, signal: NodeJS.Signals | null, output: string, memoryKills: number | null): EngineFailure {
  const tail = output === '' ? '' : `; it last said: ${output.split('\n').slice(-3).join(' | ')}`
  if (/std::bad_alloc|RESOURCE_EXHAUSTED|heap out of memory/.test(output))
    return { code: 'out-of-memory', message: `the engine ran out of memory${tail}` }
  if (signal === 'SIGKILL')
    return countMemoryKills() === memoryKills && memoryKills !== null
      ? { code: 'killed', message: 'the engine was killed (SIGKILL) by somebody, not for want of memory' }
      : { code: 'out-of-memory', message: 'the kernel killed the engine, because the machine ran out of memory' }
  return { code: 'internal', message: `the engine ended with ${signal ?? `exit code ${code ?? 'unknown'}`}${tail}` }
}
