// Compiled once for each kind of processor.
#include "separable.h"

#include <cmath>
#include <new>
#include <vector>

#include "lines.h"
#include "product.h"
#include "shared.h"
#include "threads.h"

namespace runner {
namespace PROCESSOR {
namespace {

// Each part sums by itself. Two images at least, for the sums have to be added up in the end.
int partsOf(const Images& images) { return static_cast<int>(std::clamp(images.batch / 2, 1l, 32l)); }

// Rows of an image that make about as many rows of a matrix as stay in the first cache.
long rowsAtATime(const Images& images) { return std::clamp(128 / images.width, 1l, images.height); }

// Of each column: how many values, their mean and the sum of their squared distances from it.
struct Moments {
  double count = 0;
  std::vector<double> mean, squares;
  explicit Moments(long columns) : mean(columns), squares(columns) {}

  // Chan, Golub and LeVeque 1979.
  void add(double others, const double* otherMean, const double* otherSquares) {
    const double all = count + others;
    for (size_t column = 0; column < mean.size(); column++) {
      const double distance = otherMean[column] - mean[column];
      mean[column] += distance * others / all;
      squares[column] += otherSquares[column] + distance * distance * count * others / all;
    }
    count = all;
  }
};

void addMoments(Moments& moments, const float* __restrict y, long rows, long columns, long wide) {
  std::vector<float> sums(columns), centres(columns);
  float* __restrict sum = sums.data();
  float* __restrict centre = centres.data();
  for (long row = 0; row < rows; row++)
    for (long column = 0; column < columns; column++) sum[column] += y[row * wide + column];
  for (long column = 0; column < columns; column++) centre[column] = sum[column] / static_cast<float>(rows);
  std::fill(sums.begin(), sums.end(), 0.0f);
  for (long row = 0; row < rows; row++)
    for (long column = 0; column < columns; column++) {
      const float distance = y[row * wide + column] - centre[column];
      sum[column] += distance * distance;
    }
  const std::vector<double> mean(centres.begin(), centres.end()), squares(sums.begin(), sums.end());
  moments.add(static_cast<double>(rows), mean.data(), squares.data());
}

// Rows whose columns are filled up to whole vectors, to rows that are not.
void copyRows(float* to, const float* from, long rows, long columns, long wide, bool isPast) {
  if (columns == wide)
    copy(to, from, rows * columns, isPast);
  else
    for (long row = 0; row < rows; row++) std::memcpy(to + row * columns, from + row * wide, columns * sizeof(float));
}

void normalise(const Forward& f, const std::vector<Moments>& moments) {
  Moments whole(f.filters);
  for (const Moments& part : moments) whole.add(part.count, part.mean.data(), part.squares.data());
  std::vector<float> factors(f.filters);
  for (long filter = 0; filter < f.filters; filter++) {
    const double variance = whole.squares[filter] / whole.count;
    f.mean[filter] = static_cast<float>(whole.mean[filter]);
    f.variance[filter] = static_cast<float>(variance);
    f.inverse[filter] = static_cast<float>(1 / std::sqrt(variance + f.epsilon));
    factors[filter] = f.gamma[filter] * f.inverse[filter];
  }
  const int parts = partsOf(f.x);
  const long rows = f.x.batch * f.x.height * f.x.width;
  // Last parts first: their y is still in the caches.
  parallel(parts, [&](int turn) {
    const int part = parts - 1 - turn;
    const float* __restrict factor = factors.data();
    const float* __restrict mean = f.mean;
    const float* __restrict beta = f.beta;
    const long end = partStart(rows, parts, part + 1);
    const bool isPast = isPastCaches(f.z, f.filters, rows * f.filters);
    for (long row = partStart(rows, parts, part); row < end; row++) {
      const float* __restrict y = f.y + row * f.filters;
      float* __restrict z = f.z + row * f.filters;
      if (isPast)
        for (long filter = 0; filter < f.filters; filter += width)
          storePast(z + filter, (load(y + filter) - load(mean + filter)) * load(factor + filter) + load(beta + filter));
      else
        for (long filter = 0; filter < f.filters; filter++) z[filter] = (y[filter] - mean[filter]) * factor[filter] + beta[filter];
    }
    finishStores();
  });
}

void forward(const Forward& f) {
  const Lines lines(f.x);
  const long wide = roundUp(f.filters, width), pixels = f.x.height * f.x.width, values = f.x.width * f.x.channels;
  const long step = rowsAtATime(f.x);
  const Floats depthwise = spread(f.depthwise, f.x.channels, lines.period, false);
  const Floats w = fill(f.w, f.x.channels, f.filters);
  const int parts = partsOf(f.x);
  const bool isPast = isPastCaches(f.y, f.filters, f.x.batch * pixels * f.filters);
  std::vector<Moments> moments(parts, Moments(f.filters));
  parallel(parts, [&](int part) {
    const Floats image = lines.empty(), u = floats(step * values + lines.period), block = floats(step * f.x.width * wide);
    for (long index = partStart(f.x.batch, parts, part); index < partStart(f.x.batch, parts, part + 1); index++) {
      lines.copy(f.images + index * pixels * f.x.channels, image.get());
      for (long first = 0; first < f.x.height; first += step) {
        const long height = std::min(step, f.x.height - first), rows = height * f.x.width;
        for (long row = 0; row < height; row++) convolveRow(lines, image.get(), first + row, depthwise.get(), u.get() + row * values);
        product(rows, wide, f.x.channels, {u.get(), f.x.channels, 1}, w.get(), wide, block.get(), wide, false);
        const float* __restrict b = f.b;
        const float least = f.relu ? 0.0f : -INFINITY;
        for (long row = 0; row < rows; row++) {
          float* __restrict y = block.get() + row * wide;
          for (long filter = 0; filter < f.filters; filter++) {
            const float value = y[filter] + b[filter];
            // In this order a NaN stays one.
            y[filter] = value < least ? least : value;
          }
        }
        if (f.normalised) addMoments(moments[part], block.get(), rows, f.filters, wide);
        copyRows(f.y + (index * pixels + first * f.x.width) * f.filters, block.get(), rows, f.filters, wide, isPast);
      }
    }
    finishStores();
  });
  if (f.normalised) normalise(f, moments);
}

// What batch normalisation takes from dz before it reaches y: dy = factor (dz - shift - (y - mean) slope).
struct Normalisation {
  std::vector<float> factor, shift, slope;
};

Normalisation normalisation(const Backward& g) {
  const int parts = partsOf(g.x);
  const long rows = g.x.batch * g.x.height * g.x.width;
  std::vector<std::vector<double>> sums(parts, std::vector<double>(2 * g.filters));
  parallel(parts, [&](int part) {
    std::vector<float> block(2 * g.filters);
    float* __restrict plain = block.data();
    float* __restrict weighted = block.data() + g.filters;
    const float* __restrict mean = g.mean;
    const long end = partStart(rows, parts, part + 1);
    // Short sums in single precision, long ones in double.
    constexpr long few = 128;
    for (long first = partStart(rows, parts, part); first < end; first += few) {
      std::fill(block.begin(), block.end(), 0.0f);
      for (long row = first; row < std::min(end, first + few); row++) {
        const float* __restrict dz = g.gradient + row * g.filters;
        const float* __restrict y = g.y + row * g.filters;
        for (long filter = 0; filter < g.filters; filter++) {
          plain[filter] += dz[filter];
          weighted[filter] += dz[filter] * (y[filter] - mean[filter]);
        }
      }
      for (size_t index = 0; index < block.size(); index++) sums[part][index] += block[index];
    }
  });
  Normalisation n{std::vector<float>(g.filters), std::vector<float>(g.filters), std::vector<float>(g.filters)};
  for (long filter = 0; filter < g.filters; filter++) {
    double plain = 0, weighted = 0;
    for (const auto& part : sums) {
      plain += part[filter];
      weighted += part[g.filters + filter];
    }
    const double inverse = g.inverse[filter];
    g.dbeta[filter] = static_cast<float>(plain);
    g.dgamma[filter] = static_cast<float>(weighted * inverse);
    n.factor[filter] = static_cast<float>(g.gamma[filter] * inverse);
    n.shift[filter] = static_cast<float>(plain / static_cast<double>(rows));
    n.slope[filter] = static_cast<float>(weighted * inverse * inverse / static_cast<double>(rows));
  }
  return n;
}

// The gradient of u w + b for some rows, [rows, wide]; its sums over them are added to `sums`.
void gradientOfProduct(const Backward& g, const Normalisation& n, long first, long rows, long wide, float* out, float* __restrict sums) {
  const float* __restrict mean = g.mean;
  const float* __restrict factor = n.factor.data();
  const float* __restrict shift = n.shift.data();
  const float* __restrict slope = n.slope.data();
  for (long row = 0; row < rows; row++) {
    const float* __restrict gradient = g.gradient + (first + row) * g.filters;
    const float* __restrict y = g.y + (first + row) * g.filters;
    float* __restrict to = out + row * wide;
    if (g.normalised)
      for (long filter = 0; filter < g.filters; filter++)
        to[filter] = factor[filter] * (gradient[filter] - shift[filter] - (y[filter] - mean[filter]) * slope[filter]);
    else
      for (long filter = 0; filter < g.filters; filter++) to[filter] = gradient[filter];
    if (g.relu)
      for (long filter = 0; filter < g.filters; filter++) to[filter] = y[filter] > 0 ? to[filter] : 0.0f;
    for (long filter = 0; filter < g.filters; filter++) sums[filter] += to[filter];
    for (long filter = g.filters; filter < wide; filter++) to[filter] = 0.0f;
  }
}

void backward(const Backward& g) {
  const Lines lines(g.x);
  const long channels = g.x.channels, values = g.x.width * channels, pixels = g.x.height * g.x.width;
  const long wide = roundUp(g.filters, width), wideInner = roundUp(channels, width), step = rowsAtATime(g.x);
  const Normalisation n = g.normalised ? normalisation(g) : Normalisation{};
  const Floats depthwise = spread(g.depthwise, channels, lines.period, false);
  const Floats turned = spread(g.depthwise, channels, lines.period, true);
  const Floats transposed = fillTransposed(g.w, channels, g.filters);
  const int parts = partsOf(g.x);
  std::vector<Floats> dw(parts);
  std::vector<std::vector<double>> db(parts, std::vector<double>(g.filters)), ddepthwise(parts, std::vector<double>(taps * channels));
  const bool isPast = isPastCaches(g.dx, values, g.x.batch * g.x.height * values);
  // Last parts first: what `normalisation` read of them is still in the caches.
  parallel(parts, [&](int turn) {
    const int part = parts - 1 - turn;
    dw[part] = zeros(channels * wide);
    const Floats image = lines.empty(), du = lines.empty(), own = floats(taps * lines.period);
    const Floats u = floats(step * values + lines.period), block = floats(step * g.x.width * wide);
    const Floats rowsOfDu = floats(step * g.x.width * wideInner), rowOfDx = floats(lines.line);
    std::vector<float> sums(g.filters);
    for (long index = partStart(g.x.batch, parts, part); index < partStart(g.x.batch, parts, part + 1); index++) {
      lines.copy(g.images + index * pixels * channels, image.get());
      for (long first = 0; first < g.x.height; first += step) {
        const long height = std::min(step, g.x.height - first), rows = height * g.x.width;
        std::fill(sums.begin(), sums.end(), 0.0f);
        gradientOfProduct(g, n, index * pixels + first * g.x.width, rows, wide, block.get(), sums.data());
        for (long filter = 0; filter < g.filters; filter++) db[part][filter] += sums[filter];
        for (long row = 0; row < height; row++) convolveRow(lines, image.get(), first + row, depthwise.get(), u.get() + row * values);
        product(channels, wide, rows, {u.get(), 1, channels}, block.get(), wide, dw[part].get(), wide, true);
        product(rows, wideInner, g.filters, {block.get(), wide, 1}, transposed.get(), wideInner, rowsOfDu.get(), wideInner, false);
        for (long row = 0; row < height; row++)
          copyRows(lines.at(du.get(), first + row, 0), rowsOfDu.get() + row * g.x.width * wideInner, g.x.width, channels, wideInner, false);
      }
      std::memset(own.get(), 0, taps * lines.period * sizeof(float));
      for (long row = 0; row < g.x.height; row++) {
        correlateRow(lines, du.get(), image.get(), row, own.get());
        convolveRow(lines, du.get(), row, turned.get(), rowOfDx.get());
        copy(g.dx + (index * g.x.height + row) * values, rowOfDx.get(), values, isPast);
      }
      for (int tap = 0; tap < taps; tap++)
        for (long place = 0; place < lines.period; place++) ddepthwise[part][tap * channels + place % channels] += own[tap * lines.period + place];
    }
    finishStores();
  });
  for (long filter = 0; filter < g.filters; filter++) {
    double sum = 0;
    for (const auto& part : db) sum += part[filter];
    g.db[filter] = static_cast<float>(sum);
  }
  for (long index = 0; index < taps * channels; index++) {
    double sum = 0;
    for (const auto& part : ddepthwise) sum += part[index];
    g.ddepthwise[index] = static_cast<float>(sum);
  }
  for (long row = 0; row < channels; row++) {
    float* __restrict to = g.dw + row * g.filters;
    std::memcpy(to, dw[0].get() + row * wide, g.filters * sizeof(float));
    for (int part = 1; part < parts; part++) {
      const float* __restrict from = dw[part].get() + row * wide;
      for (long filter = 0; filter < g.filters; filter++) to[filter] += from[filter];
    }
  }
}

}  // namespace

extern const SeparableKernels separable{forward, backward};

}  // namespace PROCESSOR
}  // namespace runner
