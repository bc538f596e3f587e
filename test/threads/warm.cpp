// SPDX-License-Identifier: MIT

// What the process keeps for schedulers to come, such as their doors, it keeps for as
// many as there ever were at a time. That is up to chance: so there are many at first.

#include "test/support/silent_listener.hpp"

#include <motet/run.hpp>

#include <barrier>
#include <thread>
#include <vector>

namespace motet::test {
namespace {

class warm_caches final : public silent_listener {
 public:
  explicit warm_caches(const doctest::ContextOptions&) {}

  void test_run_start() override {
    constexpr int many = 16;
    std::barrier all_run(many);
    std::vector<std::jthread> threads;
    for (int i = 0; i < many; ++i) {
      threads.emplace_back([&] {
        run({.signals = signal_policy::none}, [&] { all_run.arrive_and_wait(); });
      });
    }
  }
};

REGISTER_LISTENER("warm_caches", 0, warm_caches);

}  // namespace
}  // namespace motet::test
