/** What a training needs before its run begins: a place to write to, the images, and an engine that has loaded TensorFlow. */
import { access, constants, mkdir } from 'node:fs/promises'
import { prepareDataset, type PreparedDataset } from '../dataset/prepare.ts'
import { systemCode } from '../dataset/system-error.ts'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Sources } from '../diagnostics/frame.ts'
import { hasError } from '../diagnostics/sort.ts'
import { EngineError, startEngine, type Engine } from '../engine/engine.ts'
import type { EngineFailure } from '../engine/protocol.ts'
import type { Experiment, Located } from '../experiment/experiment.ts'
import { packsFolder } from '../journal/run-folder.ts'
import { trainingAdvice } from '../network/training-advice.ts'
import { engineEnvironment } from '../setup/engine-environment.ts'
import { ensurePjrt } from '../setup/pjrt.ts'
import { ensureTensorflow } from '../setup/tensorflow.ts'
import type { Listener } from './story.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface Preparation {
  readonly workspace: Workspace
  readonly listen: Listener
  readonly signal: AbortSignal
}

/** Asked for before anything costs time. Throws `Fault`. */
export async function requireRunsFolder(workspace: Workspace): Promise<void> {
  const runs = runsOf(workspace)
  try {
    await mkdir(packsFolder(runs), { recursive: true })
    for (const folder of [runs, packsFolder(runs)]) await access(folder, constants.W_OK)
  } catch (error) {
    const message = `${runs} cannot be written to: ${systemCode(error) ?? String(error)}`
    const hint = 'Make it a folder that you may write to, or set RUNNER_HOME to another place for runs/ and datasets/.'
    throw new Fault([{ code: 'runs-unwritable', severity: 'error', message, hint }], 3)
  }
}

/** Both at once. Throws `Fault`, or the signal's reason. */
export async function prepareDataAndEngine(
  located: Located,
  sources: Sources,
  preparation: Preparation,
): Promise<{ readonly dataset: PreparedDataset; readonly engine: Engine }> {
  const { value, engine } = await besideTensorflow(located.experiment, preparation, (own) => prepareData(located, sources, own))
  return { dataset: value, engine }
}

/** Does the work while an engine loads TensorFlow; the first fault ends both. Throws `Fault`, or the signal's reason. */
export async function besideTensorflow<Value>(
  experiment: Experiment,
  preparation: Preparation,
  work: (preparation: Preparation) => Promise<Value>,
): Promise<{ readonly value: Value; readonly engine: Engine }> {
  const failed = new AbortController()
  const signal = AbortSignal.any([preparation.signal, failed.signal])
  const starting = startTensorflow(experiment, preparation)
  try {
    const [value, engine] = await untilAborted(Promise.all([work({ ...preparation, signal }), starting]), preparation.signal)
    return { value, engine }
  } catch (error) {
    failed.abort()
    starting.then(
      (engine) => engine.stop(),
      () => undefined,
    )
    throw error
  }
}

/** The images, read, audited, split and packed. Throws `Fault`, or the signal's reason. */
export async function prepareData(
  located: Located,
  sources: Sources,
  { workspace, listen, signal }: Preparation,
): Promise<PreparedDataset> {
  const { value, diagnostics } = await prepareDataset(located, {
    home: workspace.home,
    cache: packsFolder(runsOf(workspace)),
    onProgress: (progress) => listen({ type: 'data', progress }),
    signal,
  })
  if (!value) throw new Fault(diagnostics, diagnostics.some(isOfTheMachine) ? 3 : 1, sources)
  const findings = [
    ...diagnostics,
    ...trainingAdvice(
      located,
      value.counts.train.classes.reduce((sum, images) => sum + images, 0),
    ),
  ]
  if (hasError(findings)) throw new Fault(findings, 1, sources)
  if (findings.length > 0) listen({ type: 'warnings', diagnostics: findings, sources })
  return value
}

function isOfTheMachine({ code }: Diagnostic): boolean {
  return code === 'disk-full' || code === 'folder-unwritable'
}

const none = { value: null, diagnostics: [] } as const

/** Throws `Fault`. */
export async function startTensorflow({ runtime }: Experiment, { workspace, listen }: Preparation): Promise<Engine> {
  const { projectRoot, environment } = workspace
  const tensorflow = await ensureTensorflow({ projectRoot, environment, report: (progress) => listen({ type: 'setup', progress }) })
  if (!tensorflow.value) throw new Fault(tensorflow.diagnostics, 3)
  const { device, threads } = runtime
  const pjrt =
    device === 'cpu' ? none : await ensurePjrt({ projectRoot, environment, report: (progress) => listen({ type: 'setup', progress }) })
  // A driver that no plugin knows is no reason not to train, unless the card is asked for.
  const tooOld = device === 'auto' ? pjrt.diagnostics.find(({ code }) => code === 'driver-too-old') : undefined
  if (pjrt.value === undefined && !tooOld) throw new Fault(pjrt.diagnostics, 3)
  try {
    return await startEngine({
      device,
      environment: engineEnvironment({
        environment,
        tensorflow: tensorflow.value,
        pjrt: pjrt.value ?? null,
        withoutGpu: tooOld && `${tooOld.message}: ${tooOld.received ?? ''}, ${tooOld.expected ?? ''} is wanted`,
        device,
        threads: threads ?? undefined,
      }),
    })
  } catch (error) {
    throw error instanceof EngineError ? engineFault(error) : error
  }
}

const waysOut: Readonly<Partial<Record<EngineFailure['code'], string>>> = {
  'out-of-memory': 'A smaller training.batchSize, smaller images or a smaller runtime.imageBudget need less.',
  checkpoint: 'Free some space under runs/, or set RUNNER_HOME to another place. What was committed before stays.',
  internal: 'This is a bug, of runner or of a library: please report it with what stands above.',
}

/** `known` is said in place of the usual way out. Without a GPU or a disk to write to it is the machine's fault, else the training's. */
export function engineFault({ failure: { code, message } }: EngineError, known: string | null = null): Fault {
  const hint = known ?? waysOut[code]
  const diagnostic: Diagnostic = { code: `engine-${code}`, severity: 'error', message, ...(hint === undefined ? {} : { hint }) }
  return new Fault([diagnostic], code === 'no-gpu' || code === 'checkpoint' ? 3 : 4)
}

/** The work, or a rejection with the signal's reason as soon as it is aborted. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    if (signal.aborted) give()
    signal.addEventListener('abort', give, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give))
  })
}
