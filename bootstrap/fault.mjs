/** Something that this machine lacks or refuses: exit code 3. The message is what the user reads. */
export class SetupFault extends Error {
  constructor(code, message, wayOut) {
    super(`error  ${code}\n  ${message}\n  ${wayOut}`)
    this.name = 'SetupFault'
  }
}
