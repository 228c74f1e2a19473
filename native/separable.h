// A separable convolution with the relu and the batch normalisation behind it, forward and back, and as it predicts.
//   u = depthwise 3x3 convolution of x, stride 1, padding "same"
//   y = relu(u w + b)
//   z = gamma (y - mean) / sqrt(variance + epsilon) + beta, with mean and plain (1/N) variance of y's channels over the batch, or as they are given
//   pooled: of each 2x2 values of z the largest, of equal ones the first
// Howard et al. 2017; Ioffe and Szegedy 2015.
//
// An image at a time stays in the second cache: u, its gradient and what pooling leaves out are never written to memory, which is what a step
// waits for.
#pragma once

namespace runner {

struct Images {
  long batch, height, width, channels;
};

// The convolution itself, which both ways compute.
struct Convolution {
  Images x;
  long filters;
  bool relu;
  // Without it z and everything that belongs to it is left alone.
  bool normalised;
  // Only of what is normalised, and of images with even sides.
  bool pooled;
  // images [batch, height, width, channels], depthwise [3, 3, channels], w [channels, filters], b [filters].
  const float *images, *depthwise, *w, *b;

  // Whether y is written to memory. With so few channels it is sooner computed again than read. The plan counts on it: src/network/fusion.ts.
  bool keepsY() const { return !pooled || x.channels > 16; }
};

struct Forward : Convolution {
  float epsilon;
  // [filters]
  const float *gamma, *beta;
  float *y, *z, *mean, *variance;
  // Where pooled: y where z is largest, shaped as z.
  float* peaks;
  // [filters]: 1 / sqrt(variance + epsilon).
  float* inverse;
};

struct Backward : Convolution {
  // That of z where normalised, else that of y.
  const float* gradient;
  const float *y, *peaks, *gamma, *beta, *mean, *inverse;
  float *dx, *ddepthwise, *dw, *db, *dgamma, *dbeta;
};

// Mean and variance are given: y is written nowhere.
struct Inference : Convolution {
  float epsilon;
  // [filters]
  const float *gamma, *beta, *mean, *variance;
  float* z;
};

struct SeparableKernels {
  void (*forward)(const Forward&);
  void (*backward)(const Backward&);
  void (*infer)(const Inference&);
};

}  // namespace runner
