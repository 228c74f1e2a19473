// The PJRT C interface for Node: a plugin's client, its programs and its buffers, as src/xla/pjrt.ts shows them to the rest.
//
// What JavaScript holds are externals, each with a reference to one of the classes below; a program and a buffer hold their client. Calls
// that take long run on threads of Node's pool, and everything else on JavaScript's own. Faults are C++ exceptions inside this file;
// `guard` and `settle` turn every one into an Error of JavaScript whose `code` is PJRT's status.
#include <dlfcn.h>
#include <node_api.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "xla/pjrt/c/pjrt_c_api.h"

namespace runner {
namespace {

struct Fault {
  std::string code;
  std::string message;
};

// A call of Node-API that failed; where it left an exception of JavaScript, that one is the fault.
struct NodeFault {};

const char* nameOf(PJRT_Error_Code code) {
  static const char* const names[] = {"OK",
                                      "CANCELLED",
                                      "UNKNOWN",
                                      "INVALID_ARGUMENT",
                                      "DEADLINE_EXCEEDED",
                                      "NOT_FOUND",
                                      "ALREADY_EXISTS",
                                      "PERMISSION_DENIED",
                                      "RESOURCE_EXHAUSTED",
                                      "FAILED_PRECONDITION",
                                      "ABORTED",
                                      "OUT_OF_RANGE",
                                      "UNIMPLEMENTED",
                                      "INTERNAL",
                                      "UNAVAILABLE",
                                      "DATA_LOSS",
                                      "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < sizeof names / sizeof *names ? names[index] : "UNKNOWN";
}

// Arguments of a call: zeros, and the size by which a plugin of another version knows which fields there are.
#define ARGUMENTS(type, name) \
  type name{};                \
  name.struct_size = type##_STRUCT_SIZE

// The functions of one plugin.
class Plugin {
 public:
  explicit Plugin(const PJRT_Api* api) : api_(api) {}

  const PJRT_Api* operator->() const { return api_; }

  // Throws what the error says, and frees it.
  void check(PJRT_Error* error) const {
    if (auto fault = take(error)) throw *std::move(fault);
  }

  // False where the plugin has no such function; throws any other error.
  bool has(PJRT_Error* error) const {
    auto fault = take(error);
    if (fault && fault->code != "UNIMPLEMENTED") throw *std::move(fault);
    return !fault;
  }

  std::optional<Fault> take(PJRT_Error* error) const {
    if (!error) return std::nullopt;
    ARGUMENTS(PJRT_Error_Message_Args, message);
    message.error = error;
    api_->PJRT_Error_Message(&message);
    ARGUMENTS(PJRT_Error_GetCode_Args, code);
    code.error = error;
    code.code = PJRT_Error_Code_UNKNOWN;
    drop(api_->PJRT_Error_GetCode(&code));
    Fault fault{nameOf(code.code), std::string(message.message, message.message_size)};
    drop(error);
    return fault;
  }

  // For what is freed: there is nobody to tell.
  void drop(PJRT_Error* error) const {
    if (!error) return;
    ARGUMENTS(PJRT_Error_Destroy_Args, destroy);
    destroy.error = error;
    api_->PJRT_Error_Destroy(&destroy);
  }

 private:
  const PJRT_Api* api_;
};

// What externals hold.
struct Held {
  virtual ~Held() = default;
};

class Event {
 public:
  Event(Plugin plugin, PJRT_Event* event) : plugin_(plugin), event_(event) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (!event_) return;
    ARGUMENTS(PJRT_Event_Destroy_Args, destroy);
    destroy.event = event_;
    plugin_.drop(plugin_->PJRT_Event_Destroy(&destroy));
  }

  void wait() const {
    if (!event_) return;
    ARGUMENTS(PJRT_Event_Await_Args, await);
    await.event = event_;
    plugin_.check(plugin_->PJRT_Event_Await(&await));
  }

 private:
  Plugin plugin_;
  PJRT_Event* event_;
};

struct Client : Held {
  static constexpr char gone[] = "the client is closed";

