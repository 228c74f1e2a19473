// Compiled once for each kind of processor.
#include "dropout.h"

#include <algorithm>

#include "shared.h"
#include "threads.h"

namespace runner {
namespace PROCESSOR {

void drop(const Dropout& d) {
  const int parts = static_cast<int>(std::clamp(d.rows, 1l, 32l));
  const long words = roundUp(d.columns, 4), columns = d.columns;
  const uint8_t threshold = d.threshold;
  const float scale = d.scale;
  parallel(parts, [&](int part) {
    for (long row = partStart(d.rows, parts, part); row < partStart(d.rows, parts, part + 1); row++) {
      const float* __restrict x = d.x + row * d.columns;
      const uint8_t* __restrict draws = d.draws + row * words;
      float* __restrict y = d.y + row * d.columns;
      for (long column = 0; column < columns; column++) {
        // Before it is known whether it is wanted: only so are whole vectors computed.
        const float scaled = x[column] * scale;
        y[column] = draws[column] >= threshold ? scaled : 0.0f;
      }
    }
  });
}

}  // namespace PROCESSOR
}  // namespace runner
