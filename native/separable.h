// A separable convolution with the relu and the batch normalisation behind it, forward and back.
//   u = depthwise 3x3 convolution of x, stride 1, padding "same"
//   y = relu(u w + b)
//   z = gamma (y - mean) / sqrt(variance + epsilon) + beta, with mean and plain (1/N) variance of y's channels over the batch
// Howard et al. 2017; Ioffe and Szegedy 2015.
//
// An image at a time stays in the second cache: u and its gradient are never written to memory, which is what a step waits for.
#pragma once

namespace runner {

struct Images {
  long batch, height, width, channels;
};

struct Forward {
  Images x;
  long filters;
  bool relu;
  // Without it z, mean, variance, inverse, gamma and beta are left alone.
  bool normalised;
  float epsilon;
  // depthwise [3, 3, channels], w [channels, filters], the others [filters].
  const float *images, *depthwise, *w, *b, *gamma, *beta;
  float *y, *z, *mean, *variance;
  // [filters]: 1 / sqrt(variance + epsilon).
  float* inverse;
};

struct Backward {
  Images x;
  long filters;
  bool relu;
  // Whether `gradient` is that of z; else that of y, and gamma, mean, inverse, dgamma and dbeta are left alone.
  bool normalised;
  const float *gradient, *y, *images, *depthwise, *w, *gamma, *mean, *inverse;
  float *dx, *ddepthwise, *dw, *db, *dgamma, *dbeta;
};

struct SeparableKernels {
  void (*forward)(const Forward&);
  void (*backward)(const Backward&);
};

}  // namespace runner
