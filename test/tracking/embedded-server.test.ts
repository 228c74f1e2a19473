/** The embedded server: one for all who use a store, and none when nobody does. */
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireServer, reapServer, type EmbeddedServer } from '../../src/tracking/embedded-server.ts'
import { projectRoot, pythonOfMlflow } from '../runner.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-server-'))
})
afterEach(async () => {
  // Also what a test that failed still uses.
  await rm(join(folder, 'users'), { recursive: true, force: true })
  await reapServer(folder)
  await rm(folder, { recursive: true, force: true })
})

function acquire(environment: NodeJS.ProcessEnv = process.env, python = pythonOfMlflow): Promise<EmbeddedServer> {
  return acquireServer({ folder, python, environment })
}

async function answers(uri: string): Promise<boolean> {
  return fetch(`${uri}/health`).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function pidOfServer(): Promise<number> {
  return (JSON.parse(await readFile(join(folder, 'server.json'), 'utf8')) as { pid: number }).pid
}

/** Another process that uses the store, and says so. */
function startUser(): Promise<{ uri: string; kill(): Promise<void>; release(): Promise<void> }> {
  const program = `
    const { acquireServer } = await import(${JSON.stringify(join(projectRoot, 'dist/tracking/embedded-server.js'))})
    const server = await acquireServer({ folder: ${JSON.stringify(folder)}, python: ${JSON.stringify(pythonOfMlflow)}, environment: process.env })
    console.log(server.uri)
    process.stdin.once('data', async () => { await server.release(); process.exit(0) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the user ended')))
    child.stdout.once('data', (chunk: Buffer) =>
      resolve({
        uri: chunk.toString().trim(),
        async kill() {
          child.kill('SIGKILL')
          await ended
        },
        async release() {
          child.stdin.write('x')
          await ended
        },
      }),
    )
  })
}

describe('the embedded server', () => {
  it('serves two processes at once, and ends with the last, however the other ended', async () => {
    const [first, second] = await Promise.all([startUser(), startUser()])
    expect(second.uri).toBe(first.uri)
    expect(await answers(first.uri)).toBe(true)
    await first.kill()
    expect(await answers(first.uri)).toBe(true)
    await second.release()
    expect(await answers(first.uri)).toBe(false)
  })

  it('that killed users left behind is stopped by the next command that looks', async () => {
    const user = await startUser()
    await user.kill()
    expect(await answers(user.uri)).toBe(true)
    await reapServer(folder)
    expect(await answers(user.uri)).toBe(false)
    expect(existsSync(join(folder, 'server.json'))).toBe(false)
  })

  it('that was killed is replaced by another', async () => {
    const first = await acquire()
    process.kill(await pidOfServer(), 'SIGKILL')
    await delay(300)
    const second = await acquire()
    expect(await answers(second.uri)).toBe(true)
    expect(await answers(first.uri)).toBe(false)
    await first.release()
    expect(await answers(second.uri)).toBe(true)
    await second.release()
    expect(await answers(second.uri)).toBe(false)
  })

  it('listens on loopback only', async () => {
    const server = await acquire()
    const port = Number(new URL(server.uri).port).toString(16).toUpperCase().padStart(4, '0')
    // proc(5): local address and port in hexadecimal; state 0A is listening.
    const sockets = (await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')))).join('')
    const listening = [...sockets.matchAll(/ ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:0000 0A /g)].filter(([, , open]) => open === port)
    expect(listening.map(([, address]) => address)).toEqual(['0100007F'])
    await server.release()
  })

  it('is not bent by variables that were meant for another server', async () => {
    const server = await acquire({
      ...process.env,
      MLFLOW_SERVE_ARTIFACTS: 'false',
      MLFLOW_BACKEND_STORE_URI: 'sqlite:////nowhere/x.db',
      MLFLOW_SERVER_ALLOWED_HOSTS: 'example.org',
      PYTHONPATH: '/nowhere',
    })
    expect((await fetch(`${server.uri}/api/2.0/mlflow-artifacts/artifacts?path=`)).status).toBe(200)
    await server.release()
  })

  it('that cannot start says why, with the end of its log', async () => {
    await writeFile(join(folder, 'mlflow.db'), 'this is no database')
    await expect(acquire()).rejects.toThrow(/ended before it was ready: .*(not a database|DatabaseError)/s)
  })

  it('that is not there at all says which Python is missing', async () => {
    await expect(acquire(process.env, join(folder, 'no-python'))).rejects.toThrow(/no-python/)
    const program = join(folder, 'broken')
    await writeFile(program, '#!/bin/sh\necho "ModuleNotFoundError: No module named mlflow" >&2\n')
    await chmod(program, 0o755)
    await expect(acquire(process.env, program)).rejects.toThrow(/No module named mlflow/)
  })
})
