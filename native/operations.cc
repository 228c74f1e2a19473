// TensorFlow operations of our own, for the CPU, registered through TensorFlow's C interface when the library is loaded.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include "separable.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace runner {

// Each compiled for a kind of processor of its own.
#if defined(__x86_64__)
namespace v4 {
extern const SeparableKernels separable;
}
namespace v3 {
extern const SeparableKernels separable;
}
#endif
namespace plain {
extern const SeparableKernels separable;
}

namespace {

// The best that this processor has, or less where RUNNER_OPERATIONS says so.
const SeparableKernels& choose() {
#if defined(__x86_64__)
  const char* wished = std::getenv("RUNNER_OPERATIONS");
  const std::string most = wished ? wished : "";
  const bool hasV3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool hasV4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd");
  if (hasV4 && most != "v3" && most != "plain") return v4::separable;
  if (hasV3 && most != "plain") return v3::separable;
#endif
  return plain::separable;
}

const SeparableKernels& kernels() {
  static const SeparableKernels& chosen = choose();
  return chosen;
}

struct Status {
  TF_Status* value = TF_NewStatus();
  ~Status() { TF_DeleteStatus(value); }
  operator TF_Status*() { return value; }
  bool isOk() const { return TF_GetCode(value) == TF_OK; }
};

// What a call has been given and gives; after the first fault everything else is left alone.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}
  ~Call() {
    if (!status_.isOk()) TF_OpKernelContext_Failure(context_, status_);
    for (int index = 0; index < held_; index++) TF_DeleteTensor(tensors_[index]);
  }

  bool isOk() const { return status_.isOk(); }

  void require(bool holds, const char* sentence) {
    if (isOk() && !holds) TF_SetStatus(status_, TF_INVALID_ARGUMENT, sentence);
  }

  TF_Tensor* input(int index) {
    if (!isOk()) return nullptr;
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    return hold(tensor);
  }

  float* output(int index, std::initializer_list<int64_t> shape) {
    if (!isOk()) return nullptr;
    size_t bytes = sizeof(float);
    for (const int64_t side : shape) bytes *= static_cast<size_t>(side);
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.begin(), static_cast<int>(shape.size()), bytes, status_);
    return isOk() ? static_cast<float*>(TF_TensorData(hold(tensor))) : nullptr;
  }

 private:
  TF_Tensor* hold(TF_Tensor* tensor) {
    if (tensor) tensors_[held_++] = tensor;
    return tensor;
  }

  TF_OpKernelContext* context_;
  Status status_;
  TF_Tensor* tensors_[16];
  int held_ = 0;
};

const float* valuesOf(TF_Tensor* tensor) { return tensor ? static_cast<const float*>(TF_TensorData(tensor)) : nullptr; }

bool isShaped(TF_Tensor* tensor, std::initializer_list<int64_t> shape) {
  if (!tensor || TF_NumDims(tensor) != static_cast<int>(shape.size())) return false;
  int side = 0;
  for (const int64_t size : shape)
    if (TF_Dim(tensor, side++) != size) return false;
  return true;
}

struct Options {
  float epsilon = 0;
  bool relu = false;
};

template <bool HasEpsilon>
void* createOptions(TF_OpKernelConstruction* construction) {
  Status status;
  auto* options = new Options();
  if (HasEpsilon) TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &options->epsilon, status);
  unsigned char relu = 0;
  if (status.isOk()) TF_OpKernelConstruction_GetAttrBool(construction, "relu", &relu, status);
  options->relu = relu != 0;
  if (!status.isOk()) TF_OpKernelConstruction_Failure(construction, status);
  return options;
}

void deleteOptions(void* options) { delete static_cast<Options*>(options); }

// The images, and how many filters there are; the call fails where its inputs do not fit together.
struct Sides {
  Images x{};
  int64_t filters = 0;

