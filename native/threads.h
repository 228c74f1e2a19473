// Work shared among threads. Which thread does which part never shows in a result: parts are cut by the shapes alone.
#pragma once
#include <functional>

namespace runner {

// Calls part(0) to part(count - 1), each once, on TF_NUM_INTRAOP_THREADS threads or, without it, one for each core this process may use.
// The caller works too. A call that comes while another one is under way does its parts alone.
void parallel(int count, const std::function<void(int)>& part);

}  // namespace runner
