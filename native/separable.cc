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

// Rows of an image that make about as many rows of a matrix as stay in the first cache; of pooled ones two by two.
long rowsAtATime(const Convolution& c) {
  const long rows = std::clamp(128 / c.x.width, 1l, c.x.height);
  return c.pooled ? std::max(2l, rows / 2 * 2) : rows;
}

// y of some rows of an image, [rows, wide].
class Rows {
 public:
  explicit Rows(const Convolution& c)
      : lines(c.x),
        wide(roundUp(c.filters, width)),
        step(rowsAtATime(c)),
        c_(c),
        depthwise_(spread(c.depthwise, c.x.channels, lines.period, false)),
        w_(fill(c.w, c.x.channels, c.filters)) {}

  Floats empty() const { return floats(step * c_.x.width * wide); }
  Floats emptyDepthwise() const { return floats(step * c_.x.width * c_.x.channels + lines.period); }

  // `image` as `lines` has it; u [rows, channels].
  void depthwise(const float* image, long first, long height, float* u) const {
    for (long row = 0; row < height; row++) convolveRow(lines, image, first + row, depthwise_.get(), u + row * c_.x.width * c_.x.channels);
  }

  void pointwise(const float* u, long rows, float* y) const {
    product(rows, wide, c_.x.channels, {u, c_.x.channels, 1}, w_.get(), wide, y, wide, false);
    const float* __restrict b = c_.b;
    const float least = c_.relu ? 0.0f : -INFINITY;
    for (long row = 0; row < rows; row++) {
      float* __restrict values = y + row * wide;
      for (long filter = 0; filter < c_.filters; filter++) {
        const float value = values[filter] + b[filter];
        // In this order a NaN stays one.
        values[filter] = value < least ? least : value;
      }
    }
  }

  const Lines lines;
  const long wide, step;

 private:
  const Convolution& c_;
  const Floats depthwise_, w_;
};

// Calls `use` with the first row and the height of each part of an image that is computed at a time.
template <typename Use>
void inSteps(const Convolution& c, long step, Use use) {
  for (long first = 0; first < c.x.height; first += step) use(first, std::min(step, c.x.height - first));
}

// The four values of a window, from the top left on, a vector of channels at a time or one.
template <typename Numbers>
struct Window {
  Numbers y[4], z[4];

  Window(const float* top, const float* low, long stride, Numbers mean, Numbers factor, Numbers beta)
      : y{loadAs<Numbers>(top), loadAs<Numbers>(top + stride), loadAs<Numbers>(low), loadAs<Numbers>(low + stride)} {
    for (int index = 0; index < 4; index++) z[index] = (y[index] - mean) * factor + beta;
  }

  // Calls `use` with whether the largest z is in the lower row, and whether it is the right one of the upper and of the lower row.
  template <typename Use>
  void compare(Use use) const {
    const auto isTopRight = z[1] > z[0];
    const auto isLowRight = z[3] > z[2];
    const Numbers top = isTopRight ? z[1] : z[0], low = isLowRight ? z[3] : z[2];
    use(low > top, isTopRight, isLowRight);
  }
};

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

// What turns y into z: (y - mean) factor + beta, each [filters].
struct Scaling {
  const float* mean;
  std::vector<float> factor;
  const float* beta;
};

// Mean, variance and what z is computed by: gamma / sqrt(variance + epsilon).
Scaling finishMoments(const Forward& f, const std::vector<Moments>& moments) {
  Moments whole(f.filters);
  for (const Moments& part : moments) whole.add(part.count, part.mean.data(), part.squares.data());
  Scaling scaling{f.mean, std::vector<float>(f.filters), f.beta};
  for (long filter = 0; filter < f.filters; filter++) {
    const double variance = whole.squares[filter] / whole.count;
    f.mean[filter] = static_cast<float>(whole.mean[filter]);
    f.variance[filter] = static_cast<float>(variance);
    f.inverse[filter] = static_cast<float>(1 / std::sqrt(variance + f.epsilon));
    scaling.factor[filter] = f.gamma[filter] * f.inverse[filter];
  }
  return scaling;
}

