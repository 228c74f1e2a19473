/**
 * The few shapes that the experiment's schema is made of beyond plain JSON schema, each as a TypeBox helper, and `Filled`: the type of a
 * written value once its short forms are written out and its defaults are filled in.
 */
import Type from 'typebox'
import type { Static, TArray, TObject, TOptional, TProperties, TSchema, TSchemaOptions, TUnion, TUnsafe } from 'typebox'

/** Phantom: a map with exactly one of `Kinds`, and `Siblings` beside it. */
interface Tagged<Kinds, Siblings> {
  readonly kinds: Kinds
  readonly siblings: Siblings
}

/** Phantom: `Long`, which may be written short as the value of one of its keys. */
interface Shortened<Long> {
  readonly long: Long
}

export type TTagged<Kinds extends TProperties, Siblings extends TProperties> = TUnsafe<Tagged<Kinds, Siblings>>
export type TShortened<Long extends TSchema> = TUnsafe<Shortened<Long>>

/** What `fillDefaults` makes of a value that the schema accepts: every key present, every short form written out. */
export type Filled<S> =
  S extends TUnsafe<Shortened<infer Long>>
    ? Filled<Long>
    : S extends TUnsafe<Tagged<infer Kinds, infer Siblings>>
      ? { readonly [K in keyof Siblings]: Filled<Siblings[K]> } & { readonly [K in keyof Kinds]?: Filled<Kinds[K]> }
      : S extends TObject<infer Properties>
        ? { readonly [K in keyof Properties]: Filled<Properties[K]> }
        : S extends TArray<infer Item>
          ? readonly Filled<Item>[]
          : S extends TUnion<infer Branches>
            ? Filled<Branches[number]>
            : S extends TSchema
              ? Static<S>
              : never

/** Schemas carry these keys for the loader only; they are taken out of the committed file. */
export const annotations = ['x-short', 'x-bare'] as const

/** A map that refuses keys it does not know. */
export function closed<P extends TProperties>(properties: P, options: TSchemaOptions = {}): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

/** One closed map that holds exactly one of `kinds`, so that editors complete the kinds and errors speak of the one that was meant. */
export function tagged<K extends TProperties, S extends TProperties>(kinds: K, siblings: S, options: TSchemaOptions = {}): TTagged<K, S> {
  const optionalKinds = Object.fromEntries(Object.entries(kinds).map(([kind, schema]) => [kind, Type.Optional(schema)]))
  const oneOf = Object.keys(kinds).map((kind) => ({ required: [kind] }))
  return Type.Unsafe<Tagged<K, S>>(closed({ ...optionalKinds, ...siblings }, { oneOf, ...options }))
}

/** `dropout: 0.25` for `dropout: { rate: 0.25 }`. With `mayBeEmpty`, `flatten:` without a value stands for `flatten: {}`. */
export function shortened<P extends TProperties>(
  long: TObject<P>,
  short: { readonly key?: keyof P & string; readonly schema?: TSchema; readonly mayBeEmpty?: boolean },
  options: TSchemaOptions = {},
): TShortened<TObject<P>> {
  const branches: TSchema[] = [...(short.schema ? [short.schema] : []), long, ...(short.mayBeEmpty ? [Type.Null()] : [])]
  return Type.Unsafe<Shortened<TObject<P>>>(Type.Union(branches, { 'x-short': short.key ?? '', ...options }))
}

/** `flatten` for `{ flatten: {} }`, for the kinds that need no options. */
export function bare<S extends TSchema>(kinds: readonly string[], long: S, options: TSchemaOptions = {}): TShortened<S> {
  return Type.Unsafe<Shortened<S>>(Type.Union([words(kinds), long], { 'x-bare': true, ...options }))
}

/** One of a few words. */
export function words<const W extends readonly string[]>(values: W, options: TSchemaOptions = {}): TUnsafe<W[number]> {
  return Type.Unsafe<W[number]>({ type: 'string', enum: values, ...options })
}

/** A map from names that the user chooses. */
export function named<S extends TSchema>(value: S, options: TSchemaOptions = {}): TUnsafe<Readonly<Record<string, Static<S>>>> {
  return Type.Unsafe<Readonly<Record<string, Static<S>>>>({ type: 'object', additionalProperties: value, ...options })
}

/** A key that may be left out; what holds then is its schema's `default`. */
export function optional<S extends TSchema>(schema: S): TOptional<S> {
  return Type.Optional(schema) as TOptional<S>
}

export function count(description: string, options: TSchemaOptions = {}) {
  return Type.Integer({ minimum: 1, description, ...options })
}

/** A share of something, 0 up to but not including 1. */
export function share(description: string, options: TSchemaOptions = {}) {
  return Type.Number({ minimum: 0, exclusiveMaximum: 1, description, ...options })
}

export function atLeastZero(description: string, options: TSchemaOptions = {}) {
  return Type.Number({ minimum: 0, description, ...options })
}

export function aboveZero(description: string, options: TSchemaOptions = {}) {
  return Type.Number({ exclusiveMinimum: 0, description, ...options })
}

export function yesOrNo(description: string, value: boolean) {
  return Type.Boolean({ description, default: value })
}
