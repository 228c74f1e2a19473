/**
 * Which PJRT plugin trains on this machine's card: the one that `RUNNER_PJRT_PLUGIN` names, else NVIDIA's where a card answers, for the CUDA
 * that its driver knows. Null where training stays on the CPU, or goes through TensorFlow's CUDA build.
 */
import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import { usableCards, type NvidiaCard } from './nvidia-cards.ts'
import type { PjrtBuild } from './places.ts'
import { chooseTensorflowBuild } from './tensorflow-build.ts'

export type PluginChoice = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'wheel'; readonly build: PjrtBuild }

const override = 'RUNNER_PJRT_PLUGIN'
/** NVIDIA's oldest driver for each CUDA, and the oldest card that CUDA 13 compiles for. */
const oldestDriver = { cuda12: 525, cuda13: 580 } as const
const oldestCapability = 7.5

export async function choosePlugin(environment: NodeJS.ProcessEnv): Promise<Outcome<PluginChoice | null>> {
  const path = environment[override] ?? ''
  if (chooseTensorflowBuild(environment).value === 'cuda') return { value: null, diagnostics: [] }
  if (path === '') return chooseForCards(await usableCards(environment))
  if (isAbsolute(path) && existsSync(path)) return { value: { kind: 'file', path }, diagnostics: [] }
  return { diagnostics: [noSuchFile(path)] }
}

export function chooseForCards(cards: readonly NvidiaCard[]): Outcome<PluginChoice | null> {
  const [card] = cards
  if (!card || process.platform !== 'linux') return { value: null, diagnostics: [] }
  const driver = Number.parseInt(card.driver, 10)
  if (driver < oldestDriver.cuda12) return { diagnostics: [driverTooOld(card)] }
  const areNewEnough = cards.every(({ capability }) => capability === null || capability >= oldestCapability)
  return { value: { kind: 'wheel', build: driver >= oldestDriver.cuda13 && areNewEnough ? 'cuda13' : 'cuda12' }, diagnostics: [] }
}

function noSuchFile(path: string): Diagnostic {
  return {
    code: 'pjrt-plugin-missing',
    severity: 'error',
    message: `the environment variable ${override} names no file`,
    expected: 'the absolute path of a PJRT plugin',
    received: `"${path}"`,
    hint: 'Unset it to let runner choose.',
  }
}

function driverTooOld({ name, driver }: NvidiaCard): Diagnostic {
  return {
    code: 'driver-too-old',
    severity: 'error',
    message: `the driver of ${name} is too old to train on it`,
    expected: `${oldestDriver.cuda12} or newer`,
    received: driver,
    hint: "Update NVIDIA's driver, or train on the CPU: --set runtime.device=cpu",
  }
}
