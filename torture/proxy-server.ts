/** A proxy that spoils what passes through it: the way to a server as it is in a hospital at night. Which fault comes when follows from the seed. */
import { createHash } from 'node:crypto'
import { Agent, createServer, request as ask, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface FaultyProxy {
  readonly uri: string
  /** How often each fault was made. */
  readonly counts: ReadonlyMap<FaultName, number>
  /** Faults so far. */
  total(): number
  /** Share of requests that meet a fault, 0 … 1. */
  spoil(share: number): void
  /** No more faults; resolves when what they held back has arrived. */
  calm(): Promise<void>
  /** Takes no connections until `open`, as a server that is being started again. */
  shut(): Promise<void>
  open(): Promise<void>
  stop(): Promise<void>
}

export interface ProxyOptions {
  /** `http://127.0.0.1:port` of a real server; asked for at each request, since it may be started anew. */
  readonly target: () => string
  readonly seed: number
  /** Longer than the client waits for an answer, in milliseconds. */
  readonly tooLateMs: number
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** One request on its way, with what a fault may do to it. */
interface Passage {
  readonly forward: () => Promise<Answer>
  readonly response: ServerResponse
  readonly authorization: string
  /** Of this passage alone, 0 … 1. */
  readonly chance: number
  readonly tooLateMs: number
}

/** Some servers say what they were sent, credentials and all. */
const refusal = (status: number, headers: Readonly<Record<string, string>> = {}) => {
  return ({ response, authorization }: Passage): void => {
    const body = JSON.stringify({ error_code: 'TEMPORARILY_UNAVAILABLE', message: `not now, ${authorization}` })
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }
}

const faults = {
  /** The request never arrives. */
  dropped: ({ response }) => void response.socket?.destroy(),
  reset: ({ response }) => void response.socket?.resetAndDestroy(),
  /** It arrives, and nobody hears of it. */
  answerLost: async ({ forward, response }) => {
    await forward()
    response.socket?.destroy()
  },
  slow: async ({ forward, response, chance }) => {
    await delay(50 + chance * 900)
    give(response, await forward())
  },
  /** It arrives when the client has given up and asked again. */
  tooLate: async ({ forward, response, tooLateMs }) => {
    await delay(tooLateMs)
    give(response, await forward())
  },
  twice: async ({ forward, response }) => {
    await forward()
    give(response, await forward())
  },
  /** Less than was announced. */
  cutOff: async ({ forward, response, chance }) => {
    const { status, headers, body } = await forward()
    response.writeHead(status, { ...headers, 'content-length': String(body.length + 9) })
    response.write(body.subarray(0, Math.floor(chance * body.length)))
    await delay(20)
    response.socket?.destroy()
  },
  /** Less than it was, and whole by its length. */
  shortened: async ({ forward, response, chance }) => {
    const answer = await forward()
    give(response, { ...answer, body: answer.body.subarray(0, Math.floor(chance * answer.body.length)) })
  },
  garbled: async ({ forward, response, chance }) => {
    const answer = await forward()
    const body = Buffer.from(answer.body)
    const from = Math.floor(chance * body.length)
    give(response, { ...answer, body: body.fill(0, from, from + 8) })
  },
  /** A portal that wants a login. */
  page: ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to the guest network</html>'),
  status500: refusal(500),
  status502: refusal(502),
  status503: refusal(503, { 'retry-after': '1' }),
  status429: refusal(429, { 'retry-after': '1' }),
  status408: refusal(408),
  status401: refusal(401),
  status403: refusal(403),
} as const satisfies Readonly<Record<string, (passage: Passage) => void | Promise<void>>>

export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]

export async function startProxy({ target, seed, tooLateMs }: ProxyOptions): Promise<FaultyProxy> {
  const agent = new Agent({ keepAlive: true })
  const counts = new Map<FaultName, number>(faultNames.map((name) => [name, 0]))
  const sockets = new Set<Socket>()
  const underway = new Set<Promise<unknown>>()
  let share = 0
  let requests = 0
  const draw = (what: string): number => createHash('sha256').update(`${seed} ${requests} ${what}`).digest().readUInt32LE() / 2 ** 32

  const pass = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bytesOf(incoming)
    requests += 1
    const forward = (): Promise<Answer> => forwardTo(new URL(incoming.url ?? '/', target()), incoming, body, agent)
    const name = draw('whether') < share ? faultNames[Math.floor(draw('which') * faultNames.length)] : undefined
    if (name === undefined) {
      give(response, await forward())
      return
    }
    counts.set(name, (counts.get(name) ?? 0) + 1)
    await faults[name]({ forward, response, authorization: incoming.headers.authorization ?? '', chance: draw('how'), tooLateMs })
  }
  const server = createServer((incoming, response) => {
    // Whoever hung up meanwhile is no concern of the proxy's; a server that is away is a bad gateway.
    const passage = pass(incoming, response).catch(() => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
    underway.add(passage)
    void passage.finally(() => underway.delete(passage))
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  const shut = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    uri: `http://127.0.0.1:${port}`,
    counts,
    total: () => [...counts.values()].reduce((a, b) => a + b, 0),
    spoil: (next) => void (share = next),
    async calm() {
      share = 0
      await Promise.all(underway)
    },
    shut,
    open: () => listen(port),
    async stop() {
      await shut()
      agent.destroy()
    },
  }
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function forwardTo(url: URL, { method, headers }: IncomingMessage, body: Buffer, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = ask(
      url,
      { method, agent, headers: { ...endToEnd(headers), host: url.host, 'content-length': String(body.length) } },
      (answer) => {
        bytesOf(answer).then((bytes) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes }), reject)
      },
    )
    request.on('error', reject).end(body)
  })
}

function give(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...endToEnd(headers), 'content-length': String(body.length) }).end(body)
}

/** Without those that are about one connection only. */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'connection' && name !== 'transfer-encoding'))
}
