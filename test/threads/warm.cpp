// SPDX-License-Identifier: MIT

// What the process keeps for schedulers to come, such as their doors, it keeps for as
// many as there ever were at a time. That is up to chance: so there are many at first.

#include <motet/run.hpp>

#include <doctest/doctest.h>

#include <barrier>
#include <thread>
#include <vector>

namespace motet::test {
namespace {

class warm_caches final : public doctest::IReporter {
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

  void report_query(const doctest::QueryData&) override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("warm_caches", 0, warm_caches);

}  // namespace
}  // namespace motet::test
