/** Requests with authentication, time limits and retries; errors without credentials. */
import pRetry, { AbortError } from 'p-retry'

export interface ConnectionOptions {
  /** `http://host:port`, perhaps with a path. */
  readonly trackingUri: string
  readonly username?: string
  readonly password?: string
  readonly token?: string
  /** Of one request. Default 30 s. */
  readonly timeoutMs?: number
  /** Further attempts after a failure that may pass. Default 4. */
  readonly retries?: number
  readonly fetch?: typeof globalThis.fetch
}

/** What the server, or the way to it, answered instead of a result. */
export class MlflowError extends Error {
  /** HTTP status; 0 where no answer came. */
  readonly status: number
  /** MLflow's `error_code`, such as RESOURCE_DOES_NOT_EXIST; empty where the answer was not MLflow's. */
  readonly code: string
  constructor(message: string, status: number, code: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'MlflowError'
    this.status = status
    this.code = code
  }
}

const passing = new Set([408, 429, 500, 502, 503, 504])

/** The URI without user and password: what may be shown. */
export function redactUri(uri: string): string {
  try {
    const url = new URL(uri)
    url.username = ''
    url.password = ''
    return url.href.replace(/\/$/, '')
  } catch {
    return uri.replace(/\/\/[^/@]*@/, '//')
  }
}

export class Connection {
  /** Without credentials. */
  readonly uri: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number
  readonly #retries: number
  readonly #fetch: typeof globalThis.fetch

  constructor(options: ConnectionOptions) {
    this.uri = redactUri(options.trackingUri)
    this.#headers = authorization(options)
    this.#timeoutMs = options.timeoutMs ?? 30_000
    this.#retries = options.retries ?? 4
    this.#fetch = options.fetch ?? globalThis.fetch
  }

  /** A JSON answer. An empty one is `{}`; an answer that is no JSON means that this is not MLflow. */
  async json(method: string, path: string, body?: unknown): Promise<unknown> {
    const init: RequestInit =
      body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const text = await this.#send(path, init, (response) => response.text())
    if (text === '') return {}
    try {
      return JSON.parse(text) as unknown
    } catch {
      throw new MlflowError(`${this.uri}${path} answered with something that is not JSON; is this an MLflow server?`, 200, '')
    }
  }

  put(path: string, body: Uint8Array): Promise<void> {
    return this.#send(path, { method: 'PUT', body }, async (response) => {
      await response.arrayBuffer()
    })
  }

  bytes(path: string): Promise<Uint8Array> {
    return this.#send(path, { method: 'GET' }, async (response) => new Uint8Array(await response.arrayBuffer()))
  }

  #send<T>(path: string, init: RequestInit, read: (response: Response) => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      const error = await this.#attempt(path, init).then(
        async (response) => (response.ok ? { value: await read(response) } : await this.#explain(response, path)),
        (cause: unknown) => new MlflowError(`${this.uri} does not answer: ${reasonOf(cause)}`, 0, '', cause),
      )
      if (!(error instanceof MlflowError)) return error.value
      throw error.status === 0 || passing.has(error.status) ? error : new AbortError(error)
    }
    return pRetry(attempt, { retries: this.#retries, minTimeout: 200, maxTimeout: 5000, randomize: true })
  }

  #attempt(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) }
    return this.#fetch(`${this.uri}${path}`, { ...init, headers, signal: AbortSignal.timeout(this.#timeoutMs) })
  }

  async #explain(response: Response, path: string): Promise<MlflowError> {
    const text = await response.text().catch(() => '')
    try {
      const { error_code: code, message } = JSON.parse(text) as { error_code?: string; message?: string }
      return new MlflowError(message ?? `status ${response.status}`, response.status, code ?? '')
    } catch {
      const hint = response.status === 403 ? '; the server refuses this host name, see its --allowed-hosts' : ''
      return new MlflowError(`${this.uri}${path} answered ${response.status}${hint}`, response.status, '')
    }
  }
}

function authorization({ trackingUri, username, password, token }: ConnectionOptions): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  const url = URL.canParse(trackingUri) ? new URL(trackingUri) : null
  const user = username ?? (url ? decodeURIComponent(url.username) : '')
  const secret = password ?? (url ? decodeURIComponent(url.password) : '')
  return user === '' ? {} : { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it takes too long'
  const { cause } = error
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : error.message
}
