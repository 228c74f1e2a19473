/** Requests with authentication, time limits and retries; errors that say what to do. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import pRetry from 'p-retry'
import { MlflowError, redactUri } from './errors.ts'

export interface ConnectionOptions {
  /** `http://host:port`, perhaps with a path; credentials may stand in it. */
  readonly trackingUri: string
  readonly username?: string
  readonly password?: string
  /** Sent as a bearer token, before user and password. */
  readonly token?: string
  readonly workspace?: string
  /** Of one request, without the time that a file takes. Default 30 s. */
  readonly timeoutMs?: number
  /** Further attempts after a failure that may pass. Default 4. */
  readonly retries?: number
  readonly fetch?: typeof globalThis.fetch
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT'
  /** From the server's root; or `//host/…`, where the server names another host for its artifacts. */
  readonly path: string
  /** Becomes JSON. */
  readonly body?: unknown
  /** A file that is the body, read as it is sent. */
  readonly file?: string
  /** False where a second attempt may do again what the first did already. */
  readonly isRepeatable?: boolean
}

/** A file may take this much longer than any other request: half a megabyte a second. */
const bytesPerMs = 500
const longestRetryAfterMs = 60_000
const longestMessage = 600

export class Connection {
  /** Without credentials. */
  readonly uri: string
  readonly #headers: Readonly<Record<string, string>>
  /** What no message may hold, though a server says it. */
  readonly #secrets: readonly string[]
  readonly #timeoutMs: number
  readonly #retries: number
  readonly #fetch: typeof globalThis.fetch
  readonly #closing = new AbortController()

  constructor(options: ConnectionOptions) {
    this.uri = addressOf(options.trackingUri)
    const workspace = options.workspace === undefined ? {} : { 'x-mlflow-workspace': options.workspace }
    const { header, secrets } = credentialsOf(options)
    this.#headers = { ...header, ...workspace }
    this.#secrets = secrets
    this.#timeoutMs = options.timeoutMs ?? 30_000
    this.#retries = options.retries ?? 4
    this.#fetch = options.fetch ?? globalThis.fetch
  }

  /** A JSON answer. One that is damaged on its way may pass; one that never was JSON means that this is not MLflow. */
  json(request: ApiRequest): Promise<object> {
    return this.#send(request, async (response) => parseObject(await response.text()) ?? this.#refuseAnswer(response))
  }

  /** Puts a file there. MLflow says nothing to that, or `{}`: anything else was said by somebody who did not keep the file. */
  async put(path: string, file: string): Promise<void> {
    await this.#send({ method: 'PUT', path, file }, async (response) => {
      const text = await response.text()
      if (text !== '' && !parseObject(text)) this.#refuseAnswer(response)
    })
  }

  /** The answer as it is. */
  bytes(request: ApiRequest): Promise<Uint8Array> {
    return this.#send(request, async (response) => new Uint8Array(await response.arrayBuffer()))
  }

  /** Ends what is under way, and every later request, with an error: nothing of this connection keeps a process alive. */
  close(): void {
    this.#closing.abort(new MlflowError(`the connection to ${this.uri} was closed`, { status: 0 }))
  }

  #send<T>(request: ApiRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const { signal } = this.#closing
    return pRetry(() => this.#attempt(request, read), {
      retries: request.isRepeatable === false ? 0 : this.#retries,
      minTimeout: 200,
      maxTimeout: 5000,
      randomize: true,
      signal,
      shouldRetry: ({ error }) => error instanceof MlflowError && error.isPassing,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (retriesLeft > 0 && error instanceof MlflowError && error.retryAfterMs > 0)
          await delay(Math.min(error.retryAfterMs, longestRetryAfterMs), undefined, { signal })
      },
    })
  }

  async #attempt<T>(request: ApiRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const { init, extraMs } = await bodyOf(request)
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(Math.ceil(this.#timeoutMs + extraMs))])
    const url = `${request.path.startsWith('//') ? new URL(this.uri).protocol : this.uri}${request.path}`
    const headers = { ...this.#headers, ...init.headers }
    try {
      const response = await this.#fetch(url, { ...init, method: request.method, headers, signal })
      if (response.ok) return await read(response)
      throw await this.#explain(response)
    } catch (cause) {
      if (cause instanceof MlflowError) throw cause
      throw new MlflowError(`${this.uri} does not answer: ${reasonOf(cause)}`, { status: 0, cause })
    }
  }

  #refuseAnswer(response: Response): never {
    if (isJson(response)) throw new MlflowError(`${this.uri} gave an answer that is damaged or cut short`, { status: 0 })
    throw new MlflowError(`${this.uri} answered with something that is not JSON; is this an MLflow server?`, { status: response.status })
  }

  /** Some servers repeat what they were sent. */
  #withoutSecrets(text: string): string {
    return this.#secrets.reduce((kept, secret) => kept.replaceAll(secret, '***'), text)
  }

  async #explain(response: Response): Promise<MlflowError> {
    const { status } = response
    const retryAfterMs = retryAfter(response.headers.get('retry-after'))
    const { message, code } = readError(await response.text().catch(() => ''))
    const said = message === null ? `${this.uri} answered with status ${status}` : this.#withoutSecrets(message).slice(0, longestMessage)
    return new MlflowError(`${said}${hintFor(status, message)}`, { status, code, retryAfterMs })
  }
}

