/** What decides a run's numbers, held against what is there now: values, images, machine. */
import { readFile } from 'node:fs/promises'
import { splitDigest } from '../dataset/manifest-csv.ts'
import { splitNames } from '../dataset/manifest.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { flattenParameters } from '../experiment/flatten-parameters.ts'
import type { Accelerator, EngineStarted, Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { kindOfCpu } from './provenance.ts'

export type Difference = Required<Pick<Diagnostic, 'message' | 'expected' | 'received' | 'hint'>>

/** Values that change no number, and `training.epochs`, which may grow. */
const free = /^(name|description|tracking|rules)(\.|$)|^evaluation\.|^runtime\.(?!precision$)|^training\.(epochs|onNonFinite)$/

export function differentParameters(events: readonly Recorded[], experiment: Experiment): Difference[] {
  // Journals from before there was a choice do not say how exactly they computed.
  const before: Readonly<Record<string, string>> = {
    'runtime.precision': 'float32',
    ...events.find((event) => event.type === 'parameters')?.values,
  }
  const now = flattenParameters(experiment)
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => !free.test(name))
  const changed = names.flatMap((name) => differs(name, before[name], now[name], 'A resumed run keeps what decides its numbers.'))
  const epochs = Number(before['training.epochs'] ?? 0)
  return experiment.training.epochs < epochs
    ? [...changed, ...differs('training.epochs', String(epochs), String(experiment.training.epochs), 'Epochs may grow, not shrink.')]
    : changed
}

export function differentData(events: readonly Recorded[], { manifest }: PreparedDataset): Difference[] {
  const contexts = { train: 'training', validation: 'validation', test: 'testing' } as const
  return splitNames.flatMap((split) => {
    const before = events.find((event) => event.type === 'dataset' && event.context === contexts[split])
    const digest = before?.type === 'dataset' ? before.digest : undefined
    const hint = 'Images were added, removed or changed since. split.csv in the run folder has what was there.'
    return differs(`the ${contexts[split]} images`, digest, splitDigest(manifest, split), hint)
  })
}

function nameOf({ accelerator, device, tensorflow }: EngineStarted): string {
  return accelerator ? `${accelerator.card} by XLA` : `${device.toUpperCase()} by TensorFlow ${tensorflow ?? ''}`
}

const partsOfDevice = {
  platform: "the device's platform",
  platformVersion: "the version of the device's platform",
  card: 'the card',
  driver: "the card's driver",
  plugin: "the device's plugin",
  pluginVersion: "the version of the device's plugin",
} satisfies Partial<Record<keyof Accelerator, string>>

export async function differentMachine(folder: RunFolder, events: readonly Recorded[], now: EngineStarted): Promise<Difference[]> {
  const before = events.find((event) => event.type === 'engine-started')
  if (before?.type !== 'engine-started') return []
  const { cpu } = JSON.parse(await readFile(folder.environment, 'utf8')) as { readonly cpu?: string }
  const hint = 'Other bits would come out. Resume where the run began, or begin it anew here.'
  if (before.backend !== now.backend) {
    const wayOut = before.accelerator ? hint : `Where that is this machine's CPU: --set runtime.device=cpu. ${hint}`
    return differs('what computes', nameOf(before), nameOf(now), wayOut)
  }
  return [
    ...(['device', 'backend', 'tensorflow', 'threads', 'onednn'] as const).flatMap((name) =>
      differs(
        `the engine's ${name}`,
        String(before[name]),
        String(now[name]),
        name === 'threads' ? `${hint} --set runtime.threads=${before.threads} may do.` : hint,
      ),
    ),
    ...Object.entries(partsOfDevice).flatMap(([part, words]) => {
      const name = part as keyof typeof partsOfDevice
      return differs(words, before.accelerator?.[name] ?? undefined, now.accelerator?.[name] ?? undefined, hint)
    }),
    ...differs("the engine's operations", before.operations ?? 'tensorflow', now.operations ?? 'tensorflow', hint),
    ...differs('the kind of CPU', cpu, kindOfCpu(), hint),
  ]
}

function differs(what: string, before: string | undefined, now: string | undefined, hint: string): Difference[] {
  if (before === now) return []
  const message = `${what} is not what it was when the run began`
  return [{ message, expected: before ?? 'nothing', received: now ?? 'nothing', hint }]
}