  Client(Plugin plugin, PJRT_Client* client) : plugin(plugin), client(client) {}
  ~Client() override {
    ARGUMENTS(PJRT_Client_Destroy_Args, destroy);
    destroy.client = client;
    plugin.drop(plugin->PJRT_Client_Destroy(&destroy));
  }

  Plugin plugin;
  PJRT_Client* client;
  PJRT_Device* device = nullptr;
};

struct Buffer : Held {
  static constexpr char gone[] = "the buffer was disposed of";

  Buffer(std::shared_ptr<Client> client, PJRT_Buffer* buffer) : client(std::move(client)), buffer(buffer) {}
  ~Buffer() override {
    ARGUMENTS(PJRT_Buffer_Destroy_Args, destroy);
    destroy.buffer = buffer;
    client->plugin.drop(client->plugin->PJRT_Buffer_Destroy(&destroy));
  }

  std::shared_ptr<Client> client;
  PJRT_Buffer* buffer;
};

struct Program : Held {
  static constexpr char gone[] = "the program was disposed of";

  Program(std::shared_ptr<Client> client, PJRT_LoadedExecutable* loaded) : client(std::move(client)), loaded(loaded) {}
  ~Program() override {
    const Plugin& plugin = client->plugin;
    if (executable) {
      ARGUMENTS(PJRT_Executable_Destroy_Args, destroy);
      destroy.executable = executable;
      plugin.drop(plugin->PJRT_Executable_Destroy(&destroy));
    }
    ARGUMENTS(PJRT_LoadedExecutable_Destroy_Args, destroy);
    destroy.executable = loaded;
    plugin.drop(plugin->PJRT_LoadedExecutable_Destroy(&destroy));
  }

