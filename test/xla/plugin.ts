/** A real PJRT plugin that computes on the CPU, for tests only: nothing that runner ships needs it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePjrt, type Pjrt } from '../../src/setup/pjrt.ts'
import { openPjrt, type PjrtClient } from '../../src/xla/pjrt.ts'
import { projectRoot } from '../setup/tiny-project.ts'

const installed = join(projectRoot, '.setup/test-plugin/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so')

/** Absolute path of the plugin, or null where there is none. */
export const cpuPlugin: string | null = process.env['RUNNER_TEST_PJRT_PLUGIN'] ?? (existsSync(installed) ? installed : null)

export const skipWord = 'no PJRT plugin for the CPU: .ci/run installs lammps-jax-pjrt-cpu'

/** The plugin and the checkout's own addon, as the set-up hands them to an engine; compiled where it is missing. */
export async function pluginOnCpu(): Promise<Pjrt> {
  const environment = { ...process.env, RUNNER_TENSORFLOW: 'cpu', RUNNER_PJRT_PLUGIN: cpuPlugin ?? '' }
  const { value, diagnostics } = await ensurePjrt({ projectRoot, environment, report: () => undefined })
  if (!value) throw new Error(diagnostics.map(({ message }) => message).join('\n') || skipWord)
  return value
}

export async function cpuAddon(): Promise<string> {
  return (await pluginOnCpu()).addon
}

export async function openCpu(): Promise<PjrtClient> {
  return openPjrt(await cpuAddon(), cpuPlugin ?? '')
}
