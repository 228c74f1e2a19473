// Depthwise 3x3 convolutions of one image.
//
// A row of an image is taken as one line of width x channels numbers, in which the neighbour to the left stands `channels` places before.
// The channels of a register's numbers repeat after `period` of them, so that a kernel's nine registers serve every period of a line.
#pragma once

#include <numeric>

#include "separable.h"
#include "shared.h"

namespace runner {
namespace PROCESSOR {
namespace {

constexpr int taps = 9;

class Lines {
 public:
  explicit Lines(const Images& images)
      : images_(images),
        period(std::lcm(images.channels, width)),
        line(roundUp(images.width * images.channels, period)),
        stride_(roundUp(line + 2 * images.channels, width) + width) {}

  // An image with a border of zeros; `copy` leaves the border alone.
  Floats empty() const { return zeros((images_.height + 2) * stride_); }

  void copy(const float* image, float* to) const {
    const long values = images_.width * images_.channels;
    for (long row = 0; row < images_.height; row++) std::memcpy(at(to, row, 0), image + row * values, values * sizeof(float));
  }

  // Where a row begins, moved by -1, 0 or 1 pixels; rows -1 and `height` are the border's.
  const float* at(const float* image, long row, long pixels) const { return image + (row + 1) * stride_ + (1 + pixels) * images_.channels; }
  float* at(float* image, long row, long pixels) const { return image + (row + 1) * stride_ + (1 + pixels) * images_.channels; }

 private:
  const Images images_;

 public:
  const long period, line;

 private:
  const long stride_;
};

// The kernel as the registers of a period want it, [taps, period].
inline Floats spread(const float* kernel, long channels, long period, bool isTurned) {
  Floats out = floats(taps * period);
  for (int tap = 0; tap < taps; tap++)
    for (long place = 0; place < period; place++)
      out[tap * period + place] = kernel[(isTurned ? taps - 1 - tap : tap) * channels + place % channels];
  return out;
}

// Where the nine taps of a row's convolution begin to read.
struct Neighbours {
  const float* from[taps];
  Neighbours(const Lines& lines, const float* image, long row) {
    for (int tap = 0; tap < taps; tap++) from[tap] = lines.at(image, row + tap / 3 - 1, tap % 3 - 1);
  }
  Vector load(int tap, long place) const { return PROCESSOR::load(from[tap] + place); }
};

// One row of a convolution. It writes whole registers: up to `period` numbers more than the row has.
inline void convolveRow(const Lines& lines, const float* image, long row, const float* kernel, float* to) {
  const Neighbours near(lines, image, row);
  for (long part = 0; part < lines.period; part += width) {
    Vector weights[taps];
    for (int tap = 0; tap < taps; tap++) weights[tap] = load(kernel + tap * lines.period + part);
    for (long place = part; place < lines.line; place += lines.period) {
      Vector sum = weights[0] * near.load(0, place);
      for (int tap = 1; tap < taps; tap++) sum += weights[tap] * near.load(tap, place);
      store(to + place, sum);
    }
  }
}

// Adds each tap's products of one row to [taps, period].
inline void correlateRow(const Lines& lines, const float* dy, const float* x, long row, float* sums) {
  const Neighbours near(lines, x, row);
  const float* gradient = lines.at(dy, row, 0);
  for (long part = 0; part < lines.period; part += width) {
    Vector total[taps];
    for (int tap = 0; tap < taps; tap++) total[tap] = load(sums + tap * lines.period + part);
    for (long place = part; place < lines.line; place += lines.period) {
      const Vector change = load(gradient + place);
      for (int tap = 0; tap < taps; tap++) total[tap] += change * near.load(tap, place);
    }
    for (int tap = 0; tap < taps; tap++) store(sums + tap * lines.period + part, total[tap]);
  }
}

}  // namespace
}  // namespace PROCESSOR
}  // namespace runner
