// TensorFlow operations of our own, for the CPU, registered through TensorFlow's C interface when the library is loaded.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "dropout.h"
#include "separable.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace runner {

// Each compiled for a kind of processor of its own.
#if defined(__x86_64__)
namespace v4 {
extern const SeparableKernels separable;
void drop(const Dropout&);
}  // namespace v4
namespace v3 {
extern const SeparableKernels separable;
void drop(const Dropout&);
}  // namespace v3
#endif
namespace plain {
extern const SeparableKernels separable;
void drop(const Dropout&);
}  // namespace plain

namespace {

struct Kernels {
  const SeparableKernels& separable;
  void (*drop)(const Dropout&);
};

// The best that this processor has, or less where RUNNER_OPERATIONS says so.
Kernels choose() {
#if defined(__x86_64__)
  const char* wished = std::getenv("RUNNER_OPERATIONS");
  const std::string most = wished ? wished : "";
  const bool hasV3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool hasV4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd");
  if (hasV4 && most != "v3" && most != "plain") return {v4::separable, v4::drop};
  if (hasV3 && most != "plain") return {v3::separable, v3::drop};
#endif
  return {plain::separable, plain::drop};
}

const Kernels& kernels() {
  static const Kernels chosen = choose();
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

  float* output(int index, const std::vector<int64_t>& shape) {
    if (!isOk()) return nullptr;
    size_t bytes = sizeof(float);
    for (const int64_t side : shape) bytes *= static_cast<size_t>(side);
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()), bytes, status_);
    return isOk() ? static_cast<float*>(TF_TensorData(hold(tensor))) : nullptr;
  }

 private:
  TF_Tensor* hold(TF_Tensor* tensor) {
    if (tensor) tensors_[held_++] = tensor;
    return tensor;
  }

  TF_OpKernelContext* context_;
  Status status_;
  TF_Tensor* tensors_[20];
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

const float* vector(Call& call, TF_Tensor* tensor, int64_t filters) {
  call.require(isShaped(tensor, {filters}), "b, gamma, beta, mean, variance and inverse must be [filters]");
  return valuesOf(tensor);
}

struct Options {
  float epsilon = 0;
  bool relu = false;
};

// What stands behind the convolution in the operation.
enum class Behind { nothing, norm, normAndPool };

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

// Reads what all ways are given; the call fails where it does not fit together.
void readConvolution(Call& call, const Options& options, Behind behind, TF_Tensor* x, TF_Tensor* depthwise, TF_Tensor* w, TF_Tensor* b,
                     Convolution& c) {
  call.require(x && TF_NumDims(x) == 4 && w && TF_NumDims(w) == 4, "x and w must have four sides");
  if (!call.isOk()) return;
  c.x = {TF_Dim(x, 0), TF_Dim(x, 1), TF_Dim(x, 2), TF_Dim(x, 3)};
  c.filters = TF_Dim(w, 3);
  c.relu = options.relu;
  c.normalised = behind != Behind::nothing;
  c.pooled = behind == Behind::normAndPool;
  call.require(c.x.batch > 0 && c.x.height > 0 && c.x.width > 0 && c.x.channels > 0 && c.filters > 0, "no side may be empty");
  call.require(!c.pooled || (c.x.height % 2 == 0 && c.x.width % 2 == 0), "what is pooled must have even sides");
  call.require(isShaped(depthwise, {3, 3, c.x.channels, 1}), "depthwise must be [3, 3, channels of x, 1]");
  call.require(isShaped(w, {1, 1, c.x.channels, c.filters}), "w must be [1, 1, channels of x, filters]");
  c.images = valuesOf(x);
  c.depthwise = valuesOf(depthwise);
  c.w = valuesOf(w);
  c.b = vector(call, b, c.filters);
}

// The values of y, which may not have been kept.
const float* valuesOfY(Call& call, TF_Tensor* y, const Convolution& c) {
  call.require(c.keepsY() ? isShaped(y, {c.x.batch, c.x.height, c.x.width, c.filters}) : isShaped(y, {0, 0, 0, c.filters}),
               "y must be [batch, height, width, filters]");
  return valuesOf(y);
}

// One number for each pixel of the result, which pooling makes a quarter as many.
const float* valuesOfResult(Call& call, TF_Tensor* tensor, const Convolution& c) {
  const int64_t by = c.pooled ? 2 : 1;
  call.require(isShaped(tensor, {c.x.batch, c.x.height / by, c.x.width / by, c.filters}), "a gradient must be shaped as what it is of");
  return valuesOf(tensor);
}

float* outputY(Call& call, const Convolution& c) {
  return c.keepsY() ? call.output(0, {c.x.batch, c.x.height, c.x.width, c.filters}) : call.output(0, {0, 0, 0, c.filters});
}

// The result, or something shaped as it.
float* outputResult(Call& call, int index, const Convolution& c) {
  const int64_t by = c.pooled ? 2 : 1;
  return call.output(index, {c.x.batch, c.x.height / by, c.x.width / by, c.filters});
}

