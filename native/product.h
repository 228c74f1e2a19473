// Products of matrices of which one side is small: the channels of an image.
#pragma once

#include "shared.h"

namespace runner {
namespace PROCESSOR {
namespace {

// a(i, k) = a[i * aRow + k * aStep]
struct Left {
  const float* values;
  long row, step;
};

template <int Rows, int Vectors>
inline void tile(Left a, const float* b, long bStep, long count, float* c, long cRow, bool adds) {
  Vector sums[Rows][Vectors];
  for (int i = 0; i < Rows; i++)
    for (int j = 0; j < Vectors; j++)
      sums[i][j] = adds ? load(c + i * cRow + j * width) : Vector{};
  for (long k = 0; k < count; k++) {
    Vector right[Vectors];
    for (int j = 0; j < Vectors; j++) right[j] = load(b + k * bStep + j * width);
    for (int i = 0; i < Rows; i++) {
      const float left = a.values[i * a.row + k * a.step];
      for (int j = 0; j < Vectors; j++) sums[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < Rows; i++)
    for (int j = 0; j < Vectors; j++) store(c + i * cRow + j * width, sums[i][j]);
}

template <int Vectors>
void panel(long rows, Left a, const float* b, long bStep, long count, float* c, long cRow, bool adds) {
  constexpr int most = TILE_ROWS;
  long i = 0;
  for (; i + most <= rows; i += most) tile<most, Vectors>({a.values + i * a.row, a.row, a.step}, b, bStep, count, c + i * cRow, cRow, adds);
  for (; i + 4 <= rows; i += 4) tile<4, Vectors>({a.values + i * a.row, a.row, a.step}, b, bStep, count, c + i * cRow, cRow, adds);
  for (; i < rows; i++) tile<1, Vectors>({a.values + i * a.row, a.row, a.step}, b, bStep, count, c + i * cRow, cRow, adds);
}

// c [rows, columns] = a b, or += where it adds; b [count, columns]. Columns are whole vectors.
inline void product(long rows, long columns, long count, Left a, const float* b, long bStep, float* c, long cRow, bool adds) {
  long j = 0;
  for (; j + 2 * width <= columns; j += 2 * width) panel<2>(rows, a, b + j, bStep, count, c + j, cRow, adds);
  if (j < columns) panel<1>(rows, a, b + j, bStep, count, c + j, cRow, adds);
}

// [rows, columns] with columns filled up with zeros to whole vectors.
inline Floats fill(const float* values, long rows, long columns) {
  const long wide = roundUp(columns, width);
  Floats out = zeros(rows * wide);
  for (long row = 0; row < rows; row++) std::memcpy(out.get() + row * wide, values + row * columns, columns * sizeof(float));
  return out;
}

inline Floats fillTransposed(const float* values, long rows, long columns) {
  const long wide = roundUp(rows, width);
  Floats out = zeros(columns * wide);
  for (long row = 0; row < rows; row++)
    for (long column = 0; column < columns; column++) out[column * wide + row] = values[row * columns + column];
  return out;
}

}  // namespace
}  // namespace PROCESSOR
}  // namespace runner