  std::shared_ptr<Client> client;
  PJRT_LoadedExecutable* loaded;
  PJRT_Executable* executable = nullptr;
  size_t outputs = 0;
};

// ---- What plugins do, without JavaScript ----

struct Option {
  std::string name;
  PJRT_NamedValue_Type type;
  std::string text;
  double number = 0;
};

const char* linkerWords() {
  const char* words = dlerror();
  return words ? words : "the dynamic linker gives no reason";
}

// Opens a plugin once in a process, and never closes it: the threads that it starts outlive its clients.
Plugin loadPlugin(const std::string& path) {
  static std::mutex mutex;
  static std::unordered_map<void*, Plugin> opened;
  const std::lock_guard<std::mutex> lock(mutex);
  // Every symbol now: what a plugin lacks is a fault here instead of the end of the process in some later call.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw Fault{"NOT_FOUND", linkerWords()};
  const auto known = opened.find(library);
  if (known != opened.end()) return known->second;
  const auto getApi = reinterpret_cast<const PJRT_Api* (*)()>(dlsym(library, "GetPjrtApi"));
  if (!getApi) throw Fault{"UNIMPLEMENTED", linkerWords()};
  const PJRT_Api* api = getApi();
  // The last of the functions that are called here.
  constexpr size_t needed = PJRT_STRUCT_SIZE(PJRT_Api, PJRT_Executable_GetCompiledMemoryStats);
  if (!api || api->pjrt_api_version.major_version != PJRT_API_MAJOR || api->struct_size < needed)
    throw Fault{"UNIMPLEMENTED", path + " speaks another version of the PJRT C interface than " + std::to_string(PJRT_API_MAJOR) + "." +
                                     std::to_string(PJRT_API_MINOR)};
  const Plugin plugin(api);
  ARGUMENTS(PJRT_Plugin_Initialize_Args, initialize);
  plugin.check(plugin->PJRT_Plugin_Initialize(&initialize));
  opened.emplace(library, plugin);
  return plugin;
}

std::shared_ptr<Client> createClient(const std::string& path, const std::vector<Option>& options) {
  const Plugin plugin = loadPlugin(path);
  std::vector<PJRT_NamedValue> values;
  for (const Option& option : options) {
    ARGUMENTS(PJRT_NamedValue, value);
    value.name = option.name.data();
    value.name_size = option.name.size();
    value.type = option.type;
    value.value_size = 1;
    if (option.type == PJRT_NamedValue_kString) {
      value.string_value = option.text.data();
      value.value_size = option.text.size();
    } else if (option.type == PJRT_NamedValue_kInt64) {
      value.int64_value = static_cast<int64_t>(option.number);
    } else if (option.type == PJRT_NamedValue_kFloat) {
      value.float_value = static_cast<float>(option.number);
    } else {
      value.bool_value = option.number != 0;
    }
    values.push_back(value);
  }
  ARGUMENTS(PJRT_Client_Create_Args, create);
  create.create_options = values.data();
  create.num_options = values.size();
  plugin.check(plugin->PJRT_Client_Create(&create));
  auto client = std::make_shared<Client>(plugin, create.client);
  ARGUMENTS(PJRT_Client_AddressableDevices_Args, devices);
  devices.client = client->client;
  plugin.check(plugin->PJRT_Client_AddressableDevices(&devices));
  if (devices.num_addressable_devices == 0) throw Fault{"NOT_FOUND", "the plugin has no device"};
  client->device = devices.addressable_devices[0];
  return client;
}

std::string apiOf(const Client& client) {
  const PJRT_Api_Version& version = client.plugin->pjrt_api_version;
  return std::to_string(version.major_version) + "." + std::to_string(version.minor_version);
}

std::string platformOf(const Client& client) {
  ARGUMENTS(PJRT_Client_PlatformName_Args, name);
  name.client = client.client;
  client.plugin.check(client.plugin->PJRT_Client_PlatformName(&name));
  return std::string(name.platform_name, name.platform_name_size);
}

std::string platformVersionOf(const Client& client) {
  ARGUMENTS(PJRT_Client_PlatformVersion_Args, version);
  version.client = client.client;
  client.plugin.check(client.plugin->PJRT_Client_PlatformVersion(&version));
  return std::string(version.platform_version, version.platform_version_size);
}

std::string deviceOf(const Client& client) {
  ARGUMENTS(PJRT_Device_GetDescription_Args, description);
  description.device = client.device;
  client.plugin.check(client.plugin->PJRT_Device_GetDescription(&description));
  ARGUMENTS(PJRT_DeviceDescription_Kind_Args, kind);
  kind.device_description = description.device_description;
  client.plugin.check(client.plugin->PJRT_DeviceDescription_Kind(&kind));
  return std::string(kind.device_kind, kind.device_kind_size);
}

// Takes over the loaded executable.
std::shared_ptr<Program> describe(const std::shared_ptr<Client>& client, PJRT_LoadedExecutable* loaded) {
  auto program = std::make_shared<Program>(client, loaded);
  const Plugin& plugin = client->plugin;
  ARGUMENTS(PJRT_LoadedExecutable_GetExecutable_Args, executable);
  executable.loaded_executable = loaded;
  plugin.check(plugin->PJRT_LoadedExecutable_GetExecutable(&executable));
  program->executable = executable.executable;
  ARGUMENTS(PJRT_Executable_NumOutputs_Args, outputs);
  outputs.executable = executable.executable;
  plugin.check(plugin->PJRT_Executable_NumOutputs(&outputs));
  program->outputs = outputs.num_outputs;
  return program;
}

std::shared_ptr<Program> compileText(const std::shared_ptr<Client>& client, std::string& text, const std::string& options) {
  static constexpr char format[] = "mlir";
  ARGUMENTS(PJRT_Program, source);
  source.code = text.data();
  source.code_size = text.size();
  source.format = format;
  source.format_size = sizeof format - 1;
  ARGUMENTS(PJRT_Client_Compile_Args, compile);
  compile.client = client->client;
  compile.program = &source;
  compile.compile_options = options.data();
  compile.compile_options_size = options.size();
  client->plugin.check(client->plugin->PJRT_Client_Compile(&compile));
  return describe(client, compile.executable);
}

std::shared_ptr<Program> loadSerialized(const std::shared_ptr<Client>& client, const std::string& serialized) {
  ARGUMENTS(PJRT_Executable_DeserializeAndLoad_Args, load);
  load.client = client->client;
  load.serialized_executable = serialized.data();
  load.serialized_executable_size = serialized.size();
  client->plugin.check(client->plugin->PJRT_Executable_DeserializeAndLoad(&load));
  return describe(client, load.loaded_executable);
}

// What a plugin needs to know to write a buffer's values row by row, whatever layout they have on the device.
class RowMajor {
 public:
  explicit RowMajor(const Buffer& buffer) {
    ARGUMENTS(PJRT_Buffer_Dimensions_Args, dimensions);
    dimensions.buffer = buffer.buffer;
    buffer.client->plugin.check(buffer.client->plugin->PJRT_Buffer_Dimensions(&dimensions));
    for (size_t index = dimensions.num_dims; index > 0; index--) order_.push_back(static_cast<int64_t>(index) - 1);
    layout_.struct_size = PJRT_Buffer_MemoryLayout_STRUCT_SIZE;
    layout_.type = PJRT_Buffer_MemoryLayout_Type_Tiled;
    layout_.tiled.struct_size = PJRT_Buffer_MemoryLayout_Tiled_STRUCT_SIZE;
    layout_.tiled.minor_to_major = order_.data();
    layout_.tiled.minor_to_major_size = order_.size();
  }
  RowMajor(const RowMajor&) = delete;
  RowMajor& operator=(const RowMajor&) = delete;

