/** The package's public face. */
export { MlflowClient } from './client.ts'
export type { ConnectionOptions } from './connection.ts'
export type { HasArtifacts } from './artifacts.ts'
export { connectionFromEnvironment } from './environment.ts'
export { MlflowError, redactUri } from './errors.ts'
export { limits, toArtifactPath, toKey } from './limits.ts'
export type { ModelCalls } from './models.ts'
export type * from './types.ts'
