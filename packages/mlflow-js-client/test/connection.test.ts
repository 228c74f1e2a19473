/** The way to a server: what is sent, what is tried again, and what is said when it fails. The server is real and misbehaves on purpose. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { connectionFromEnvironment, MlflowClient, MlflowError, type ConnectionOptions } from '../src/index.ts'

interface Seen {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly at: number
}

type Answer = (response: ServerResponse, seen: Seen) => void

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** Answers the first request with the first answer, and all beyond with the last. */
async function serve(...answers: readonly Answer[]): Promise<{ uri: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString(), at: Date.now() }
      seen.push(one)
      answers[Math.min(seen.length, answers.length) - 1]?.(response, one)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
const text =
  (body: string, status: number): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'text/html' }).end(body)
const experiments = json({ experiments: [] })

async function errorOf(work: Promise<unknown>): Promise<MlflowError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof MlflowError)) throw new Error(`expected an MlflowError, received ${String(error)}`)
  return error
}

function clientOf(uri: string, options: Partial<ConnectionOptions> = {}): MlflowClient {
  return new MlflowClient({ trackingUri: uri, retries: 0, ...options })
}

describe('trying again', () => {
  it.each([408, 429, 500, 502, 503, 504])('goes on after status %i', async (status) => {
    const { uri, seen } = await serve(json({}, status), experiments)
    await clientOf(uri, { retries: 1 }).ping()
    expect(seen).toHaveLength(2)
  })

  it('waits as long as the server asks', async () => {
    const { uri, seen } = await serve(json({}, 429, { 'retry-after': '1' }), experiments)
    await clientOf(uri, { retries: 1 }).ping()
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThanOrEqual(1000)
  })

  it.each([
    ['cut short', '{"experiments": [{"na'],
    ['overwritten', '{"exper\0\0\0\0\0\0": []}'],
    ['empty', ''],
  ])('goes on after an answer that is %s', async (_, body) => {
    const damaged: Answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    const { uri, seen } = await serve(damaged, experiments)
    await clientOf(uri, { retries: 1 }).ping()
    expect(seen).toHaveLength(2)
    const error = await errorOf(clientOf((await serve(damaged)).uri).ping())
    expect(error.message).toContain('damaged or cut short')
    expect(error.isPassing).toBe(true)
  })

  it('ends after so many attempts, with what the server said', async () => {
    const { uri, seen } = await serve(json({ error_code: 'TEMPORARILY_UNAVAILABLE', message: 'in a minute' }, 503))
    const error = await errorOf(clientOf(uri, { retries: 2 }).ping())
    expect(seen).toHaveLength(3)
    expect(error).toMatchObject({ status: 503, code: 'TEMPORARILY_UNAVAILABLE', message: 'in a minute' })
  })

  it('does not repeat a request that is at fault itself', async () => {
    const { uri, seen } = await serve(json({ error_code: 'INVALID_PARAMETER_VALUE', message: 'no such thing' }, 400))
    expect(await errorOf(clientOf(uri, { retries: 3 }).getRun('x'))).toMatchObject({ status: 400, code: 'INVALID_PARAMETER_VALUE' })
    expect(seen).toHaveLength(1)
  })

  it('does not create a run twice where the answer was lost', async () => {
    const { uri, seen } = await serve(json({}, 503))
    const run = { experiment_id: '1', run_name: 'a', start_time: 1, tags: [] }
    expect((await errorOf(clientOf(uri, { retries: 3 }).createRun(run))).isPassing).toBe(true)
    expect(seen).toHaveLength(1)
  })
})

describe('a server that is not MLflow', () => {
  it.each([
    ['a page', text('<html>hello</html>', 200)],
    ['a page that says 404', text('<html>nothing here</html>', 404)],
    ['another JSON API', json({ status: 'ok' })],
  ])('that answers with %s is recognised', async (_, answer) => {
    const { uri } = await serve(answer)
    expect((await errorOf(clientOf(uri).ping())).message).toContain('is this an MLflow server?')
  })

  it('that refuses the host name is told about --allowed-hosts', async () => {
    const { uri } = await serve(text('Invalid Host header - possible DNS rebinding attack detected', 403))
    expect((await errorOf(clientOf(uri).ping())).message).toContain('--allowed-hosts')
  })

  it('that wants a password is told which variables hold it', async () => {
    const { uri } = await serve(text('You are not authenticated.', 401))
    expect((await errorOf(clientOf(uri).ping())).message).toContain('MLFLOW_TRACKING_PASSWORD')
  })

  it('that is absent is named with the reason', async () => {
    const error = await errorOf(clientOf('http://127.0.0.1:9').ping())
    expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:9 does not answer: /)
    expect(error).toMatchObject({ status: 0, isPassing: true })
  })

  it.each([
    ['never begins to answer', (): void => undefined],
    ['never ends its answer', (response: ServerResponse): void => void response.writeHead(200).write('{"exper')],
  ])('that %s is given up in time', async (_, answer) => {
    const { uri } = await serve(answer)
    expect((await errorOf(clientOf(uri, { timeoutMs: 200 }).ping())).message).toBe(`${uri} does not answer: it takes too long`)
  })
})