  PJRT_Buffer_MemoryLayout* layout() { return &layout_; }

 private:
  std::vector<int64_t> order_;
  PJRT_Buffer_MemoryLayout layout_{};
};

// Enqueues the copy behind what the device does already; the memory has to stay until the event has come.
std::shared_ptr<Event> startReading(const Buffer& buffer, void* into, size_t bytes) {
  const Plugin& plugin = buffer.client->plugin;
  RowMajor rows(buffer);
  ARGUMENTS(PJRT_Buffer_ToHostBuffer_Args, size);
  size.src = buffer.buffer;
  size.host_layout = rows.layout();
  plugin.check(plugin->PJRT_Buffer_ToHostBuffer(&size));
  if (size.dst_size != bytes)
    throw Fault{"INVALID_ARGUMENT",
                "the buffer holds " + std::to_string(size.dst_size) + " bytes, and the array to read into " + std::to_string(bytes)};
  ARGUMENTS(PJRT_Buffer_ToHostBuffer_Args, copy);
  copy.src = buffer.buffer;
  copy.host_layout = rows.layout();
  copy.dst = into;
  copy.dst_size = bytes;
  plugin.check(plugin->PJRT_Buffer_ToHostBuffer(&copy));
  return std::make_shared<Event>(plugin, copy.event);
}

std::vector<std::shared_ptr<Buffer>> enqueue(const Program& program, const std::vector<std::shared_ptr<Buffer>>& inputs) {
  std::vector<PJRT_Buffer*> arguments;
  for (const auto& input : inputs) arguments.push_back(input->buffer);
  std::vector<PJRT_Buffer*> results(program.outputs);
  PJRT_Buffer* const* argumentList = arguments.data();
  PJRT_Buffer** resultList = results.data();
  ARGUMENTS(PJRT_ExecuteOptions, options);
  ARGUMENTS(PJRT_LoadedExecutable_Execute_Args, execute);
  execute.executable = program.loaded;
  execute.options = &options;
  execute.argument_lists = &argumentList;
  execute.num_devices = 1;
  execute.num_args = arguments.size();
  execute.output_lists = &resultList;
  program.client->plugin.check(program.client->plugin->PJRT_LoadedExecutable_Execute(&execute));
  std::vector<std::shared_ptr<Buffer>> outputs;
  for (PJRT_Buffer* result : results) outputs.push_back(std::make_shared<Buffer>(program.client, result));
  return outputs;
}

// ---- JavaScript's side ----

void ok(napi_status status) {
  if (status != napi_ok) throw NodeFault{};
}

napi_value undefined(napi_env env) {
  napi_value value;
  ok(napi_get_undefined(env, &value));
  return value;
}

napi_value null(napi_env env) {
  napi_value value;
  ok(napi_get_null(env, &value));
  return value;
}

napi_value textValue(napi_env env, const std::string& text) {
  napi_value value;
  ok(napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

napi_value numberValue(napi_env env, double number) {
  napi_value value;
  ok(napi_create_double(env, number, &value));
  return value;
}

napi_value errorValue(napi_env env, const Fault& fault) {
  napi_value error;
  ok(napi_create_error(env, textValue(env, fault.code), textValue(env, fault.message), &error));
  return error;
}

void set(napi_env env, napi_value object, const char* name, napi_value value) { ok(napi_set_named_property(env, object, name, value)); }

std::string textOf(napi_env env, napi_value value) {
  size_t size = 0;
  ok(napi_get_value_string_utf8(env, value, nullptr, 0, &size));
  std::string text(size, '\0');
  ok(napi_get_value_string_utf8(env, value, text.data(), size + 1, &size));
  return text;
}

struct Values {
  napi_typedarray_type type;
  void* data;
  size_t length;
  size_t bytes;
};

Values valuesOf(napi_env env, napi_value array) {
  Values values{};
  ok(napi_get_typedarray_info(env, array, &values.type, &values.length, &values.data, nullptr, nullptr));
  switch (values.type) {
    case napi_uint8_array:
      values.bytes = values.length;
      break;
    case napi_float32_array:
    case napi_int32_array:
      values.bytes = values.length * 4;
      break;
    default:
      throw Fault{"INVALID_ARGUMENT", "values are a Float32Array, an Int32Array or a Uint8Array"};
  }
  return values;
}

std::string bytesOf(napi_env env, napi_value array) {
  const Values values = valuesOf(env, array);
  return std::string(static_cast<const char*>(values.data), values.bytes);
}

std::vector<napi_value> elementsOf(napi_env env, napi_value list) {
  uint32_t length = 0;
  ok(napi_get_array_length(env, list, &length));
  std::vector<napi_value> elements(length);
  for (uint32_t index = 0; index < length; index++) ok(napi_get_element(env, list, index, &elements[index]));
  return elements;
}

std::vector<Option> optionsOf(napi_env env, napi_value object) {
  napi_value names;
  ok(napi_get_property_names(env, object, &names));
  std::vector<Option> options;
  for (napi_value name : elementsOf(env, names)) {
    napi_value value;
    ok(napi_get_property(env, object, name, &value));
    napi_valuetype type;
    ok(napi_typeof(env, value, &type));
    Option option{textOf(env, name), PJRT_NamedValue_kString, "", 0};
    if (type == napi_string) {
      option.text = textOf(env, value);
    } else if (type == napi_boolean) {
      bool isTrue = false;
      ok(napi_get_value_bool(env, value, &isTrue));
      option.type = PJRT_NamedValue_kBool;
      option.number = isTrue ? 1 : 0;
    } else {
      ok(napi_get_value_double(env, value, &option.number));
      option.type = std::trunc(option.number) == option.number ? PJRT_NamedValue_kInt64 : PJRT_NamedValue_kFloat;
    }
    options.push_back(std::move(option));
  }
  return options;
}

// An external that holds a reference, until it is disposed of or collected.
napi_value handOver(napi_env env, std::shared_ptr<Held> held) {
  auto reference = std::make_unique<std::shared_ptr<Held>>(std::move(held));
  napi_value external;
  ok(napi_create_external(
      env, reference.get(), [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Held>*>(data); }, nullptr, &external));
  reference.release();
  return external;
}

std::shared_ptr<Held>& referenceOf(napi_env env, napi_value external) {
  void* data = nullptr;
  ok(napi_get_value_external(env, external, &data));
  return *static_cast<std::shared_ptr<Held>*>(data);
}

template <typename T>
std::shared_ptr<T> heldBy(napi_env env, napi_value external) {
  auto held = std::dynamic_pointer_cast<T>(referenceOf(env, external));
  if (!held) throw Fault{"FAILED_PRECONDITION", T::gone};
  return held;
}

// Runs a function of the addon; what it throws becomes an exception of JavaScript.
template <typename Function>
napi_value guard(napi_env env, Function function) {
  try {
    try {
      return function();
    } catch (const Fault& fault) {
      ok(napi_throw(env, errorValue(env, fault)));
    } catch (const std::exception& error) {
      ok(napi_throw(env, errorValue(env, Fault{"INTERNAL", error.what()})));
    }
  } catch (const NodeFault&) {
    bool isPending = false;
    napi_is_exception_pending(env, &isPending);
    if (!isPending) napi_throw_error(env, "INVALID_ARGUMENT", "an argument is not what the addon expects");
  }
  return nullptr;
}

// The second half of a task, on JavaScript's thread: what the promise gives.
using Give = std::function<napi_value(napi_env)>;

struct Task {
  std::function<Give()> work;
  Give give;
  std::optional<Fault> fault;
  napi_async_work handle = nullptr;
  napi_deferred deferred = nullptr;
  // What must not be collected meanwhile.
  napi_ref kept = nullptr;
};

// On a thread of Node's pool.
void perform(napi_env, void* data) {
  auto& task = *static_cast<Task*>(data);
  try {
    task.give = task.work();
  } catch (const Fault& fault) {
    task.fault = fault;
  } catch (const std::exception& error) {
    task.fault = Fault{"INTERNAL", error.what()};
  }
}

void settle(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  napi_delete_async_work(env, task->handle);
  if (task->kept) napi_delete_reference(env, task->kept);
  // Node ends, and there is no JavaScript left that could hear of it.
  if (status == napi_cancelled) return;
  guard(env, [&]() -> napi_value {
    if (task->fault)
      ok(napi_reject_deferred(env, task->deferred, errorValue(env, *task->fault)));
    else
      ok(napi_resolve_deferred(env, task->deferred, task->give(env)));
    return nullptr;
  });
}

napi_value promise(napi_env env, std::function<Give()> work, napi_value kept = nullptr) {
  auto task = std::make_unique<Task>();
  task->work = std::move(work);
  napi_value given;
  ok(napi_create_promise(env, &task->deferred, &given));
  if (kept) ok(napi_create_reference(env, kept, 1, &task->kept));
  ok(napi_create_async_work(env, nullptr, textValue(env, "runner-pjrt"), perform, settle, task.get(), &task->handle));
  ok(napi_queue_async_work(env, task->handle));
  task.release();
  return given;
}

template <size_t Count>
struct Arguments {
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = Count;
    ok(napi_get_cb_info(env, info, &count, values, nullptr, nullptr));
  }
  napi_value operator[](size_t index) const { return values[index]; }
  napi_value values[Count];
};

// ---- The addon's functions ----

// open(plugin, options): a promise of { handle, api, platform, platformVersion, device }
napi_value open(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<2> arguments(env, info);
    return promise(env, [path = textOf(env, arguments[0]), options = optionsOf(env, arguments[1])]() -> Give {
      const auto client = createClient(path, options);
      return [client, platform = platformOf(*client), version = platformVersionOf(*client), device = deviceOf(*client)](napi_env env) {
        napi_value object;
        ok(napi_create_object(env, &object));
        set(env, object, "handle", handOver(env, client));
        set(env, object, "api", textValue(env, apiOf(*client)));
        set(env, object, "platform", textValue(env, platform));
        set(env, object, "platformVersion", textValue(env, version));
        set(env, object, "device", textValue(env, device));
        return object;
      };
    });
  });
}

Give giveProgram(const std::shared_ptr<Program>& program) {
  return [program](napi_env env) {
    napi_value object;
    ok(napi_create_object(env, &object));
    set(env, object, "handle", handOver(env, program));
    set(env, object, "outputs", numberValue(env, static_cast<double>(program->outputs)));
    return object;
  };
}

// compile(client, text, options): a promise of { handle, outputs }
napi_value compile(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<3> arguments(env, info);
    auto text = std::make_shared<std::string>(textOf(env, arguments[1]));
    return promise(env, [client = heldBy<Client>(env, arguments[0]), text, options = bytesOf(env, arguments[2])] {
      return giveProgram(compileText(client, *text, options));
    });
  });
}

