// Dropout by bytes that were drawn before: Srivastava et al. 2014, inverted.
#pragma once

#include <cstdint>

namespace runner {

struct Dropout {
  // x and y [rows, columns]; draws [rows, columns rounded up to whole words of four].
  long rows, columns;
  const float* x;
  const uint8_t* draws;
  // Numbers with smaller draws become 0, the others are multiplied by `scale`.
  uint8_t threshold;
  float scale;
  float* y;
};

}  // namespace runner
