/** One point of a sweep: taken as it stands, gone on with, or begun. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { sentenceOf } from '../diagnostics/frame.ts'
import type { Located } from '../experiment/experiment.ts'
import type { LoadedPoint } from '../experiment/load-experiment.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { planNetwork } from '../network/plan-network.ts'
import { beginRun, type Trial } from '../run/begin.ts'
import { differentData } from '../run/differences.ts'
import { resumeExperiment } from '../run/resume.ts'
import type { Finished, Listener, TrialFinished } from '../run/story.ts'
import { prepareTracking } from '../run/track.ts'
import { carryOut, evaluateOnTest, evaluateOnValidation } from '../run/train.ts'
import { standing, type EndedTrial } from './ended-trial.ts'
import type { Engines } from './engines.ts'
import type { SweepRequest } from './sweep-request.ts'
import { readTrial, type KnownTrial } from './trials.ts'

/** Everything that the trials share. */
export interface Going {
  readonly request: SweepRequest
  readonly folder: RunFolder
  readonly journal: Journal
  readonly threads: number
  readonly engines: Engines
  readonly datasetOf: (located: Located) => Promise<PreparedDataset>
  readonly known: ReadonlyMap<string, KnownTrial>
}

export async function runPoint(point: LoadedPoint, digest: string, going: Going): Promise<EndedTrial> {
  const { request, known } = going
  const named = { name: point.name, variant: point.group }
  const before = known.get(digest) ?? null
  if (isAborted(request)) return { ...named, ...standing(before) }
  const dataset = await going.datasetOf(point.located)
  const isUsable = before !== null && differentData(before.events, dataset).length === 0
  // Two processes must not train one point.
  if (isUsable && before.state === 'running') return { ...named, ...standing(before), reason: 'another process is at it' }
  if (isUsable && before.state === 'finished') return { ...named, ...standing(before), state: 'reused' }
  if (isUsable && before.state === 'failed' && !request.retriesFailed) return { ...named, ...standing(before) }
  const listen: Listener = (event) => request.listen({ type: 'trial-story', name: point.name, event })
  try {
    const folder =
      isUsable && before.state === 'stopped' ? await goOn(before, going, listen) : await begin(point, digest, dataset, going, listen)
    return { ...named, ...standing(await readTrial(folder)) }
  } catch (error) {
    if (isAborted(request)) return { ...named, ...standing(before) }
    if (!(error instanceof Fault)) throw error
    const reason = error.diagnostics.map(sentenceOf).join('; ')
    return { ...named, state: 'failed', folder: null, metrics: {}, reason }
  }
}

/** It changes between two looks. */
function isAborted({ signal }: SweepRequest): boolean {
  return signal.aborted
}

async function goOn({ folder, point }: KnownTrial, { request, journal }: Going, listen: Listener): Promise<RunFolder> {
  const { workspace, signal } = request
  await journal.append({ type: 'trial-begun', point, run: folder.id })
  await resumeExperiment({ run: folder.path, set: [], workspace, listen, signal })
  return folder
}

async function begin(
  { name, group, axes, located }: LoadedPoint,
  point: string,
  dataset: PreparedDataset,
  { request, folder, journal, engines }: Going,
  listen: Listener,
): Promise<RunFolder> {
  const { loaded, workspace, signal, readsTest } = request
  const { experiment } = located
  const network = planNetwork(located).value
  if (!network) throw new Error(`Internal error: the network of ${name} was checked, and cannot be planned`)
  const tracking = prepareTracking(experiment.tracking, workspace, listen)
  const engine = await engines.lease()
  try {
    const told: Listener = (event) => {
      listen(event)
      if (event.type === 'journal') tracking.wake()
    }
    const trial: Trial = { sweep: folder, name, variant: group, point, axes, judgedOn: readsTest ? 'test' : 'validation' }
    const run = await beginRun({ file: loaded.file, experiment, network, dataset, engine: engine.started, trial }, workspace, told)
    await journal.append({ type: 'trial-begun', point, run: run.folder.id })
    const training = { engine, experiment, network, dataset, run, workspace, resumeAfter: null, listen: told, signal }
    await carryOut<Finished | TrialFinished>(training, tracking, readsTest ? evaluateOnTest : evaluateOnValidation)
    return run.folder
  } finally {
    await engine.stop()
  }
}