// load(client, serialized): a promise of { handle, outputs }
napi_value load(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<2> arguments(env, info);
    return promise(env, [client = heldBy<Client>(env, arguments[0]), serialized = bytesOf(env, arguments[1])] {
      return giveProgram(loadSerialized(client, serialized));
    });
  });
}

PJRT_Buffer_Type typeOf(const Values& values) {
  if (values.type == napi_float32_array) return PJRT_Buffer_Type_F32;
  return values.type == napi_int32_array ? PJRT_Buffer_Type_S32 : PJRT_Buffer_Type_U8;
}

// upload(client, values, shape): a buffer's handle
napi_value upload(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<3> arguments(env, info);
    const auto client = heldBy<Client>(env, arguments[0]);
    const Values values = valuesOf(env, arguments[1]);
    std::vector<int64_t> shape;
    double length = 1;
    for (napi_value element : elementsOf(env, arguments[2])) {
      int64_t side = 0;
      ok(napi_get_value_int64(env, element, &side));
      if (side < 0) throw Fault{"INVALID_ARGUMENT", "a shape has a negative side"};
      shape.push_back(side);
      length *= static_cast<double>(side);
    }
    if (length != static_cast<double>(values.length))
      throw Fault{"INVALID_ARGUMENT", "the array has " + std::to_string(values.length) + " values, and its shape holds " +
                                          std::to_string(static_cast<int64_t>(length))};
    ARGUMENTS(PJRT_Client_BufferFromHostBuffer_Args, copy);
    copy.client = client->client;
    copy.data = values.data;
    copy.type = typeOf(values);
    copy.dims = shape.data();
    copy.num_dims = shape.size();
    copy.host_buffer_semantics = PJRT_HostBufferSemantics_kImmutableOnlyDuringCall;
    copy.device = client->device;
    client->plugin.check(client->plugin->PJRT_Client_BufferFromHostBuffer(&copy));
    const auto buffer = std::make_shared<Buffer>(client, copy.buffer);
    // With these semantics it has come already.
    Event(client->plugin, copy.done_with_host_buffer).wait();
    return handOver(env, buffer);
  });
}