it('ends what is under way when it is closed', async () => {
  const { uri } = await serve(() => undefined)
  const client = clientOf(uri, { retries: 5 })
  const asking = errorOf(client.ping())
  client.close()
  expect((await asking).message).toContain('was closed')
  expect((await errorOf(client.ping())).message).toContain('was closed')
})

describe('credentials', () => {
  it('in the address are sent, and never shown', async () => {
    const { uri, seen } = await serve(experiments, text('', 500))
    const client = clientOf(uri.replace('//', '//anna:s%40cret@'))
    await client.ping()
    expect(seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('anna:s@cret').toString('base64')}`)
    expect(client.uri).toBe(uri)
    expect((await errorOf(client.ping())).message).not.toContain('cret')
    expect((await errorOf(clientOf('http://anna:s%40cret@127.0.0.1:9').ping())).message).not.toContain('cret')
    expect(() => clientOf('ftp://anna:s%40cret@host')).toThrow(/^"ftp:\/\/host" is not the address/)
  })

  it('that the server repeats are not repeated by us', async () => {
    const echo: Answer = (response, { headers }) =>
      response.writeHead(403).end(JSON.stringify({ message: `go away, ${headers.authorization ?? ''}` }))
    const { uri } = await serve(echo)
    for (const error of [
      await errorOf(clientOf(uri.replace('//', '//anna:s%40cret@')).ping()),
      await errorOf(clientOf(uri, { token: 'tok-en' }).ping()),
    ]) {
      expect(error.message).toContain('go away, ')
      expect(error.message).toContain('***')
      expect(error.message).not.toContain('tok-en')
      expect(error.message).not.toContain(btoa('anna:s@cret'))
    }
  })

  it('with a percent sign that begins no escape are taken as they are', async () => {
    const { uri, seen } = await serve(experiments)
    await clientOf(uri.replace('//', '//anna:100%@')).ping()
    expect(seen[0]?.headers.authorization).toBe(`Basic ${btoa('anna:100%')}`)
  })

  it('come from the environment, a token before a password', async () => {
    const { uri, seen } = await serve(experiments)
    const named = { MLFLOW_TRACKING_URI: uri, MLFLOW_TRACKING_USERNAME: 'anna', MLFLOW_TRACKING_PASSWORD: 'pw', MLFLOW_WORKSPACE: 'lab' }
    for (const environment of [named, { ...named, MLFLOW_TRACKING_TOKEN: 'abc' }]) {
      const options = connectionFromEnvironment(environment)
      if (!options) throw new Error('no server')
      await new MlflowClient(options).ping()
    }
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([`Basic ${btoa('anna:pw')}`, 'Bearer abc'])
    expect(seen[0]?.headers['x-mlflow-workspace']).toBe('lab')
  })
})

describe('the environment', () => {
  it.each([undefined, '', 'databricks', 'sqlite:///x.db'])('names no server with %j', (uri) => {
    expect(connectionFromEnvironment({ MLFLOW_TRACKING_URI: uri })).toBeNull()
  })

  it('is refused where it asks for what this client cannot do', () => {
    const environment = { MLFLOW_TRACKING_URI: 'https://host', MLFLOW_TRACKING_INSECURE_TLS: 'true' }
    expect(() => connectionFromEnvironment(environment)).toThrow(/NODE_EXTRA_CA_CERTS/)
  })

  it('sets time limit and attempts; what is empty is not set', () => {
    const environment = {
      MLFLOW_TRACKING_URI: 'http://host',
      MLFLOW_HTTP_REQUEST_TIMEOUT: '7',
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
      MLFLOW_TRACKING_TOKEN: '',
    }
    expect(connectionFromEnvironment(environment)).toEqual({ trackingUri: 'http://host', timeoutMs: 7000, retries: 0 })
  })
})

it('takes the address of a page for the server’s, and a path before it', async () => {
  const { uri, seen } = await serve(experiments)
  await clientOf(`${uri}/mlflow/#/experiments/1?workflowType=machine_learning`).ping()
  expect(seen[0]?.path).toBe('/mlflow/api/2.0/mlflow/experiments/search?max_results=1')
})

it('writes the run’s id last, because the server drops what follows a mistyped field', async () => {
  const { uri, seen } = await serve(json({ run_info: {} }))
  const client = clientOf(uri)
  await client.logMetrics('abc', [{ key: 'a', value: 1, timestamp: 1, step: 1 }])
  await client.setTags('abc', [{ key: 'a', value: 'b' }])
  await client.updateRun({ run_id: 'abc', status: 'FINISHED', end_time: 1 })
  for (const { body } of seen) expect(body).toMatch(/,"run_id":"abc"\}$/)
})
