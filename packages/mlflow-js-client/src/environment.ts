/** The variables that MLflow's own clients honour. */
import type { ConnectionOptions } from './connection.ts'

/** Null where the environment names no server that speaks HTTP. */
export function connectionFromEnvironment(environment: Readonly<Record<string, string | undefined>>): ConnectionOptions | null {
  const uri = environment['MLFLOW_TRACKING_URI']
  if (uri === undefined || !/^https?:\/\//.test(uri)) return null
  const { MLFLOW_TRACKING_USERNAME: username, MLFLOW_TRACKING_PASSWORD: password, MLFLOW_TRACKING_TOKEN: token } = environment
  const seconds = Number(environment['MLFLOW_HTTP_REQUEST_TIMEOUT'])
  const retries = Number(environment['MLFLOW_HTTP_REQUEST_MAX_RETRIES'])
  return {
    trackingUri: uri,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(token === undefined ? {} : { token }),
    ...(seconds > 0 ? { timeoutMs: seconds * 1000 } : {}),
    ...(Number.isInteger(retries) && environment['MLFLOW_HTTP_REQUEST_MAX_RETRIES'] !== undefined ? { retries } : {}),
  }
}
