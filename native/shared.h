// What the kernels of one kind of processor share. PROCESSOR names the kind and VECTOR the floats that fit its registers.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace runner {
namespace PROCESSOR {
namespace {

constexpr long width = VECTOR;
typedef float Vector __attribute__((vector_size(VECTOR * 4), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void store(float* to, Vector values) { *reinterpret_cast<Vector*>(to) = values; }

inline long roundUp(long count, long unit) { return (count + unit - 1) / unit * unit; }

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};
using Floats = std::unique_ptr<float[], Free>;

// Not set to anything.
inline Floats floats(long count) {
  void* memory = std::aligned_alloc(64, static_cast<size_t>(std::max(64l, roundUp(count * static_cast<long>(sizeof(float)), 64))));
  if (!memory) throw std::bad_alloc();
  return Floats(static_cast<float*>(memory));
}

inline Floats zeros(long count) {
  Floats out = floats(count);
  std::memset(out.get(), 0, count * sizeof(float));
  return out;
}

// Parts are cut by shapes alone, so that sums come out the same on any number of threads.
inline long partStart(long count, int parts, int index) { return count * index / parts; }

}  // namespace
}  // namespace PROCESSOR
}  // namespace runner
