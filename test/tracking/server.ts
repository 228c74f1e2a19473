/** A real `mlflow server` of its own for a test file, in a folder with a name that tempts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acquireServer, type EmbeddedServer } from '../../src/tracking/embedded-server.ts'
import { pythonOfMlflow } from '../runner.ts'

export interface TestServer {
  readonly uri: string
  /** For whatever a test writes. */
  readonly scratch: string
  readonly store: string
  /** Stops it and starts it anew on the same store. */
  restart(): Promise<string>
  stop(): Promise<void>
}

export async function startTestServer(): Promise<TestServer> {
  const scratch = await mkdtemp(join(tmpdir(), 'runner tracking é-'))
  const store = join(scratch, 'mlflow')
  const start = (): Promise<EmbeddedServer> => acquireServer({ folder: store, python: pythonOfMlflow, environment: process.env })
  let server = await start()
  return {
    uri: server.uri,
    scratch,
    store,
    async restart() {
      await server.release()
      server = await start()
      return server.uri
    },
    async stop() {
      await server.release()
      await rm(scratch, { recursive: true, force: true })
    },
  }
}
