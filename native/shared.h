// What the kernels of one kind of processor share. PROCESSOR names the kind and VECTOR the floats that fit its registers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace runner {
namespace PROCESSOR {
namespace {

constexpr long width = VECTOR;
typedef float Vector __attribute__((vector_size(VECTOR * 4), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void store(float* to, Vector values) { *reinterpret_cast<Vector*>(to) = values; }

// A vector or one number. As an argument of a template Vector loses the attribute that lets it lie anywhere.
template <typename Numbers>
inline Numbers loadAs(const float* from) {
  Numbers values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
template <typename Numbers>
inline void storeAs(float* to, Numbers values) {
  std::memcpy(to, &values, sizeof values);
}

// Calls `use` with a number of the kind to be taken at a time, whole vectors first, and with where they begin.
template <typename Use>
inline void inVectors(long count, Use use) {
  long first = 0;
  for (; first + width <= count; first += width) use(Vector{}, first);
  for (; first < count; first++) use(0.0f, first);
}

// Past the caches, which otherwise fetch from memory what is about to be overwritten. `to` lies on a whole vector.
inline void storePast(float* to, Vector values) {
#if defined(__SSE2__) && VECTOR == 16
  _mm512_stream_ps(to, __m512(values));
#elif defined(__SSE2__) && VECTOR == 8
  _mm256_stream_ps(to, __m256(values));
#elif defined(__SSE2__) && VECTOR == 4
  _mm_stream_ps(to, __m128(values));
#else
  store(to, values);
#endif
}

// What was stored past the caches is there for other threads from here on.
inline void finishStores() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Whether rows of so many columns, `all` numbers together, are better stored past the caches: they would have left them before they are read.
inline bool isPastCaches(const float* memory, long columns, long all) {
  constexpr long bytes = 32l << 20;
  const bool isOnVectors = columns % width == 0 && reinterpret_cast<uintptr_t>(memory) % sizeof(Vector) == 0;
  return isOnVectors && all * static_cast<long>(sizeof(float)) > bytes;
}

inline void copy(float* to, const float* from, long count, bool isPast) {
  if (isPast)
    for (long index = 0; index < count; index += width) storePast(to + index, load(from + index));
  else
    std::memcpy(to, from, count * sizeof(float));
}

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