// What turns y into z, but for the moments.
template <typename Way>
void readScaling(Call& call, const Options& options, Way& way) {
  way.epsilon = options.epsilon;
  way.gamma = vector(call, call.input(4), way.filters);
  way.beta = vector(call, call.input(5), way.filters);
}

template <Behind behind>
void computeForward(void* kernel, TF_OpKernelContext* context) {
  const auto* options = static_cast<const Options*>(kernel);
  Call call(context);
  Forward f{};
  readConvolution(call, *options, behind, call.input(0), call.input(1), call.input(2), call.input(3), f);
  if (call.isOk()) f.y = outputY(call, f);
  if (f.normalised) {
    readScaling(call, *options, f);
    f.z = outputResult(call, 1, f);
    f.mean = call.output(2, {f.filters});
    f.variance = call.output(3, {f.filters});
    f.inverse = call.output(4, {f.filters});
    if (f.pooled) f.peaks = outputResult(call, 5, f);
  }
  if (call.isOk()) kernels().separable.forward(f);
}

template <Behind behind>
void computeInference(void* kernel, TF_OpKernelContext* context) {
  const auto* options = static_cast<const Options*>(kernel);
  Call call(context);
  Inference f{};
  readConvolution(call, *options, behind, call.input(0), call.input(1), call.input(2), call.input(3), f);
  readScaling(call, *options, f);
  f.mean = vector(call, call.input(6), f.filters);
  f.variance = vector(call, call.input(7), f.filters);
  f.z = outputResult(call, 0, f);
  if (call.isOk()) kernels().separable.infer(f);
}

template <Behind behind>
void computeBackward(void* kernel, TF_OpKernelContext* context) {
  const auto* options = static_cast<const Options*>(kernel);
  Call call(context);
  Backward g{};
  readConvolution(call, *options, behind, call.input(2), call.input(3), call.input(4), call.input(5), g);
  if (call.isOk()) {
    g.gradient = valuesOfResult(call, call.input(0), g);
    g.y = valuesOfY(call, call.input(1), g);
  }
  g.dx = call.output(0, {g.x.batch, g.x.height, g.x.width, g.x.channels});
  g.ddepthwise = call.output(1, {3, 3, g.x.channels, 1});
  g.dw = call.output(2, {1, 1, g.x.channels, g.filters});
  g.db = call.output(3, {g.filters});
  if (g.normalised) {
    g.gamma = vector(call, call.input(6), g.filters);
    g.beta = vector(call, call.input(7), g.filters);
    g.mean = vector(call, call.input(8), g.filters);
    g.inverse = vector(call, call.input(9), g.filters);
    if (g.pooled) g.peaks = valuesOfResult(call, call.input(10), g);
    g.dgamma = call.output(4, {g.filters});
    g.dbeta = call.output(5, {g.filters});
  }
  if (call.isOk()) kernels().separable.backward(g);
}

void* createDropout(TF_OpKernelConstruction* construction) {
  Status status;
  int64_t threshold = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, "threshold", &threshold, status);
  if (status.isOk() && (threshold < 0 || threshold > 255)) TF_SetStatus(status, TF_INVALID_ARGUMENT, "threshold must be a byte");
  if (!status.isOk()) TF_OpKernelConstruction_Failure(construction, status);
  auto* dropout = new Dropout{};
  dropout->threshold = static_cast<uint8_t>(threshold);
  dropout->scale = static_cast<float>(1 / (1 - static_cast<double>(threshold) / 256));
  return dropout;
}

void deleteDropout(void* options) { delete static_cast<Dropout*>(options); }

void computeDropout(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  Dropout d = *static_cast<const Dropout*>(kernel);
  TF_Tensor *x = call.input(0), *draws = call.input(1);
  if (!call.isOk()) return;
  std::vector<int64_t> shape;
  for (int side = 0; side < TF_NumDims(x); side++) shape.push_back(TF_Dim(x, side));
  d.rows = shape.empty() ? 1 : shape[0];
  d.columns = d.rows == 0 ? 0 : TF_TensorElementCount(x) / d.rows;
  call.require(isShaped(draws, {d.rows * ((d.columns + 3) / 4)}), "draws must have a byte for each number, and whole words for each row");
  d.x = valuesOf(x);
  d.draws = static_cast<const uint8_t*>(TF_TensorData(draws));
  d.y = call.output(0, shape);
  if (call.isOk()) kernels().drop(d);
}

void inferDropout(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle* x = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, 0, x, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, x, status);
  TF_DeleteShapeHandle(x);
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

