/** Where things lie. */
import { fileURLToPath } from 'node:url'

/** The folder of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL('../', import.meta.url))

/** An absolute path from one relative to the repository. */
export const inProject = (path) => root + path