void normalise(const Forward& f, const Scaling& scaling) {
  const int parts = partsOf(f.x);
  const long rows = f.x.batch * f.x.height * f.x.width;
  // Last parts first: their y is still in the caches.
  parallel(parts, [&](int turn) {
    const int part = parts - 1 - turn;
    const float* __restrict factor = scaling.factor.data();
    const float* __restrict mean = scaling.mean;
    const float* __restrict beta = scaling.beta;
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

// Two rows of y, whose pixels lie `stride` apart, to one of z and, where they are wished, of peaks.
void poolRows(const Convolution& c, const Scaling& scaling, const float* y, long stride, float* z_, float* peaks_) {
  const float *mean = scaling.mean, *factor = scaling.factor.data(), *beta = scaling.beta;
  for (long column = 0; column < c.x.width / 2; column++) {
    const float *top = y + 2 * column * stride, *low = top + c.x.width * stride;
    float *z = z_ + column * c.filters, *peaks = peaks_ ? peaks_ + column * c.filters : nullptr;
    inVectors(c.filters, [&](auto kind, long filter) {
      using Numbers = decltype(kind);
      const auto at = [filter](const float* from) { return loadAs<Numbers>(from + filter); };
      const Window<Numbers> w(top + filter, low + filter, stride, at(mean), at(factor), at(beta));
      w.compare([&](auto isLow, auto isTopRight, auto isLowRight) {
        const auto largest = [&](const Numbers of[4]) {
          const Numbers fromTop = isTopRight ? of[1] : of[0], fromLow = isLowRight ? of[3] : of[2];
          return isLow ? fromLow : fromTop;
        };
        storeAs(z + filter, largest(w.z));
        if (peaks) storeAs(peaks + filter, largest(w.y));
      });
    });
  }
}

// Rows of y, [count, wide], in place.
void scaleRows(const Convolution& c, const Scaling& scaling, long count, long wide, float* y) {
  const float* __restrict mean = scaling.mean;
  const float* __restrict factor = scaling.factor.data();
  const float* __restrict beta = scaling.beta;
  for (long row = 0; row < count; row++) {
    float* __restrict values = y + row * wide;
    for (long filter = 0; filter < c.filters; filter++) values[filter] = (values[filter] - mean[filter]) * factor[filter] + beta[filter];
  }
}

// z of all images and, of what is pooled, the peaks where they are wished. y [batch, height, width, filters] is computed (again) where it is not there.
void writeZ(const Convolution& c, const Rows& rows, const Scaling& scaling, const float* y, float* z, float* peaks) {
  const int parts = partsOf(c.x);
  const long pixels = c.x.height * c.x.width;
  const bool isPast = !c.pooled && isPastCaches(z, c.filters, c.x.batch * pixels * c.filters);
  // Last parts first: of those y may still be in the caches.
  parallel(parts, [&](int turn) {
    const int part = parts - 1 - turn;
    const Floats image = rows.lines.empty(), u = rows.emptyDepthwise(), block = rows.empty();
    for (long index = partStart(c.x.batch, parts, part); index < partStart(c.x.batch, parts, part + 1); index++) {
      if (!y) rows.lines.copy(c.images + index * pixels * c.x.channels, image.get());
      inSteps(c, rows.step, [&](long first, long height) {
        const long before = index * pixels + first * c.x.width;
        if (!y) {
          rows.depthwise(image.get(), first, height, u.get());
          rows.pointwise(u.get(), height * c.x.width, block.get());
        }
        if (!c.pooled) {
          scaleRows(c, scaling, height * c.x.width, rows.wide, block.get());
          copyRows(z + before * c.filters, block.get(), height * c.x.width, c.filters, rows.wide, isPast);
          return;
        }
        const float* from = y ? y + before * c.filters : block.get();
        const long stride = y ? c.filters : rows.wide;
        for (long row = 0; row < height; row += 2) {
          const long to = (before + row * c.x.width) / 4 * c.filters;
          poolRows(c, scaling, from + row * c.x.width * stride, stride, z + to, peaks ? peaks + to : nullptr);
        }
      });
    }
    finishStores();
  });
}

void forward(const Forward& f) {
  const Rows rows(f);
  const long pixels = f.x.height * f.x.width;
  const int parts = partsOf(f.x);
  const bool isPast = isPastCaches(f.y, f.filters, f.x.batch * pixels * f.filters);
  std::vector<Moments> moments(parts, Moments(f.filters));
  parallel(parts, [&](int part) {
    const Floats image = rows.lines.empty(), u = rows.emptyDepthwise(), block = rows.empty();
    for (long index = partStart(f.x.batch, parts, part); index < partStart(f.x.batch, parts, part + 1); index++) {
      rows.lines.copy(f.images + index * pixels * f.x.channels, image.get());
      inSteps(f, rows.step, [&](long first, long height) {
        const long count = height * f.x.width;
        rows.depthwise(image.get(), first, height, u.get());
        rows.pointwise(u.get(), count, block.get());
        if (f.normalised) addMoments(moments[part], block.get(), count, f.filters, rows.wide);
        if (f.keepsY()) copyRows(f.y + (index * pixels + first * f.x.width) * f.filters, block.get(), count, f.filters, rows.wide, isPast);
      });
    }
    finishStores();
  });
  if (!f.normalised) return;
  const Scaling scaling = finishMoments(f, moments);
  if (f.pooled)
    writeZ(f, rows, scaling, f.keepsY() ? f.y : nullptr, f.z, f.peaks);
  else
    normalise(f, scaling);
}

void infer(const Inference& f) {
  Scaling scaling{f.mean, std::vector<float>(f.filters), f.beta};
  for (long filter = 0; filter < f.filters; filter++)
    scaling.factor[filter] = static_cast<float>(f.gamma[filter] / std::sqrt(static_cast<double>(f.variance[filter]) + f.epsilon));
  writeZ(f, Rows(f), scaling, nullptr, f.z, nullptr);
}

// What batch normalisation takes from dz before it reaches y: dy = factor (dz - shift - (y - mean) slope).
struct Normalisation {
  std::vector<float> factor, shift, slope;
};

Normalisation normalisation(const Backward& g) {
  const int parts = partsOf(g.x);
  const long pixels = g.x.batch * g.x.height * g.x.width;
  // A gradient that passed a window reached its peak alone.
  const long rows = g.pooled ? pixels / 4 : pixels;
  const float* const values = g.pooled ? g.peaks : g.y;
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
        const float* __restrict y = values + row * g.filters;
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
    n.shift[filter] = static_cast<float>(plain / static_cast<double>(pixels));
    n.slope[filter] = static_cast<float>(weighted * inverse * inverse / static_cast<double>(pixels));
  }
  return n;
}

// Pixels of an image: where they begin in memory, and how far one is from the next.
struct Pixels {
  const float* values;
  long stride;
};

// The gradient of u w + b for some pixels, [rows, wide]; its sums over them are added to `sums`.
void gradientOfProduct(const Backward& g, const Normalisation& n, const float* from, Pixels y_, long rows, long wide, float* out,
                       float* __restrict sums) {
  const float* __restrict mean = g.mean;
  const float* __restrict factor = n.factor.data();
  const float* __restrict shift = n.shift.data();
  const float* __restrict slope = n.slope.data();
  for (long row = 0; row < rows; row++) {
    const float* __restrict gradient = from + row * g.filters;
    const float* __restrict y = y_.values + row * y_.stride;
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

// As `gradientOfProduct`, of two rows of pixels that were pooled to one.
void gradientOfPooled(const Backward& g, const Normalisation& n, const float* from, Pixels y, long wide, float* out, float* sums) {
  for (long column = 0; column < g.x.width / 2; column++) {
    const float *gradient = from + column * g.filters, *top = y.values + 2 * column * y.stride, *low = top + g.x.width * y.stride;
    float* const to[4] = {out + 2 * column * wide, out + (2 * column + 1) * wide, out + (g.x.width + 2 * column) * wide,
                          out + (g.x.width + 2 * column + 1) * wide};
    inVectors(g.filters, [&](auto kind, long filter) {
      using Numbers = decltype(kind);
      const auto at = [filter](const float* values) { return loadAs<Numbers>(values + filter); };
      const Numbers mean = at(g.mean), factor = at(n.factor.data()), shift = at(n.shift.data()), slope = at(n.slope.data());
      const Window<Numbers> w(top + filter, low + filter, y.stride, mean, factor, at(g.beta));
      w.compare([&](auto isLow, auto isTopRight, auto isLowRight) {
        const Numbers none = kind, all = at(gradient), ofTop = isLow ? none : all, ofLow = isLow ? all : none;
        const Numbers gradients[4] = {isTopRight ? none : ofTop, isTopRight ? ofTop : none, isLowRight ? none : ofLow, isLowRight ? ofLow : none};
        Numbers sum = at(sums);
        for (int index = 0; index < 4; index++) {
          Numbers value = factor * (gradients[index] - shift - (w.y[index] - mean) * slope);
          if (g.relu) value = w.y[index] > none ? value : none;
          storeAs(to[index] + filter, value);
          sum += value;
        }
        storeAs(sums + filter, sum);
      });
    });
    for (float* row : to) std::fill(row + g.filters, row + wide, 0.0f);
  }
}

void backward(const Backward& g) {
  const Rows rows(g);
  const Lines& lines = rows.lines;
  const long channels = g.x.channels, values = g.x.width * channels, pixels = g.x.height * g.x.width;
  const long wide = rows.wide, wideInner = roundUp(channels, width);
  const Normalisation n = g.normalised ? normalisation(g) : Normalisation{};
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
    const Floats u = rows.emptyDepthwise(), y = rows.empty(), block = rows.empty();
    const Floats rowsOfDu = floats(rows.step * g.x.width * wideInner), rowOfDx = floats(lines.line);
    std::vector<float> sums(g.filters);
    for (long index = partStart(g.x.batch, parts, part); index < partStart(g.x.batch, parts, part + 1); index++) {
      lines.copy(g.images + index * pixels * channels, image.get());
      inSteps(g, rows.step, [&](long first, long height) {
        const long count = height * g.x.width, before = index * pixels + first * g.x.width;
        rows.depthwise(image.get(), first, height, u.get());
        if (!g.keepsY()) rows.pointwise(u.get(), count, y.get());
        const Pixels ofY = g.keepsY() ? Pixels{g.y + before * g.filters, g.filters} : Pixels{y.get(), wide};
        std::fill(sums.begin(), sums.end(), 0.0f);
        if (g.pooled)
          for (long row = 0; row < height; row += 2)
            gradientOfPooled(g, n, g.gradient + (before + row * g.x.width) / 4 * g.filters, {ofY.values + row * g.x.width * ofY.stride, ofY.stride}, wide,
                             block.get() + row * g.x.width * wide, sums.data());
        else
          gradientOfProduct(g, n, g.gradient + before * g.filters, ofY, count, wide, block.get(), sums.data());
        for (long filter = 0; filter < g.filters; filter++) db[part][filter] += sums[filter];
        product(channels, wide, count, {u.get(), 1, channels}, block.get(), wide, dw[part].get(), wide, true);
        product(count, wideInner, g.filters, {block.get(), wide, 1}, transposed.get(), wideInner, rowsOfDu.get(), wideInner, false);
        for (long row = 0; row < height; row++)
          copyRows(lines.at(du.get(), first + row, 0), rowsOfDu.get() + row * g.x.width * wideInner, g.x.width, channels, wideInner, false);
      });
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

extern const SeparableKernels separable{forward, backward, infer};

}  // namespace PROCESSOR
}  // namespace runner
