/** Where a run's files lie: behind the server's proxy, or in a folder of this machine. */
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MlflowError } from './errors.ts'

/** Anything that has artifacts: a run's info, a logged model's info. */
export interface HasArtifacts {
  readonly artifact_uri: string
}

export type ArtifactPlace = { readonly kind: 'proxy'; readonly path: string } | { readonly kind: 'folder'; readonly path: string }

const proxy = '/api/2.0/mlflow-artifacts/artifacts'

/** `path` with forward slashes, relative to the artifacts. Throws `MlflowError` for stores that only Python's client can write. */
export function placeOf({ artifact_uri: uri }: HasArtifacts, path: string): ArtifactPlace {
  if (posix.isAbsolute(uri)) return { kind: 'folder', path: join(uri, path) }
  const url = URL.canParse(uri) ? new URL(uri) : null
  if (url?.protocol === 'file:') return { kind: 'folder', path: join(fileURLToPath(url), path) }
  if (url?.protocol !== 'mlflow-artifacts:')
    throw new MlflowError(
      `artifacts in ${url ? `${url.protocol}//` : JSON.stringify(uri)} are beyond this client; start the server with --serve-artifacts and --artifacts-destination`,
      { status: 0 },
    )
  const segments = posix
    .join(decodeURIComponent(url.pathname), path)
    .split('/')
    .filter((segment) => segment !== '')
  // Another host than the tracking server's, spoken to in the same way.
  const root = url.host === '' ? '' : `//${url.host}`
  return { kind: 'proxy', path: `${root}${proxy}/${segments.map(encodeURIComponent).join('/')}` }
}