// memory(client): { inUse, peak, limit }, or null
napi_value memory(napi_env env, napi_callback_info info) {
  return guard(env, [&]() -> napi_value {
    const Arguments<1> arguments(env, info);
    const auto client = heldBy<Client>(env, arguments[0]);
    ARGUMENTS(PJRT_Device_MemoryStats_Args, memory);
    memory.device = client->device;
    if (!client->plugin.has(client->plugin->PJRT_Device_MemoryStats(&memory))) return null(env);
    const auto known = [&](bool isSet, int64_t bytes) { return isSet ? numberValue(env, static_cast<double>(bytes)) : null(env); };
    napi_value object;
    ok(napi_create_object(env, &object));
    set(env, object, "inUse", numberValue(env, static_cast<double>(memory.bytes_in_use)));
    set(env, object, "peak", known(memory.peak_bytes_in_use_is_set, memory.peak_bytes_in_use));
    set(env, object, "limit", known(memory.bytes_limit_is_set, memory.bytes_limit));
    return object;
  });
}

// serialize(program): a Uint8Array
napi_value serialize(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<1> arguments(env, info);
    const auto program = heldBy<Program>(env, arguments[0]);
    ARGUMENTS(PJRT_Executable_Serialize_Args, serialize);
    serialize.executable = program->executable;
    program->client->plugin.check(program->client->plugin->PJRT_Executable_Serialize(&serialize));
    const std::unique_ptr<PJRT_SerializedExecutable, void (*)(PJRT_SerializedExecutable*)> backing(
        serialize.serialized_executable, serialize.serialized_executable_deleter);
    void* data = nullptr;
    napi_value buffer, array;
    ok(napi_create_arraybuffer(env, serialize.serialized_bytes_size, &data, &buffer));
    std::memcpy(data, serialize.serialized_bytes, serialize.serialized_bytes_size);
    ok(napi_create_typedarray(env, napi_uint8_array, serialize.serialized_bytes_size, buffer, 0, &array));
    return array;
  });
}