  Sides(Call& call, TF_Tensor* x_, TF_Tensor* depthwise, TF_Tensor* w, std::initializer_list<TF_Tensor*> vectors) {
    call.require(x_ && TF_NumDims(x_) == 4 && w && TF_NumDims(w) == 4, "x and w must have four sides");
    if (!call.isOk()) return;
    x = {TF_Dim(x_, 0), TF_Dim(x_, 1), TF_Dim(x_, 2), TF_Dim(x_, 3)};
    filters = TF_Dim(w, 3);
    call.require(x.batch > 0 && x.height > 0 && x.width > 0 && x.channels > 0 && filters > 0, "no side may be empty");
    call.require(isShaped(depthwise, {3, 3, x.channels, 1}), "depthwise must be [3, 3, channels of x, 1]");
    call.require(isShaped(w, {1, 1, x.channels, filters}), "w must be [1, 1, channels of x, filters]");
    for (TF_Tensor* vector : vectors) call.require(isShaped(vector, {filters}), "b, gamma, beta, mean and inverse must be [filters]");
  }

  void requireResult(Call& call, TF_Tensor* tensor) const {
    call.require(isShaped(tensor, {x.batch, x.height, x.width, filters}), "y and its gradient must be [batch, height, width, filters]");
  }
};

float* images(Call& call, int output, const Images& x, int64_t channels) { return call.output(output, {x.batch, x.height, x.width, channels}); }

template <bool Normalised>
void computeForward(void* kernel, TF_OpKernelContext* context) {
  const auto* options = static_cast<const Options*>(kernel);
  Call call(context);
  TF_Tensor *x = call.input(0), *depthwise = call.input(1), *w = call.input(2), *b = call.input(3);
  TF_Tensor *gamma = Normalised ? call.input(4) : b, *beta = Normalised ? call.input(5) : b;
  const Sides sides(call, x, depthwise, w, {b, gamma, beta});
  Forward f{};
  f.x = sides.x;
  f.filters = sides.filters;
  f.relu = options->relu;
  f.normalised = Normalised;
  f.epsilon = options->epsilon;
  f.images = valuesOf(x);
  f.depthwise = valuesOf(depthwise);
  f.w = valuesOf(w);
  f.b = valuesOf(b);
  f.y = images(call, 0, f.x, f.filters);
  if (Normalised) {
    f.gamma = valuesOf(gamma);
    f.beta = valuesOf(beta);
    f.z = images(call, 1, f.x, f.filters);
    f.mean = call.output(2, {f.filters});
    f.variance = call.output(3, {f.filters});
    f.inverse = call.output(4, {f.filters});
  }
  if (call.isOk()) kernels().forward(f);
}

template <bool Normalised>
void computeBackward(void* kernel, TF_OpKernelContext* context) {
  const auto* options = static_cast<const Options*>(kernel);
  Call call(context);
  TF_Tensor *gradient = call.input(0), *y = call.input(1), *x = call.input(2), *depthwise = call.input(3), *w = call.input(4);
  TF_Tensor *gamma = Normalised ? call.input(5) : nullptr, *mean = Normalised ? call.input(6) : nullptr;
  TF_Tensor* inverse = Normalised ? call.input(7) : nullptr;
  const Sides sides =
      Normalised ? Sides(call, x, depthwise, w, {gamma, mean, inverse}) : Sides(call, x, depthwise, w, {});
  sides.requireResult(call, gradient);
  sides.requireResult(call, y);
  Backward g{};
  g.x = sides.x;
  g.filters = sides.filters;
  g.relu = options->relu;
  g.normalised = Normalised;
  g.gradient = valuesOf(gradient);
  g.y = valuesOf(y);
  g.images = valuesOf(x);
  g.depthwise = valuesOf(depthwise);
  g.w = valuesOf(w);
  g.dx = images(call, 0, g.x, g.x.channels);
  g.ddepthwise = call.output(1, {3, 3, g.x.channels, 1});
  g.dw = call.output(2, {1, 1, g.x.channels, g.filters});
  g.db = call.output(3, {g.filters});
  if (Normalised) {
    g.gamma = valuesOf(gamma);
    g.mean = valuesOf(mean);
    g.inverse = valuesOf(inverse);
    g.dgamma = call.output(4, {g.filters});
    g.dbeta = call.output(5, {g.filters});
  }
  if (call.isOk()) kernels().backward(g);
}

