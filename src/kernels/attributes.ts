/** Operations' attributes as TensorFlow has them, as plain data: whoever only reads a graph needs no TensorFlow. */
export type AttributeValue = string | number | boolean | readonly number[]
export interface Attribute {
  readonly name: string
  readonly type: number
  readonly value: AttributeValue
}

/** TensorFlow's numbers for types (tensorflow/c/tf_datatype.h). */
export const dtypes = { float32: 1, int32: 3, uint8: 4, bool: 10 } as const
export type DType = keyof typeof dtypes

/** The binding's numbers for kinds of attributes (tensorflow/c/c_api.h, TF_AttrType). */
export const attributeKinds = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const

export const attribute = {
  type: (name: string, dtype: DType): Attribute => ({ name, type: attributeKinds.type, value: dtypes[dtype] }),
  int: (name: string, value: number | readonly number[]): Attribute => ({ name, type: attributeKinds.int, value }),
  float: (name: string, value: number): Attribute => ({ name, type: attributeKinds.float, value }),
  bool: (name: string, value: boolean): Attribute => ({ name, type: attributeKinds.bool, value }),
  string: (name: string, value: string): Attribute => ({ name, type: attributeKinds.string, value }),
}
