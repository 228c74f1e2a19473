/** The package's public face. */
export { MlflowClient } from './client.ts'
export { MlflowError, redactUri, type ConnectionOptions } from './connection.ts'
export { connectionFromEnvironment } from './environment.ts'
export { limits } from './limits.ts'
export type * from './types.ts'
