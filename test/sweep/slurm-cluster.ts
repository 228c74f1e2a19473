/** A real Slurm on this machine for a test file: daemons of its own, two nodes; or the reason why there is none. */
import { accessSync, constants } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { findOnPath } from '../../src/setup/tools.ts'

const program = fileURLToPath(new URL('./slurm-test-cluster', import.meta.url))
const daemons = ['munged', 'slurmctld', 'slurmd', 'sbatch']
const path = ['/usr/sbin', '/sbin', process.env['PATH'] ?? ''].join(delimiter)

export interface SlurmCluster {
  /** For whoever is to find it; its `sbatch` loses the answer to the first job that is submitted, as a busy cluster's does. */
  readonly environment: Readonly<Record<string, string>>
  ask(program: string, ...args: readonly string[]): Promise<string>
  stop(): Promise<void>
}

/** Null where a cluster can be started. */
export function lackOfSlurm(): string | null {
  const absent = daemons.filter((name) => findOnPath(name, { PATH: path }) === undefined)
  if (absent.length > 0) return `no Slurm here: ${absent.join(', ')} (apt-get install slurmctld slurmd slurm-client munge)`
  try {
    accessSync('/root', constants.W_OK)
    return null
  } catch {
    return 'a Slurm of its own can be started by root only'
  }
}

export async function startSlurm(): Promise<SlurmCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'slurm-'))
  const cluster = join(folder, 'cluster')
  const { stdout } = await execa(program, ['start', cluster, '--nodes', '2', '--cpus', '1', '--gpus', '0'])
  const bin = join(folder, 'bin')
  const sbatch = findOnPath('sbatch', { PATH: path }) ?? ''
  await mkdir(bin)
  await writeFile(
    join(bin, 'sbatch'),
    `#!/bin/sh
mkdir "${folder}/answer-lost" 2>/dev/null || exec "${sbatch}" "$@"
"${sbatch}" "$@" >/dev/null
echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2
exit 1
`,
  )
  await chmod(join(bin, 'sbatch'), 0o755)
  const environment = { SLURM_CONF: stdout.trim(), PATH: [bin, path].join(delimiter) }
  return {
    environment,
    ask: async (name, ...args) => (await execa(name, args, { env: environment })).stdout,
    async stop() {
      await execa(program, ['stop', cluster])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
