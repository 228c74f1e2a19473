/**
 * Small disks that fill up: under MLflow's store while a run is told, and under the run folder while it is synced. The training goes its way;
 * once there is room again, `runner sync` makes MLflow what the journal says. Needs a machine where a file system may be mounted.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { acquireServer } from '../src/tracking/embedded-server.ts'
import { makeHome, projectRoot, pythonOfMlflow, type Ran } from '../test/runner.ts'
import { differencesOf } from './differences.ts'
import { compareWithMlflow, train, type Setting } from './proxy.ts'

/** Set in the process that has a mount namespace of its own: what it mounts is gone with it. */
const inside = 'RUNNER_TORTURE_INSIDE'
/** Exit code of one that may not mount. */
const cannotMount = 77

export async function run(): Promise<boolean> {
  if (process.env[inside] !== undefined) return torture()
  const own = ['--import', join(projectRoot, 'torture/typescript.mjs'), join(projectRoot, 'torture/main.ts'), 'disk']
  const { exitCode } = await execa('unshare', ['--map-root-user', '--mount', process.execPath, ...own], {
    env: { [inside]: 'yes' },
    stdio: 'inherit',
    reject: false,
  })
  if (exitCode === cannotMount || exitCode === undefined) console.log('skipped: no file system can be mounted here')
  return exitCode === 0 || exitCode === cannotMount
}

async function torture(): Promise<boolean> {
  const storeDisk = await mountSmallDisk()
  const runDisk = await mountSmallDisk()
  const roomy = await makeHome()
  const small = await makeHome(runDisk)
  const server = await acquireServer({ folder: storeDisk, python: pythonOfMlflow, environment: process.env })
  const setting: Setting = { home: roomy, server: server.uri, epochs: 6, patches: 96 }
  const sync = (home = roomy): Promise<Ran> => home.runner(['sync', 'last'], { MLFLOW_TRACKING_URI: server.uri })
  let lost = 0
  const report = (what: string, found: readonly string[]): void => {
    lost += found.length
    console.log(`${what}: ${found.length === 0 ? 'as it should be' : found.join('; ')}`)
  }
  try {
    const calm = await train(setting, server.uri)
    report('there is room: MLflow', await compareWithMlflow(setting, calm.folder))

    await fill(storeDisk)
    const starved = await train(setting, server.uri)
    report("the store's disk is full: the training", differencesOf(starved.events, calm.events))
    report("the store's disk is full: sync says so", endedWith(3, await sync()))
    await empty(storeDisk)
    report('there is room again: sync', endedWith(0, await sync()))
    report('there is room again: MLflow', await compareWithMlflow(setting, starved.folder))

    const alone = await train({ ...setting, home: small }, 'http://127.0.0.1:9')
    report('no server: the training', differencesOf(alone.events, calm.events))
    await fill(runDisk)
    report("the run's disk is full: sync", endedWith(0, await sync(small)))
    report("the run's disk is full: MLflow", await compareWithMlflow(setting, alone.folder))
    await empty(runDisk)
    report('there is room again: sync', endedWith(0, await sync(small)))
  } finally {
    await empty(storeDisk)
    await server.release()
    await roomy.remove()
    for (const disk of [storeDisk, runDisk]) {
      await execa('umount', ['--lazy', disk])
      await rm(disk, { recursive: true, force: true })
    }
  }
  console.log(`disk: ${lost} differences`)
  return lost === 0
}

function endedWith(code: number, { exitCode, stderr }: Ran): string[] {
  return exitCode === code ? [] : [`exit code ${exitCode ?? 'none'} instead of ${code}: ${stderr}`]
}

async function mountSmallDisk(): Promise<string> {
  const disk = await mkdtemp(join(tmpdir(), 'runner-small-disk-'))
  const { exitCode } = await execa('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], { reject: false })
  if (exitCode !== 0) process.exit(cannotMount)
  return disk
}

/** To the last page: dd ends when nothing fits any more. */
async function fill(disk: string): Promise<void> {
  await execa('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=4k'], { reject: false })
}

async function empty(disk: string): Promise<void> {
  await rm(join(disk, 'filler'), { force: true })
}
