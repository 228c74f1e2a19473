#include "threads.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace runner {
namespace {

int threadCount() {
  const char* wished = std::getenv("TF_NUM_INTRAOP_THREADS");
  if (wished && std::atoi(wished) > 0) return std::atoi(wished);
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
  const int cores_ = static_cast<int>(std::thread::hardware_concurrency());
  return cores_ > 0 ? cores_ : 1;
}

class Crew {
 public:
  Crew() {
    for (int index = 1; index < threadCount(); index++) workers_.emplace_back([this] { work(); });
    for (auto& worker : workers_) worker.detach();
  }

  void run(int count, const std::function<void(int)>& part) {
    std::unique_lock<std::mutex> alone(oneAtATime_, std::try_to_lock);
    if (!alone.owns_lock() || workers_.empty() || count < 2) {
      for (int index = 0; index < count; index++) part(index);
      return;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      part_ = &part;
      count_ = count;
      next_ = 0;
      round_++;
    }
    begun_.notify_all();
    take(part, count);
    // Whoever took a part is still at it; whoever did not come in time finds nothing.
    std::unique_lock<std::mutex> lock(mutex_);
    part_ = nullptr;
    ended_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void take(const std::function<void(int)>& part, int count) {
    for (int index = next_++; index < count; index = next_++) part(index);
  }

  void work() {
    long seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      begun_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      if (!part_) continue;
      const std::function<void(int)>& part = *part_;
      const int count = count_;
      busy_++;
      lock.unlock();
      take(part, count);
      lock.lock();
      if (--busy_ == 0) ended_.notify_all();
    }
  }

  std::mutex oneAtATime_;
  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable ended_;
  const std::function<void(int)>* part_ = nullptr;
  int count_ = 0;
  std::atomic<int> next_{0};
  long round_ = 0;
  int busy_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace

void parallel(int count, const std::function<void(int)>& part) {
  // Never destroyed: its threads outlive the process's static objects.
  static Crew* crew = new Crew();
  crew->run(count, part);
}

}  // namespace runner