// Handles that are released with it.
struct Shapes {
  TF_ShapeHandle* handles[5];
  Shapes() {
    for (auto& handle : handles) handle = TF_NewShapeHandle();
  }
  ~Shapes() {
    for (auto& handle : handles) TF_DeleteShapeHandle(handle);
  }
};

template <bool Normalised>
void inferForward(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes;
  auto [x, w, images, filters, y] = shapes.handles;
  const auto then = [&](auto step) {
    if (TF_GetCode(status) == TF_OK) step();
  };
  then([&] { TF_ShapeInferenceContextGetInput(context, 0, x, status); });
  then([&] { TF_ShapeInferenceContextGetInput(context, 2, w, status); });
  then([&] { TF_ShapeInferenceContextSubshape(context, x, 0, 3, images, status); });
  then([&] { TF_ShapeInferenceContextSubshape(context, w, 3, 4, filters, status); });
  then([&] { TF_ShapeInferenceContextConcatenateShapes(context, images, filters, y, status); });
  for (int output = 0; output < (Normalised ? 5 : 1); output++)
    then([&] { TF_ShapeInferenceContextSetOutput(context, output, output < 2 ? y : filters, status); });
}

template <bool Normalised>
void inferBackward(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes;
  TF_ShapeHandle *input = shapes.handles[0], *w = shapes.handles[1], *filters = shapes.handles[2];
  const auto then = [&](auto step) {
    if (TF_GetCode(status) == TF_OK) step();
  };
  for (int output = 0; output < 3; output++) {
    then([&] { TF_ShapeInferenceContextGetInput(context, 2 + output, input, status); });
    then([&] { TF_ShapeInferenceContextSetOutput(context, output, input, status); });
  }
  then([&] { TF_ShapeInferenceContextGetInput(context, 4, w, status); });
  then([&] { TF_ShapeInferenceContextSubshape(context, w, 3, 4, filters, status); });
  for (int output = 3; output < (Normalised ? 6 : 4); output++)
    then([&] { TF_ShapeInferenceContextSetOutput(context, output, filters, status); });
}

using Words = std::initializer_list<const char*>;

void define(const char* name, Words inputs, Words outputs, Words attributes, void (*shapes)(TF_ShapeInferenceContext*, TF_Status*),
            void* (*create)(TF_OpKernelConstruction*), void (*compute)(void*, TF_OpKernelContext*)) {
  Status status;
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, (std::string(input) + ": float").c_str());
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(definition, (std::string(output) + ": float").c_str());
  for (const char* attribute : attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, shapes);
  TF_RegisterOpDefinition(definition, status);
  if (status.isOk()) TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", create, compute, deleteOptions), status);
  if (!status.isOk()) std::fprintf(stderr, "runner: %s was not registered: %s\n", name, TF_Message(status));
}

struct Registration {
  Registration() {
    define("RunnerSeparable", {"x", "depthwise", "w", "b"}, {"y"}, {"relu: bool"}, inferForward<false>, createOptions<false>,
           computeForward<false>);
    define("RunnerSeparableGrad", {"dy", "y", "x", "depthwise", "w"}, {"dx", "ddepthwise", "dw", "db"}, {"relu: bool"}, inferBackward<false>,
           createOptions<false>, computeBackward<false>);
    define("RunnerSeparableNorm", {"x", "depthwise", "w", "b", "gamma", "beta"}, {"y", "z", "mean", "variance", "inverse"},
           {"relu: bool", "epsilon: float"}, inferForward<true>, createOptions<true>, computeForward<true>);
    define("RunnerSeparableNormGrad", {"dz", "y", "x", "depthwise", "w", "gamma", "mean", "inverse"},
           {"dx", "ddepthwise", "dw", "db", "dgamma", "dbeta"}, {"relu: bool"}, inferBackward<true>, createOptions<false>,
           computeBackward<true>);
  }
} registration;

}  // namespace
}  // namespace runner
