/** The variables that MLflow's own clients honour. */
import type { ConnectionOptions } from './connection.ts'
import { MlflowError } from './errors.ts'

/** Node reads certificates when it starts, and from this variable only. */
const certificates = ['MLFLOW_TRACKING_INSECURE_TLS', 'MLFLOW_TRACKING_SERVER_CERT_PATH', 'MLFLOW_TRACKING_CLIENT_CERT_PATH']

/** Null where the environment names no server that speaks HTTP. Throws `MlflowError` where it asks for what this client cannot do. */
export function connectionFromEnvironment(environment: Readonly<Record<string, string | undefined>>): ConnectionOptions | null {
  const read = (name: string): string | undefined => environment[name] || undefined
  const trackingUri = read('MLFLOW_TRACKING_URI')
  if (trackingUri === undefined || !/^https?:\/\//i.test(trackingUri)) return null
  const unknown = certificates.find((name) => read(name) !== undefined && read(name) !== 'false')
  if (unknown !== undefined && trackingUri.startsWith('https:'))
    throw new MlflowError(`${unknown} is not honoured here; name the server's certificate in NODE_EXTRA_CA_CERTS instead`, { status: 0 })
  const seconds = Number(read('MLFLOW_HTTP_REQUEST_TIMEOUT') ?? NaN)
  const retries = Number(read('MLFLOW_HTTP_REQUEST_MAX_RETRIES') ?? NaN)
  return {
    trackingUri,
    ...present('username', read('MLFLOW_TRACKING_USERNAME')),
    ...present('password', read('MLFLOW_TRACKING_PASSWORD')),
    ...present('token', read('MLFLOW_TRACKING_TOKEN')),
    ...present('workspace', read('MLFLOW_WORKSPACE')),
    ...present('timeoutMs', seconds > 0 ? seconds * 1000 : undefined),
    ...present('retries', Number.isInteger(retries) && retries >= 0 ? retries : undefined),
  }
}

function present<K extends keyof ConnectionOptions>(name: K, value: ConnectionOptions[K] | undefined): Pick<ConnectionOptions, K> | object {
  return value === undefined ? {} : { [name]: value }
}
