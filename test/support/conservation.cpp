// SPDX-License-Identifier: MIT
#include "test/support/conservation.hpp"

#include "lib/context/stack_reserve.hpp"
#include "test/support/silent_listener.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace motet::test {
namespace {

/// How long to look again at what ends by itself: threads that have been joined, and
/// those of the kernel, are listed for a moment longer.
constexpr std::chrono::milliseconds patience{500};

constexpr std::size_t most_kinds = 16;

// No heap here: it is counted.
struct kinds {
  std::array<conserved_kind, most_kinds> all;
  std::size_t size = 0;
};
kinds& known() noexcept {
  static constinit kinds every{};
  return every;
}

using counts = std::array<std::size_t, most_kinds>;

/// What the running case leaves behind on purpose.
constinit counts on_purpose{};

constinit std::size_t cases = 0;
constinit std::size_t leaking_cases = 0;

template <class Filter>
std::size_t entries_of(const char* path, Filter is_counted) noexcept {
  DIR* const folder = ::opendir(path);
  if (folder == nullptr) return 0;
  std::size_t count = 0;
  while (const dirent* const entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.' && is_counted(entry->d_name)) ++count;
  }
  ::closedir(folder);
  return count;
}

/// Workers of io_uring come and go as the kernel likes, and are listed as our threads.
bool is_our_thread(const char* number) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%s/comm", number);
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;  // has ended meanwhile
  char name[16]{};
  const ssize_t length = ::read(file, name, sizeof name);
  ::close(file);
  return length > 0 &&
         !std::string_view(name, static_cast<std::size_t>(length)).starts_with("iou-");
}

const conserve descriptors({"open descriptors", []() noexcept {
                              return entries_of("/proc/self/fd",
                                                [](const char*) { return true; });
                            }});
const conserve threads({"threads", []() noexcept {
                          return entries_of("/proc/self/task", &is_our_thread);
                        }});
const conserve stacks({"stacks in use", []() noexcept {
                         return detail::stack_reserve::instance().in_use();
                       }});

counts count_all() noexcept {
  counts now{};
  for (std::size_t i = 0; i < known().size; ++i)
    now[i] = known().all[i].count();
  return now;
}

/// Looks until there is as much as there should be, or patience has ended.
counts count_until(const counts& wanted) noexcept {
  const auto end = std::chrono::steady_clock::now() + patience;
  counts now = count_all();
  while (now != wanted && std::chrono::steady_clock::now() < end) {
    ::sched_yield();
    now = count_all();
  }
  return now;
}

std::string difference(std::size_t before, std::size_t after, const char* of) {
  const bool more = after > before;
  return std::to_string(more ? after - before : before - after) + ' ' + of +
         (more ? " left over" : " gone that were there before");
}

/// Counts around each case. What it finds is told as a failed assertion is, but comes too
/// late for doctest's own count: `main` adds it to the exit code.
class conservation final : public silent_listener {
 public:
  explicit conservation(const doctest::ContextOptions&) {}

  void test_case_start(const doctest::TestCaseData& test) override {
    current_ = &test;
    on_purpose = {};
    before_ = count_all();
    heap_before_ = count_heap();
  }

  void test_case_end(const doctest::CurrentTestCaseStats& how) override {
    ++cases;
    if (!how.testCaseSuccess) return;  // left in the middle
    bool conserved = true;
    for (std::size_t i = 0; i < known().size; ++i)
      before_[i] += on_purpose[i];
    const counts after = count_until(before_);
    for (std::size_t i = 0; i < known().size; ++i) {
      if (after[i] == before_[i]) continue;
      tell(difference(before_[i], after[i], known().all[i].name));
      conserved = false;
    }
    if (!heap_is_conserved()) conserved = false;
    if (!conserved) ++leaking_cases;
  }

  void test_run_end(const doctest::TestRunStats& stats) override {
    if (stats.numTestCasesPassingFilters == 0) return;
    std::printf("F16: %zu cases, ", cases);
    if (leaking_cases == 0) {
      std::printf("all counts equal before and after (");
    } else {
      std::printf("%zu of them left something or took it along (", leaking_cases);
    }
    for (std::size_t i = 0; i < known().size; ++i)
      std::printf("%s%s", i == 0 ? "" : ", ", known().all[i].name);
    std::printf("%s)\n", heap_is_counted() ? ", heap" : "; heap not counted");
    std::fflush(stdout);
  }

 private:
  void tell(const std::string& what) const {
    ADD_FAIL_CHECK_AT(current_->m_file.c_str(), static_cast<int>(current_->m_line),
                      "not conserved: " << what);
  }

  /// What the first run of a case adds may be a cache that is warm now; the second run
  /// has to leave exactly as much.
  bool heap_is_conserved() const {
    const heap_use first = count_heap();
    if (first.blocks <= heap_before_.blocks && first.bytes <= heap_before_.bytes)
      return true;
    try {
      static_cast<const doctest::detail::TestCase*>(current_)->m_test();
    } catch (...) {
      tell("its second run, which compares the heap, fails");
      return false;
    }
    static_cast<void>(count_until(before_));
    const heap_use second = count_heap();
    if (second.blocks <= first.blocks && second.bytes <= first.bytes) return true;
    tell(difference(first.blocks, second.blocks, "blocks of heap") + ", " +
         difference(first.bytes, second.bytes, "bytes"));
    return false;
  }

  const doctest::TestCaseData* current_ = nullptr;
  counts before_{};
  heap_use heap_before_;
};

REGISTER_LISTENER("conservation", 1, conservation);

}  // namespace

conserve::conserve(conserved_kind kind) {
  kinds& all = known();
  if (all.size < most_kinds) all.all[all.size++] = kind;
}

void leave_behind(const char* name, std::size_t count) {
  for (std::size_t i = 0; i < known().size; ++i) {
    if (std::string_view(name) == known().all[i].name) on_purpose[i] += count;
  }
}

bool all_was_conserved() noexcept {
  return leaking_cases == 0;
}

}  // namespace motet::test
