/** Trials do not wait for MLflow: it may hear of all of them when they have ended. */
import { writeFile } from 'node:fs/promises'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowClient } from 'mlflow-js-client'
import { expect, it } from 'vitest'
import { readJournal } from '../../src/journal/journal.ts'
import { foldRun } from '../../src/journal/run-state.ts'
import { makeHome, projectRoot } from '../runner.ts'
import { startTestServer } from '../tracking/server.ts'

const trials = 4

/** A way to a server that takes every request and lets none through until it is opened. */
async function barrier(uri: string): Promise<{ readonly uri: string; open(): void; close(): void }> {
  const held = new Set<Socket>()
  let isOpen = false
  const pass = (socket: Socket): void => {
    const onward = connect(Number(new URL(uri).port), '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((either) => either.destroy()))
  }
  const server = createServer((socket) => {
    if (isOpen) pass(socket)
    else held.add(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open() {
      isOpen = true
      held.forEach(pass)
    },
    close: () => server.close(),
  }
}

it('trains every trial of a sweep while MLflow does not answer, and tells them all once it does', { timeout: 100_000 }, async () => {
  const server = await startTestServer()
  const way = await barrier(server.uri)
  const home = await makeHome()
  try {
    const file = join(home.path, 'sweep.yaml')
    const base = relative(home.path, join(projectRoot, 'experiments/smoke.yaml'))
    await writeFile(file, `extends: ${base}\nname: patient\nsweep: { repeats: ${trials}, parallel: 1 }\n`)
    const running = home.start([file], { MLFLOW_TRACKING_URI: way.uri })
    const statuses = async (): Promise<string[]> =>
      Promise.all((await home.runs()).map(async ({ journal }) => foldRun((await readJournal(journal)).events).status))
    while ((await statuses()).filter((status) => status === 'finished').length < trials) await delay(50)
    way.open()
    expect((await running).exitCode).toBe(0)

    const client = new MlflowClient({ trackingUri: server.uri })
    const experiment = await client.getExperimentByName('smoke')
    const told = await client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''] })
    const parentOf = ({ data }: (typeof told)[number]): string | undefined =>
      data.tags?.find(({ key }) => key === 'mlflow.parentRunId')?.value
    const sweep = told.find((run) => parentOf(run) === undefined)
    expect(told.map((run) => [run.info.status, parentOf(run)]).sort()).toEqual([
      ['FINISHED', undefined],
      ...Array.from({ length: trials }, () => ['FINISHED', sweep?.info.run_id]),
    ])
  } finally {
    way.close()
    await home.remove()
    await server.stop()
  }
})