// Of the inputs x and w: [filters] and [batch, height, width, filters].
struct ShapesOfY : Shapes {
  TF_ShapeHandle *filters = handles[3], *y = handles[4];
  ShapesOfY(TF_ShapeInferenceContext* context, TF_Status* status) {
    auto [x, w, images, last, all] = handles;
    const auto then = [&](auto step) {
      if (TF_GetCode(status) == TF_OK) step();
    };
    then([&] { TF_ShapeInferenceContextGetInput(context, 0, x, status); });
    then([&] { TF_ShapeInferenceContextGetInput(context, 2, w, status); });
    then([&] { TF_ShapeInferenceContextSubshape(context, x, 0, 3, images, status); });
    then([&] { TF_ShapeInferenceContextSubshape(context, w, 3, 4, last, status); });
    then([&] { TF_ShapeInferenceContextConcatenateShapes(context, images, last, all, status); });
  }
};

// The C interface has no half of a side: what is pooled, and y, which may not be kept, are of shapes unknown until they are there.
template <Behind behind>
void inferForward(TF_ShapeInferenceContext* context, TF_Status* status) {
  if (behind == Behind::normAndPool) TF_ShapeInferenceContextSetUnknownShape(context, status);
  const ShapesOfY shapes(context, status);
  const auto set = [&](int output, TF_ShapeHandle* shape) {
    if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output, shape, status);
  };
  if (behind != Behind::normAndPool)
    for (int output = 0; output < (behind == Behind::nothing ? 1 : 2); output++) set(output, shapes.y);
  if (behind != Behind::nothing)
    for (int output = 2; output < 5; output++) set(output, shapes.filters);
}

template <Behind behind>
void inferInference(TF_ShapeInferenceContext* context, TF_Status* status) {
  if (behind == Behind::normAndPool) return TF_ShapeInferenceContextSetUnknownShape(context, status);
  const ShapesOfY shapes(context, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, shapes.y, status);
}

template <Behind behind>
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
  for (int output = 3; output < (behind == Behind::nothing ? 4 : 6); output++)
    then([&] { TF_ShapeInferenceContextSetOutput(context, output, filters, status); });
}

using Words = std::vector<std::string>;

struct Kernel {
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

void define(const std::string& name, const Words& inputs, const Words& outputs, const Words& attributes,
            void (*shapes)(TF_ShapeInferenceContext*, TF_Status*), const Kernel& kernel) {
  Status status;
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name.c_str());
  for (const auto& input : inputs) TF_OpDefinitionBuilderAddInput(definition, input.c_str());
  for (const auto& output : outputs) TF_OpDefinitionBuilderAddOutput(definition, output.c_str());
  for (const auto& attribute : attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute.c_str());
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, shapes);
  TF_RegisterOpDefinition(definition, status);
  if (status.isOk()) TF_RegisterKernelBuilder(name.c_str(), TF_NewKernelBuilder(name.c_str(), "CPU", kernel.create, kernel.compute, kernel.destroy), status);
  if (!status.isOk()) std::fprintf(stderr, "runner: %s was not registered: %s\n", name.c_str(), TF_Message(status));
}

// An operation and its gradient and, where it normalises by the batch, one that is given the moments.
template <Behind behind>
void defineAll(const std::string& name) {
  constexpr bool isNormalised = behind != Behind::nothing, isPooled = behind == Behind::normAndPool;
  Words inputs{"x", "depthwise", "w", "b"}, outputs{"y"}, attributes{"relu: bool"};
  Words given{isNormalised ? "dz" : "dy", "y", "x", "depthwise", "w", "b"}, gradients{"dx", "ddepthwise", "dw", "db"};
  const auto add = [](Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); };
  if (isNormalised) {
    add(inputs, {"gamma", "beta"});
    add(outputs, {"z", "mean", "variance", "inverse"});
    add(attributes, {"epsilon: float"});
    add(given, {"gamma", "beta", "mean", "inverse"});
    add(gradients, {"dgamma", "dbeta"});
  }
  if (isPooled) {
    add(outputs, {"peaks"});
    add(given, {"peaks"});
  }
  const auto floats = [](Words words) {
    for (auto& word : words) word += ": float";
    return words;
  };
  define(name, floats(inputs), floats(outputs), attributes, inferForward<behind>,
         {createOptions<isNormalised>, computeForward<behind>, deleteOptions});
  if (isNormalised)
    define(name + "Inference", floats({"x", "depthwise", "w", "b", "gamma", "beta", "mean", "variance"}), {"z: float"}, attributes, inferInference<behind>,
           {createOptions<true>, computeInference<behind>, deleteOptions});
  define(name + "Grad", floats(given), floats(gradients), {"relu: bool"}, inferBackward<behind>,
         {createOptions<false>, computeBackward<behind>, deleteOptions});
}

struct Registration {
  Registration() {
    defineAll<Behind::nothing>("RunnerSeparable");
    defineAll<Behind::norm>("RunnerSeparableNorm");
    defineAll<Behind::normAndPool>("RunnerSeparableNormPool");
    // Its gradient is itself, of the output's gradient.
    define("RunnerDropout", {"x: float", "draws: int32"}, {"y: float"}, {"threshold: int"}, inferDropout,
           {createDropout, computeDropout, deleteDropout});
  }
} registration;

}  // namespace
}  // namespace runner
