/**
 * The wire format of protocol buffers, writing only (protobuf.dev/programming-guides/encoding): enough for a SavedModel, typed, where
 * tfjs-node's generated classes are not.
 */
export class Message {
  readonly #chunks: Uint8Array[] = []

  /** int32, int64, enum and bool fields. */
  varint(field: number, value: number | bigint): this {
    return this.#tag(field, 0).#varint(value)
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.#tag(field, 5).#push(bytes)
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, 2).#varint(value.length).#push(value)
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'))
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish())
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#chunks)
  }

  #tag(field: number, wireType: number): this {
    return this.#varint((field << 3) | wireType)
  }

  /** Negative numbers are written as 64-bit two's complement, as the format asks. */
  #varint(value: number | bigint): this {
    let rest = BigInt.asUintN(64, BigInt(value))
    const bytes: number[] = []
    while (rest > 0x7fn) {
      bytes.push(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    bytes.push(Number(rest))
    return this.#push(Uint8Array.from(bytes))
  }

  #push(bytes: Uint8Array): this {
    this.#chunks.push(bytes)
    return this
  }
}