/** Headers and secrets are one thing: what is sent in the one must not come back in a message. */
interface Credentials {
  readonly header: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
}

interface Body {
  readonly init: { readonly body?: NonNullable<RequestInit['body']>; readonly duplex?: 'half'; readonly headers?: Record<string, string> }
  readonly extraMs: number
}

/** Made anew for each attempt: a stream can be read once only. */
async function bodyOf({ body, file }: ApiRequest): Promise<Body> {
  if (file !== undefined) {
    const { size } = await stat(file)
    // MLflow's server reads nothing without a length.
    const headers = { 'content-length': String(size), 'content-type': 'application/octet-stream' }
    const stream = size === 0 ? new Uint8Array() : Readable.toWeb(createReadStream(file))
    return { init: { body: stream as NonNullable<RequestInit['body']>, duplex: 'half', headers }, extraMs: size / bytesPerMs }
  }
  if (body === undefined) return { init: {}, extraMs: 0 }
  return { init: { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }, extraMs: 0 }
}

/** Without credentials, and without the `#/experiments/…` of a page's address. */
function addressOf(trackingUri: string): string {
  const url = URL.canParse(trackingUri) ? new URL(trackingUri) : null
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new MlflowError(`${JSON.stringify(redactUri(trackingUri))} is not the address of a server, such as http://127.0.0.1:5000`, {
      status: 0,
    })
  url.hash = ''
  url.search = ''
  return redactUri(url.href)
}

function credentialsOf({ trackingUri, username, password, token }: ConnectionOptions): Credentials {
  if (token !== undefined) return { header: { authorization: `Bearer ${token}` }, secrets: [token] }
  const url = new URL(trackingUri)
  const user = username ?? decoded(url.username)
  const secret = password ?? decoded(url.password)
  if (user === '') return { header: {}, secrets: [] }
  const pair = Buffer.from(`${user}:${secret}`).toString('base64')
  return { header: { authorization: `Basic ${pair}` }, secrets: [pair, secret, encodeURIComponent(secret)].filter((one) => one !== '') }
}

/** A percent sign that begins no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** MLflow answers errors as JSON; proxies, and its own host check, as text or HTML. */
function readError(text: string): { message: string | null; code: string } {
  const { error_code: code, message } = (parseObject(text) ?? {}) as { error_code?: unknown; message?: unknown }
  return { message: typeof message === 'string' ? message : null, code: typeof code === 'string' ? code : '' }
}

function isJson(response: Response): boolean {
  return response.headers.get('content-type')?.includes('json') === true
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

function hintFor(status: number, message: string | null): string {
  if (status === 401) return '; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN'
  if (message !== null) return ''
  if (status === 403) return '; it may refuse this host name: start it with --allowed-hosts, or use its IP address'
  return status < 500 && status !== 408 && status !== 429 ? '; is this an MLflow server?' : ''
}

/** Seconds, or a date (RFC 9110, section 10.2.3), to milliseconds. */
function retryAfter(header: string | null): number {
  if (header === null) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it takes too long'
  const { cause } = error
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : error.message
}