// programMemory(program): { arguments, outputs, aliased, temporaries, code }, or null
napi_value programMemory(napi_env env, napi_callback_info info) {
  return guard(env, [&]() -> napi_value {
    const Arguments<1> arguments(env, info);
    const auto program = heldBy<Program>(env, arguments[0]);
    ARGUMENTS(PJRT_Executable_GetCompiledMemoryStats_Args, memory);
    memory.executable = program->executable;
    if (!program->client->plugin.has(program->client->plugin->PJRT_Executable_GetCompiledMemoryStats(&memory))) return null(env);
    napi_value object;
    ok(napi_create_object(env, &object));
    set(env, object, "arguments", numberValue(env, static_cast<double>(memory.argument_size_in_bytes)));
    set(env, object, "outputs", numberValue(env, static_cast<double>(memory.output_size_in_bytes)));
    set(env, object, "aliased", numberValue(env, static_cast<double>(memory.alias_size_in_bytes)));
    set(env, object, "temporaries", numberValue(env, static_cast<double>(memory.temp_size_in_bytes)));
    set(env, object, "code", numberValue(env, static_cast<double>(memory.generated_code_size_in_bytes)));
    return object;
  });
}

// execute(program, buffers): the handles of its outputs; does not wait for the device
napi_value execute(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<2> arguments(env, info);
    const auto program = heldBy<Program>(env, arguments[0]);
    std::vector<std::shared_ptr<Buffer>> inputs;
    for (napi_value input : elementsOf(env, arguments[1])) inputs.push_back(heldBy<Buffer>(env, input));
    const auto outputs = enqueue(*program, inputs);
    napi_value list;
    ok(napi_create_array_with_length(env, outputs.size(), &list));
    for (uint32_t index = 0; index < outputs.size(); index++) ok(napi_set_element(env, list, index, handOver(env, outputs[index])));
    return list;
  });
}

