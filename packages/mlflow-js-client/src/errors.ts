/** What may go wrong between this client and a server. Messages never hold credentials. */

export interface MlflowErrorDetails {
  /** HTTP status; 0 where no answer came. */
  readonly status: number
  /** MLflow's `error_code`, such as RESOURCE_DOES_NOT_EXIST; empty where the answer was not MLflow's. */
  readonly code?: string
  /** How long the server asks to be left alone. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** What the server, or the way to it, answered instead of a result. */
export class MlflowError extends Error {
  readonly status: number
  readonly code: string
  readonly retryAfterMs: number
  constructor(message: string, { status, code = '', retryAfterMs = 0, cause }: MlflowErrorDetails) {
    super(message, { cause })
    this.name = 'MlflowError'
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
  }

  /** The same request may succeed a moment later. These are the statuses that Python's client retries. */
  get isPassing(): boolean {
    return this.status === 0 || passing.has(this.status)
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
