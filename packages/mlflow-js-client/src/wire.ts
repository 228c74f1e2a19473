/** What the calls share: the API's root, its pages, and how an answer is read. */
import { MlflowError } from './errors.ts'

export const api = '/api/2.0/mlflow'

/** Points of a metric in one answer: the most that servers give. */
export const page = 25_000

/** The field of an answer that the call is about. An answer without it comes from something else than MLflow. */
export function part(answer: object, name: string, uri: string): unknown {
  const value = (answer as Readonly<Record<string, unknown>>)[name]
  if (value === undefined || value === null)
    throw new MlflowError(`${uri} answered without ${JSON.stringify(name)}; is this an MLflow server?`, { status: 200 })
  return value
}

export function queryOf(query: Readonly<Record<string, string>>): string {
  return new URLSearchParams(query).toString()
}