// read(buffer, array): a promise of undefined
napi_value read(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<2> arguments(env, info);
    const auto buffer = heldBy<Buffer>(env, arguments[0]);
    const Values values = valuesOf(env, arguments[1]);
    // Begun here, so that the device reads before it runs what is enqueued later, which may be given this buffer's memory.
    const auto copied = startReading(*buffer, values.data, values.bytes);
    const auto wait = [buffer, copied]() -> Give {
      copied->wait();
      return undefined;
    };
    return promise(env, wait, arguments[1]);
  });
}

// dispose(handle): lets go; a second time changes nothing
napi_value dispose(napi_env env, napi_callback_info info) {
  return guard(env, [&] {
    const Arguments<1> arguments(env, info);
    referenceOf(env, arguments[0]).reset();
    return undefined(env);
  });
}

}  // namespace
}  // namespace runner

NAPI_MODULE_INIT() {
  using namespace runner;
  const std::pair<const char*, napi_callback> functions[] = {
      {"open", open},       {"compile", compile},     {"load", load},
      {"upload", upload},   {"execute", execute},     {"read", read},
      {"memory", memory},   {"serialize", serialize}, {"programMemory", programMemory},
      {"dispose", dispose},
  };
  for (const auto& [name, function] : functions) {
    napi_value value;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value) != napi_ok) return nullptr;
    if (napi_set_named_property(env, exports, name, value) != napi_ok) return nullptr;
  }
  return exports;
}
